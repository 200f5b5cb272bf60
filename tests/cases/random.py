"""Drawing random numbers: each call starts the stream anew, as the reference does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cases.bench import MATRIX, SHAPE
from cases.create import ONE
from cases.row import Row, arr, bad, call
from steep import _core
from steep.reference.random import MT19937

DRAWN = "it is drawn"
_f64 = np.dtype("float64")
_negative = bad(RuntimeError, "negative", (2, -1))


def seeded(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        _core.manual_seed(0)
        method = getattr(_core, name, None) or getattr(_core.Tensor, name)
        return method(*args, **kwargs)

    return function


def _certain(weights: Any, num_samples: int, replacement: bool = False) -> Any:
    """Of rows with one weight each, the category that has it."""
    return np.repeat(np.argmax(weights, -1)[..., None], num_samples, -1)


def _drawn(method: str) -> Callable[..., Any]:
    def reference(size: Any, dtype: Any = np.float32) -> Any:
        return getattr(MT19937(0), method)(math.prod(size), dtype).reshape(size)

    return reference


def _like(method: str) -> Callable[..., Any]:
    return lambda x: getattr(MT19937(0), method)(x.size, x.dtype).reshape(x.shape)


def _randint(*args: Any, dtype: Any = np.int64) -> Any:
    low, high, size = args if len(args) == 3 else (0, *args)
    return MT19937(0).randint(low, high, math.prod(size)).reshape(size).astype(dtype)


def _randint_like(x: Any, *bounds: int) -> Any:
    return _randint(*bounds, x.shape, dtype=x.dtype)


def _normal(mean: Any, std: Any, size: Any = None) -> Any:
    if size is not None:
        return _normal_of(np.full(size, mean, np.float32), std)
    both = np.broadcast_arrays(mean, std)
    return _normal_of(*both)


def _normal_of(mean: Any, std: Any) -> Any:
    drawn = MT19937(0).randn(mean.size, mean.dtype.type).reshape(mean.shape)
    return (drawn * std + mean).astype(mean.dtype)


def _rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    generator, out = MT19937(0), x.astype(np.float64)
    mean, (low, high) = (lower + upper) / 2, np.array([lower, upper], x.dtype).astype(np.float64)
    for i in np.argwhere(np.less_equal(x, 0)):
        drawn = generator.uniform() * (high - low) + low if training else mean
        out[tuple(i)] *= x.dtype.type(drawn)
    return out.astype(x.dtype)


_sizes = (call((3,)), call((2, 20)), call((0, 2)), call(()), call((5, 4), dtype=_f64))
_MEMORY = "it draws in the order of memory, as PyTorch does"
_like_sizes = (call(arr(3)), call(arr(2, 20)), call(arr(0)))


def _distribution(
    name: str, method: str, forms: tuple[str, ...], rough: float = 1.0, reason: str = ""
) -> Row:
    return Row(
        _sizes,
        _drawn(method),
        ONE,
        DRAWN,
        function=seeded(name),
        bad=(_negative, bad(NotImplementedError, name, (2,), dtype=np.dtype("int64"))),
        bench=call(SHAPE),
        forms={form: call(MATRIX) for form in forms},
        rough=rough,
        reason=reason,
    )


def _drawn_like(name: str, method: str) -> Row:
    return Row(
        _like_sizes,
        _like(method),
        gradient=DRAWN,
        function=seeded(name),
        bench=call(MATRIX),
        storage=_MEMORY,
    )


_mask = np.random.default_rng(20).random((3, 4)) < 0.5


def _dropped(name: str, first: tuple[int, ...], other: tuple[int, ...], **changed: Any) -> Row:
    """Dropout of elements or of channels."""
    channels = (*first[:2], *(1 for _ in first[2:]))
    mask = np.random.default_rng(21).random(first if name == "alpha_dropout" else channels) < 0.5
    refused = [
        bad(ValueError, "dropout probability has to be between 0 and 1", arr(*first), 1.5),
        bad(RuntimeError, "floating-point input", arr(*first, dtype="int64"), 0.5, True),
    ]
    if name == "dropout1d":
        refused.append(bad(RuntimeError, "Expected 2D or 3D input", arr(2), 0.5, True))
    return Row(
        (
            call(arr(*first), 0.25, True),
            call(arr(*other), 0.5, False),
            call(arr(*first), 1.0, True),
            call(arr(*other), 0.0, True),
        ),
        None,
        function=seeded(name),
        bench=call(arr(*(8 * size for size in first)), 0.5, True),
        rule_calls=(
            call(arr(*first), 0.3, True, mask=mask),
            call(arr(*other), 0.3, False, mask=mask),
        ),
        bad=tuple(refused),
        reason="its mask is drawn by Philox; tests/test_dropout.py checks values and shares",
        view=True,
        **changed,
    )


DRAWS = {
    "multinomial": Row(
        (
            call(np.array([0.0, 2.0, 0.0]), 1),
            call(np.array([[0.0, 0.0, 3.0], [1.0, 0.0, 0.0]]), 4, True),
            call(np.array([1.0]), 3, replacement=True),
        ),
        _certain,
        ONE,
        DRAWN,
        function=seeded("multinomial"),
        storage="each row has one weight, so that the draw is certain",
        finite="a nan is no weight",
        bench=call(MATRIX, 4),
        bad=(
            bad(RuntimeError, "finite and not negative", np.array([1.0, -1.0]), 1),
            bad(RuntimeError, "finite and not negative", np.array([1.0, math.nan]), 1),
            bad(RuntimeError, "a sum greater than 0", np.array([0.0, 0.0]), 1),
            bad(RuntimeError, "num_samples > 0", np.array([1.0]), 0),
            bad(RuntimeError, "at most 2 samples without", np.array([1.0, 1.0]), 3),
            bad(RuntimeError, "weights of a floating dtype", np.array([1, 2]), 1),
            bad(RuntimeError, "a vector or a matrix", np.ones((1, 1, 1)), 1),
        ),
    ),
    "rand": _distribution("rand", "rand", ("uniform_", "exponential_", "cauchy_", "log_normal_")),
    "randn": _distribution(
        "randn", "randn", ("normal_",), 4.0, "a normal number lies within 2 ULP of its formula"
    ),
    "rand_like": _drawn_like("rand_like", "rand"),
    "randn_like": _drawn_like("randn_like", "randn"),
    "randint": Row(
        (
            call(10, (8,)),
            call(-5, 1000, (4, 5)),
            call(3, (0,)),
            call(7, (40,), dtype=np.dtype("int32")),
        ),
        _randint,
        ONE,
        DRAWN,
        function=seeded("randint"),
        bench=call(10, SHAPE),
        forms={"random_": call(MATRIX)},
        bad=(
            bad(RuntimeError, "randint: expected 'from' to be less than 'to'", 0, (2,)),
            bad(RuntimeError, "out of bounds", 0, 300, (2,), dtype=np.dtype("uint8")),
            bad(RuntimeError, "negative", 3, (-1,)),
        ),
    ),
    "randint_like": Row(
        (call(arr(5), 7), call(arr(2, 3), 2, 9)),
        _randint_like,
        ("float32", "float64", "int64", "int32", "uint8"),
        DRAWN,
        function=seeded("randint_like"),
        bench=call(MATRIX, 10),
        storage=_MEMORY,
        bad=(bad(RuntimeError, "'from' to be less than 'to'", arr(2), 3, 3),),
    ),
    "randperm": Row(
        (call(8), call(1), call(0), call(50, dtype=np.dtype("int32"))),
        lambda n, dtype=np.int64: MT19937(0).randperm(n).astype(dtype),
        ONE,
        DRAWN,
        function=seeded("randperm"),
        bench=call(1000),
        bad=(
            bad(RuntimeError, "negative", -1),
            bad(RuntimeError, "choose a wider dtype", 300, dtype=np.dtype("uint8")),
        ),
    ),
    "normal": Row(
        (
            call(1.0, 2.0, (20,)),
            call(arr(4), 0.5),
            call(arr(20), arr(20, domain="positive")),
        ),
        _normal,
        ONE,
        DRAWN,
        function=seeded("normal"),
        bench=call(0.0, 1.0, SHAPE),
        bad=(bad(RuntimeError, "std", 0.0, -1.0, (2,)),),
        rough=4.0,
        reason="a normal number lies within 2 ULP of its formula",
    ),
    "bernoulli": Row(
        (call(np.array([0.0, 1.0, 1.0, 0.0], np.float32)), call(np.zeros((0, 2), np.float32))),
        lambda p: p.copy(),
        ONE,
        DRAWN,
        bench=call(MATRIX),
        forms={"bernoulli_": call(MATRIX, 0.5), "geometric_": call(MATRIX, 0.5)},
        finite="a NaN is no probability",
        bad=(
            bad(
                RuntimeError,
                "expected probabilities p with p >= 0 and p <= 1",
                np.array([0.5, 1.5]),
            ),
            bad(NotImplementedError, "bernoulli", arr(2, dtype="int64")),
        ),
    ),
    "dropout": Row(
        (call(arr(3, 5), 0.25), call(arr(4), 0.5, False), call(arr(4), 1.0), call(arr(3), 0.0)),
        None,
        function=seeded("dropout"),
        bench=call(MATRIX, 0.5),
        kernels=("dropout", "dropout_backward"),
        rule_calls=(
            call(arr(3, 4), 0.3, mask=_mask),
            call(arr(3), training=False, mask=_mask[0, :3]),
        ),
        bad=(
            bad(ValueError, "dropout probability has to be between 0 and 1", arr(2), 1.5),
            bad(RuntimeError, "dropout: expected a floating-point input", arr(2, dtype="int64")),
        ),
        reason="its mask is drawn by Philox; tests/test_random.py checks values and shares",
    ),
    **{
        name: _dropped(name, *shapes, **changed)
        for name, shapes, changed in (
            ("dropout1d", ((2, 3, 4), (3, 4)), {}),
            ("dropout2d", ((2, 3, 2, 2), (1, 3, 4, 1)), {}),
            ("dropout3d", ((2, 3, 2, 2, 1), (3, 2, 2, 2)), {}),
            ("alpha_dropout", ((3, 5), (4,)), {"kernels": ("alpha_dropout",)}),
            ("feature_alpha_dropout", ((2, 3, 4), (2, 3)), {}),
        )
    },
    "rrelu": Row(
        (
            call(arr(3, 5), 0.1, 0.6, True),
            call(arr(4), training=True),
            call(arr(3, 5), 0.1, 0.6),
            call(arr(0), training=True),
            call(arr(), -2.0, -2.0, True),
        ),
        _rrelu,
        function=seeded("rrelu"),
        bench=call(MATRIX, training=True),
        storage=_MEMORY,
        bad=(
            bad(RuntimeError, "lower bound less than or equal to the upper", arr(2), 0.5, 0.2),
            bad(RuntimeError, "expected finite bounds", arr(2), -math.inf, 0.2),
            bad(NotImplementedError, '"rrelu" not implemented for', arr(2, dtype="int64")),
        ),
    ),
}
