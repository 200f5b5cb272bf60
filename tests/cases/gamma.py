"""The gamma function's family, Bessel functions, tails of the normal distribution, their draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.bench import MATRIX, native
from cases.create import ONE
from cases.elementwise import pairs, singles
from cases.random import DRAWN, seeded
from cases.row import ALL, FLOATS, Arr, Call, Row, arr, bad, call
from steep.reference import draws
from steep.reference.random import MT19937

_int = arr(2, dtype="int64")
_UNEQUAL = (arr(2, 3), arr(4))


def _special(name: str, given: Call) -> Callable[[Any], Callable[[], Any]]:
    """What is timed of a function that PyTorch has in torch.special."""

    def build(m: Any) -> Callable[[], Any]:
        arguments = native(m, given, "float32", name).args
        function = getattr(m.special, name)
        return lambda: function(*arguments)

    return build


def _unary(name: str, domain: str = "real", **fields: Any) -> Row:
    """Not in the usual large call: the references are loops."""
    fields.setdefault("bench", call(MATRIX))
    return Row(singles(domain), name, ALL, special=True, **fields)


def _of_one(name: str, domain: str = "real") -> Row:
    return _unary(f"special_{name}", domain, bench=_special(name, call(MATRIX)))


_HELD = "that to its first argument is not implemented, as in PyTorch"


def _incomplete(name: str) -> Row:
    return Row(
        pairs("positive", "positive"),
        name,
        FLOATS,
        gradient=f"{_HELD}; tests/test_special.py checks the other",
        bench=call(MATRIX, MATRIX),
        special=True,
        bad=(
            bad(RuntimeError, f"{name}: expected shapes that broadcast", *_UNEQUAL),
            bad(NotImplementedError, f"{name}: expected floating-point operands", _int, _int),
        ),
    )


_LONG = Call((Arr((20_003,)),))

SPECIAL = {
    "lgamma": _unary("lgamma", large=_LONG),
    "digamma": _unary("digamma", large=_LONG),
    "polygamma": Row(
        (
            call(1, arr(2, 3, domain="positive")),
            call(2, arr(3, 1)),
            call(3, arr(0, 2)),
            call(0, arr()),
        ),
        "polygamma",
        ALL,
        bench=call(1, MATRIX),
        bad=(bad(RuntimeError, "an order that is not negative", -1, arr(2)),),
    ),
    "mvlgamma": Row(
        (call(arr(2, 3, domain="offset"), 3), call(arr(5, domain="offset"), 1), call(arr(0), 2)),
        "mvlgamma",
        FLOATS,
        bench=call(MATRIX, 2),
        bad=(bad(RuntimeError, "p of at least 1", arr(2), 0),),
    ),
    "igamma": _incomplete("igamma"),
    "igammac": _incomplete("igammac"),
    "special_zeta": Row(
        (
            *pairs("offset", "positive"),
            call(2, arr(2, 3, domain="positive")),
            call(arr(3, domain="offset"), 1.5),
        ),
        "special_zeta",
        FLOATS,
        gradient=f"{_HELD}; tests/test_special.py checks the other",
        bench=_special("zeta", call(arr(64, 128, domain="offset"), MATRIX)),
        bad=(bad(RuntimeError, "special_zeta: expected shapes that broadcast", *_UNEQUAL),),
    ),
    "i0": _unary("i0"),
    "special_i0e": _of_one("i0e"),
    "special_i1": _of_one("i1"),
    "special_i1e": _of_one("i1e"),
    "special_erfcx": _of_one("erfcx"),
    "special_log_ndtr": _of_one("log_ndtr"),
    "special_ndtri": _of_one("ndtri", "distribution"),
}


def _drawn(draw: Callable[..., float]) -> Callable[..., Any]:
    """Draws one after another, from the seed of `seeded`."""

    def reference(*parameters: Any) -> Any:
        generator = MT19937(0)
        whole = np.broadcast_arrays(*parameters)
        found = [draw(generator, *each) for each in zip(*(x.flat for x in whole), strict=True)]
        return np.array(found).reshape(whole[0].shape).astype(whole[0].dtype)

    return reference


def _shares(alpha: Any) -> Any:
    return draws.dirichlet(MT19937(0), alpha).astype(alpha.dtype)


_int_refused = "expected a floating-point dtype"
_rates = np.array([0.0, 0.3, 4.0, 9.9, 10.0, 80.0, 2000.0])
_counts = np.array([0.0, 4.0, 30.0, 200.0, 5000.0])
_chances = np.array([[0.0], [0.02], [0.5], [0.7], [1.0]])
_slope = "implicit; tests/test_special.py holds it against the distribution function"

FAMILIES = {
    "poisson": Row(
        (call(_rates), call(np.zeros((0, 2)))),
        _drawn(draws.poisson),
        ONE,
        DRAWN,
        function=seeded("poisson"),
        bench=call(MATRIX),
        finite="a nan is no rate",
        bad=(
            bad(RuntimeError, "rates that are finite and not negative", np.array([-1.0])),
            bad(RuntimeError, "rates that are finite and not negative", np.array([np.nan])),
            bad(NotImplementedError, f"poisson: {_int_refused}", _int),
        ),
    ),
    "binomial": Row(
        (call(_counts, _chances), call(_counts, np.full(5, 0.1))),
        _drawn(draws.binomial),
        ONE,
        DRAWN,
        function=seeded("binomial"),
        bench=call(MATRIX, MATRIX),
        bad=(
            bad(RuntimeError, "binomial: expected shapes that broadcast", *_UNEQUAL),
            bad(RuntimeError, "count and prob of one dtype", arr(2), _int),
            bad(NotImplementedError, f"binomial: {_int_refused}", _int, _int),
        ),
    ),
    "_standard_gamma": Row(
        (call(_rates[1:]), call(np.array([[0.01, 0.9], [1.0, 1.1]]))),
        _drawn(draws.gamma),
        ONE,
        _slope,
        function=seeded("_standard_gamma"),
        bench=call(MATRIX),
        rough=4.0,
        reason="a normal number lies within 2 ULP of its formula",
        bad=(bad(NotImplementedError, f"_standard_gamma: {_int_refused}", _int),),
    ),
    "_sample_dirichlet": Row(
        (call(_rates[1:]), call(np.array([[0.5, 0.9], [1.0, 1.1]]))),
        _shares,
        ONE,
        _slope,
        function=seeded("_sample_dirichlet"),
        bench=call(MATRIX),
        rough=4.0,
        reason="a normal number lies within 2 ULP of its formula",
        bad=(
            bad(NotImplementedError, f"_sample_dirichlet: {_int_refused}", _int),
            bad(RuntimeError, "_sample_dirichlet: expected at least one dimension", arr()),
        ),
    ),
    "_standard_gamma_grad": Row(
        (call(arr(2, 3, domain="positive"), arr(3, domain="positive")),),
        None,
        gradient="draws are differentiated once",
        bench=call(MATRIX, MATRIX),
        reason="tests/test_special.py holds it against the distribution function",
        bad=(
            bad(RuntimeError, "_standard_gamma_grad: expected shapes that broadcast", *_UNEQUAL),
            bad(NotImplementedError, "expected floating-point operands", _int, _int),
        ),
    ),
    "_dirichlet_grad": Row(
        (call(arr(2, 3, domain="distribution"), arr(3, domain="positive"), np.full(3, 2.5)),),
        None,
        gradient="draws are differentiated once",
        bench=call(MATRIX, MATRIX, MATRIX),
        reason="tests/test_special.py holds it against the distribution function",
        bad=(
            bad(RuntimeError, "_dirichlet_grad: expected shapes", *_UNEQUAL, arr(1)),
            bad(NotImplementedError, "expected floating-point operands", _int, _int, _int),
        ),
    ),
}
