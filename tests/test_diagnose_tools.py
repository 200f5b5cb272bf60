"""`overfit_check`, `gradient_check` and `lr_find`: right verdicts, and nothing left behind."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import steep
from diagnose_healthy import Language, Recurrent
from diagnose_support import F, adam, mlp, sgd
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.diagnose import gradient_check, lr_find, overfit_check


@pytest.fixture(autouse=True)
def _seeded() -> None:
    steep.manual_seed(0)


@contextlib.contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Within it nothing of the model changes, nor the random stream."""

    def state() -> list[Any]:
        tensors = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
        modes = [(module.training, module._hooks) for module in model.modules()]
        grads = [param.grad for param in model.parameters()]
        return [tensors, modes, grads, steep.get_rng_state().numpy().tobytes()]

    before = state()
    yield
    assert state() == before


def classes(count: int = 64) -> tuple[Tensor, Tensor]:
    y = steep.arange(count) % 3
    return steep.randn(count, 6), y


# ---- overfit_check --------------------------------------------------------------------------


class Between(nn.Module):
    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.between = nn.Linear(6, 32), nn.Linear(32, 3), between

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x)))


def cnn() -> nn.Module:
    layers = (nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(8 * 36, 3))


@pytest.mark.parametrize(
    ("make", "loss", "data"),
    [
        (lambda: mlp(6, 32, 3), nn.CrossEntropyLoss(), classes),
        (lambda: mlp(6, 32, 3), nn.CrossEntropyLoss(label_smoothing=0.1), classes),
        (cnn, nn.CrossEntropyLoss(), lambda: (steep.rand(30, 1, 8, 8), steep.arange(30) % 3)),
        (lambda: mlp(6, 32, 1), nn.MSELoss(), lambda: (steep.randn(9, 6), steep.randn(9, 1))),
        (lambda: mlp(6, 32, 1), F.l1_loss, lambda: (steep.randn(9, 6), 100 * steep.randn(9, 1))),
        (
            lambda: mlp(6, 32, 2),
            nn.BCEWithLogitsLoss(),
            lambda: (steep.randn(9, 6), steep.rand(9, 2)),
        ),
        (
            lambda: Recurrent("LSTM"),
            nn.CrossEntropyLoss(),
            lambda: (steep.randn(9, 5, 3), steep.arange(9) % 2),
        ),
    ],
    ids=["mlp", "smoothed", "cnn", "regression", "large", "soft labels", "lstm"],
)
def test_what_can_learn_a_handful(make: Any, loss: Any, data: Any) -> None:
    model, samples = make().eval(), data()
    with unchanged(model):
        check = overfit_check(model, loss, samples)
    assert check, check
    assert check.curve[-1] < check.curve[0]
    assert check.reasons == []
    assert "learned 8 samples" in repr(check)


@pytest.mark.parametrize(
    ("between", "reason"),
    [
        (lambda h: h * 0.0, "zero-gradient in first"),
        (lambda h: h.mean(0, keepdim=True).expand(*h.shape), "stopped short|hardly fell"),
        (lambda h: (h * 0).log() - (h * 0).log(), "non-finite in second"),
    ],
    ids=["nothing", "mean", "nan"],
)
def test_what_cannot_says_why(between: Any, reason: str) -> None:
    check = overfit_check(Between(between), nn.CrossEntropyLoss(), classes(), steps=60)
    assert not check
    assert any(__import__("re").search(reason, text) for text in check.reasons), check


def test_samples_that_contradict_each_other_are_named() -> None:
    x = steep.ones(8, 6)
    check = overfit_check(mlp(6, 16, 3), nn.CrossEntropyLoss(), (x, steep.arange(8) % 3), steps=40)
    assert "samples 0 and 1 have the same input and different targets" in check.reasons


def test_a_frozen_model_says_so() -> None:
    net = mlp(6, 16, 3).requires_grad_(False)
    check = overfit_check(net, nn.CrossEntropyLoss(), classes())
    assert check.reasons == ["no parameter takes gradients: requires_grad is off for all"]


def test_samples_of_sorted_data_come_from_all_over() -> None:
    x, y = steep.randn(60, 6), steep.arange(60) // 20
    check = overfit_check(mlp(6, 32, 3), nn.CrossEntropyLoss(), (x, y), samples=6)
    assert check.curve[0] > 0.7, "one class alone would be learned at once"
    assert check.samples == 6


def test_a_loader_gives_its_first_batch() -> None:
    pairs = list(zip(*classes(), strict=True))
    loader = DataLoader(pairs, 5, shuffle=True)  # type: ignore[arg-type]
    net = mlp(6, 32, 3)
    with unchanged(net):
        assert overfit_check(net, nn.CrossEntropyLoss(), loader).samples == 5


# ---- gradient_check -------------------------------------------------------------------------


class Double(steep.autograd.Function):
    """2 * x, whose gradient is that of 3 * x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 3 * grad


@pytest.mark.parametrize(
    ("make", "x", "y"),
    [
        (lambda: mlp(6, 8, 3), lambda: steep.randn(5, 6), lambda: steep.arange(5) % 3),
        (cnn, lambda: steep.rand(4, 1, 8, 8), lambda: steep.arange(4) % 3),
        (lambda: Recurrent("LSTM"), lambda: steep.randn(4, 5, 3), lambda: steep.arange(4) % 2),
        (lambda: Recurrent("GRU"), lambda: steep.randn(4, 5, 3), lambda: steep.arange(4) % 2),
        (Language, lambda: steep.randint(0, 20, (2, 5)), lambda: steep.randint(0, 20, (10,))),
    ],
    ids=["mlp", "cnn", "lstm", "gru", "transformer"],
)
def test_gradients_of_layers_are_right(make: Any, x: Any, y: Any) -> None:
    model, given, target = make(), x(), y()
    with unchanged(model):
        check = gradient_check(model, nn.CrossEntropyLoss(), given, target, elements=6)
    assert check, check
    assert set(check.parameters) == {name for name, _ in model.named_parameters()}
    assert check.worst is not None


def test_a_wrong_backward_is_named_with_its_place() -> None:
    net = Between(Double.apply)
    check = gradient_check(net, nn.CrossEntropyLoss(), *classes(8))
    assert not check
    wrong = {name for name, p in check.parameters.items() if p.error > check.tolerance}
    assert wrong == {"first.weight", "first.bias"}
    worst = check.worst
    assert worst is not None
    assert worst.by_backward == pytest.approx(1.5 * worst.by_difference, rel=1e-4)
    assert f"{worst.name}[{', '.join(map(str, worst.index))}]: backward gives" in repr(check)


def test_a_detached_layer_is_named() -> None:
    check = gradient_check(Between(lambda h: h.relu().detach()), nn.CrossEntropyLoss(), *classes(8))
    wrong = {name for name, p in check.parameters.items() if p.error > check.tolerance}
    assert wrong == {"first.weight", "first.bias"}


def test_corners_are_not_compared() -> None:
    net = Between(F.relu)
    nn.init.zeros_(net.first.weight)
    nn.init.zeros_(net.first.bias)
    check = gradient_check(net, nn.CrossEntropyLoss(), *classes(8))
    assert check, check
    assert check.parameters["first.bias"].kinks > 0


def test_a_loss_of_many_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a loss of one finite number, got \[8\]"):
        gradient_check(mlp(6, 3), nn.CrossEntropyLoss(reduction="none"), *classes(8))


# ---- lr_find --------------------------------------------------------------------------------


def test_it_proposes_a_rate_below_where_descent_is_stable() -> None:
    x = steep.randn(512, 4) * steep.tensor([3.0, 1, 1, 1])
    y = x.sum(1, keepdim=True)
    net = nn.Linear(4, 1)
    optimizer = sgd(net, 0.1)
    with unchanged(net):
        test = lr_find(net, nn.MSELoss(), (x, y), optimizer)
    largest = 2 * (x.T @ x / 512).diagonal().max().item()  # of the Hessian's eigenvalues, about
    assert test.suggestion is not None
    assert test.lowest is not None
    assert test.diverged is not None
    assert 1e-4 < test.suggestion < 2 / largest
    assert test.suggestion < test.lowest < test.diverged
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert not optimizer.state
    assert f"lr={test.suggestion:.3g}" in repr(test)


def test_a_model_learns_at_the_rate_proposed() -> None:
    x, y = steep.randn(256, 6), steep.randint(0, 3, (256,))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    net, loss = mlp(6, 32, 3), nn.CrossEntropyLoss()
    test = lr_find(net, loss, (x, y), steep.optim.Adam)
    assert test.suggestion is not None
    optimizer = adam(net, test.suggestion)
    start = loss(net(x), y).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
    assert loss(net(x), y).item() < 0.5 * start


def test_groups_keep_their_ratios_and_loaders_begin_again() -> None:
    seen: list[list[float]] = []

    class Noted(steep.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    net = mlp(6, 8, 3)
    optimizer = Noted(
        [{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 1.0}], lr=0.1
    )
    loader = DataLoader(TensorDataset(*classes()), 32, shuffle=True)
    test = lr_find(net, nn.CrossEntropyLoss(), loader, optimizer, steps=10, high=0.01)
    assert len(test.rates) == len(seen) == 10
    assert all(b == pytest.approx(10 * a) for a, b in seen)
    assert test.rates[0] == pytest.approx(1e-6)
    assert test.rates[-1] == pytest.approx(0.01)


def test_where_nothing_falls_nothing_is_proposed() -> None:
    x, y = classes(256)
    test = lr_find(Between(lambda h: 0 * h), lambda out, y: (out * 0).mean() + 1, (x, y))
    assert test.suggestion is None
    assert "overfit_check" in repr(test)


@pytest.mark.parametrize("figure", ["rates", "curve"])
def test_figures(figure: str) -> None:
    pytest.importorskip("matplotlib")
    made: Any
    if figure == "rates":
        made = lr_find(mlp(6, 8, 3), nn.CrossEntropyLoss(), classes(), steps=20)
    else:
        made = overfit_check(mlp(6, 8, 3), nn.CrossEntropyLoss(), classes(), steps=20)
    (axes,) = made.figure().axes
    assert axes.get_ylabel() == "loss"
    assert len(axes.lines) >= 2


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: lr_find(3, F.mse_loss, ()), TypeError, "expected a steep.nn.Module as model, got int"),  # type: ignore[arg-type]
    (lambda: lr_find(mlp(6, 3), 0.5, ()), TypeError, "expected a loss that can be called"),  # type: ignore[arg-type]
    (lambda: lr_find(mlp(6, 3), F.mse_loss, classes(), low=0.0), ValueError, "0 < low < high"),
    (lambda: lr_find(mlp(6, 3), F.mse_loss, classes(), steps=3), ValueError, "at least 10 steps"),
    (
        lambda: lr_find(mlp(6, 3), F.mse_loss, classes(), sgd(mlp(2, 2))),
        ValueError,
        "model's param",
    ),
    (lambda: lr_find(mlp(6, 3), F.mse_loss, classes(), 0.1), TypeError, "expected an Optimizer"),
    (lambda: overfit_check(mlp(6, 3), F.mse_loss, classes(), samples=0), ValueError, "samples"),
    (lambda: overfit_check(mlp(6, 3), F.mse_loss, classes(), lr=-1.0), ValueError, "rates above 0"),
    (lambda: overfit_check(mlp(6, 3), F.mse_loss, steep.ones(3)), TypeError, "expected data to be"),
    (lambda: gradient_check(mlp(6, 3), F.mse_loss, 1, 2, elements=0), ValueError, "elements"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_arguments_are_checked(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_rate_is_finite() -> None:
    with pytest.raises(ValueError, match="0 < low < high"):
        lr_find(mlp(6, 3), F.mse_loss, classes(), high=math.inf)
