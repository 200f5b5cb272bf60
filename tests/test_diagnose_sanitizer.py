"""The sanitiser itself: it changes nothing, leaves nothing behind, and says what it sees."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import steep
from diagnose_healthy import Language, texts
from diagnose_support import adam, blobs, codes, images, mlp, sgd
from steep import Tensor, nn
from steep.diagnose import Finding, Sanitizer, TrainingError, TrainingWarning


def dropout_cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Flatten()),
        *(nn.Linear(8 * 36, 16), nn.Tanh(), nn.Linear(16, 3)),
    )


def recurrent() -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x[:, None])[0][:, -1])

    return Net()


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any]]] = {
    "cnn": (dropout_cnn, images),
    "transformer": (Language, texts),
    "mlp": (lambda: mlp(6, 16, 16, 3, act=nn.Sigmoid), blobs),
    "lstm": (recurrent, blobs),
}


def weights_after(name: str, watched: bool, loss_by_hand: bool) -> tuple[list[bytes], bytes]:
    """The bits of a model's state after some steps, and those of the random stream."""
    steep.manual_seed(3)
    make, batches = CASES[name]
    net = make()
    loss: Any = nn.CrossEntropyLoss()
    if loss_by_hand:
        loss = lambda output, y: nn.functional.cross_entropy(output, y)  # noqa: E731
    optimizer = adam(net, 1e-2)
    watch = Sanitizer(net, loss, optimizer, steps=5, warn=False) if watched else None
    for x, y in batches(8):
        output = net(x)
        value = loss(output, y)
        if watch is not None:
            watch.step(x, y, output, value)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    if watch is not None:
        watch.close()
    state = [tensor.numpy().tobytes() for tensor in net.state_dict().values()]
    return state, steep.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_training_gives_the_same_bits(name: str, by_hand: bool) -> None:
    assert weights_after(name, True, by_hand) == weights_after(name, False, by_hand)


def broken() -> tuple[nn.Module, nn.Module, steep.optim.Optimizer]:
    net = nn.Sequential(mlp(6, 8, 3), nn.Softmax(1))
    return net, nn.CrossEntropyLoss(), sgd(net)


def test_a_watch_does_not_hinder_the_compiled_steps_of_another_model() -> None:
    watched, other = mlp(6, 8, 3), mlp(6, 8, 3)
    loss, first, second = nn.CrossEntropyLoss(), sgd(watched), sgd(other)

    @steep.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        second.zero_grad()
        value = nn.functional.cross_entropy(other(x), y)
        value.backward()
        second.step()
        return value

    with Sanitizer(watched, loss, first), warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that the step runs eagerly
        for x, y in blobs(6):
            first.zero_grad()
            loss(watched(x), y).backward()
            first.step()
            step(x, y)


def test_it_warns_where_the_loop_is() -> None:
    net, loss, optimizer = broken()
    x, y = next(blobs(1))
    with Sanitizer(net, loss, optimizer), pytest.warns(TrainingWarning) as caught:
        loss(net(x), y)
    assert caught[0].filename == __file__
    assert isinstance(caught[0].message, TrainingWarning)
    finding = caught[0].message.finding
    assert isinstance(finding, Finding)
    assert (finding.code, finding.layer) == ("softmax-before-cross-entropy", "1")


def test_strict_raises_and_takes_the_hooks_off() -> None:
    net, loss, optimizer = broken()
    x, y = next(blobs(1))
    watch = Sanitizer(net, loss, optimizer, strict=True)
    with pytest.raises(TrainingError, match="softmax-before-cross-entropy in 1") as caught:
        loss(net(x), y)
    assert caught.value.finding == watch.findings[0]
    assert_clean(net, loss, watch)


def assert_clean(net: nn.Module, loss: nn.Module, watch: Sanitizer) -> None:
    assert not watch.is_watching
    assert all(module._hooks is None for module in [*net.modules(), *loss.modules()])
    x, y = next(blobs(1))
    seen = len(watch.findings)
    loss(net(x), y).backward()
    assert len(watch.findings) == seen


def test_nothing_is_left_after_the_block() -> None:
    net, loss, optimizer = broken()
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(2):
            loss(net(x), y).backward()
            optimizer.step()
    assert_clean(net, loss, watch)


def test_nothing_is_left_after_its_steps() -> None:
    net, loss, optimizer = broken()
    watch = Sanitizer(net, loss, optimizer, steps=3, until=6, warn=False)
    for number, (x, y) in enumerate(blobs(6), 1):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
        inside = [module for module in net[0].modules() if module._hooks is not None]
        assert bool(inside) == (number < 3), "layers are looked at for 3 steps"
    assert_clean(net, loss, watch)


def test_nothing_is_left_after_an_exception() -> None:
    net, loss, optimizer = broken()
    with pytest.raises(ZeroDivisionError), Sanitizer(net, loss, optimizer) as watch:
        1 / 0  # noqa: B018
    assert_clean(net, loss, watch)


def test_copies_and_pickles_of_a_watched_model_are_not_watched() -> None:
    net, loss, optimizer = broken()
    with Sanitizer(net, loss, optimizer, strict=True) as watch:
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            for x, y in blobs(4):
                nn.functional.cross_entropy(twin(x), y).backward()
    assert watch.findings == []


def test_each_finding_is_told_once() -> None:
    net, loss, optimizer = broken()
    with warnings.catch_warnings(record=True) as caught, Sanitizer(net, loss, optimizer):
        warnings.simplefilter("always")
        for x, y in blobs(10):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
    assert len(caught) == 1


def test_a_loss_told_twice_counts_once() -> None:
    net, loss = mlp(6, 8, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer) as watch:
        for x, y in blobs(4):
            output = net(x)
            value = loss(output, y)
            watch.step(x, y, output, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert repr(watch) == "Sanitizer: 4 batches, over"


def test_a_nan_is_named_by_layer_line_and_step() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x).sqrt())  # this line

    net = Net()
    loss, optimizer = nn.CrossEntropyLoss(), sgd(net)
    nn.init.constant_(net.first.bias, 100.0)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for number, (x, y) in enumerate(blobs(4), 1):
            if number == 3:
                nn.init.constant_(net.first.bias, -100.0)
            loss(net(x), y)
    (finding,) = [f for f in watch.findings if f.code == "non-finite"]
    assert (finding.layer, finding.step) == ("second", 3)
    lines = Path(__file__).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.endswith("# this line"))
    assert (
        f"256 NaN of 256 values of its input, made by sqrt, at {Path(__file__).name}:{line}"
        in finding.evidence
    )


def test_broken_weights_are_named() -> None:
    net, loss = mlp(6, 8, 3), nn.CrossEntropyLoss()
    with Sanitizer(net, loss, sgd(net), warn=False) as watch:
        nn.init.constant_(net[2].weight, float("nan"))
        x, y = next(blobs(1))
        loss(net(x), y)
    assert codes(watch.findings) == {"non-finite"}
    assert watch.findings[0].layer == "2"
    assert "its weight held NaN or infinity" in watch.findings[0].evidence


SHAPES = [(), (1,), (4,), (4, 1), (4, 3), (4, 3, 2), (2, 3, 4, 4), (0, 3), (0,)]
MAKERS: list[Callable[..., Tensor]] = [
    lambda *shape: steep.randn(shape),
    lambda *shape: steep.rand(shape) * float("nan"),
    lambda *shape: steep.randint(-100, 5, shape),
    lambda *shape: steep.randint(0, 2, shape).bool(),
    lambda *shape: steep.randint(0, 200, shape).byte(),
]
LOSSES: list[Any] = [
    *(nn.CrossEntropyLoss(), nn.NLLLoss(), nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()),
    *(None, nn.functional.cross_entropy, lambda output, y: (output - y).mean()),
]


@pytest.mark.parametrize("loss", LOSSES, ids=[str(i) for i in range(len(LOSSES))])
def test_nothing_that_it_is_told_breaks_it(loss: Any) -> None:
    steep.manual_seed(0)
    net = mlp(3, 4, 3)
    optimizer = sgd(net)
    for shape in SHAPES:
        for make in MAKERS:
            with Sanitizer(net, loss, optimizer, warn=False, steps=3, until=6) as watch:
                for other in [*SHAPES, None]:
                    output = steep.randn(shape, requires_grad=True) * 1.0
                    y = None if other is None else make(*other)
                    net(steep.randn(2, 3)).sum().backward()
                    watch.step(make(*shape), y, output, output.sum())
                    watch.evaluate(make(*shape), y, (output, "more"), 0.5)
                    optimizer.step()
            assert watch.failures == []


def test_models_of_any_arguments_and_results() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(3, 2)
            self.none: nn.Module | None = None
            self.empty = nn.Parameter(steep.zeros(0))

        def forward(self, *, x: Any, mask: Any = None) -> dict[str, Any]:
            return {"out": self.body(x["a"]), "more": [None, "text", {"deep": x["a"]}]}

    net = Odd()
    optimizer = sgd(net)
    with Sanitizer(net, nn.MSELoss(), optimizer, strict=True) as watch:
        for _ in range(4):
            out = net(x={"a": steep.randn(5, 3)})
            value = out["out"].square().mean()
            watch.step({"a": 1}, ["no tensor"], out, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert repr(watch) == "Sanitizer: 4 batches, over"
    assert watch.failures == []


def test_a_rule_that_fails_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, batch: Any) -> Any:
        raise KeyError("odd")

    monkeypatch.setattr(steep.diagnose.rules.Rising, "batch", fail)
    net, loss, optimizer = broken()
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(3):
            loss(net(x), y)
    assert watch.failures == ["Rising: KeyError: 'odd'"]
    assert "softmax-before-cross-entropy" in codes(watch.findings)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "expected a Module as model, got int"),
        ((nn.Linear(1, 1), 0.5), TypeError, "expected a loss that can be called, got float"),
        ((nn.Linear(1, 1), None, 0.1), TypeError, "expected an Optimizer as optimizer, got float"),
    ],
)
def test_arguments_are_checked(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Sanitizer(*arguments)


def test_numbers_of_steps_are_checked() -> None:
    with pytest.raises(ValueError, match="expected steps to be at least 1, got 0"):
        Sanitizer(nn.Linear(1, 1), steps=0)
    with Sanitizer(nn.Linear(1, 1)) as watch, pytest.raises(TypeError, match="expected the loss"):
        watch.step()
