"""What an operation refuses: the exception, its words, and that nothing has changed by then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import Array, Bad, materialize
from runner import function_of, tensor, to_native
from tolerances import same_bits

REFUSED = [
    pytest.param(name, refused, id=f"{name}-{i}")
    for name, row in TABLE.items()
    for i, refused in enumerate(row.bad)
]


@pytest.mark.parametrize(("name", "refused"), REFUSED)
def test_refused(name: str, refused: Bad) -> None:
    row = TABLE[name]
    call = materialize(refused.call, "float32", name)
    kept: list[tuple[Any, Array]] = []

    def keep(array: Array) -> Any:
        kept.append((tensor(array), array))
        return kept[-1][0]

    native = to_native(call, keep)
    with pytest.raises(refused.error) as caught:
        function_of(name, row)(*native.args, **native.kwargs)
    assert type(caught.value) is refused.error
    assert refused.text in str(caught.value)
    for x, array in kept:
        assert tuple(x.shape) == array.shape
        same_bits(x.numpy(), array)


def test_every_row_that_takes_tensors_refuses_something() -> None:
    """Or cannot: an operation of one tensor of any shape and dtype has nothing to refuse."""
    nothing = {name for name, row in TABLE.items() if not row.bad}
    several = {n for n in nothing if len(TABLE[n].calls[0].args) > 1}
    unsaid = {n for n in several if not TABLE[n].lenient}
    assert not unsaid, unsaid


def test_a_failed_write_writes_nothing() -> None:
    x = steep.zeros(3)
    for write in (
        lambda: x.add_(steep.ones(4)),
        lambda: x.copy_(steep.ones(2, 3)),
        lambda: x.mul_(steep.ones(2, 3)),
        lambda: x.fill_(steep.ones(2)),
        lambda: x.__setitem__(slice(0, 2), steep.ones(3)),
    ):
        with pytest.raises(RuntimeError):
            write()
        assert x.tolist() == [0.0, 0.0, 0.0]


def test_a_float_does_not_go_into_integers() -> None:
    x = steep.zeros(3, dtype=steep.int64)
    with pytest.raises(RuntimeError, match=r"add_: result type float32 can't be cast to .* int64"):
        x.add_(0.5)
    assert x.tolist() == [0, 0, 0]


def test_targets_out_of_range() -> None:
    x = steep.zeros(3, 4, requires_grad=True)
    loss = steep.nn.functional.cross_entropy
    for bad in ([0, 4, 1], [0, -1, 1]):
        with pytest.raises(IndexError, match=r"cross_entropy: Target (4|-1) is out of bounds"):
            loss(x, steep.tensor(bad))
    assert np.isfinite(loss(x, steep.tensor([0, -100, 1])).item())  # -100: not counted
    with pytest.raises(RuntimeError, match="int64 target"):
        loss(x, steep.tensor([False, True, True]))
    with pytest.raises(ValueError, match="labels that are not finite"):
        loss(x, steep.full((3, 4), float("nan")))


def test_mse_loss_does_not_broadcast() -> None:
    """(N, 1) against (N,) would compare every pair: the error shows the fix, and the fix works."""
    x, target = steep.zeros(4, 1), steep.ones(4)
    with pytest.raises(ValueError, match=r"same shape.*\[4, 1\].*\[4\].*target\.view_as\(input\)"):
        steep.nn.functional.mse_loss(x, target)
    assert steep.nn.functional.mse_loss(x, target.view_as(x)).item() == 1.0
