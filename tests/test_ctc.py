"""The loss of labels without an alignment, beside all alignments one by one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from tolerances import same_bits

F = steep.nn.functional


def likelihood(probs: Any, labels: list[int], blank: int) -> float:
    """The sum over all paths that become the labels when repeats and then blanks are left out."""
    total = 0.0
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        kept = [k for k, _ in itertools.groupby(path) if k != blank]
        if kept == labels:
            total += math.prod(probs[t, k] for t, k in enumerate(path))
    return total


LABELS = [[], [1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 1], [0, 0]]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("steps", [1, 3, 5])
@pytest.mark.parametrize("blank", [0, 2])
def test_all_alignments(labels: list[int], steps: int, blank: int) -> None:
    labels = [(k + 1) % 3 if blank == 2 and k else k for k in labels]
    labels = [k for k in labels if k != blank]
    steep.manual_seed(len(labels))
    logs = steep.randn(steps, 1, 3, dtype=steep.float64).log_softmax(-1)
    target = steep.tensor([[*labels, 0]])
    loss = F.ctc_loss(logs, target, (steps,), (len(labels),), blank, "none")
    expected = likelihood(logs.exp().numpy()[:, 0], labels, blank)
    assert math.exp(-loss.item()) == pytest.approx(expected, rel=1e-12)


def problem(seed: int, dtype: Any = steep.float64) -> tuple[Any, ...]:
    steep.manual_seed(seed)
    scores = (steep.randn(9, 3, 5, dtype=dtype) * 2).requires_grad_()
    targets = steep.randint(1, 5, (3, 4))
    return scores, targets, steep.tensor([9, 7, 8]), steep.tensor([4, 0, 3])


def test_gradient_of_scores_is_the_slope() -> None:
    scores, *given = problem(0)
    assert steep.autograd.gradcheck(
        lambda x: F.ctc_loss(F.log_softmax(x, -1), *given, reduction="none"), (scores,)
    )


def test_gradient_passes_log_softmax_as_it_is() -> None:
    """As PyTorch has it: each step's adds up to 0, but for steps beyond a sample's."""
    scores, *given = problem(1)
    logs = F.log_softmax(scores, -1)
    of_logs, of_scores = steep.autograd.grad(F.ctc_loss(logs, *given), (logs, scores))
    np.testing.assert_allclose(of_logs.numpy(), of_scores.numpy(), atol=1e-12)
    np.testing.assert_allclose(of_logs.sum(-1).numpy(), 0, atol=1e-12)
    assert (of_logs[7:, 1] == 0).all()


@pytest.mark.parametrize("zero", [False, True])
def test_what_has_no_alignment(zero: bool) -> None:
    logs = steep.zeros(2, 2, 3).log_softmax(-1).requires_grad_()
    targets = steep.tensor([[1, 1], [1, 2]])
    loss = F.ctc_loss(logs, targets, (2, 2), (2, 2), reduction="none", zero_infinity=zero)
    assert loss[0].item() == (0 if zero else math.inf)
    assert loss[1].item() == pytest.approx(math.log(9), rel=1e-6)
    loss.sum().backward()
    assert logs.grad[:, 0].isnan().all() if not zero else (logs.grad[:, 0] == 0).all()
    assert logs.grad[:, 1].isfinite().all()


def test_a_class_that_cannot_be_has_no_part() -> None:
    logs = steep.tensor([[[0.5, 0.5, 0.0]], [[0.5, 0.0, 0.5]]]).log().requires_grad_()
    loss = F.ctc_loss(logs, steep.tensor([[1]]), (2,), (1,))
    assert loss.item() == pytest.approx(math.log(4))
    loss.backward()
    assert logs.grad.isfinite().all()


def test_long_sequences_do_not_underflow() -> None:
    """The likelihood of one step is far from that of all."""
    steep.manual_seed(0)
    scores, targets = steep.randn(2000, 1, 40), steep.randint(1, 40, (1, 300))
    found = []
    for dtype in (steep.float32, steep.float64):
        logs = scores.to(dtype).log_softmax(-1).requires_grad_()
        loss = F.ctc_loss(logs, targets, (2000,), (300,), reduction="sum")
        found += [loss.detach(), *steep.autograd.grad(loss, logs)]
    assert found[2].item() > 3000
    assert found[0].item() == pytest.approx(found[2].item(), rel=1e-6)
    np.testing.assert_allclose(found[1].numpy(), found[3].numpy(), atol=1e-4)


def test_lengths_and_labels_of_a_replay_are_looked_at() -> None:
    def step(scores: Any, targets: Any, steps: Any, labels: Any) -> Any:
        loss = F.ctc_loss(F.log_softmax(scores, -1), targets, steps, labels)
        return loss, *steep.autograd.grad(loss, scores)

    compiled = steep.compile(step)
    for i in range(6):
        given = problem(i, steep.float32)
        for got, expected in zip(
            numpy(list(compiled(*given))), numpy(list(step(*given))), strict=True
        ):
            same_bits(got, expected)
    assert replays(compiled) > 0, compiled.explain()
    scores, targets, steps, labels = problem(9, steep.float32)
    with pytest.raises(RuntimeError, match="at most 9, but got value 12"):
        compiled(scores, targets, steps + 3, labels)
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(scores, targets + 4, steps, labels)


def test_no_second_derivative() -> None:
    scores, *given = problem(2)
    loss = F.ctc_loss(scores, *given)
    with pytest.raises(RuntimeError, match="the derivative of its gradient is not implemented"):
        steep.autograd.grad(loss, scores, create_graph=True)


def test_lengths_of_two_kinds_are_refused() -> None:
    scores, targets, steps, _ = problem(3)
    with pytest.raises(TypeError, match="ctc_loss"):
        F.ctc_loss(scores, targets, steps, (4, 0, 3))
