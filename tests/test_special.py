"""Special functions and draws of their distributions, beyond the rows of the table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from steep import _core
from steep import special as s
from steep.autograd import gradcheck, gradgradcheck
from steep.reference import OPS
from tolerances import close

RNG = np.random.default_rng(8)


def double(array: Any) -> Any:
    return steep.from_numpy(np.array(array, np.float64))


# ---- accuracy -----------------------------------------------------------------------------------

WIDE = np.exp(RNG.normal(size=300) * 3)
BOTH = np.concatenate([WIDE, -WIDE])
# What each is tried at, and how far it may be away relative to its value and to 1. Of the Bessel
# functions it is the reference that rounds: its integral is a sum of numbers up to 1.
POINTS: dict[str, tuple[Any, float, float]] = {
    "lgamma": (BOTH[np.abs(BOTH) < 1e4], 2e-15, 2e-15),
    "digamma": (WIDE, 2e-15, 2e-15),
    "i0": (BOTH, 2e-12, 0),
    "special_i0e": (BOTH, 2e-12, 0),
    "special_i1": (BOTH, 2e-12, 0),
    "special_i1e": (BOTH, 2e-12, 0),
    "special_erfcx": (BOTH[BOTH > -5], 1e-14, 0),
    "special_log_ndtr": (BOTH[BOTH < 25], 5e-13, 0),
    "special_ndtri": (
        np.concatenate([RNG.random(200), 10.0 ** RNG.uniform(-300, -1, 99)]),
        1e-13,
        0,
    ),
}


@pytest.mark.parametrize("name", POINTS)
def test_function_is_as_near_as_float64_allows(name: str) -> None:
    x, relative, absolute = POINTS[name]
    got, expected = getattr(_core, name)(double(x)).numpy(), OPS[name].forward(x)
    np.testing.assert_allclose(got, expected, relative, absolute)
    single = getattr(_core, name)(double(x).float()).numpy()
    with np.errstate(over="ignore"):
        wide = OPS[name].forward(x.astype(np.float32).astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(single, wide, 1.3e-7, 1e-38)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_polygamma_of_both_signs(n: int) -> None:
    x = np.concatenate([WIDE[:99], -RNG.uniform(0.05, 30, 99), [-1e-7, 1e-7]])
    got = steep.polygamma(n, double(x)).numpy()
    np.testing.assert_allclose(got, OPS["polygamma"].forward(n, x), 3e-13)


def test_roots_of_lgamma_are_exact() -> None:
    near = 10.0 ** np.arange(-15.0, -1)
    for root, slope in ((1, -np.euler_gamma), (2, 1 - np.euler_gamma)):
        x = root + near
        got = steep.lgamma(double(x)).numpy()
        np.testing.assert_allclose(got[:8], slope * (x - root)[:8], 1e-6)
        np.testing.assert_allclose(got, [math.lgamma(v) for v in x], 1e-14, 1e-15)


@pytest.mark.parametrize("scale", [0.02, 1.0, 30.0, 3000.0])
def test_incomplete_gamma_functions(scale: float) -> None:
    a = RNG.uniform(0.2, 2, 60) * scale
    x = a * np.exp(RNG.normal(size=60) / np.sqrt(a + 0.3))
    lower, upper = steep.igamma(double(a), double(x)), steep.igammac(double(a), double(x))
    np.testing.assert_allclose(lower.numpy(), OPS["igamma"].forward(a, x), 1e-14 * (300 + scale))
    np.testing.assert_allclose((lower + upper).numpy(), np.ones(60), 1e-15)


# ---- gradients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["igamma", "igammac", "special_zeta"])
def test_slopes_in_the_second_argument(name: str) -> None:
    function = getattr(_core, name)
    a, x = double([1.5, 2.5, 7.0]), double([0.7, 3.0, 6.0]).requires_grad_()
    assert gradcheck(lambda x: function(a, x), (x,))
    assert gradgradcheck(lambda x: function(a, x), (x,))
    with pytest.raises(NotImplementedError, match="a first argument that needs no gradient"):
        function(double([1.5]).requires_grad_(), x)


@pytest.mark.parametrize("name", ["entr", "ndtr", "xlog1py", "erfcx", "i1", "i1e", "ndtri"])
def test_names_of_torch_special_have_gradients(name: str) -> None:
    x = double([0.2, 0.35, 0.8]).requires_grad_()
    function = getattr(s, name)
    inputs = (x, double([0.1, 2.0, -0.5]).requires_grad_()) if name == "xlog1py" else (x,)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def _beta_share(a: float, b: float, x: float) -> float:
    """The probability of Beta(a, b) draws up to x, over the logarithm of the odds."""
    at = math.log(x / (1 - x)) - np.arange(0, 60 / min(a, 1), 1e-3)
    weight = np.exp(-a * np.logaddexp(0, -at) - b * np.logaddexp(0, at))
    total = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return float((weight.sum() - weight[0] / 2) * 1e-3 / math.exp(total))


@pytest.mark.parametrize("a", [0.05, 0.6, 1.0, 4.0, 70.0, 900.0])
def test_a_gamma_draw_moves_as_its_rank_demands(a: float) -> None:
    for x in (a * 0.7, a, a * 1.1 + 0.3):
        h, share = (
            1e-4 * a,
            lambda a, x=x: float(OPS["igamma"].forward(np.float64(a), np.float64(x))),
        )
        slope = (share(a - 2 * h) - share(a + 2 * h) + 8 * (share(a + h) - share(a - h))) / (12 * h)
        density = math.exp((a - 1) * math.log(x) - x - math.lgamma(a))
        got = _core._standard_gamma_grad(double(a), double(x)).item()
        assert got == pytest.approx(-slope / density, rel=2e-7)


@pytest.mark.parametrize(("a", "b"), [(0.4, 0.3), (1.0, 3.0), (20.0, 5.0), (0.3, 60.0)])
def test_a_beta_draw_moves_as_its_rank_demands(a: float, b: float) -> None:
    for odds in (0.6 * a / b, a / b, 1.5 * a / b):
        x, h = odds / (1 + odds), 1e-3 * a
        once = _beta_share(a + h, b, x) - _beta_share(a - h, b, x)
        twice = _beta_share(a + 2 * h, b, x) - _beta_share(a - 2 * h, b, x)
        slope = (8 * once - twice) / (12 * h)
        total = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
        density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - total)
        got = _core._dirichlet_grad(double(x), double(a), double(a + b)).item()
        assert got == pytest.approx(-slope / density / (1 - x), rel=1e-5)


def test_draws_are_differentiated_once() -> None:
    alpha = double([2.0, 3.0]).requires_grad_()
    for draw in (_core._standard_gamma, _core._sample_dirichlet):
        x = (draw(alpha) ** 2).sum()
        (slope,) = steep.autograd.grad(x, alpha, create_graph=True)
        with pytest.raises(NotImplementedError, match="differentiated once"):
            slope.sum().backward()


# ---- names --------------------------------------------------------------------------------------


def test_compositions_and_their_edges() -> None:
    x = double([0.0, 0.5, 1.0, -1.0, math.inf, math.nan])
    nan, inf = math.nan, math.inf
    close(s.entr(x).numpy(), np.array([0, 0.5 * math.log(2), 0, -inf, -inf, nan]))
    close(s.ndtr(double([-40.0, 0.0, 40.0])).numpy(), np.array([3.655893540915e-350, 0.5, 1.0]))
    close(s.xlog1py(0, double([-1.0, -2.0, 3.0, nan])).numpy(), np.array([0, 0, 0, nan]))
    close(s.xlog1py(x[:2], 1.0).numpy(), np.array([0, 0.5 * math.log(2)]))
    assert s.xlog1py(steep.tensor([2]), steep.tensor([1])).dtype == steep.float32
    with pytest.raises(TypeError, match="a tensor among both"):
        s.xlog1py(1.0, 2.0)
    assert s.gammaln is steep.lgamma
    assert s.psi is steep.digamma
    assert s.softmax(steep.zeros(2), 0).tolist() == [0.5, 0.5]
    assert s.round(steep.tensor([2.345]), decimals=1).item() == pytest.approx(2.3)
    assert sorted(set(dir(s)) & set(s.__all__)) == sorted(s.__all__)


# ---- draws --------------------------------------------------------------------------------------


DRAWN: list[list[float]] = [
    [-1.896993294044302, 6.307584910997154, 2.195958643518326, 2.138112397654867],
    [1.493342638015747, -2.785900592803955, -2.2613747119903564, -3.354617118835449],
    [2.259836435317993, 0.8438475728034973, 4.715389251708984, 1.3237894773483276],
    [4.0, 8.0, 23.0, 38.0, 1.0, 25.0],
    [1.0, 8.0, 8.0, 12.0, 296.0, 1988.0],
    [0.0, 19.0, 22.0, 82.0, 983.0],
    [0.00727801863104105, 0.20148710906505585, 2.480865001678467, 2.4566900730133057, 62.6210289],
    [0.00031423926702700555, 0.9996857643127441, 0.018157292157411575, 0.9818426966667175],
]


def test_draws_are_those_of_pytorch() -> None:
    """Those of torch 2.13 after manual_seed(11), one call after the other."""
    steep.manual_seed(11)
    t, empty = steep.tensor, steep.empty
    drawn = [
        empty(4, dtype=steep.float64).cauchy_(1.0, 2.0),
        empty(4).cauchy_(1.0, 2.0),
        empty(4).log_normal_(0.5, 0.7),
        empty(6).geometric_(0.1),
        steep.poisson(t([0.5, 3.0, 9.0, 15.0, 300.0, 2000.0])),
        steep.binomial(t([5.0, 20.0, 50.0, 400.0, 1e5]), t([0.3, 0.9, 0.5, 0.2, 0.01])),
        _core._standard_gamma(t([0.1, 0.7, 1.0, 3.0, 50.0])),
        _core._sample_dirichlet(t([[0.1, 0.7], [3.0, 50.0]])).flatten(),
    ]
    for x, expected in zip(drawn, DRAWN, strict=True):
        np.testing.assert_allclose(x.numpy(), np.array(expected, x.numpy().dtype), 2e-7)


@pytest.mark.parametrize("alpha", [1e-3, 0.4, 1.0, 30.0])
def test_draws_have_the_mean_that_they_should(alpha: float) -> None:
    steep.manual_seed(3)
    x = _core._standard_gamma(steep.full((40_000,), alpha, dtype=steep.float64))
    assert abs(x.mean().item() - alpha) < 6 * math.sqrt(alpha / 40_000)
    shares = _core._sample_dirichlet(steep.full((9, 4), alpha))
    close(shares.sum(-1).numpy(), np.ones(9, np.float32), 2)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float64"])
def test_trials_are_counted_in_any_type(dtype: str) -> None:
    steep.manual_seed(5)
    x = steep.empty(5000, dtype=getattr(steep, dtype)).geometric_(0.4)
    assert abs(x.double().mean().item() - 2.5) < 0.15
    assert x.min().item() == 1


@pytest.mark.parametrize(
    ("draw", "error", "text"),
    [
        (lambda: steep.zeros(2).cauchy_(0.0, 0.0), RuntimeError, "sigma > 0.0"),
        (lambda: steep.zeros(2).log_normal_(0.0, -1.0), RuntimeError, "std > 0.0"),
        (lambda: steep.zeros(2).geometric_(1.0), RuntimeError, r"p to be in \(0, 1\)"),
        (lambda: steep.zeros(2).bool().geometric_(0.5), NotImplementedError, "numbers"),
        (lambda: steep.zeros(2).long().cauchy_(), NotImplementedError, "floating-point dtype"),
    ],
)
def test_bad_settings_are_refused(draw: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        draw()


def test_replays_draw_anew() -> None:
    alpha = steep.tensor([0.5, 2.0], requires_grad=True)

    def step(x: Any) -> Any:
        z = _core._standard_gamma(alpha) * x + steep.poisson(x) + steep.empty(2).cauchy_()
        return z, steep.autograd.grad(z.sum(), alpha)[0] + steep.lgamma(x)

    compiled = steep.compile(step)
    for i in range(6):
        results = []
        for run in (compiled, step):
            steep.manual_seed(i)
            results.append([r.detach().tolist() for r in run(steep.ones(2) * (i + 1))])
        assert results[0] == results[1]
    assert replays(compiled) > 0, compiled.explain()


def test_upper_incomplete_gamma_function_of_small_numbers() -> None:
    """1 - P, where P is so near 1 that nothing of the difference would be left."""
    a = double([1e-300, 1e-12, 1e-8, 1e-8, 1e-3, 1.9e-3, 2.1e-3])
    x = double([1.0, 1.0, 0.5, 1e-8, 1.0, 0.25, 0.25])
    # a times the exponential integral, and a correction of the order of a: its series in a.
    euler = np.array([float(_exponential_integral(value)) for value in x.tolist()])
    got = (s.gammaincc(a, x) / a).numpy()
    np.testing.assert_allclose(got[:4], euler[:4], rtol=2e-7)
    np.testing.assert_allclose(got[0], euler[0], rtol=1e-14)
    # Continuous where the formulas of log(gamma(1 + a)) meet, and the rest of what is below 1.
    np.testing.assert_allclose(got[5], got[6], rtol=2e-3)
    a, x = double(np.linspace(0.0015, 0.999, 40)), double(np.linspace(1, 0.01, 40))
    close((s.gammainc(a, x) + s.gammaincc(a, x)).numpy(), np.ones(40))
    a, near = double([2e-3 * (1 - 1e-13), 2e-3 * (1 + 1e-13)]), s.gammaincc
    below, above = near(a, steep.ones(2).double()).tolist()
    assert abs(above - below) < 2e-11 * above


def _exponential_integral(x: float) -> float:
    """Abramowitz and Stegun 5.1.11."""
    total, term = -0.5772156649015329 - math.log(x), -1.0
    for k in range(1, 40):
        term *= -x / k
        total += term / k
    return total


def test_slope_of_logit_at_its_ends() -> None:
    x = double([0.0, 0.5, 1.0]).requires_grad_()
    (slope,) = steep.autograd.grad(steep.logit(x).sum(), x)
    assert slope.tolist() == [math.inf, 4.0, math.inf]
    (slope,) = steep.autograd.grad(steep.logit(x, eps=0.25).sum(), x)
    assert slope.tolist() == [0.0, 4.0, 0.0]
