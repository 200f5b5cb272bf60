"""One timed call for every operation, for steep and torch alike.

``ROWS[name](module)`` builds the arguments once and returns the call to be timed. The completeness
test fails when an operation has no row. Sizes are small on purpose: these rows show overheads and
gross regressions; the figures of the README are measured by scripts of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Timed = Callable[[], object]
Builder = Callable[[ModuleType], Timed]

ROWS: dict[str, Builder] = {}

_SHAPE = (64, 128)


def _positive(m: ModuleType) -> Any:
    """Numbers in [0.1, 0.9), inside the domain of every function here."""
    m.manual_seed(0)
    return m.rand(*_SHAPE) * 0.8 + 0.1


def _integers(m: ModuleType, high: int = 100) -> Any:
    m.manual_seed(0)
    return m.randint(1, high, _SHAPE)


def _method(name: str, *args: Any, **kwargs: Any) -> Builder:
    """``x.name(*args)`` of one matrix."""

    def build(m: ModuleType) -> Timed:
        bound = getattr(_positive(m), name)
        return lambda: bound(*args, **kwargs)

    return build


def _pair(name: str) -> Builder:
    """``x.name(y)`` of two matrices."""

    def build(m: ModuleType) -> Timed:
        x, y = _positive(m), _positive(m)
        bound = getattr(x, name)
        return lambda: bound(y)

    return build


def _integer_pair(name: str) -> Builder:
    def build(m: ModuleType) -> Timed:
        x, y = _integers(m), _integers(m)
        bound = getattr(x, name)
        return lambda: bound(y)

    return build


def _in_place(name: str, *args: Any) -> Builder:
    """``x.name_(*args)``; the value settles, the time does not depend on it."""

    def build(m: ModuleType) -> Timed:
        bound = getattr(_positive(m), name)
        return lambda: bound(*args)

    return build


def _make(name: str, *args: Any) -> Builder:
    def build(m: ModuleType) -> Timed:
        function = getattr(m, name)
        return lambda: function(*args)

    return build


def _like(name: str, *args: Any) -> Builder:
    def build(m: ModuleType) -> Timed:
        function, x = getattr(m, name), _positive(m)
        return lambda: function(x, *args)

    return build


def _product(name: str, *shapes: tuple[int, ...]) -> Builder:
    def build(m: ModuleType) -> Timed:
        m.manual_seed(0)
        function, arguments = getattr(m, name), [m.randn(*shape) for shape in shapes]
        return lambda: function(*arguments)

    return build


def _functional(name: str, *args: Any, **kwargs: Any) -> Builder:
    def build(m: ModuleType) -> Timed:
        function, x = getattr(m.nn.functional, name), _positive(m)
        return lambda: function(x, *args, **kwargs)

    return build


def _loss(name: str) -> Builder:
    """A loss of two matrices of numbers between 0 and 1."""

    def build(m: ModuleType) -> Timed:
        function, x, target = getattr(m.nn.functional, name), _positive(m), _positive(m)
        return lambda: function(x, target)

    return build


def _class_loss(name: str) -> Builder:
    def build(m: ModuleType) -> Timed:
        function, x = getattr(m.nn.functional, name), _positive(m)
        target = m.randint(0, _SHAPE[1], _SHAPE[:1])
        return lambda: function(x, target)

    return build


_UNARY = """neg abs sign square reciprocal floor ceil round trunc exp exp2 expm1 log log2 log10
    log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh sigmoid erf erfc relu isnan isinf
    isfinite logical_not clone contiguous detach t ravel squeeze nonzero sum mean prod any all var
    std var_mean std_mean norm max min amax amin argmax argmin flatten unbind"""
_BINARY = """add sub mul div pow floor_divide remainder fmod maximum minimum eq ne lt le gt ge
    logical_and logical_or logical_xor atan2 copy_ add_ sub_ mul_ div_ view_as reshape_as
    expand_as equal isclose allclose"""
_OF_INTEGERS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"

ROWS |= {name: _method(name) for name in _UNARY.split()}
ROWS |= {name: _pair(name) for name in _BINARY.split()}
ROWS |= {name: _integer_pair(name) for name in _OF_INTEGERS.split()}
ROWS |= {
    name: _loss(name)
    for name in (
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "kl_div",
    )
}
ROWS |= {name: _class_loss(name) for name in ("cross_entropy", "nll_loss")}
ROWS |= {
    "zeros": _make("zeros", _SHAPE),
    "ones": _make("ones", _SHAPE),
    "empty": _make("empty", _SHAPE),
    "full": _make("full", _SHAPE, 1.5),
    "zeros_like": _like("zeros_like"),
    "ones_like": _like("ones_like"),
    "empty_like": _like("empty_like"),
    "full_like": _like("full_like", 1.5),
    "new_zeros": _method("new_zeros", _SHAPE),
    "new_ones": _method("new_ones", _SHAPE),
    "new_full": _method("new_full", _SHAPE, 1.5),
    "new_empty": _method("new_empty", _SHAPE),
    "arange": _make("arange", 1000),
    "linspace": _make("linspace", 0, 1, 1000),
    "eye": _make("eye", 100),
    "rand": _make("rand", _SHAPE),
    "randn": _make("randn", _SHAPE),
    "randint": _make("randint", 10, _SHAPE),
    "randperm": _make("randperm", 1000),
    "rand_like": _like("rand_like"),
    "randn_like": _like("randn_like"),
    "randint_like": _like("randint_like", 10),
    "normal": _make("normal", 0.0, 1.0, _SHAPE),
    "bernoulli": _method("bernoulli"),
    "uniform_": _in_place("uniform_"),
    "normal_": _in_place("normal_"),
    "exponential_": _in_place("exponential_"),
    "random_": _in_place("random_"),
    "bernoulli_": _in_place("bernoulli_", 0.5),
    "fill_": _in_place("fill_", 1.5),
    "zero_": _in_place("zero_"),
    "reshape": _method("reshape", -1),
    "view": _method("view", -1),
    "as_strided": _method("as_strided", (32, 32), (64, 1)),
    "expand": _method("expand", 4, 64, 128),
    "broadcast_to": _method("broadcast_to", (4, 64, 128)),
    "permute": _method("permute", 1, 0),
    "movedim": _method("movedim", 0, 1),
    "transpose": _method("transpose", 0, 1),
    "swapaxes": _method("swapaxes", 0, 1),
    "unsqueeze": _method("unsqueeze", 0),
    "unflatten": _method("unflatten", 1, (2, 64)),
    "narrow": _method("narrow", 0, 8, 32),
    "select": _method("select", 0, 3),
    "split": _method("split", 16),
    "chunk": _method("chunk", 4),
    "repeat": _method("repeat", 2, 2),
    "nonzero_tuple": _like("where"),
    "named_norm": _method("norm", "nuc"),
    "div_rounded": _method("div", 0.3, rounding_mode="trunc"),
    "round_to": _method("round", decimals=1),
    "tile": _method("tile", (2, 2)),
    "flip": _method("flip", (0, 1)),
    "cumsum": _method("cumsum", 1),
    "logsumexp": _method("logsumexp", 1),
    "softmax": _method("softmax", 1),
    "log_softmax": _method("log_softmax", 1),
    "clamp": _method("clamp", 0.2, 0.6),
    "clip": _method("clip", 0.2, 0.6),
    "matmul": _product("matmul", (64, 128), (128, 64)),
    "mm": _product("mm", (64, 128), (128, 64)),
    "bmm": _product("bmm", (4, 32, 64), (4, 64, 32)),
    "mv": _product("mv", (64, 128), (128,)),
    "dot": _product("dot", (1000,), (1000,)),
    "outer": _product("outer", (64,), (128,)),
    "addmm": _product("addmm", (64,), (64, 128), (128, 64)),
    "leaky_relu": _functional("leaky_relu", 0.1),
    "elu": _functional("elu"),
    "silu": _functional("silu"),
    "gelu": _functional("gelu"),
    "softplus": _functional("softplus"),
    "dropout": _functional("dropout", 0.5),
    "layer_norm": _functional("layer_norm", _SHAPE[1:]),
}


def _row(name: str) -> Callable[[Builder], Builder]:
    def enter(builder: Builder) -> Builder:
        ROWS[name] = builder
        return builder

    return enter


@_row("bitwise_not")
def _bitwise_not(m: ModuleType) -> Timed:
    x = _integers(m)
    return lambda: x.bitwise_not()


@_row("where")
def _where(m: ModuleType) -> Timed:
    x, y = _positive(m), _positive(m)
    condition = x > 0.5
    return lambda: m.where(condition, x, y)


@_row("masked_fill")
def _masked_fill(m: ModuleType) -> Timed:
    x = _positive(m)
    mask = x > 0.5
    return lambda: x.masked_fill(mask, 0.0)


@_row("masked_select")
def _masked_select(m: ModuleType) -> Timed:
    x = _positive(m)
    mask = x > 0.5
    return lambda: x.masked_select(mask)


@_row("cat")
def _cat(m: ModuleType) -> Timed:
    parts = [_positive(m) for _ in range(4)]
    return lambda: m.cat(parts)


@_row("stack")
def _stack(m: ModuleType) -> Timed:
    parts = [_positive(m) for _ in range(4)]
    return lambda: m.stack(parts)


@_row("index_select")
def _index_select(m: ModuleType) -> Timed:
    x, index = _positive(m), m.randint(0, _SHAPE[0], (32,))
    return lambda: x.index_select(0, index)


@_row("gather")
def _gather(m: ModuleType) -> Timed:
    x, index = _positive(m), m.randint(0, _SHAPE[1], (_SHAPE[0], 16))
    return lambda: x.gather(1, index)


@_row("scatter_add")
def _scatter_add(m: ModuleType) -> Timed:
    x, index = _positive(m), m.randint(0, _SHAPE[1], _SHAPE)
    return lambda: x.scatter_add(1, index, x)


@_row("one_hot")
def _one_hot(m: ModuleType) -> Timed:
    classes = m.randint(0, 10, (256,))
    return lambda: m.nn.functional.one_hot(classes, 10)


@_row("linear")
def _linear(m: ModuleType) -> Timed:
    x, weight, bias = _positive(m), m.randn(64, _SHAPE[1]), m.randn(64)
    return lambda: m.nn.functional.linear(x, weight, bias)


@_row("linear_activation")
def _linear_activation(m: ModuleType) -> Timed:
    """The fused operation of steep; two operations of the rival."""
    x, weight, bias = _positive(m), m.randn(64, _SHAPE[1]), m.randn(64)
    core = getattr(m, "_core", None)
    if core is not None:
        return lambda: core.linear_activation(x, weight, bias, "relu")
    return lambda: m.relu(m.nn.functional.linear(x, weight, bias))


@_row("matmul_activation_backward")
def _matmul_activation_backward(m: ModuleType) -> Timed:
    """The fused operation of steep; a product and what follows it of the rival."""
    grad, weight = _positive(m), m.randn(_SHAPE[1], 64)
    out = m.tanh(m.randn(_SHAPE[0], 64))
    core = getattr(m, "_core", None)
    if core is not None:
        return lambda: core.matmul_activation_backward(grad, weight, out, "tanh")
    return lambda: (grad @ weight) * (1 - out * out)


def _step(m: ModuleType, name: str, **settings: Any) -> Timed:
    """A fused step over the parameters of a small network; the rival's fused one."""
    m.manual_seed(0)
    params = [m.randn(*shape, requires_grad=True) for shape in ((128, 64), (128,), (10, 128))]
    for p in params:
        p.grad = m.randn(*p.shape)
    optimizer = getattr(m.optim, name)(params, lr=1e-4, fused=True, **settings)
    return lambda: optimizer.step()


@_row("sgd_step")
def _sgd_step(m: ModuleType) -> Timed:
    return _step(m, "SGD", momentum=0.9)


@_row("adam_step")
def _adam_step(m: ModuleType) -> Timed:
    return _step(m, "Adam")


@_row("fma_peak")
def _fma_peak(m: ModuleType) -> Timed:
    """The machine's own limit, which the rival does not measure."""
    core = getattr(m, "_core", None)
    if core is None:
        return lambda: None
    return lambda: core.fma_peak(1000)
