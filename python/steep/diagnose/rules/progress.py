"""Whether the loss gets anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule, Step
from steep.diagnose._kinds import log_softmax
from steep.diagnose._numbers import Array, array, entropy, sample, short
from steep.diagnose._relation import relation
from steep.diagnose.finding import Finding

__all__ = ["BALANCE", "AtChance", "HiddenImbalance", "Rising"]

# Fewer batches than this say nothing about where a training gets to.
BATCHES = 100
# Over so many the loss is averaged, against its noise.
RECENT = 40
# What helps where rare classes are not learned.
BALANCE = "weights of classes in the loss, or a balanced sampler; and measure F1 or recall"
# Weights that have moved less than this share of their norm have not been trained yet.
MOVED = 0.05


class _Movement:
    """How far the weights are from where they began."""

    def __init__(self) -> None:
        self.start: dict[str, Array] | None = None

    def note(self, context: Context) -> None:
        if self.start is None:
            self.start = {n: sample(array(p), 1024) for n, p in _floats(context)}

    def share(self, context: Context) -> float:
        """Distance over norm, of all together."""
        moved = size = 0.0
        for name, param in _floats(context):
            was = (self.start or {}).get(name)
            now = sample(array(param), 1024)
            if was is not None and was.shape == now.shape:
                moved += float(((now - was) ** 2).sum())
                size += float((was**2).sum())
        return math.sqrt(moved / size) if size else math.inf


def _floats(context: Context) -> Iterator[tuple[str, Tensor]]:
    for name, param in context.parameters().items():
        if param.requires_grad and param.numel():
            yield name, param


def _is_flat(losses: list[float]) -> bool:
    """Whether the last losses are no lower than those before them, but for their noise."""
    now, before = np.array(losses[-RECENT:]), np.array(losses[-2 * RECENT : -RECENT])
    error = math.sqrt(now.var() / now.size + before.var() / before.size)
    return bool(before.mean() - now.mean() <= 2 * error)


def _is_warming(context: Context) -> bool:
    groups = context.optimizer.param_groups if context.optimizer is not None else []
    return any(g.get("lr", 0.0) < 0.5 * g.get("initial_lr", 0.0) for g in groups)


class AtChance(Rule):
    """A loss that is no better than always answering with the frequencies of the classes.

    Or, in a regression, with the mean. If near inputs have no nearer labels than far ones, the
    labels do not belong to the inputs.
    """

    # Within 2 % of chance, which is the entropy of the labels (or their variance). Within 5 % is
    # enough if the data says so too: labels of other inputs can be learned by heart.
    # Far above it the loss is on its way down, as where targets are large, or up: for other rules.
    SHARE, NEAR, ABOVE = 0.98, 0.95, 1.1
    # The data says little where there are few samples of a class.
    PER_CLASS = 30
    # Standard errors by which answers agree with targets: one in a thousand by chance.
    SURE = 3.0
    SAMPLES = 600
    COLUMNS = 2000

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.losses: list[float] = []
        self.xs: list[Array] = []
        self.ys: list[Array] = []
        self.classes = 0
        self.kind = ""
        self.kept = 0
        self.answers: list[Array] = []
        self.related: float | None = None
        self.movement = _Movement()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        y = batch.y
        if not batch.kind.pure or not isinstance(y, Tensor) or batch.output is None:
            return
        self.movement.note(self.context)
        self.losses.append(batch.value)
        self.kind = batch.kind.name
        answer = _agreement(array(batch.output), array(y), self.kind)
        self.answers = [*self.answers[-RECENT + 1 :], *([] if answer is None else [answer])]
        if self.kind in ("cross_entropy", "nll"):
            self.classes = batch.output.shape[1] if batch.output.ndim > 1 else 0
        if self.kept < self.SAMPLES and y.ndim and y.numel():
            self.kept += y.shape[0]
            self.ys.append(np.array(array(y)))
            x = batch.x
            if isinstance(x, Tensor) and x.is_floating_point() and x.ndim and x.numel():
                flat = array(x).reshape(len(x), -1)
                self.xs.append(np.array(flat[:, :: max(1, flat.shape[1] // self.COLUMNS)]))
        if len(self.losses) >= BATCHES and len(self.losses) % RECENT == 0:
            yield from self._judged()

    def _judged(self) -> Iterator[Finding]:
        chance = self._chance()
        recent = float(np.mean(self.losses[-RECENT:]))
        if chance is None or not self.NEAR * chance <= recent <= self.ABOVE * chance:
            return
        if _is_warming(self.context):
            return
        moved = self.movement.share(self.context)
        # Adversaries rest at chance when they are equals.
        if moved < MOVED or len(self.context.optimizers) > 1:
            return
        related = self._related()
        stuck = recent >= self.SHARE * chance and _is_flat(self.losses) and not self._tells()
        if not stuck and (related is None or related > 1 or self._is_thin()):
            return
        what = "variance" if self.kind == "regression" else "entropy"
        evidence = (
            f"the mean loss of the last {RECENT} batches is {short(recent)}, the {what} of the "
            f"targets {short(chance)}; the weights have moved by {short(moved)} of their norm"
        )
        if related is not None and related < 2:
            evidence += f"; near inputs have no nearer targets ({short(related)} standard errors)"
            mend = "look at how x and y are paired: the same order, the same rows dropped"
            yield self.finding("labels-unrelated-to-inputs", "", evidence, mend)
        elif self.kind != "regression" or (related is not None and 4 < related < math.inf):
            mend = "another learning rate (steep.diagnose.lr_find), and overfit_check: can the "
            mend += "model learn ten samples?"
            yield self.finding("loss-at-chance", "", evidence, mend)

    def _tells(self) -> bool:
        """Whether its answers have to do with the targets already: it learns, if slowly."""
        own = np.concatenate(self.answers) if self.answers else np.zeros(0)
        if own.size < 64 or own.std() == 0:
            return False
        return bool(own.mean() > self.SURE * own.std() / math.sqrt(own.size))

    def _is_thin(self) -> bool:
        labels = np.concatenate([y.reshape(-1) for y in self.ys])
        return labels.size < self.PER_CLASS * max(1, self.classes)

    def _chance(self) -> float | None:
        """The loss of the best answer that does not look at the input; None if not known."""
        targets = np.concatenate([y.reshape(-1) for y in self.ys]) if self.ys else np.zeros(0)
        if targets.size < 64:
            return None
        if self.kind in ("cross_entropy", "nll") and targets.dtype.kind in "iu":
            tokens = any(type(m).__name__ == "Embedding" for m in self.context.model.modules())
            # Language models rest at the frequencies of words for a while, and go on.
            found = math.log(self.classes) if tokens and self.classes else _entropy_of(targets)
        elif self.kind in ("bce", "bce_logits") and set(np.unique(targets)) <= {0.0, 1.0}:
            found = _entropy_of(targets.astype(np.int64))
        elif self.kind == "regression":
            found = float(targets.var())
        else:
            return None
        return found if found > 0.02 else None

    def _related(self) -> float | None:
        if not self.xs or len(self.xs) != len(self.ys):
            return None
        if any(len(x) != len(y) for x, y in zip(self.xs, self.ys, strict=True)):
            return None
        if len({x.shape[1:] for x in self.xs}) > 1 or len({y.shape[1:] for y in self.ys}) > 1:
            return None
        if self.related is None:  # they are collected in the first batches, and stay the same
            x, y = np.concatenate(self.xs), np.concatenate(self.ys)
            self.related = relation(x[: self.SAMPLES], y[: self.SAMPLES])
        return self.related


def _agreement(out: Array, y: Array, kind: str) -> Array | None:
    """Of each sample, how much more its own target is answered than the batch's others are."""
    if kind == "cross_entropy" and out.ndim == 2 and y.ndim == 1 and y.dtype.kind in "iu":
        if y.size == 0 or len(out) != y.size or y.min() < 0 or y.max() >= out.shape[1]:
            return None
        shares = np.exp(log_softmax(out))
        result: Array = shares[np.arange(y.size), y] - shares[:, y].mean(axis=1)
        return result
    if kind in ("bce", "bce_logits", "regression") and out.size == y.size and y.dtype.kind == "f":
        answers, targets = out.reshape(-1), y.reshape(-1)
        result = (answers - answers.mean()) * (targets - targets.mean())
        return result
    return None


def _entropy_of(labels: Array) -> float:
    return entropy(np.bincount(labels[labels >= 0]))


class HiddenImbalance(Rule):
    """A classifier that only knows the most frequent class, and looks accurate by it."""

    # With less in one class the accuracy itself tells.
    SHARE = 0.8
    RARE = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.losses: list[float] = []
        self.answers: list[tuple[Array, Array]] = []
        self.movement = _Movement()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        self.movement.note(self.context)
        self.losses.append(batch.value)
        answer = _classified(batch)
        if answer is None or not _is_plain(self.context.loss):
            return
        self.answers = [*self.answers[-RECENT + 1 :], answer]
        if len(self.losses) >= BATCHES and len(self.losses) % RECENT == 0:
            yield from self._judged()

    def _judged(self) -> Iterator[Finding]:
        given = np.concatenate([g for g, _ in self.answers])
        right = np.concatenate([r for _, r in self.answers])
        counts = np.bincount(right)
        most = int(counts.argmax())
        share, rare = counts[most] / right.size, int(right.size - counts[most])
        if (
            share < self.SHARE
            or rare < self.RARE
            or (given[right != most] == right[right != most]).any()
        ):
            return
        if _is_warming(self.context) or not _is_flat(self.losses):
            return
        if len(self.context.optimizers) > 1 or self.movement.share(self.context) < MOVED:
            return
        evidence = (
            f"accuracy {(given == right).mean():.3f}, and class {most} has {share:.3f} of the "
            f"samples: none of the {rare} others in the last {len(self.answers)} batches was "
            "recognised"
        )
        yield self.finding("class-imbalance", "", evidence, BALANCE)


def _is_plain(loss: object) -> bool:
    return all(getattr(loss, name, None) is None for name in ("weight", "pos_weight"))


def _classified(batch: Batch) -> tuple[Array, Array] | None:
    """Classes that the model gave, and those that are right, flat; None of anything else."""
    out, y = batch.output, batch.y
    if out is None or not isinstance(y, Tensor) or y.numel() == 0:
        return None
    given, right = array(out), array(y)
    if batch.kind.name in ("cross_entropy", "nll") and right.dtype.kind in "iu":
        if given.ndim != 2 or right.ndim != 1 or right.min() < 0:
            return None
        return given.argmax(axis=1), np.array(right)
    if (
        batch.kind.name in ("bce", "bce_logits")
        and given.ndim
        and given.size == right.size == given.shape[0]
    ):
        if not ((right == 0) | (right == 1)).all():
            return None
        middle = 0.0 if batch.kind.name == "bce_logits" else 0.5
        return (given.reshape(-1) > middle).astype(np.int64), right.reshape(-1).astype(np.int64)
    return None


class Rising(Rule):
    """A loss that rises steadily: the training goes uphill.

    Of a classification it tells by itself. In a regression targets may move, as those of a value
    network do; there, and where it rises little, the optimiser has to be told to maximise.
    """

    BATCHES = 20
    # Rank correlation of loss and time: of 20 batches of noise one in a million has so much.
    ORDER, GROWTH = 0.85, 1.25
    # Where the optimiser maximises what is to become small: standard errors of that correlation.
    SURE = 2.5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.losses: list[float] = []
        self.optimizer: Any = context.optimizer

    def step(self, step: Step) -> Iterable[Finding]:
        self.optimizer = self.context.optimizer or step.optimizer
        return ()

    def batch(self, batch: Batch) -> Iterable[Finding]:
        groups = [] if self.optimizer is None else self.optimizer.param_groups
        maximises = bool(groups) and all(group.get("maximize") for group in groups)
        known = ("cross_entropy", "bce_logits", "bce", *(["nll", "regression"] * maximises))
        if batch.kind.name not in known:
            return
        self.losses.append(batch.value)
        losses = np.array(self.losses)
        if losses.size < self.BATCHES or not np.isfinite(losses).all():
            return
        # Adversaries raise each other's losses, and each has an optimiser.
        if len(self.context.optimizers) != 1 or losses.size % 10:
            return
        third = losses.size // 3
        first, last = np.median(losses[:third]), np.median(losses[-third:])
        ranks = losses.argsort().argsort()
        order = float(np.corrcoef(ranks, np.arange(losses.size))[0, 1])
        least, growth = self.ORDER, self.GROWTH
        if maximises:
            least, growth = self.SURE / math.sqrt(losses.size - 1), 1.0
        if order > least and last > growth * first > 0:
            evidence = (
                f"it went from {short(first)} to {short(last)} in {losses.size} batches, with a "
                f"rank correlation of {order:.2f} with time"
            )
            mend = "loss.backward(), not of -loss; maximize=False; or a smaller learning rate"
            if maximises:
                evidence += f", and {type(self.optimizer).__name__} has maximize=True"
                mend = "maximize=False: this loss is to become small"
            yield self.finding("loss-rising", "", evidence, mend)
