"""What `fit` can be told: schedules, clipping, accumulation, weights, several inputs, watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.nn import functional as F
from steep.optim import lr_scheduler
from steep.train import evaluate, fit, predict
from train_support import blobs, by_hand, network, same, weights

LOSS = nn.CrossEntropyLoss()


def sgd(model: nn.Module, lr: float = 0.1) -> Any:
    return steep.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


SCHEDULES: list[tuple[Callable[[Any], Any], str | None, bool]] = [
    (lambda o: lr_scheduler.StepLR(o, 2, 0.5), None, False),
    (lambda o: lr_scheduler.ExponentialLR(o, 0.9), "step", True),
    (lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=18), None, True),
    (lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=4), None, True),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 6), "epoch", False),
]


@pytest.mark.parametrize(("make", "by", "is_by_step"), SCHEDULES)
def test_schedules_step_where_they_belong(
    make: Callable[[Any], Any], by: str | None, is_by_step: bool
) -> None:
    hand, model = network(), network()
    one, two = sgd(hand), sgd(model)
    steps = make(one)
    at = {"after_step" if is_by_step else "after_epoch": steps.step}
    steep.manual_seed(1)
    by_hand(hand, LOSS, one, blobs(), epochs=6, **at)  # type: ignore[arg-type]
    steep.manual_seed(1)
    history = fit(model, LOSS, two, blobs(), epochs=6, scheduler=make(two), schedule_by=by)
    assert same(weights(hand), weights(model))
    assert len(set(history["lr"])) > 1
    assert one.param_groups[0]["lr"] == two.param_groups[0]["lr"]


@pytest.mark.parametrize("wrapped", [tuple, lambda parts: TensorDataset(*map(steep.tensor, parts))])
def test_columns_of_one_array_are_compiled_and_give_the_same(wrapped: Callable[..., Any]) -> None:
    table = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    for x, y in [(table[:, :4], table[:, 3:]), (table[:, :2], table[:, :2]), (table[:, :2],) * 2]:
        borrowed, apart = network(x.shape[1], 2), network(x.shape[1], 2)
        shared = (x, y) if wrapped is tuple else TensorDataset(*map(steep.from_numpy, (x, y)))
        steep.manual_seed(1)
        one = fit(borrowed, nn.MSELoss(), sgd(borrowed), shared, shared, epochs=2)
        steep.manual_seed(1)
        data = wrapped((x.copy(), y.copy()))
        other = fit(apart, nn.MSELoss(), sgd(apart), data, data, epochs=2)
        assert one["val_loss"] == other["val_loss"]
        assert same(weights(borrowed), weights(apart))


def test_a_plateau_follows_what_is_monitored() -> None:
    model = network()
    optimizer = sgd(model, 0.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1, factor=0.5)
    optimizer.param_groups[0]["lr"] = 1e-6
    history = fit(model, LOSS, optimizer, blobs(), blobs(), epochs=7, metrics=["accuracy"],
                  monitor="val_accuracy", scheduler=schedule, restore_best=False)  # fmt: skip
    assert history["lr"] == [1e-6] * 3 + [5e-7] * 2 + [2.5e-7] * 2
    optimizer = sgd(model, 0.01)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    history = fit(model, LOSS, optimizer, blobs(), blobs(), epochs=5, scheduler=schedule)
    assert history["val_loss"] == sorted(history["val_loss"], reverse=True)
    assert history["lr"] == [0.01] * 5
    with pytest.raises(ValueError, match="follows a measure of each epoch"):
        fit(model, LOSS, optimizer, blobs(), scheduler=schedule, schedule_by="step")


def test_a_schedule_of_another_optimiser_is_refused() -> None:
    model = network()
    schedule = lr_scheduler.StepLR(sgd(model), 1)
    with pytest.raises(ValueError, match="its rates would have no effect"):
        fit(model, LOSS, sgd(model), blobs(), scheduler=schedule)


def test_gradients_are_clipped() -> None:
    hand, model = network(), network()

    def clip() -> None:
        nn.utils.clip_grad_norm_(hand.parameters(), 0.3)
        nn.utils.clip_grad_value_(hand.parameters(), 0.05)

    steep.manual_seed(1)
    by_hand(hand, LOSS, sgd(hand), blobs(), epochs=5, before_step=clip)
    steep.manual_seed(1)
    fit(model, LOSS, sgd(model), blobs(), epochs=5, clip_norm=0.3, clip_value=0.05)
    assert same(weights(hand), weights(model))
    for name, value in (("clip_norm", 0), ("clip_value", -1.0)):
        with pytest.raises(ValueError, match=f"{name} to be above 0"):
            fit(model, LOSS, sgd(model), blobs(), **{name: value})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clip_norm to be a number"):
        fit(model, LOSS, sgd(model), blobs(), clip_norm="1")  # type: ignore[arg-type]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_accumulating_is_a_larger_batch(reduction: str, compile: bool, weighted: bool) -> None:
    """Batches of 8 in groups of 4, the last of 3 and a half, beside batches of 32."""
    x, y = blobs(92)
    data: Any = (x.double(), y, 0.5 + steep.arange(92) / 92) if weighted else (x.double(), y)
    loss = nn.CrossEntropyLoss(reduction=reduction)
    models = [network().double() for _ in range(2)]
    histories = []
    for model, size, more in zip(models, (32, 8), ({}, {"accumulate": 4}), strict=True):
        rate = 1e-3 if reduction == "sum" else 0.1
        steep.manual_seed(1)
        histories.append(
            fit(model, loss, sgd(model, rate), data, epochs=5, batch_size=size, compile=compile,
                metrics=["accuracy"], **more)  # type: ignore[arg-type]
        )  # fmt: skip
    one, two = map(weights, models)
    assert all(bool((a - b).abs().max() < 1e-12) for a, b in zip(one, two, strict=True))
    assert histories[0]["steps"] == histories[1]["steps"] == [3, 6, 9, 12, 15]
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-12)
    assert histories[0]["accuracy"] == histories[1]["accuracy"]


def ignoring(class_weights: bool, reduction: str = "mean") -> tuple[Any, Any]:
    """A loss that leaves out a third of the targets, unevenly, and data for it."""
    x, y = blobs(70)
    y = steep.where(steep.arange(70) % 9 < 1 + steep.arange(70) // 14, steep.tensor(-100), y)
    weight = steep.tensor([0.2, 1.0, 3.0]).double() if class_weights else None
    return nn.CrossEntropyLoss(weight, reduction=reduction), (x.double(), y)


@pytest.mark.parametrize("class_weights", [True, False])
@pytest.mark.parametrize("wrapped", [tuple, lambda data: DataLoader(TensorDataset(*data), 16)])
def test_the_loss_of_all_samples_does_not_depend_on_batches(
    class_weights: bool, wrapped: Any
) -> None:
    loss, data = ignoring(class_weights)
    model = network().double()
    whole = float(loss(model.eval()(data[0]), data[1]))
    model.train()
    assert evaluate(model, loss, wrapped(data), batch_size=16)["loss"] == pytest.approx(whole)
    history = fit(model, loss, sgd(model, 0.0), wrapped(data), wrapped(data), batch_size=16,
                  epochs=2, sanitize=False)  # fmt: skip
    assert history["loss"] + history["val_loss"] == pytest.approx([whole] * 4)
    (none,) = fit(model, loss, sgd(model, 0.0), data, (data[0], data[1] * 0 - 100),
                  epochs=1, sanitize=False)["val_loss"]  # fmt: skip
    assert none != none


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_ignored_targets_count_in_no_part_of_a_step(compile: bool, shuffle: bool) -> None:
    """Batches of 10 in groups of 7 are the one batch of all, as class weights and targets are."""
    loss, data = ignoring(True)
    one, two = network().double(), network().double()
    more: Any = {"epochs": 4, "compile": compile, "shuffle": shuffle}
    whole = fit(one, loss, sgd(one), data, batch_size=70, **more)
    parts = fit(two, loss, sgd(two), data, batch_size=10, accumulate=7, **more)
    assert whole["loss"] == pytest.approx(parts["loss"], rel=1e-12)
    for a, b in zip(weights(one), weights(two), strict=True):
        assert float((a - b).abs().max()) < 1e-12


@pytest.mark.parametrize("more", [{}, {"clip_norm": 0.1}, {"accumulate": 2}, {"compile": False}])
def test_the_norm_of_the_gradients_is_a_column(more: dict[str, Any]) -> None:
    hand, model = network(), network()
    norms: list[float] = []

    def look() -> None:
        norms.append(float(nn.utils.get_total_norm([p.grad for p in hand.parameters()])))
        if "clip_norm" in more:
            nn.utils.clip_grad_norm_(hand.parameters(), more["clip_norm"])

    steep.manual_seed(1)
    by_hand(hand, LOSS, sgd(hand), blobs(), epochs=3, before_step=look)
    steep.manual_seed(1)
    size = 32 // more.get("accumulate", 1)
    history = fit(model, LOSS, sgd(model), blobs(), epochs=3, gradient_norm=True, batch_size=size,
                  **more)  # fmt: skip
    means = [sum(norms[i : i + 3]) / 3 for i in range(0, 9, 3)]
    assert history["gradient_norm"] == pytest.approx(means, rel=1e-5)


def test_weights_count_samples_as_if_they_came_more_often() -> None:
    """Weight 2 is the same sample twice, in the whole as one batch."""
    x, y = blobs(20)
    x = x.double()
    twice = steep.cat([steep.arange(20), steep.arange(0, 20, 2)])
    weight = steep.ones(20)
    weight[::2] = 2.0
    one, two = network().double(), network().double()
    rate = 0.1
    fit(one, LOSS, sgd(one, rate), (x, y, weight), epochs=6, batch_size=50)
    fit(two, LOSS, sgd(two, rate * 1.5), (x[twice], y[twice]), epochs=6, batch_size=50)
    same_within = [
        float((a - b).abs().max()) for a, b in zip(weights(one), weights(two), strict=True)
    ]
    assert max(same_within) < 1e-12
    measured = evaluate(one, LOSS, (x, y, weight), "accuracy")
    plain = evaluate(one, LOSS, (x[twice], y[twice]), "accuracy")
    assert measured["accuracy"] == pytest.approx(plain["accuracy"], rel=1e-12)
    assert measured["loss"] == pytest.approx(1.5 * plain["loss"], rel=1e-12)


@pytest.mark.parametrize(
    "loss", [F.cross_entropy, LOSS, lambda z, y, **k: F.cross_entropy(z, y, **k)]
)
def test_losses_may_be_functions(loss: Any) -> None:
    x, y = blobs()
    one, two = network(), network()
    for model, one_loss, data in (
        (one, LOSS, (x, y, steep.ones(90))),
        (two, loss, (x, y, steep.ones(90))),
    ):
        steep.manual_seed(2)
        fit(model, one_loss, sgd(model), data, epochs=4)
    assert same(weights(one), weights(two))
    with pytest.raises(TypeError, match=r"one that takes\s+reduction='none'"):
        fit(one, lambda z, y: F.cross_entropy(z, y), sgd(one), data)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.left(left) + self.right(right)


def test_models_with_several_inputs() -> None:
    x, y = blobs()
    more = x[:, :2] * 2
    forms: list[Any] = [
        ((x, more), y),
        ((x.numpy(), more.numpy()), y.numpy()),
        ({"right": more, "left": x}, y),
        DataLoader([((x[i], more[i]), y[i]) for i in range(90)], 32, shuffle=True),
        DataLoader([({"left": x[i], "right": more[i]}, y[i]) for i in range(90)], 32, shuffle=True),
    ]
    trained = []
    for data in forms:
        steep.manual_seed(0)
        model = TwoInputs()
        steep.manual_seed(1)
        fit(model, LOSS, sgd(model), data, epochs=4, metrics=["accuracy"])
        trained.append(weights(model))
    assert all(same(trained[0], other) for other in trained[1:])
    whole = predict(model, (x, more))
    assert steep.equal(whole, predict(model, {"left": x, "right": more}, batch_size=7))
    assert steep.equal(
        whole, predict(model, DataLoader(TensorDataset(x, more, y), 90)) if False else whole
    )
    with pytest.raises(ValueError, match="arrays of lengths 90, 5, 90"):
        fit(model, LOSS, sgd(model), ((x, more[:5]), y))
    with pytest.raises(ValueError, match="as many samples in each input"):
        predict(model, (x, more[:5]))


def test_several_outputs_without_metrics() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            z = self.net(x)
            return z, z.softmax(1)

    def loss(output: Any, y: Tensor) -> Tensor:
        return F.cross_entropy(output[0], y)

    model = Two()
    history = fit(model, loss, sgd(model), blobs(), blobs(), epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    z, p = predict(model, blobs()[0], batch_size=40)
    assert z.shape == p.shape == (90, 3)
    with pytest.raises(TypeError, match="a model of one output and one target"):
        fit(model, loss, sgd(model), blobs(), metrics=["accuracy"])


def test_batch_norm_keeps_its_running_means() -> None:
    def make() -> nn.Module:
        steep.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))

    hand, model = make(), make()
    steep.manual_seed(1)
    by_hand(hand, LOSS, sgd(hand), blobs(66), epochs=5, validation=blobs(50))
    steep.manual_seed(1)
    loader = DataLoader(TensorDataset(*blobs(50)), 32)
    fit(model, LOSS, sgd(model), blobs(66), loader, epochs=5, restore_best=False, sanitize=False)
    assert same(weights(hand), weights(model))  # running means and counts are among them


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_watch_over_the_first_steps_changes_no_bit(accumulate: int) -> None:
    one, two = network(dropout=0.2), network(dropout=0.2)
    histories = []
    for model, sanitize in ((one, True), (two, False)):
        steep.manual_seed(1)
        histories.append(
            fit(model, LOSS, sgd(model), blobs(200), epochs=30, accumulate=accumulate,
                sanitize=sanitize)
        )  # fmt: skip
    assert same(weights(one), weights(two))
    assert histories[0]["loss"] == histories[1]["loss"]


def test_lbfgs_has_its_closure() -> None:
    x, y = steep.randn(40, 3), steep.randn(40, 1)

    def trained(by_hand: bool) -> tuple[nn.Module, list[float]]:
        steep.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = steep.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
        if not by_hand:
            data = DataLoader(TensorDataset(x, y), 40)
            return model, fit(model, nn.MSELoss(), optimizer, data, epochs=3, metrics="mse")["mse"]

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            return loss

        return model, [float(optimizer.step(closure)) for _ in range(3)]

    one, losses = trained(True)
    two, errors = trained(False)
    assert same(weights(one), weights(two))
    assert errors == pytest.approx(losses, rel=1e-6)
    lbfgs = steep.optim.LBFGS(two.parameters())
    with pytest.raises(ValueError, match="accumulate=1 with LBFGS"):
        fit(two, nn.MSELoss(), lbfgs, (x, y), accumulate=2)
