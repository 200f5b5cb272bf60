"""Losses, functional forms and the utilities on gradients."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import steep
import steep._core as core
import steep.nn.functional as F
from cases import LAYERS
from nn_support import mlp
from steep import nn
from tolerances import close, same_bits

# ---- losses and functions ---------------------------------------------------------------------


def nll(log_prob, target, weight, ignore, reduction):
    keep = target != ignore
    scale = np.where(keep, weight[np.where(keep, target, 0)], 0.0)
    picked = np.take_along_axis(log_prob, np.where(keep, target, 0)[:, None], 1)[:, 0]
    loss = -scale * picked
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / scale.sum()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_and_nll_agree_with_the_formula(reduction):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4))
    y = np.array([0, 3, -100, 1, 2, 2])
    w = rng.random(4)
    log_prob = x - np.log(np.exp(x).sum(1, keepdims=True))
    expected = nll(log_prob, y, w, -100, reduction)
    t = {"dtype": steep.float64}
    weight = steep.tensor(w.tolist(), **t)
    target = steep.tensor(y.tolist())
    out = nn.CrossEntropyLoss(weight, reduction=reduction)(steep.tensor(x.tolist(), **t), target)
    np.testing.assert_allclose(np.asarray(out.tolist()), expected, rtol=1e-12)
    out = nn.NLLLoss(weight, reduction=reduction)(steep.tensor(log_prob.tolist(), **t), target)
    np.testing.assert_allclose(np.asarray(out.tolist()), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("c", [1, 2, 7, 10, 15, 16, 17, 31, 33, 48, 50, 63, 64, 65])
def test_a_row_among_others_and_alone(c, dtype):
    """Short rows are taken several at a time: what one holds is no matter to the others."""
    x = np.random.default_rng(c).normal(scale=4, size=(29, c)).astype(dtype)
    x[3, 0], x[9, c // 2], x[12, -1], x[20] = np.nan, np.inf, -np.inf, -np.inf
    y = steep.tensor(np.arange(29) % c)
    rows = steep.tensor(x)
    for function in (steep.softmax, steep.log_softmax, steep.logsumexp):
        alone = [function(steep.tensor(x[r : r + 1]), 1).numpy() for r in range(len(x))]
        same_bits(function(rows, 1).numpy(), np.concatenate(alone))
    good = [r for r in range(29) if np.isfinite(x[r]).all()]
    exact = np.exp(x[good].astype(np.float64))
    exact /= exact.sum(1, keepdims=True)
    close(steep.softmax(rows, 1).numpy()[good], exact.astype(dtype))
    loss = F.cross_entropy(rows, y, reduction="none").numpy()
    alone = [F.cross_entropy(rows[r : r + 1], y[r : r + 1]).item() for r in range(29)]
    same_bits(loss, np.array(alone, dtype))


def test_nll_shapes_and_gradient():
    x = steep.zeros(2, 3, 4, requires_grad=True)
    y = steep.ones(2, 4, dtype=steep.int64)
    assert tuple(F.nll_loss(x, y, reduction="none").shape) == (2, 4)
    F.nll_loss(x, y).backward()
    expected = np.zeros((2, 3, 4))
    expected[:, 1] = -1 / 8
    np.testing.assert_allclose(np.asarray(x.grad.tolist()), expected)
    assert F.nll_loss(steep.tensor([-1.0, -2.0]), steep.tensor(1)).item() == 2.0


def test_nll_ignores_rows_of_infinity():
    x = steep.tensor([[-math.inf, 0.0], [-1.0, -2.0]])
    assert F.nll_loss(x, steep.tensor([-100, 0])).item() == 1.0


def test_loss_arguments():
    with pytest.raises(ValueError, match="MSELoss: expected reduction to be one of 'none', "):
        nn.MSELoss(reduction="avg")
    with pytest.raises(ValueError, match="label_smoothing between"):
        nn.CrossEntropyLoss(label_smoothing=2.0)
    for share in (-0.1, float("nan")):
        with pytest.raises(RuntimeError, match="label_smoothing between"):
            F.cross_entropy(steep.ones(1, 2), steep.tensor([1]), label_smoothing=share)
    with pytest.raises(ValueError, match="beta to be at least 0"):
        nn.SmoothL1Loss(beta=-1.0)
    with pytest.raises(ValueError, match="delta to be above 0"):
        nn.HuberLoss(delta=0.0)


def test_losses_pass_their_settings_on():
    x, y = steep.tensor([3.0, 0.5]), steep.tensor([0.0, 0.0])
    assert nn.SmoothL1Loss(reduction="none", beta=2.0)(x, y).tolist() == [2.0, 0.0625]
    assert nn.HuberLoss("none", delta=2.0)(x, y).tolist() == [4.0, 0.125]
    p = steep.tensor([[0.25, 0.75]])
    divergence = nn.KLDivLoss(reduction="batchmean", log_target=True)(steep.zeros(1, 2), p.log())
    assert divergence.item() == pytest.approx(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    weight = steep.tensor([2.0, 2.0])
    logits, t = steep.tensor([0.0, 0.0]), steep.tensor([1.0, 0.0])
    got = nn.BCEWithLogitsLoss(weight, pos_weight=weight, reduction="none")(logits, t)
    np.testing.assert_allclose(got.tolist(), [4 * math.log(2), 2 * math.log(2)], rtol=1e-6)
    got = nn.BCELoss(weight, reduction="sum")(steep.sigmoid(logits), t)
    assert got.item() == pytest.approx(4 * math.log(2))


def test_regression_losses():
    x = steep.tensor([1.0, -3.0], requires_grad=True)
    y = steep.tensor([0.0, 1.0])
    assert nn.MSELoss()(x, y).item() == 8.5
    assert nn.MSELoss(reduction="sum")(x, y).item() == 17.0
    assert nn.L1Loss()(x, y).item() == 2.5
    nn.L1Loss(reduction="sum")(x, y).backward()
    assert x.grad.tolist() == [1.0, -1.0]
    for loss in (nn.MSELoss(), nn.L1Loss()):
        with pytest.raises(ValueError, match="shape"):
            loss(x, steep.zeros(2, 1))


def test_functional_is_the_core():
    assert F.relu is core.relu
    assert F.linear is core.linear
    assert F.cross_entropy is core.cross_entropy


# ---- utilities --------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0)])
def test_clip_grad_norm(order, norm):
    a, b = nn.Parameter(steep.zeros(2)), nn.Parameter(steep.zeros(1))
    unused = nn.Parameter(steep.zeros(1))
    a.grad, b.grad = steep.tensor([3.0, -4.0]), steep.tensor([12.0])
    total = nn.utils.clip_grad_norm_([a, b, unused], 2.0, norm_type=order)
    assert total.item() == pytest.approx(norm)
    factor = 2 / norm
    np.testing.assert_allclose(a.grad.tolist(), [3 * factor, -4 * factor], rtol=1e-5)
    np.testing.assert_allclose(b.grad.tolist(), [12 * factor], rtol=1e-5)


def test_clip_leaves_small_gradients_and_reports_nonfinite():
    a = nn.Parameter(steep.zeros(2))
    a.grad = steep.tensor([0.5, 0.5])
    nn.utils.clip_grad_norm_(a, 5.0)
    assert a.grad.tolist() == [0.5, 0.5]
    a.grad = steep.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(a, 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_clipping_in_two_parts():
    a, b = steep.zeros(2, requires_grad=True), steep.zeros(1, requires_grad=True)
    a.grad, b.grad = steep.tensor([3.0, 0.0]), steep.tensor([4.0])
    total = nn.utils.get_total_norm([a.grad, b.grad])
    assert total.item() == 5.0
    assert nn.utils.get_total_norm(a.grad, float("inf")).item() == 3.0
    assert nn.utils.get_total_norm([]).item() == 0.0
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.get_total_norm(steep.tensor([float("nan")]), error_if_nonfinite=True)
    nn.utils.clip_grads_with_norm_([a, b], 2.5, total)
    np.testing.assert_allclose([*a.grad.tolist(), *b.grad.tolist()], [1.5, 0.0, 2.0], rtol=1e-6)
    nn.utils.clip_grads_with_norm_(steep.zeros(1), 1.0, total)  # without a gradient
    with pytest.warns(UserWarning, match="empty generator, no gradient clipping"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)
    with pytest.warns(FutureWarning, match="in favor of `steep.nn.utils.clip_grad_norm_`"):
        assert nn.utils.clip_grad_norm([a, b], 10.0).item() == pytest.approx(2.5)


def test_clip_grad_value():
    a = nn.Parameter(steep.zeros(3))
    a.grad = steep.tensor([-5.0, 0.25, 5.0])
    nn.utils.clip_grad_value_([a], 1)
    assert a.grad.tolist() == [-1.0, 0.25, 1.0]


def test_parameters_as_a_vector():
    net = mlp()
    vec = nn.utils.parameters_to_vector(net.parameters())
    assert tuple(vec.shape) == (4 * 3 + 3 + 3 * 2 + 2,)
    nn.utils.vector_to_parameters(vec * 0 + 2, net.parameters())
    assert net[2].bias.tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match=r"vector of shape \(23,\), got \(3,\)"):
        nn.utils.vector_to_parameters(steep.zeros(3), net.parameters())


WITH_OLDER = [
    kind
    for kind in (getattr(nn, name) for name in LAYERS)
    if "size_average" in inspect.signature(kind.__init__).parameters
]


@pytest.mark.parametrize(
    ("older", "reduction"),
    [
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
        ({"reduce": False}, "none"),
        ({"reduce": True}, "mean"),
        ({"size_average": False, "reduce": False}, "none"),
    ],
)
@pytest.mark.parametrize("kind", WITH_OLDER, ids=lambda kind: kind.__name__)
def test_older_arguments_name_a_reduction(kind, older, reduction):
    with pytest.warns(UserWarning, match=f"please use reduction='{reduction}' instead") as caught:
        loss = kind(**older)
    assert loss.reduction == reduction
    assert caught[0].filename == __file__


def test_a_reduction_in_the_place_of_an_older_argument_is_refused():
    with pytest.raises(TypeError, match="MSELoss: expected size_average to be a bool, got 'sum'"):
        nn.MSELoss("sum")


# ---- targets that PyTorch takes as well ---------------------------------------------------------


def test_embedding_losses_warn_of_targets_that_are_no_signs():
    x = steep.tensor([3.0, 0.5, 0.25], requires_grad=True)
    with pytest.warns(UserWarning, match="1 or -1 as target, got 0 at position 1"):
        loss = F.hinge_embedding_loss(x, steep.tensor([1, 0, -1]), reduction="none")
    assert loss.tolist() == [3.0, 1.0, 0.75]  # the middle one: 0.5 and max(0, 1 - 0.5)
    loss.sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, -1.0]
    ones = steep.ones(3, 2)
    with pytest.warns(UserWarning, match="1 or -1 as target, got 2 at position 2"):
        loss = F.cosine_embedding_loss(ones, ones, steep.tensor([1, -1, 2]), reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0.0, 1.0, 0.0], atol=1e-6)


def test_targets_of_a_gaussian_may_have_sizes_of_one():
    x, var = steep.arange(6.0).reshape(2, 3), steep.ones(2, 3)
    for target in (
        steep.tensor([[1.0], [2.0]]),
        steep.tensor([[1.0, 2.0, 3.0]]),
        steep.tensor(2.0),
    ):
        loss = F.gaussian_nll_loss(x, target, var, reduction="none")
        right = F.gaussian_nll_loss(x, target.expand(2, 3), var, reduction="none")
        same_bits(loss.numpy(), right.numpy())
    with pytest.raises(ValueError, match="of the same shape"):
        F.gaussian_nll_loss(x, steep.ones(3), var)


@pytest.mark.parametrize("log_input", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_counts_on_both_sides_are_poisson_s_as_well(log_input, full):
    x, target = steep.tensor([1, 2, 3, 7]), steep.tensor([0, 1, 4, 9], dtype=steep.int32)
    given = {"log_input": log_input, "full": full, "reduction": "none"}
    loss = F.poisson_nll_loss(x, target, **given)
    assert loss.dtype == steep.float32
    right = F.poisson_nll_loss(x.double(), target.double(), **given)
    np.testing.assert_allclose(loss.numpy(), right.numpy(), rtol=1e-5)
    with pytest.raises(NotImplementedError, match="floating-point input or target"):
        F.poisson_nll_loss(x.bool(), target.bool())


def test_replays_warn_of_targets_that_are_no_signs():
    loss = steep.compile(F.hinge_embedding_loss)
    x = steep.tensor([3.0, 0.5])
    for _ in range(4):
        assert loss(x, steep.tensor([1, -1])).item() == 1.75
    with pytest.warns(UserWarning, match="1 or -1 as target, got 0 at position 1"):
        assert loss(x, steep.tensor([1, 0])).item() == 2.0
