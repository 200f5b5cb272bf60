"""Functions of `math`, rounding and bits of numbers that change: computed anew at every replay."""

from __future__ import annotations

import builtins
import contextlib
import math
import operator
import sys
import threading
import types
import warnings
from math import pow as power
from math import sqrt
from typing import Any

import pytest

import steep
from numbers_support import Keeper, both

ONE = "acos acosh asin asinh atan atanh cos cosh erf erfc exp expm1 fabs gamma lgamma log log10"
ONE += " log1p log2 sin sinh sqrt tan tanh degrees radians ulp"
TWO = ["atan2", "copysign", "fmod", "hypot", "pow", "log", "remainder"]


@pytest.mark.parametrize("name", [*ONE.split(), *(n for n in ("cbrt", "exp2") if hasattr(math, n))])
def test_functions_of_one_number(name: str) -> None:
    function = getattr(math, name)
    shift = 1.5 if name == "acosh" else 0.01

    def make() -> Any:
        return (lambda x, t: x * function(t) + function(2 * t)), lambda: None

    both(make, lambda f, i: f(steep.rand(3), shift + 0.03 * i))


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers(name: str) -> None:
    function = getattr(math, name)

    def make() -> Any:
        def step(x: Any, t: float, s: float) -> Any:
            return x * function(t, s) + function(s, 1.7) - function(1.7, t)

        return step, lambda: None

    both(make, lambda f, i: f(steep.rand(3), 0.21 + 0.03 * i, 4.3 - 0.1 * i))


FMA = getattr(math, "fma", lambda a, b, c: a * b + c)  # since Python 3.13
OTHERS: dict[str, Any] = {
    "round": lambda t: round(t / 7.3, 2),
    "round to an int": lambda t: round(t * 1.3) + 0.25,
    "floor": lambda t: math.floor(t / 1.7) + 0.25,
    "ceil": lambda t: 0.9 ** math.ceil(t * 0.7),
    "trunc": lambda t: math.trunc(-t * 1.7) + 0.25,
    "divmod": lambda t: divmod(t * 3, 1.7)[0] + divmod(t, 5000)[1] + 0.1,
    "reflected divmod": lambda t: divmod(400000, t)[0] / 7,
    "and": lambda t: (t & 1023) + 0.25,
    "or": lambda t: 0.25 + (8192 | t),
    "xor": lambda t: (t ^ 4097) + 0.25,
    "shifts": lambda t: (t << 2) + (t >> 1) + (1 << t % 50 << 2) + 0.25,
    "invert": lambda t: 0.25 - ~t,
    "gcd and lcm": lambda t: math.gcd(t * 6, 4 * t) + math.lcm(t, 4) + 0.25,
    "comb and perm": lambda t: math.comb(t, 3) + math.perm(t, 2) + math.perm(5) + 0.25,
    "factorial": lambda t: 1 / math.factorial(t),
    "isqrt": lambda t: math.isqrt(t * 1000) + 0.25,
    "isclose": lambda t: (0.25 if math.isclose(t, 6.0) else 0.75) * t,
    "fma": lambda t: FMA(t / 7, 0.3, t),
    "prod": lambda t: math.prod([t / 7, 0.3, t]),
    "ldexp": lambda t: math.ldexp(0.3, -t) + math.ldexp(t / 7, 3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_rounding_and_bits(name: str) -> None:
    keeper = Keeper()

    def make() -> Any:
        keeper.t = 5

        def step(x: Any) -> Any:
            keeper.t += 3
            return x * OTHERS[name](keeper.t)

        return step, lambda: keeper.t

    both(make, lambda f, i: f(steep.rand(3)))


def test_a_cosine_schedule() -> None:
    keeper = Keeper()

    def make() -> Any:
        keeper.t = 3
        w = steep.ones(3, requires_grad=True)

        def step(x: Any) -> Any:
            keeper.t += 1
            rate = 0.01 + 0.5 * 0.3 * (1 + math.cos(math.pi * keeper.t / 50))
            w.grad = None
            loss = (w * x).square().sum()
            loss.backward()
            with steep.no_grad():
                w.sub_(rate * w.grad)
            return loss

        return step, lambda: (keeper.t, w.tolist())

    both(make, lambda f, i: f(steep.rand(3)))


class Adam(steep.optim.Optimizer):
    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1, "betas": (0.9, 0.99)})

    @steep.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["mean"], state["square"] = steep.zeros_like(p), steep.zeros_like(p)
                state["step"] += 1
                state["mean"].mul_(beta1).add_(p.grad, alpha=1 - beta1)
                state["square"].mul_(beta2).add_(p.grad * p.grad, alpha=1 - beta2)
                scale = math.sqrt(1 - math.pow(beta2, state["step"]))
                rate = group["lr"] * scale / (1 - beta1 ** state["step"])
                p.sub_(rate * state["mean"] / (state["square"].sqrt() + 1e-8))


def test_an_optimizer_that_computes_with_math() -> None:
    def make() -> Any:
        w = steep.ones(3, requires_grad=True)
        optimizer = Adam([w])

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (w * x).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        return step, lambda: (w.tolist(), optimizer.state_dict())

    both(make, lambda f, i: f(steep.rand(3)))


@pytest.mark.parametrize(
    "step",
    [
        lambda x, t: x * sqrt(t),
        lambda x, t: x * min(map(math.sqrt, [t, 2 * t])),
        lambda x, t: x * types.SimpleNamespace(f=math.sqrt).f(t),
    ],
)
def test_by_whatever_name_it_is_called(step: Any) -> None:
    both(lambda: (step, lambda: None), lambda f, i: f(steep.rand(3), 0.21 + 0.03 * i))


# An int refuses what stands in for one as an exponent or a modulus, before that is asked.
POWERS: dict[str, tuple[Any, bool]] = {
    "exponent": (lambda x, t: x * pow(3, t, 17), False),
    "modulus": (lambda x, t: x * pow(7, 2, t), False),
    "base and modulus": (lambda x, t: x * pow(t, 2, t + 3), False),
    "by another name": (lambda x, t: x * builtins.pow(3, t, 17), False),
    "out of C": (lambda x, t: x * next(map(pow, [3], [t], [17])), False),
    "a method": (lambda x, t: (x * t).pow(2), True),
    "a method of an int": (lambda x, t: x * t.__pow__(2), True),
    "of math": (lambda x, t: x * power(t / 7, 2.5), True),
    "operator": (lambda x, t: x * operator.pow(t / 7, 2.5), True),
}


def of_ints(f: Any, i: int) -> Any:
    """Ints are followed later than floats."""
    return [f(steep.ones(3), 20 + 6 * i + n) for n in range(2)][1]


@pytest.mark.parametrize("name", POWERS)
def test_powers(name: str) -> None:
    step, replays = POWERS[name]
    compiled = both(lambda: (step, lambda: None), of_ints, replays)
    assert replays or "it uses pow()" in compiled.explain()


def test_a_power_in_a_branch_not_taken_so_far() -> None:
    def other(t: int) -> int:
        return pow(3, t, 17)

    def make() -> Any:
        return (lambda x, t: x * (other(t) if t > 50 else t)), lambda: None

    compiled = both(make, of_ints, replays=False)
    assert "it uses pow()" in compiled.explain()


def test_the_modulus_of_a_power_is_asked_for() -> None:
    def step(x: Any, t: int, m: int) -> Any:
        return x * t.__pow__(2, m)

    for by_two in (False, True):

        def call(f: Any, i: int, by_two: bool = by_two) -> Any:
            return [f(steep.ones(3), 20 + i * by_two + n, 7 + i // 2) for n in (0, 0, 30)][2]

        both(lambda: (step, lambda: None), call, replays=None)


SUMS: dict[str, Any] = {
    "list": lambda t: sum([t] * 10),
    "generator": lambda t: sum(t / n for n in range(1, 20)),
    "start": lambda t: sum([0.1] * 10, t),
}
if sys.version_info >= (3, 12):
    SUMS["products"] = lambda t: math.sumprod([t] * 10, [0.1] * 10)


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_those_of_floats(name: str) -> None:
    """Which are more exact than those of other objects, since Python 3.12."""
    function = SUMS[name]

    def step(x: Any, t: float) -> Any:
        return x * function(t)

    is_followed = sys.version_info < (3, 12)
    x = steep.ones(3, dtype=steep.float64)
    both(lambda: (step, lambda: None), lambda f, i: f(x, 0.1 + 0.07 * i), is_followed or None)


FAILING: dict[str, Any] = {
    "sqrt": lambda x, t: x * math.sqrt(t),
    "log": lambda x, t: x * math.log(t),
    "unused": lambda x, t: (math.sqrt(t), x * 2)[1],
    "division": lambda x, t: (1 / (t + 0.5), x * 2)[1],
    "shift": lambda x, t: (1 << math.floor(t), x * 2)[1],
}


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_without_compile_fails_as_well(name: str) -> None:
    step = FAILING[name]
    compiled = steep.compile(step)
    for i in range(14):
        t = 2.1 - 0.2 * i
        seen = []
        for function in (step, compiled):
            try:
                seen.append(repr(function(steep.ones(2), t)))
            except Exception as error:
                seen.append(repr(error))
        assert seen[0] == seen[1]
    assert sum(program.runs for program in compiled.programs()) > 0
    assert "Error" in seen[0] or name in ("division", "shift")
    for t in (-0.5, -3.5):
        wanted = None
        with contextlib.suppress(ZeroDivisionError, ValueError):
            wanted = repr(step(steep.ones(2), t))
        if wanted is not None:
            assert repr(compiled(steep.ones(2), t)) == wanted
            continue
        with pytest.raises((ZeroDivisionError, ValueError)):
            compiled(steep.ones(2), t)


@pytest.mark.parametrize("name", ["sqrt", "division", "divmod"])
@pytest.mark.filterwarnings("ignore:compile")
def test_a_failure_that_is_handled_belongs_to_its_number(name: str) -> None:
    risky = {
        "sqrt": lambda t: math.sqrt(t),
        "division": lambda t: 7 / (t // 1),
        "divmod": lambda t: divmod(7, t // 1)[0],
    }[name]

    def step(x: Any, t: float) -> Any:
        try:
            return x * risky(t)
        except (ValueError, ZeroDivisionError):
            return x * 2

    compiled = steep.compile(step)
    for i in range(48):
        t = (-0.6 if name == "sqrt" else 0.3) + 0.01 * i if i // 12 % 2 == 0 else 5.1 + 1.01 * i
        assert repr(compiled(steep.ones(2), t)) == repr(step(steep.ones(2), t))
    assert sum(program.runs for program in compiled.programs()) > 3


def test_other_arguments_go_where_they_went() -> None:
    """While a call is recorded, `math` is what it was to all others, and to other arguments."""
    seen: dict[int, list[Any]] = {}

    class Number:
        def __float__(self) -> float:
            return 2.25

    def use() -> None:
        text = []
        for bad in ("x", None, steep.ones(2)):
            try:
                math.sqrt(bad)  # type: ignore[arg-type]
            except Exception as error:
                text.append(type(error).__name__ + str(error))
        found = [math.sqrt(Number()), math.pow(2, 3), math.sqrt.__name__, repr(math.sqrt), text]
        seen.setdefault(threading.get_ident(), []).append(found)

    def step(x: Any, t: float) -> Any:
        use()
        return x * math.sqrt(t) * math.sqrt(steep.ones(1))

    use()
    compiled = steep.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            compiled(steep.ones(2), 0.21 + 0.03 * i)
    use()
    found = [repr(item) for items in seen.values() for item in items]
    assert len({*found}) == 1
