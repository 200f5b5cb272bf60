"""Families and maps whose numbers were computed by PyTorch 2.13, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep import distributions as d
from steep.autograd import gradcheck
from tolerances import close, same_bits


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


W = double([[1.0, 0.5], [0.2, -0.3], [0.4, 2.0]])
CORRELATION = np.array([[1.0, 0.3, 0.2], [0.3, 1.0, -0.1], [0.2, -0.1, 1.0]])
FACTOR = double(np.linalg.cholesky(CORRELATION))
SHARES = double([0.2, 0.9])


def _factors(loc: Any = (0.1, 0.2, 0.3), times: float = 1.0) -> Any:
    return d.LowRankMultivariateNormal(double(loc), W * times, double([0.5, 1.0, 2.0]))


def _vectors() -> Any:
    return d.MultivariateNormal(double([0.0, 1.0, 0.0]), double(CORRELATION))


def _inverse() -> Any:
    return d.InverseGamma(double([1.5, 3.0]), double([2.0, 0.7]))


def _shares() -> Any:
    return d.Kumaraswamy(double([0.7, 1.8]), double([2.5, 1.3]))


def _pixels(p: Any = SHARES) -> Any:
    return d.ContinuousBernoulli(double(p))


NUMBERS: dict[str, tuple[Callable[[], Any], Any]] = {
    "low rank, density": (
        lambda: _factors().log_prob(double([0.3, 0.5, 0.8])),
        -3.9520464404048026,
    ),
    "low rank, entropy": (lambda: _factors().entropy(), 5.3774469635196755),
    "low rank, to a vector": (
        lambda: d.kl_divergence(_factors(), _vectors()),
        2.1597261258199807,
    ),
    "a vector, to low rank": (
        lambda: d.kl_divergence(_vectors(), _factors()),
        0.8467410157010891,
    ),
    "low rank, to low rank": (
        lambda: d.kl_divergence(_factors(), _factors((1.0, 0.2, 0.3), 2.0)),
        0.5359578905596782,
    ),
    "correlations": (
        lambda: d.LKJCholesky(3, double([0.5, 1.0, 3.0])).log_prob(FACTOR),
        [-2.4957422651097945, -1.6434679308744755, -0.4046012993410984],
    ),
    "pixels, density": (
        lambda: _pixels([0.2, 0.4995, 0.9]).log_prob(double([0.3, 0.5, 0.8])),
        [0.19842802409409477, -1.6666677216115033e-07, 0.465533128365784],
    ),
    "pixels, mean": (lambda: _pixels().mean, [0.3880141871111483, 0.6698803866865813]),
    "pixels, variance": (lambda: _pixels().variance, [0.0758978008069574, 0.0665088624225558]),
    "pixels, entropy": (lambda: _pixels().entropy(), [-0.07641445280335896, -0.17963111600005544]),
    "pixels, cdf": (
        lambda: _pixels().cdf(double([0.3, 0.8])),
        [0.45366139281807033, 0.5999432668494109],
    ),
    "pixels, icdf": (
        lambda: _pixels().icdf(double([0.3, 0.8])),
        [0.18386589225024355, 0.9109128037501729],
    ),
    "pixels, divergence": (
        lambda: d.kl_divergence(_pixels(), _pixels([0.5, 0.3])),
        [0.07641445280335901, 0.353306527413222],
    ),
    "inverse gamma, density": (
        lambda: _inverse().log_prob(double([0.5, 2.0])),
        [-1.1066290401249732, -4.885760734615924],
    ),
    "inverse gamma, entropy": (
        lambda: _inverse().entropy(),
        [1.9811400079782595, -0.35466510377265514],
    ),
    "inverse gamma, mean": (lambda: _inverse().mean, [4.0, 0.35]),
    "inverse gamma, variance": (lambda: _inverse().variance, [np.inf, 0.1225]),
    "inverse gamma, divergence": (
        lambda: d.kl_divergence(
            d.InverseGamma(SHARES, double(1.0)), d.InverseGamma(double([0.5, 0.3]), double(2.0))
        ),
        [0.4884394991915993, 1.2685214309471182],
    ),
    "Kumaraswamy, density": (
        lambda: _shares().log_prob(double([0.5, 0.2])),
        [-0.6664390099341605, -0.4544305712299932],
    ),
    "Kumaraswamy, entropy": (
        lambda: _shares().entropy(),
        [-0.6797753474554696, -0.09615701181571168],
    ),
    "Kumaraswamy, mean": (lambda: _shares().mean, [0.19508009181399635, 0.5902542819153491]),
    "Kumaraswamy, variance": (
        lambda: _shares().variance,
        [0.03681999610416111, 0.05850468996149777],
    ),
    "a factor from numbers": (
        lambda: d.CorrCholeskyTransform()(double([0.5, -1.0, 2.0])),
        [
            [1.0, 0.0, 0.0],
            [0.46211715726000974, 0.8868188839700739, 0.0],
            [-0.7615941559557649, 0.6247421931979867, 0.17225427034531132],
        ],
    ),
    "its stretch": (
        lambda: d.CorrCholeskyTransform().log_abs_det_jacobian(
            double([0.5, -1.0, 2.0]), d.CorrCholeskyTransform()(double([0.5, -1.0, 2.0]))
        ),
        -4.191577000081366,
    ),
    "the density of mapped vectors": (
        lambda: d.TransformedDistribution(
            d.Normal(double(np.zeros(3)), 1.0), d.CorrCholeskyTransform()
        ).log_prob(d.CorrCholeskyTransform()(double([0.5, -1.0, 2.0]))),
        -1.1902385995326528,
    ),
    "the density of reshaped vectors": (
        lambda: d.TransformedDistribution(
            d.Independent(d.Normal(double(np.zeros((2, 4))), 1.0), 1),
            [d.ReshapeTransform((4,), (2, 2))],
        ).log_prob(double([[1.0, 2.0], [3.0, 4.0]])),
        [-18.67575413281869, -18.67575413281869],
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_pytorch(name: str) -> None:
    make, expected = NUMBERS[name]
    close(make().numpy(), np.array(expected), 256)


# ---- the continuous Bernoulli, where its formulas cancel ----------------------------------------


@pytest.mark.parametrize("logits", [-30.0, -0.21, -0.19, -1e-4, 0.0, 1e-5, 0.02, 0.19, 0.21, 40.0])
def test_pixels_are_exact_around_one_half(logits: float) -> None:
    """By a quadrature of the density: the midpoint rule over 40000 cells is exact to 1e-8."""
    one = d.ContinuousBernoulli(logits=double(logits))
    cells = (np.arange(40_000) + 0.5) / 40_000
    density = np.exp(logits * cells - max(logits, 0.0))
    weights = density / density.sum()
    mean = (weights * cells).sum()
    assert abs(one.mean.item() - mean) < 1e-6
    assert abs(one.variance.item() - (weights * (cells - mean) ** 2).sum()) < 1e-6
    assert abs(one.cdf(double(0.25)).item() - weights[: 40_000 // 4].sum()) < 1e-6
    share = double([0.05, 0.5, 0.9])
    if abs(logits) < 20:  # further out, the probabilities of values are 0 or 1
        close(one.cdf(one.icdf(share)).numpy(), share.numpy(), 256)


def test_pixels_have_gradients_at_one_half() -> None:
    logits = double([0.0, 1e-5, 0.1, 3.0, -4.0]).requires_grad_()
    half = double(0.3)

    def values(given: Any) -> Any:
        one = d.ContinuousBernoulli(logits=given)
        moments = (one.mean, one.variance, one.entropy())
        return (*moments, one.log_prob(half), one.cdf(half), one.icdf(half))

    assert gradcheck(values, (logits,))


def test_infinite_sharpness_is_finite() -> None:
    one = d.ContinuousBernoulli(logits=steep.tensor([-200.0, 200.0]))
    for found in (one.mean, one.variance, one.cdf(steep.tensor(0.5)), one.icdf(steep.tensor(0.5))):
        assert found.isfinite().all()


# ---- matrices -----------------------------------------------------------------------------------


def test_low_rank_matrices_are_those_of_the_factors() -> None:
    one = _factors().expand((4,))
    covariance = (W @ W.mT).numpy() + np.diag([0.5, 1.0, 2.0])
    close(one.covariance_matrix.numpy()[2], covariance, 16)
    close(one.precision_matrix.numpy()[2], np.linalg.inv(covariance), 256)
    close(one.scale_tril.numpy()[2], np.linalg.cholesky(covariance), 64)
    assert one.rsample((2,)).shape == (2, 4, 3)
    with pytest.raises(ValueError, match="event shapes"):
        d.kl_divergence(one, d.MultivariateNormal(steep.zeros(2), steep.eye(2)))


@pytest.mark.parametrize("concentration", [0.5, 1.0, 4.0])
def test_correlations_are_spread_as_they_should_be(concentration: float) -> None:
    """Each is a `Beta` draw from -1 to 1 of both parameters ``concentration + (dim - 2) / 2``."""
    steep.manual_seed(3)
    one = d.LKJCholesky(4, concentration)
    factors = one.sample((20_000,))
    assert one.support.check(factors).all()
    rows, columns = np.tril_indices(4, -1)
    off = (factors @ factors.mT).numpy()[:, rows, columns]
    alpha = concentration + 1
    assert np.abs(off.mean(0)).max() < 0.03
    assert np.abs(off.var(0) * (2 * alpha + 1) - 1).max() < 0.06
    assert one.expand((2,)).sample().shape == (2, 4, 4)
    with pytest.raises(NotImplementedError, match="carry no gradients"):
        one.rsample()


def test_the_density_of_factors_adds_up() -> None:
    """Of 2 by 2 matrices: the density of the off-diagonal entry over all its values is 1."""
    entry = (np.arange(4000) + 0.5) / 2000 - 1
    factors = np.zeros((4000, 2, 2))
    factors[:, 0, 0], factors[:, 1, 0], factors[:, 1, 1] = 1, entry, np.sqrt(1 - entry**2)
    for concentration in (1.0, 2.5):
        density = d.LKJCholesky(2, concentration).log_prob(double(factors)).exp()
        assert abs(density.sum().item() / 2000 - 1) < 1e-2
    leaf = double([1.7]).requires_grad_()
    assert gradcheck(lambda c: d.LKJCholesky(3, c).log_prob(FACTOR), (leaf,))


def test_steps_with_factors_are_replayed() -> None:
    def step(x: Any) -> Any:
        y = d.CorrCholeskyTransform()(x)
        density = d.LKJCholesky(3, 2.0, validate_args=False).log_prob(y)
        return density.detach(), steep.autograd.grad(density, x)[0]

    compiled = steep.compile(step)
    for i in range(5):
        x = double([0.1 * i, -1.0, 2.0]).requires_grad_()
        for got, expected in zip(compiled(x), step(x), strict=True):
            same_bits(got.detach().numpy(), expected.detach().numpy())
    assert replays(compiled) > 0, compiled.explain()


# ---- maps of parts ------------------------------------------------------------------------------


def test_maps_of_joined_parts() -> None:
    both = d.CatTransform([d.ExpTransform(), d.AffineTransform(0.0, 10.0)], -1, [1, 3])
    x = double(np.arange(8.0).reshape(2, 4))
    y = both(x)
    close(y.numpy(), np.concatenate([np.exp(x.numpy()[:, :1]), 10 * x.numpy()[:, 1:]], 1), 16)
    close(both.inv(y).numpy(), x.numpy(), 16)
    stretch = both.log_abs_det_jacobian(x, y).numpy()
    close(stretch, np.array([[0.0, *3 * [np.log(10)]], [4.0, *3 * [np.log(10)]]]), 16)
    assert both.codomain.check(y).all()
    assert not both.codomain.check(-y)[:, 0].any()
    assert both.bijective
    assert both == d.CatTransform([d.ExpTransform(), d.AffineTransform(0.0, 10.0)], -1, [1, 3])


def test_maps_of_stacked_parts() -> None:
    both = d.StackTransform([d.ExpTransform(), d.SoftmaxTransform()], 0)
    x = double(np.arange(8.0).reshape(2, 4) / 4)
    y = both(x)
    close(y[0].numpy(), np.exp(x[0].numpy()), 16)
    close(y[1].sum().numpy(), np.array(1.0), 16)
    assert not both.bijective
    kept = d.StackTransform([d.ExpTransform(), d.TanhTransform()], 1, cache_size=1)
    z = double(np.arange(6.0).reshape(3, 2))
    value = kept(z)
    assert kept.inv(value) is z
    assert kept.log_abs_det_jacobian(z, value).shape == (3, 2)


def test_a_map_by_probabilities() -> None:
    ranks = d.CumulativeDistributionTransform(d.Normal(double(1.0), double(2.0)))
    x = double([0.5, 3.0])
    y = ranks(x)
    close(ranks.inv(y).numpy(), x.numpy(), 64)
    close(ranks.log_abs_det_jacobian(x, y).numpy(), ranks.distribution.log_prob(x).numpy(), 16)
    draws = d.TransformedDistribution(d.Normal(double(1.0), double(2.0)), ranks)
    close(draws.log_prob(double([0.2, 0.7])).numpy(), np.zeros(2), 64)


def test_regions_of_parts_have_maps() -> None:
    regions = d.constraints
    parts = [regions.positive, regions.unit_interval]
    for registry in (d.biject_to, d.transform_to):
        joined = registry(regions.cat(parts, 0, [1, 2]))
        y = joined(double([-1.0, 0.0, 3.0]))
        assert regions.cat(parts, 0, [1, 2]).check(y).all()
        stacked = registry(regions.stack(parts, 0))
        assert regions.stack(parts, 0).check(stacked(double(np.ones((2, 3))))).all()
    definite = regions.positive_semidefinite
    found = definite.check(double([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]]))
    assert found.tolist() == [True, False]


@pytest.mark.parametrize("diag", [-2, -1, 0, 1])
def test_triangles_as_vectors(diag: int) -> None:
    utils = d.utils
    matrix = double(np.arange(1.0, 33.0).reshape(2, 4, 4))
    vector = utils.tril_matrix_to_vec(matrix, diag)
    assert vector.shape == (2, len(np.tril_indices(4, diag)[0]))
    close(utils.vec_to_tril_matrix(vector, diag).numpy(), np.tril(matrix.numpy(), diag), 1)


def test_tools_of_those_who_write_distributions() -> None:
    utils = d.utils
    logits = double([0.5, -1.0])
    close(utils.probs_to_logits(utils.logits_to_probs(logits, True), True).numpy(), [0.5, -1.0], 16)
    assert utils.clamp_probs(double([0.0, 1.0])).log().isfinite().all()
    one, two = utils.broadcast_all(double([1.0, 2.0]), 3)
    assert one.shape == two.shape and two.dtype == steep.float64  # noqa: PT018
    with pytest.raises(ValueError, match="Number"):
        utils.broadcast_all("1")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: d.CatTransform([1]), "expected a list of Transform"),
        (lambda: d.CatTransform([d.ExpTransform()], 0, [1, 2]), "expected 1 lengths"),
        (
            lambda: d.CatTransform([d.ExpTransform()])(steep.zeros(3)),
            "expected 1 along dimension 0",
        ),
        (lambda: d.StackTransform([d.ExpTransform()], 2)(steep.zeros(3)), "along dimension 2"),
        (lambda: d.ReshapeTransform((4,), (2, 3)), "different numbers of elements"),
        (lambda: d.ReshapeTransform((4,), (2, 2))(steep.zeros(3)), r"ends in \(4,\)"),
        (lambda: d.CorrCholeskyTransform()(steep.zeros(4)), "numbers, got"),
        (lambda: d.constraints.cat([1]), "expected a list of constraints"),
        (lambda: d.constraints.cat([d.constraints.real], 0, [1, 2]), "expected 1 lengths"),
        (lambda: d.utils.vec_to_tril_matrix(steep.zeros(4)), "cannot be expressed"),
        (lambda: d.utils.tril_matrix_to_vec(steep.eye(2), 3), "outside"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()
