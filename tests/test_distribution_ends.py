"""`steep.distributions` at its ends: even odds, shares near nothing, maps that saturate."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep import distributions as d
from tolerances import close


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


def test_slope_of_counts_at_even_odds() -> None:
    """Where the odds are even, the parts of the stable formula have corners; the whole has none."""
    probs = double([0.5, 0.2]).requires_grad_()
    for binomial in (d.Binomial(5, probs=probs), d.Binomial(double([5, 5]), logits=probs.logit())):
        probs.grad = None
        binomial.log_prob(double([[2, 1], [3, 1]])).sum().backward()
        close(probs.grad.numpy(), np.array([20 - 20, 2 / 0.2 - 8 / 0.8]), 100)


def test_shares_of_the_smallest_draws_have_the_sum_1() -> None:
    steep.manual_seed(0)
    for dtype in (steep.float32, steep.float64):
        few = steep.full((200, 3), 1e-3, dtype=dtype)
        shares = d.Dirichlet(few).sample()
        assert ((shares.sum(-1) - 1).abs() < 1e-6).all()
        assert (shares > 0).all()
        share = d.Beta(few[:, 0], few[:, 1]).sample()
        assert ((share > 0) & (share < 1)).all()


# ---- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("composed", [False, True])
def test_a_cache_keeps_what_saturation_loses(composed: bool) -> None:
    loc = steep.tensor([0.0, 15.0, -30.0], requires_grad=True)
    tanh, wider = d.TanhTransform(cache_size=1), d.AffineTransform(1.0, 2.0, cache_size=1)
    maps = [tanh, wider] if not composed else [d.ComposeTransform([tanh, wider], cache_size=1)]
    squashed = d.TransformedDistribution(d.Normal(loc, 1.0), maps)
    action = squashed.rsample()
    assert ((action - 1).abs()[1:] == 2).all()
    log_prob = squashed.log_prob(action)
    assert log_prob.isfinite().all()
    log_prob.sum().backward()
    assert loc.grad.isfinite().all()
    assert not squashed.log_prob(action.clone()).isfinite().all()


def test_a_cache_keeps_the_last_pair_alone() -> None:
    exp = d.ExpTransform(cache_size=1)
    first, second = steep.ones(2), steep.zeros(2)
    image = exp(first)
    assert exp(first) is image
    assert exp.inv(image) is first
    assert exp.inv.inv is exp
    other = exp(second)
    assert exp.inv(image) is not first
    assert exp.inv(other) is not second  # the pair of `image` is the last one now
    assert d.ExpTransform()(first) is not d.ExpTransform()(first)
    bare = exp.with_cache(0)
    assert bare(first) is not bare(first)
    assert exp.with_cache(1) is exp
    assert exp.inv.with_cache(0).inv(first) is not exp.inv.with_cache(0).inv(first)
    both = d.ComposeTransform([d.ExpTransform(), d.TanhTransform()]).with_cache()
    assert both.inv(both(first)) is first
    each = d.IndependentTransform(d.ExpTransform(), 1, cache_size=1)
    assert each.inv(each(first)) is first
    twin = copy.deepcopy(exp)
    assert twin.inv(other).tolist() == exp.inv(other).tolist()
    assert twin.with_cache(1) is twin
    assert isinstance(copy.deepcopy(exp.inv).inv, d.ExpTransform)
    with pytest.raises(ValueError, match="cache_size must be 0 or 1, got 2"):
        d.ExpTransform(cache_size=2)


def test_a_step_through_a_cache_is_replayed() -> None:
    tanh, loc = d.TanhTransform(cache_size=1), steep.zeros(4, requires_grad=True)

    def step(x: Any) -> Any:
        loc.grad = None
        squashed = d.TransformedDistribution(d.Normal(loc + x, 1.0), [tanh])
        loss = squashed.log_prob(squashed.rsample()).mean()
        loss.backward()
        return loss.detach()

    fast, given = steep.compile(step), [steep.full((4,), float(k)) for k in range(4)]
    steep.manual_seed(1)
    want = [step(x).item() for x in given]
    steep.manual_seed(1)
    got = [fast(x).item() for x in given]
    assert got == want
    assert replays(fast)


class Leaky(d.Transform):
    """A map of a user's, written as for PyTorch."""

    domain = codomain = d.constraints.real
    bijective = True

    def _call(self, x: Any) -> Any:
        return steep.where(x > 0, x, x / 4)

    def _inverse(self, y: Any) -> Any:
        return steep.where(y > 0, y, y * 4)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return steep.where(x > 0, 0.0, math.log(0.25))


def test_maps_of_a_user() -> None:
    x, normal = steep.tensor([-2.0, 3.0]), d.Normal(steep.zeros(2), 1.0)
    for leaky in (Leaky(), Leaky(cache_size=1)):
        assert leaky(x).tolist() == [-0.5, 3.0]
        assert leaky.inv(leaky(x)).tolist() == x.tolist()
        mapped = d.TransformedDistribution(normal, leaky)
        stretch = steep.tensor([math.log(0.25), 0.0])
        assert steep.allclose(mapped.log_prob(leaky(x)), normal.log_prob(x) - stretch)
    with pytest.raises(NotImplementedError):
        d.Transform().inv(x)


def test_equal_maps() -> None:
    ones = steep.ones(2)
    for one, other, same in (
        (d.ExpTransform(), d.ExpTransform(), True),
        (d.ExpTransform(), d.TanhTransform(), False),
        (d.ExpTransform(), d.ExpTransform().inv, False),
        (d.ExpTransform().inv, d.ExpTransform().inv, True),
        (d.AffineTransform(ones, 2.0), d.AffineTransform(ones.clone(), 2.0), True),
        (d.AffineTransform(ones, 2.0), d.AffineTransform(ones * 2, 2.0), False),
        (d.AffineTransform(0.0, 2.0), d.AffineTransform(0.0, 2.0, event_dim=1), False),
        (d.PowerTransform(ones), d.PowerTransform(ones.clone()), True),
        (d.ComposeTransform([Leaky()]), d.ComposeTransform([Leaky()]), True),
    ):
        assert (one == other) is same
        assert not same or hash(one) == hash(other)
    scale = steep.tensor([1.0, 2.0])
    both = d.Weibull(scale, 2.0), d.Weibull(scale, 2.0)
    assert d.kl_divergence(*both).tolist() == [0.0, 0.0]


def test_dimensions_of_events() -> None:
    apart, whole = d.AffineTransform(0.0, 1.0), d.AffineTransform(0.0, 1.0, event_dim=2)
    shares = d.StickBreakingTransform()
    for transform, before, after in (
        (apart, 0, 0),
        (whole, 2, 2),
        (whole.inv, 2, 2),
        (d.ComposeTransform([d.ExpTransform(), shares]), 1, 1),
        (d.ComposeTransform([shares, apart]), 1, 1),
        (d.LowerCholeskyTransform(), 2, 2),
    ):
        assert transform.domain.event_dim == before
        assert transform.codomain.event_dim == after


# ---- counts and angles ---------------------------------------------------------------------------

# What PyTorch 2.13 draws.
COUNTS = [[1.0, 7.0, 4.0], [0.0, 11.0, 17.0]]
ANGLES = [
    [2.8141307442306687, 0.6371728940720867, 3.114870734964825],
    [-1.0247995738220572, 0.8599323375627179, -2.9557728114923494],
]


def test_no_failure_to_wait_for() -> None:
    certain = d.NegativeBinomial(double([0.0, 0.0]), logits=double([0.3, 0.3]))
    assert certain.log_prob(double([0.0, 1.0])).tolist() == [0.0, -math.inf]
    leaves = double([0.0]).requires_grad_(), double([0.3]).requires_grad_()
    d.NegativeBinomial(leaves[0], logits=leaves[1]).log_prob(double([0.0])).backward()
    assert leaves[0].grad.isfinite().all()
    assert leaves[1].grad.tolist() == [0.0]
    assert d.NegativeBinomial(0.0, 0.5).sample((5,)).tolist() == [0.0] * 5
    counts = d.NegativeBinomial(3, probs=0.5).log_prob(steep.tensor([1, 2]))
    assert counts.exp().tolist() == pytest.approx([3 / 16, 6 / 32])


@pytest.mark.parametrize("concentration", [1e-6, 0.3, 2.0, 50.0])
def test_angles(concentration: float) -> None:
    """The density is integrated, and draws have its circular moments."""
    one = d.VonMises(double([0.5, -3.0]), double(concentration))
    x = double(np.linspace(-np.pi, np.pi, 2001)[:-1, None])
    density = one.log_prob(x).exp()
    close((density.mean(0) * 2 * math.pi).numpy(), np.ones(2), 10)
    surprise = -(density * one.log_prob(x)).mean(0) * 2 * math.pi
    np.testing.assert_allclose(surprise.numpy(), one.entropy().numpy(), rtol=1e-9)
    length = (density * (x - one.loc).cos()).mean(0) * 2 * math.pi
    np.testing.assert_allclose(1 - length.numpy(), one.variance.numpy(), rtol=1e-9, atol=1e-12)
    steep.manual_seed(3)
    drawn = one.sample((5_000,))
    assert (drawn.abs() <= math.pi).all()
    spread = math.sqrt(2 / 5_000)
    assert ((drawn - one.loc).cos().mean(0) - length).abs().max() < 4 * spread
    assert (drawn - one.loc).sin().mean(0).abs().max() < 4 * spread


def test_angles_have_gradients_and_wrap() -> None:
    loc, concentration = double([0.2, 3.0]).requires_grad_(), double([0.7, 90.0]).requires_grad_()
    angles = double([1.0, -3.0])

    def density(loc: Any, concentration: Any) -> Any:
        return d.VonMises(loc, concentration).log_prob(angles)

    assert steep.autograd.gradcheck(density, (loc, concentration))
    one = d.VonMises(0.0, steep.tensor([1e-3, 1e4, 1e8]))
    assert one.log_prob(one.loc).isfinite().all()
    there, again = one.log_prob(one.loc + 1.0), one.log_prob(one.loc + 1.0 + 2 * math.pi)
    np.testing.assert_allclose(there.numpy(), again.numpy(), rtol=1e-5)
    assert tuple(one.expand((4, 3)).sample((2,)).shape) == (2, 4, 3)
    assert one.sample().dtype == steep.float32


def test_draws_of_counts_and_angles_are_those_of_pytorch() -> None:
    steep.manual_seed(3)
    counts = d.NegativeBinomial(double([1.0, 5.0, 0.5]), probs=double([0.2, 0.7, 0.99]))
    assert counts.sample((2,)).tolist() == COUNTS
    steep.manual_seed(3)
    angles = d.VonMises(double([0.0, 1.0, -3.0]), double([1.0, 0.1, 100.0])).sample((2,))
    np.testing.assert_allclose(angles.numpy(), ANGLES, rtol=1e-12)


# ---- matrices ------------------------------------------------------------------------------------

COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])


def test_matrices_of_one_number_are_gamma_draws() -> None:
    df, scale = double([1.7, 3.0]), double([[[2.0]], [[0.3]]])
    one, gamma = d.Wishart(df, scale), d.Gamma(df / 2, 1 / (2 * scale[:, 0, 0]))
    value = double([[[0.4]], [[1.7]]])
    close(one.log_prob(value).numpy(), gamma.log_prob(value[:, 0, 0]).numpy(), 10)
    close(one.entropy().numpy(), gamma.entropy().numpy(), 10)
    close(one.mean[:, 0, 0].numpy(), gamma.mean.numpy())
    close(one.variance[:, 0, 0].numpy(), gamma.variance.numpy())
    steep.manual_seed(2)
    drawn = one.sample((3,))
    steep.manual_seed(2)
    close(drawn[..., 0, 0].numpy(), gamma.sample((3,)).numpy(), 10)


@pytest.mark.parametrize("way", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_draws_of_matrices(way: str) -> None:
    matrix = {
        "covariance_matrix": COVARIANCE,
        "precision_matrix": np.linalg.inv(COVARIANCE),
        "scale_tril": np.linalg.cholesky(COVARIANCE),
    }[way]
    one = d.Wishart(double([4.0, 6.5]), **{way: double(matrix)})
    assert (one.batch_shape, one.event_shape) == ((2,), (2, 2))
    close(one.covariance_matrix[1].numpy(), COVARIANCE, 10)
    steep.manual_seed(1)
    drawn = one.sample((5_000,))
    spread = one.variance.sqrt()
    assert ((drawn.mean(0) - one.mean).abs() < 0.06 * spread).all()
    assert ((drawn.std(0) / spread - 1).abs() < 0.08).all()
    surprise = -one.log_prob(drawn).mean(0)
    assert (surprise - one.entropy()).abs().max() < 0.08
    wider = one.expand((3, 2))
    assert tuple(wider.sample((5,)).shape) == (5, 3, 2, 2, 2)
    close(wider.log_prob(drawn[0]).numpy()[2], one.log_prob(drawn[0]).numpy(), 10)
    assert tuple(one.mode.shape) == (2, 2, 2)


def test_gradients_of_matrices() -> None:
    df, factor = double([4.0]).requires_grad_(), double(np.linalg.cholesky(COVARIANCE))
    factor.requires_grad_()
    value = double(COVARIANCE * 3)

    def density(df: Any, factor: Any) -> Any:
        one = d.Wishart(df, scale_tril=factor.tril(), validate_args=False)
        return one.log_prob(value), one.entropy()

    assert steep.autograd.gradcheck(density, (df, factor))
    drawn = d.Wishart(df, scale_tril=factor).rsample((4,))
    assert all(x.abs().sum() > 0 for x in steep.autograd.grad(drawn.sum(), (df, factor)))


def test_matrices_that_are_refused() -> None:
    unit = steep.eye(2)
    for call, text in (
        (lambda: d.Wishart(1.0, unit), "df to be above n - 1 = 1"),
        (lambda: d.Wishart(3.0), "Exactly one of"),
        (lambda: d.Wishart(3.0, unit, unit), "Exactly one of"),
        (lambda: d.Wishart(3.0, steep.ones(2)), "at least two-dimensional"),
        (lambda: d.Wishart(3.0, steep.ones(2, 3)), "of shape"),
        (lambda: d.Wishart(3.0, -unit), "positive definite"),
        (lambda: d.Wishart(3.0, unit).log_prob(-unit), "within the support"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.warns(UserWarning, match="may be singular"):
        d.Wishart(1.5, unit)


@pytest.mark.parametrize("concentration", [math.inf, 1e30, 1e16])
def test_angles_without_room_beside_their_direction(concentration: float) -> None:
    angles = d.VonMises(double([0.5, -3.0]), double(concentration)).sample((3,))
    close(angles.numpy(), np.tile([0.5, -3.0], (3, 1)), 2**28)


def test_draws_of_angles_end() -> None:
    """Whatever the concentration, also where nobody checks it."""
    unchecked = d.VonMises(0.0, steep.tensor([math.nan, 0.0]), validate_args=False)
    angles = unchecked.sample((2000,)).numpy()
    assert np.isnan(angles[:, 0]).all()
    assert abs(np.cos(angles[:, 1]).mean()) < 5 / (2 * 2000) ** 0.5


def test_matrices_of_examples() -> None:
    degrees, value = double([3.0, 4.5]), double([[2.0, 0.5], [0.5, 1.0]])

    def density(df: Any) -> Any:
        return d.Wishart(df, double(np.eye(2))).log_prob(value)

    found = steep.func.vmap(density)(degrees)
    close(found.numpy(), np.array([density(df).item() for df in degrees]), 8)
    with pytest.raises(ValueError, match=r"df to be above n - 1 = 1, got 0\.5 at position 1"):
        steep.func.vmap(density)(double([3.0, 0.5]))
