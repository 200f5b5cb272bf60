"""`steep.distributions`: densities, draws, entropies and divergences, from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import distributions as d
from steep.autograd import gradcheck
from tolerances import close

RNG = np.random.default_rng(2)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


LOC, SCALE = RNG.normal(size=3), np.exp(RNG.normal(size=3))
PROBS = RNG.uniform(0.1, 0.9, 3)
WEIGHTS = np.exp(RNG.normal(size=(2, 4)))

# Each: how it is made, and the density or probability from its definition.
Made = tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]
CONTINUOUS: dict[str, Made] = {
    "normal": (
        d.Normal,
        (LOC, SCALE),
        lambda x, m, s: np.exp(-((x - m) ** 2) / (2 * s * s)) / (s * np.sqrt(2 * np.pi)),
    ),
    "log normal": (
        d.LogNormal,
        (LOC, SCALE),
        lambda x, m, s: (
            np.exp(-((np.log(x) - m) ** 2) / (2 * s * s)) / (x * s * np.sqrt(2 * np.pi))
        ),
    ),
    "uniform": (d.Uniform, (LOC - 1, LOC + SCALE), lambda x, a, b: 1 / (b - a)),
    "exponential": (d.Exponential, (SCALE,), lambda x, r: r * np.exp(-r * x)),
    "laplace": (
        d.Laplace,
        (LOC, SCALE),
        lambda x, m, s: np.exp(-np.abs(x - m) / s) / (2 * s),
    ),
}


def made(name: str) -> Any:
    kind, arguments, _ = CONTINUOUS[name]
    return kind(*map(double, arguments))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_is_that_of_the_definition(name: str) -> None:
    _, arguments, density = CONTINUOUS[name]
    value = made(name).sample((5,))
    close(
        made(name).log_prob(value).exp().numpy(),
        density(value.numpy(), *arguments) * np.ones((5, 3)),
        8,
    )


@pytest.mark.parametrize("name", CONTINUOUS)
def test_moments_and_entropy_are_those_of_many_draws(name: str) -> None:
    steep.manual_seed(3)
    one = made(name)
    if name == "log normal":  # whose tails take more draws than a test can make
        one = d.LogNormal(double([0.1, -0.2, 0.3]), double([0.2, 0.3, 0.1]))
    x = one.sample((100_000,))
    spread = one.stddev.numpy()
    assert (np.abs(x.mean(0).numpy() - one.mean.numpy()) < 0.02 * spread).all()
    assert (np.abs(x.std(0).numpy() / spread - 1) < 0.03).all()
    close(one.variance.numpy(), spread**2, 4)
    assert np.abs(-one.log_prob(x).mean(0).numpy() - one.entropy().numpy()).max() < 0.03


@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantiles_are_the_inverse_of_probabilities(name: str) -> None:
    one, shares = made(name), double([[0.05], [0.5], [0.9]])
    close(one.cdf(one.icdf(shares)).numpy(), shares.numpy() * np.ones(3), 64)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradients_of_densities_and_draws(name: str) -> None:
    kind, arguments, _ = CONTINUOUS[name]
    leaves = tuple(double(a).requires_grad_() for a in arguments)
    value = made(name).sample((2,))
    if name != "uniform":
        assert gradcheck(lambda *p: kind(*p, validate_args=False).log_prob(value), leaves)

    def draw(*parameters: Any) -> Any:
        steep.manual_seed(9)
        return kind(*parameters, validate_args=False).rsample((2,))

    assert gradcheck(draw, leaves)
    assert not made(name).sample().requires_grad


# ---- discrete -----------------------------------------------------------------------------------


def test_coins() -> None:
    coin = d.Bernoulli(double(PROBS))
    values = coin.enumerate_support()
    close(coin.log_prob(values).exp().numpy(), np.stack([1 - PROBS, PROBS]), 8)
    close(coin.logits.numpy(), np.log(PROBS / (1 - PROBS)), 8)
    close(d.Bernoulli(logits=coin.logits).probs.numpy(), PROBS, 8)
    close(coin.entropy().numpy(), -(PROBS * np.log(PROBS) + (1 - PROBS) * np.log1p(-PROBS)), 8)
    steep.manual_seed(0)
    assert np.abs(coin.sample((20_000,)).mean(0).numpy() - PROBS).max() < 0.02
    assert d.Bernoulli(0.3).mode.item() == 0.0
    assert math.isnan(d.Bernoulli(0.5).mode.item())


@pytest.mark.parametrize("way", ["probs", "logits"])
def test_classes(way: str) -> None:
    shares = WEIGHTS / WEIGHTS.sum(-1, keepdims=True)
    die = d.Categorical(**{way: double(WEIGHTS if way == "probs" else np.log(WEIGHTS))})
    close(die.probs.numpy(), shares, 8)
    close(die.log_prob(die.enumerate_support()).exp().numpy(), shares.T, 8)
    close(die.entropy().numpy(), -(shares * np.log(shares)).sum(-1), 8)
    assert die.mode.tolist() == shares.argmax(-1).tolist()
    steep.manual_seed(1)
    drawn = die.sample((20_000,))
    assert drawn.dtype == steep.int64
    found = np.stack([(drawn.numpy() == i).mean(0) for i in range(4)], -1)
    assert np.abs(found - shares).max() < 0.02


def test_one_hot_classes() -> None:
    die = d.OneHotCategorical(double(WEIGHTS))
    assert (die.batch_shape, die.event_shape) == ((2,), (4,))
    drawn = die.sample((7,))
    assert (drawn.sum(-1) == 1).all()
    close(die.log_prob(drawn).numpy(), die._categorical.log_prob(drawn.argmax(-1)).numpy())
    logits = steep.zeros(3, requires_grad=True)
    draw = d.OneHotCategoricalStraightThrough(logits=logits).rsample()
    (draw * steep.arange(3.0)).sum().backward()
    assert logits.grad.abs().sum() > 0


def test_weights_of_zero_are_never_drawn() -> None:
    die = d.Categorical(steep.tensor([0.0, 1.0, 0.0, 3.0]))
    assert set(die.sample((500,)).tolist()) == {1, 3}


# ---- made of others -----------------------------------------------------------------------------


def test_squashed_draws() -> None:
    """The density of tanh(1 + 2 z), from that of z and the slope of the map."""
    squashed = d.TransformedDistribution(
        d.Normal(double([0.0]), double([1.0])), [d.AffineTransform(1.0, 2.0), d.TanhTransform()]
    )
    z = RNG.normal(size=(4, 1)) * 0.5
    y = np.tanh(1 + 2 * z)
    slope = 2 * (1 - y * y)
    expected = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / slope
    close(squashed.log_prob(double(y)).exp().numpy(), expected, 64)
    close(
        squashed.cdf(double(y)).numpy(),
        d.Normal(double(0.0), double(1.0)).cdf(double(z)).numpy(),
        64,
    )


@pytest.mark.parametrize(
    "transform",
    [
        d.ExpTransform(),
        d.AffineTransform(0.5, -2.0),
        d.SigmoidTransform(),
        d.SoftplusTransform(),
        d.TanhTransform(),
        d.ComposeTransform([d.AffineTransform(0.0, 0.5), d.TanhTransform()]),
    ],
    ids=lambda t: type(t).__name__,
)
def test_maps_and_their_stretch(transform: Any) -> None:
    x = double(RNG.normal(size=5)).requires_grad_()
    y = transform(x)
    close(transform.inv(y).detach().numpy(), x.detach().numpy(), 256)
    (slope,) = steep.autograd.grad(y.sum(), x)
    stretch = transform.log_abs_det_jacobian(x, y).detach()
    close(stretch.exp().numpy(), slope.abs().numpy(), 256)
    close(transform.inv.log_abs_det_jacobian(y, x).detach().numpy(), -stretch.numpy())
    assert transform.inv.inv is transform


def test_each_parameter_of_a_map_has_its_own_draw() -> None:
    loc = steep.zeros(1000, 3)
    mapped = d.TransformedDistribution(d.Normal(steep.zeros(3), 1.0), [d.AffineTransform(loc, 1.0)])
    assert (mapped.batch_shape, mapped.base_dist.batch_shape) == ((1000, 3), (1000, 3))
    draws = mapped.sample()
    assert draws.unique().numel() == 3000
    assert mapped.rsample((2,)).shape == mapped.log_prob(mapped.sample((2,))).shape == (2, 1000, 3)


@pytest.mark.parametrize("inside", [False, True])
def test_a_map_of_events_makes_the_batch_events(inside: bool) -> None:
    maps: list[d.Transform] = [d.AffineTransform(1.0, steep.tensor([2.0, 4.0]), event_dim=1)]
    maps.append(d.ExpTransform())
    mapped = d.TransformedDistribution(
        d.Normal(steep.zeros(5, 2), 1.0), d.ComposeTransform(maps) if inside else maps
    )
    assert (mapped.batch_shape, mapped.event_shape) == ((5,), (2,))
    x = steep.rand(5, 2) + 0.5
    expected = d.LogNormal(1.0, steep.tensor([2.0, 4.0])).log_prob(x).sum(-1)
    close(mapped.log_prob(x).numpy(), expected.numpy(), 10)


def test_batches_as_events() -> None:
    base = d.Normal(double(np.zeros((5, 3))), double(np.ones(3)))
    vectors = d.Independent(base, 1)
    x = vectors.sample((2,))
    close(vectors.log_prob(x).numpy(), base.log_prob(x).sum(-1).numpy(), 4)
    close(vectors.entropy().numpy(), base.entropy().sum(-1).numpy(), 4)
    assert vectors.expand((7, 5)).sample().shape == (7, 5, 3)
    with pytest.raises(ValueError, match="actual 3 vs 2"):
        d.Independent(base, 3)


@pytest.mark.parametrize("name", [*CONTINUOUS, "bernoulli", "categorical", "one hot"])
def test_larger_batches_are_repetitions(name: str) -> None:
    one = {
        "bernoulli": d.Bernoulli(double(PROBS)),
        "categorical": d.Categorical(double(WEIGHTS)),
        "one hot": d.OneHotCategorical(logits=double(np.log(WEIGHTS))),
    }.get(name) or made(name)
    larger = one.expand((6, *one.batch_shape))
    assert larger.batch_shape == (6, *one.batch_shape)
    value = one.sample()
    shape = (6, *one.log_prob(value).shape)
    close(larger.log_prob(value).numpy(), one.log_prob(value).expand(shape).numpy())


# ---- divergences --------------------------------------------------------------------------------

PAIRS = {
    "normal": (d.Normal(0.3, 0.8), d.Normal(-0.2, 1.1)),
    "laplace": (d.Laplace(0.3, 0.8), d.Laplace(-0.2, 1.1)),
    "exponential": (d.Exponential(1.5), d.Exponential(0.7)),
    "uniform": (d.Uniform(0.2, 0.9), d.Uniform(0.0, 1.5)),
    "uniform, normal": (d.Uniform(0.2, 0.9), d.Normal(0.0, 1.0)),
    "bernoulli": (d.Bernoulli(0.3), d.Bernoulli(0.6)),
    "categorical": (
        d.Categorical(steep.tensor([1.0, 2.0, 3.0])),
        d.Categorical(steep.tensor([2.0, 2.0, 1.0])),
    ),
    "log normal": (d.LogNormal(0.3, 0.8), d.LogNormal(-0.2, 1.1)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergence_is_the_mean_of_many_draws(name: str) -> None:
    p, q = PAIRS[name]
    steep.manual_seed(4)
    x = p.sample((200_000,))
    estimate = (p.log_prob(x) - q.log_prob(x)).mean().item()
    assert abs(d.kl_divergence(p, q).item() - estimate) < 0.01
    assert abs(d.kl_divergence(p, p).item()) < 1e-6


def test_divergence_where_one_has_no_mass() -> None:
    assert d.kl_divergence(d.Bernoulli(0.5), d.Bernoulli(0.0)).item() == math.inf
    assert d.kl_divergence(d.Bernoulli(1.0), d.Bernoulli(1.0)).item() == 0.0
    assert d.kl_divergence(d.Uniform(0.0, 2.0), d.Uniform(0.0, 1.0)).item() == math.inf


def test_formulas_are_entered_and_found() -> None:
    class Mine(d.Normal):
        pass

    p = Mine(0.0, 1.0)
    assert d.kl_divergence(p, d.Normal(0.0, 1.0)).item() == 0.0  # that of its base
    d.register_kl(Mine, d.Normal)(lambda p, q: steep.tensor(7.0))
    assert d.kl_divergence(p, d.Normal(0.0, 1.0)).item() == 7.0
    with pytest.raises(NotImplementedError, match="register_kl"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Bernoulli(0.5))
    with pytest.raises(TypeError, match="classes of Distribution"):
        d.register_kl(int, d.Normal)


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: d.Normal(0.0, -1.0), "parameter scale to be above 0"),
        (lambda: d.Normal(float("nan"), 1.0), "parameter loc to be numbers"),
        (lambda: d.Normal(0.0, 1.0).log_prob(steep.tensor(float("nan"))), "within the support"),
        (lambda: d.Normal(steep.zeros(3), 1.0).log_prob(steep.zeros(2)), "broadcast with"),
        (lambda: d.Normal(0.0, 1.0).log_prob(1.0), "expected a Tensor, got float"),
        (lambda: d.Uniform(1.0, 0.0), "low >= high"),
        (lambda: d.Uniform(0.0, 1.0).log_prob(steep.tensor(2.0)), "within the support"),
        (lambda: d.Exponential(0.0), "parameter rate to be above 0"),
        (lambda: d.Bernoulli(1.5), "parameter probs to lie between 0 and 1"),
        (lambda: d.Bernoulli(), "but not both, got neither"),
        (lambda: d.Bernoulli(0.5, 0.5), "but not both, got both"),
        (lambda: d.Bernoulli(0.5).log_prob(steep.tensor(0.5)), "within the support"),
        (lambda: d.Categorical(steep.tensor(1.0)), "at least one-dimensional"),
        (lambda: d.Categorical(steep.tensor([-1.0, 2.0])), "add up to 1"),
        (lambda: d.Categorical(steep.ones(3)).log_prob(steep.tensor(3)), "within the support"),
        (lambda: d.OneHotCategorical(steep.ones(3)).log_prob(steep.ones(3)), "within the support"),
        (lambda: d.OneHotCategorical(steep.ones(3)).log_prob(steep.ones(2)), "event shape"),
        (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [abs]), "must be a Transform"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        call()


def test_the_first_offender_is_named() -> None:
    with pytest.raises(ValueError, match=r"scale to be above 0, got -2 at position 1"):
        d.Normal(0.0, steep.tensor([1.0, -2.0, -3.0]))
    with pytest.raises(ValueError, match=r"got another value at position 1"):
        d.Categorical(steep.tensor([[0.5, 0.5], [math.nan, 0.5]]))
    with pytest.raises(ValueError, match="positive definite matrices, got another value"):
        d.MultivariateNormal(steep.zeros(2), steep.tensor([[1.0, 2.0], [2.0, 1.0]]))


def test_unchecked_where_that_is_asked_for() -> None:
    assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    d.Distribution.set_default_validate_args(False)
    try:
        assert d.Exponential(-1.0).rate.item() == -1.0
    finally:
        d.Distribution.set_default_validate_args(True)
