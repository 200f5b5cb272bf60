"""detect_anomaly: names the operation, the layer and the line where a NaN or infinity was born."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

import steep
from steep import nn
from steep.autograd import detect_anomaly, set_detect_anomaly

HERE = Path(__file__).name


def leaf(*values: float) -> steep.Tensor:
    return steep.tensor(list(values), requires_grad=True)


def line_of(code: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    (number,) = [i for i, line in enumerate(lines, 1) if line.strip() == code]
    return number


class Shifted(nn.Module):
    """Takes the logarithm of what may be negative."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, x: Any) -> Any:
        moved = x + self.shift
        return moved.log()  # of what is moved


class Rooted(nn.Module):
    """Its slope at 0 is infinite."""

    def forward(self, x: Any) -> Any:
        return (x * 0).sqrt() * 0  # a slope times 0


def test_the_first_nan_of_the_forward_pass() -> None:
    inner = nn.Sequential(nn.Linear(3, 3), Shifted(-100.0))
    net = nn.Sequential(nn.Linear(2, 3), inner, nn.ReLU())
    with pytest.raises(RuntimeError) as caught, detect_anomaly():
        net(steep.ones(1, 2))
    text = str(caught.value)
    number = line_of("return moved.log()  # of what is moved")
    assert text.startswith("log gave nan in the forward pass (LogBackward0).\n")
    assert "in layer '1.1'" in text
    assert f"{HERE}:{number}: return moved.log()" in text
    assert "already" not in text


def test_the_first_nan_of_the_backward_pass() -> None:
    net = nn.Sequential(nn.Linear(2, 3), Rooted())
    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        net(steep.ones(1, 2)).sum().backward()  # of the root
    text = str(caught.value)
    assert text.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.\n")
    number = line_of("return (x * 0).sqrt() * 0  # a slope times 0")
    assert f"in layer '1' at {__file__}:{number}: return (x * 0).sqrt()" in text
    assert f"{HERE}:{line_of('net(steep.ones(1, 2)).sum().backward()  # of the root')}" in text
    assert all(p.grad is None for p in net.parameters())


def test_nan_that_came_with_the_data() -> None:
    weight = leaf(1.0, 2.0)
    with (
        pytest.raises(RuntimeError, match="its operands had nan already: look at the data"),
        detect_anomaly(),
    ):
        weight * steep.tensor([1.0, steep.nan])


def test_nan_that_was_born_outside_of_the_graph() -> None:
    weight = leaf(1.0, 2.0)
    data = steep.tensor([0.0, 1.0])
    with detect_anomaly():
        scaled = data / data  # 0 by 0
        with pytest.raises(RuntimeError) as caught:
            weight * scaled
    text = str(caught.value)
    assert text.startswith("mul gave nan")
    assert re.search(rf"the nan itself came from div, at .*{HERE}:\d+: scaled = data / data", text)


def test_an_infinity_that_came_before_it() -> None:
    x = leaf(1000.0)
    with detect_anomaly():
        power = x.exp()  # overflows
        with pytest.raises(RuntimeError) as caught:
            power / power
    text = str(caught.value)
    assert text.startswith("div gave nan in the forward pass")
    assert f":{line_of('power = x.exp()  # overflows')}: power = x.exp()" in text
    assert "an infinity came before it, from exp" in text


def test_infinities_raise_where_they_are_asked_for() -> None:
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        x.log()
        x.masked_fill(x < 1, -steep.inf).softmax(0).sum().backward()
    with detect_anomaly(check_inf=True):
        x.masked_fill(x < 1, -steep.inf).softmax(0).sum().backward()
    with (
        pytest.raises(RuntimeError, match=r"log gave inf in the forward pass"),
        detect_anomaly(check_inf=True),
    ):
        x.log()
    with (
        pytest.raises(RuntimeError, match=r"Function 'SqrtBackward0' returned inf values"),
        detect_anomaly(check_inf=True),
    ):
        x.sqrt().sum().backward()


def test_a_gradient_that_was_given_with_nan() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="had nan already: a hook or backward"), detect_anomaly():
        (x * 2).backward(steep.tensor([steep.nan]))


def test_a_function_of_ones_own() -> None:
    class Bad(steep.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * steep.nan

    x = leaf(1.0)
    with (
        pytest.raises(RuntimeError, match="Function 'BadBackward' returned nan values in its 0th"),
        detect_anomaly(),
    ):
        Bad.apply(x).backward()
    with detect_anomaly(check_nan=False):
        Bad.apply(x).backward()


def test_what_is_not_recorded_does_not_raise() -> None:
    with detect_anomaly(), steep.no_grad():
        assert steep.zeros(1).div(0).isnan().all()
        leaf(-1.0).log()


def test_an_error_in_backward_is_followed_by_the_line_of_the_forward_pass() -> None:
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = (x * 2).exp()  # is saved
        y.detach().zero_()
        with (
            pytest.raises(RuntimeError, match="modified by an inplace operation"),
            pytest.warns(UserWarning, match="Error detected in ExpBackward0") as seen,
        ):
            y.sum().backward()
    assert f":{line_of('y = (x * 2).exp()  # is saved')}: y = (x * 2).exp()" in str(seen[0].message)


def test_as_a_function_and_nested() -> None:
    x = leaf(-1.0)
    set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="log gave nan"):
            x.log()
        with set_detect_anomaly(False):
            x.log()
        with detect_anomaly(check_nan=False):
            x.log()
        with pytest.raises(RuntimeError, match="log gave nan"):
            x.log()
    finally:
        set_detect_anomaly(False)
    x.log().backward()


def test_other_threads_are_left_alone() -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            leaf(-1.0).log().backward()
        except Exception as error:
            failures.append(error)

    with detect_anomaly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert failures == []


def test_compiled_functions_run_eagerly_within() -> None:
    @steep.compile
    def loss(x: Any) -> Any:
        return x.log().sum()

    x = leaf(-1.0)
    for _ in range(4):
        loss(x)
    with (
        pytest.raises(RuntimeError, match="log gave nan"),
        pytest.warns(UserWarning, match="detect_anomaly is on"),
        detect_anomaly(),
    ):
        loss(x)


def test_backward_through_a_replayed_result() -> None:
    @steep.compile
    def loss(x: Any) -> Any:
        return (x.sqrt() * 0).sum()

    x = leaf(0.0)
    for _ in range(4):
        result = loss(x)
    with (
        pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan"),
        detect_anomaly(),
    ):
        result.backward()


def test_it_cannot_be_set_in_a_recording() -> None:
    @steep.compile
    def odd(x: Any) -> Any:
        with detect_anomaly():
            return x * 2

    odd(leaf(1.0))
    with pytest.warns(UserWarning, match="it sets detect_anomaly"):
        odd(leaf(1.0))
    assert odd(leaf(1.0)).tolist() == [2.0]


def test_nothing_is_left_behind() -> None:
    before = steep.counters()["launches"]
    with detect_anomaly():
        (leaf(1.0) * 2).backward()
    during = steep.counters()["launches"] - before
    (leaf(1.0) * 2).backward()
    assert steep.counters()["launches"] - before == 2 * during  # looking on launches nothing
    assert steep._core.watched_by() == ""
    assert not steep._layers.followers


def test_the_mode_can_be_asked_for():
    assert not steep.is_anomaly_enabled()
    with steep.autograd.detect_anomaly(check_nan=False):
        assert steep.is_anomaly_enabled()
        assert not steep.is_anomaly_check_nan_enabled()
    steep.set_anomaly_enabled(True)
    try:
        assert steep.is_anomaly_enabled()
        with pytest.raises(RuntimeError, match="nan"):
            steep.tensor([-1.0], requires_grad=True).sqrt()
    finally:
        steep.set_anomaly_enabled(False)
    assert not steep.is_anomaly_enabled()
    with pytest.raises(TypeError, match="expected bools"):
        steep.set_anomaly_enabled("yes")
