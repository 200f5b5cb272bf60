"""Every fused kernel beside its formula, for inputs that are large, small and far from 0.

Rounding shows where a kernel has combined what its formula keeps apart: a logarithm added to a
large maximum, a mean rounded to float32. The formulas are those of the reference, in float64; where
a kernel promises the bits of the operations it stands for, these are the reference. A kernel
without a row here, or without a reason for having none, is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steep
from optim_support import CASES, Reference, array, formula, make_params, run
from steep import _core
from steep.profiler import profile
from steep.reference import OPS
from tolerances import RTOL, same_bits

F = steep.nn.functional

SCALES = (1e-6, 1e-3, 1.0, 1e2, 1e4, 1e8)
OFFSETS = (0.0, 1e-6, 1.0, 1e2, 1e4, 1e6, 1e8)
ROWS = 24


@dataclass(frozen=True)
class Fused:
    """One call of a fused operation.

    Attributes:
        kernels: The kernels that it and its gradient must have launched.
        function: The operation; its first argument is what is scaled and shifted.
        reference: The name of its formula in the reference.
        more: The arguments that follow; floats take the dtype that is tested.
        settings: Keyword arguments.
        size: How many numbers are in a row of the first argument.
        furthest: The greatest offset over scale asked for, by dtype: beyond it the formula in
            float64 has no digits left either.
        cancels: Its gradient is a difference of numbers of the size of the gradient that came.
        lost: How many times the tolerance, for this first argument; `reason` says why.
    """

    kernels: tuple[str, ...]
    function: Callable[..., Any]
    reference: str
    more: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    size: int = 11
    furthest: dict[str, float] = field(default_factory=dict)
    cancels: bool = False
    lost: Callable[[Any], float] = lambda x: 1.0
    reason: str = ""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def classes(c: int, ignored: bool = False) -> Any:
    target = rng(1).integers(0, c, ROWS)
    if ignored:
        target[::5] = -100
    return target


def positive(*shape: int) -> Any:
    return rng(2).random(shape) + 0.5


def cross_entropies() -> dict[str, Fused]:
    """Short rows and long ones, and every variant."""
    fused = ("cross_entropy", "cross_entropy_backward")
    composite = ("log_softmax", "log_softmax_backward")
    rows = {}
    for c in (11, 70):
        plain, ignored, weight = classes(c), classes(c, ignored=True), positive(c)
        shares = rng(3).dirichlet(np.ones(c), ROWS)
        smooth = {"label_smoothing": 0.1}
        variants: dict[str, tuple[tuple[str, ...], tuple[Any, ...], dict[str, Any]]] = {
            "mean": (fused, (plain,), {}),
            "sum": (fused, (plain,), {"reduction": "sum"}),
            "none": (fused, (plain,), {"reduction": "none"}),
            "ignored": (fused, (ignored,), {}),
            "weight": (composite, (ignored, weight), {}),
            "smooth": (composite, (plain,), smooth),
            "weight and smooth": (composite, (ignored, weight), smooth),
            "probabilities": (composite, (shares,), {}),
            "probabilities, weight and smooth": (composite, (shares, weight), smooth),
        }
        for name, (kernels, more, settings) in variants.items():
            rows[f"cross_entropy of {c}, {name}"] = Fused(
                kernels, F.cross_entropy, "cross_entropy", more, settings, c
            )
    return rows


def steps_of_the_mean(x: Any) -> float:
    """The mean of a row is a number of x's dtype, and a step of it may be wide for the spread."""
    spread = x.astype(np.float64).std(1).min()
    return float(1 + np.abs(x).max() / spread) if spread else 1.0


def steps_of_a_wide_mean(x: Any) -> float:
    return 1.0 if x.dtype == np.float32 else steps_of_the_mean(x)


def along_dimensions() -> dict[str, Fused]:
    rows = {}
    for size in (11, 70):
        for dim in (0, 1):
            for name in ("softmax", "log_softmax"):
                kernels = (name, f"{name}_backward")
                function = getattr(steep, name)
                rows[f"{name} of {size}, {dim}"] = Fused(
                    kernels, function, name, (dim,), size=size, cancels=True
                )
        for over in (0, 1, (0, 1)):
            rows[f"logsumexp of {size}, {over}"] = Fused(
                ("logsumexp",), steep.logsumexp, "logsumexp", (over,), size=size
            )
            for name, kernel in (("var", "variance"), ("std", "deviation")):
                rows[f"{name} of {size}, {over}"] = Fused(
                    ("wide_mean", kernel),
                    getattr(steep, name),
                    name,
                    (over,),
                    size=size,
                    furthest={"float32": 1e5, "float64": 1e7},
                    lost=steps_of_a_wide_mean,
                    reason="there is nothing wider than float64 for the mean",
                )
    return rows


def layers() -> dict[str, Fused]:
    rows = {}
    for size in (11, 70):
        rows[f"layer_norm of {size}"] = Fused(
            ("layer_norm", "layer_norm_backward"),
            F.layer_norm,
            "layer_norm",
            ((size,), positive(size), rng(4).normal(size=size)),
            size=size,
            furthest={"float32": 1e4, "float64": 1e7},
            lost=steps_of_the_mean,
            reason="what is normalised is x less a mean of x's dtype",
        )
        weight = positive(5, size)
        rows[f"linear of {size}"] = Fused(
            ("gemm",), F.linear, "linear", (weight, rng(5).normal(size=5)), size=size
        )
    return rows


def losses_of_pairs() -> dict[str, Fused]:
    target = rng(6).random((ROWS, 11))
    logits = "binary_cross_entropy_with_logits"
    return {
        "mse_loss": Fused(
            ("squared_error", "squared_error_backward"), F.mse_loss, "mse_loss", (target,)
        ),
        "mse_loss, none": Fused((), F.mse_loss, "mse_loss", (target,), {"reduction": "none"}),
        "l1_loss": Fused((), F.l1_loss, "l1_loss", (target,)),
        "smooth_l1_loss": Fused((), F.smooth_l1_loss, "smooth_l1_loss", (target,), {"beta": 0.3}),
        "huber_loss": Fused((), F.huber_loss, "huber_loss", (target,), {"delta": 0.3}),
        "kl_div": Fused((), F.kl_div, "kl_div", (target,)),
        logits: Fused(("softplus",), getattr(F, logits), logits, (target,)),
        f"{logits}, weighed": Fused(
            ("softplus",), getattr(F, logits), logits, (target,), {"pos_weight": positive(11)}
        ),
        "nll_loss": Fused((), F.nll_loss, "nll_loss", (classes(11), positive(11))),
    }


def activations() -> dict[str, Fused]:
    tanh = {"approximate": "tanh"}
    return {
        "relu": Fused(("relu", "relu_backward"), F.relu, "relu"),
        "leaky_relu": Fused(("leaky_relu", "leaky_relu_backward"), F.leaky_relu, "leaky_relu"),
        "elu": Fused(("elu", "elu_backward"), F.elu, "elu", (1.5,)),
        "silu": Fused(("silu", "silu_backward"), F.silu, "silu"),
        "gelu": Fused(("gelu", "gelu_backward"), F.gelu, "gelu"),
        "gelu, tanh": Fused(("gelu_tanh",), F.gelu, "gelu", (), tanh),
        "softplus": Fused(("softplus",), F.softplus, "softplus"),
        "sigmoid": Fused(("sigmoid", "sigmoid_backward"), steep.sigmoid, "sigmoid", cancels=True),
        "tanh": Fused(("tanh", "tanh_backward"), steep.tanh, "tanh", cancels=True),
    }


TABLE = {
    **cross_entropies(),
    **along_dimensions(),
    **layers(),
    **losses_of_pairs(),
    **activations(),
}


def in_dtype(value: Any, dtype: str) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return value


def native(value: Any, leaves: list[Any] | None = None) -> Any:
    """A tensor in an array's place."""
    if not isinstance(value, np.ndarray):
        return value
    x = steep.tensor(value)
    if leaves is not None and value.dtype.kind == "f":
        leaves.append(x.requires_grad_())
    return x


class Result:
    """Value, gradient by the first argument, fused and as a composite, and the kernels launched."""

    def __init__(self, row: Fused, x: Any, dtype: str) -> None:
        more = [in_dtype(value, dtype) for value in row.more]
        settings = {name: in_dtype(value, dtype) for name, value in row.settings.items()}
        leaf = native(x).requires_grad_()

        def call() -> Any:
            named = {name: native(value) for name, value in settings.items()}
            return row.function(leaf, *(native(value) for value in more), **named)

        with profile() as prof:
            out = call()
            self.grad = rng(7).normal(size=tuple(out.shape)).astype(dtype)
            out.backward(native(self.grad))
        self.launched = {event.name for event in prof.events if event.kind == "kernel"}
        again = steep.autograd.grad(call(), leaf, native(self.grad), create_graph=True)[0]
        self.got = [out.detach().numpy(), leaf.grad.numpy(), again.detach().numpy()]
        self.expected = self.by_the_formula(row, x.astype(np.float64), more, settings)
        self.sizes = [np.abs(e).max(initial=0) for e in self.expected]
        if row.cancels:
            self.sizes[1] = max(self.sizes[1], np.abs(self.grad).max())
        self.sizes.append(self.sizes[1])
        self.expected.append(self.expected[1])

    def by_the_formula(
        self, row: Fused, x: Any, more: list[Any], settings: dict[str, Any]
    ) -> list[Any]:
        op = OPS[row.reference]
        assert op.gradient is not None
        wide = [in_dtype(value, "float64") for value in more]
        named = {name: in_dtype(value, "float64") for name, value in settings.items()}
        gradient = op.gradient(self.grad.astype(np.float64), x, *wide, **named)
        return [op.forward(x, *wide, **named), gradient[0]]


def inputs(row: Fused, dtype: str) -> list[tuple[float, float, Any]]:
    base = rng(8).normal(size=(ROWS, row.size))
    furthest = row.furthest.get(dtype, np.inf)
    return [
        (scale, offset, (base * scale + offset).astype(dtype))
        for scale in SCALES
        for offset in OFFSETS
        if offset / scale <= furthest
    ]


WHAT = ("the value", "the gradient", "the gradient as a composite")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TABLE)
def test_value_and_gradient_are_those_of_the_formula(name: str, dtype: str) -> None:
    row = TABLE[name]
    tiny = np.finfo(dtype).tiny  # what is less may be 0
    for scale, offset, x in inputs(row, dtype):
        result = Result(row, x, dtype)
        for what, got, expected, size in zip(
            WHAT, result.got, result.expected, result.sizes, strict=True
        ):
            assert got.dtype == dtype
            error = np.abs(got - expected).max(initial=0)
            assert error <= RTOL[dtype] * row.lost(x) * size + tiny, (
                f"{what} at scale {scale:g} and offset {offset:g}: off by {error:.1e} of {size:.1e}"
            )


@pytest.mark.parametrize("name", TABLE)
def test_a_row_launches_what_it_says(name: str) -> None:
    row = TABLE[name]
    launched = Result(row, rng(8).normal(size=(ROWS, row.size)), "float64").launched
    assert set(row.kernels) <= launched


# ---- kernels that promise the bits of what they stand for ---------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("size", [11, 70])
def test_linear_with_an_activation_is_the_two_of_them(
    size: int, activation: str, dtype: str
) -> None:
    row = Fused((), F.linear, "linear", size=size)
    for _, _, x in inputs(row, dtype):
        results = []
        for fused in (True, False):
            leaves: list[Any] = []
            arrays = [x, positive(5, size).astype(dtype), rng(5).normal(size=5).astype(dtype)]
            tensors = [native(a, leaves) for a in arrays]
            if fused:
                out = _core.linear_activation(*tensors, activation)
            else:
                out = getattr(steep, activation)(F.linear(*tensors))
            out.backward(native(rng(7).normal(size=(ROWS, 5)).astype(dtype)))
            results.append([out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
        for got, expected in zip(*results, strict=True):
            same_bits(got, expected)


# ---- steps of optimisers ------------------------------------------------------------------------

# float32: the rounding of the parameter itself, once a step.
STEPS = {"float32": 4e-6, "float64": 4e-13}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "rule", "settings"), CASES)
def test_steps_far_from_zero(kind: Any, rule: Any, settings: Any, dtype: str) -> None:
    """Parameters of any size, and the gradients that go with them."""
    for scale in SCALES:
        params = make_params(getattr(steep, dtype))
        with steep.no_grad():
            for p in params:
                p.mul_(scale)
        reference = Reference(params)
        run(kind(params, **settings), params, 5)
        expected = reference.run(formula(kind, rule, settings), 5)
        for p, e in zip(params, expected, strict=True):
            error = np.abs(array(p) - e).max()
            assert error <= STEPS[dtype] * max(np.abs(e).max(), scale), f"scale {scale:g}"


# ---- no kernel without a row --------------------------------------------------------------------

FOLDER = Path(__file__).parent.parent / "csrc" / "kernels"
HEADERS = "".join(path.read_text() for path in sorted(FOLDER.rglob("*.h")))

# Kernels of one operation each, which have no composite: their formulas are tested as they are.
SINGLE = {
    "tests/test_vecmath.py, over the whole range": """
        neg abs sign floor ceil round trunc sqrt rsqrt reciprocal square exp exp2 expm1 log log2
        log10 log1p sin cos tan asin acos atan sinh cosh erf erfc pow atan2""",
    "the table of cases, exactly or within a rounding": """
        copy fill cast bitwise_not logical_not isnan isinf isfinite add sub mul div
        floor_divide remainder fmod maximum minimum bitwise_and bitwise_or bitwise_xor eq ne lt
        le gt ge logical_and logical_or logical_xor bitwise_left_shift bitwise_right_shift
        add_scaled clamp where""",
    "tests/test_reductions.py": "sum prod max min argmax argmin any all",
    "moves numbers, or draws them": """
        index_select index_add index_put gather scatter_add iota dropout dropout_backward
        fma_peak""",
    "test_steps_far_from_zero": "sgd_step adam_step",
}


def kernels_in(text: str) -> set[str]:
    """The kernels whose handles these headers declare, by the names that their launches carry."""
    lists = re.findall(r"^extern Kernel ([^;]*);", text, re.MULTILINE)
    handles = [handle.strip() for found in lists for handle in found.split(",")]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", handle[1:]).lower() for handle in handles}


def without_a_row(text: str, table: dict[str, Fused]) -> set[str]:
    named = {kernel for row in table.values() for kernel in row.kernels}
    single = {kernel for kernels in SINGLE.values() for kernel in kernels.split()}
    return kernels_in(text) - named - single


def test_no_kernel_is_without_a_row() -> None:
    assert not without_a_row(HEADERS, TABLE)


def test_a_kernel_without_a_row_is_noticed() -> None:
    """The check itself, seen to fail."""
    later = HEADERS.replace("kLayerNorm;", "kLayerNorm, kBatchNorm;", 1)
    assert without_a_row(later, TABLE) == {"batch_norm"}
    rows = {name: row for name, row in TABLE.items() if not name.startswith("silu")}
    assert without_a_row(HEADERS, rows) == {"silu", "silu_backward"}


def test_reasons_are_given() -> None:
    assert all(bool(row.reason) == bool(row.lost is not Fused.lost) for row in TABLE.values())
