"""The jobs of `benchmarks.odd_shapes`: what is drawn, of each kind of layer and operation."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Call = Callable[..., Any]
CHANNELS = (1, 2, 3, 5, 7, 8, 13, 16, 17, 32, 37, 64)
SIDES = (1, 2, 3, 4, 5, 7, 8, 11, 14, 17, 28, 33)
BATCHES = (1, 1, 2, 3, 8, 17, 32)


@dataclass
class Job:
    """A call of `call(module, *tensors)`, and of the gradients of those that are floats.

    A layer, made by `layer(module)`, is called instead where one is given; both libraries' layers
    have the same weights.
    """

    name: str
    arrays: list[Array]
    call: Call | None = None
    layer: Call | None = None
    backward: bool = True

    def runs(self, libraries: list[ModuleType]) -> list[Callable[[], Any]]:
        ours, theirs = libraries
        layers = [self.layer(m) if self.layer else None for m in libraries]
        if layers[0] is not None and layers[1] is not None:
            state = layers[1].state_dict()
            layers[0].load_state_dict({k: ours.tensor(np.asarray(v)) for k, v in state.items()})
        return [self._run(ours, layers[0]), self._run(theirs, layers[1])]

    def _run(self, m: ModuleType, layer: Any) -> Callable[[], Any]:
        given = [m.tensor(a) for a in self.arrays]
        wanted = [x.requires_grad_() for x in given if self.backward and x.is_floating_point()]
        wanted += list(layer.parameters()) if layer and self.backward else []

        def forward() -> Any:
            if layer:
                return first_of(layer(*given))
            return first_of(self.call(m, *given)) if self.call else None

        out = forward()
        if not wanted or not out.requires_grad:
            return forward
        grad = m.ones_like(out)

        def both() -> Any:
            out = forward()
            m.autograd.grad(out, wanted, grad, allow_unused=True)
            return out

        return both


def first_of(out: Any) -> Any:
    while isinstance(out, tuple):
        out = out[0]
    return out


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def whole(below: int, *shape: int) -> Array:
    return np.random.default_rng(1).integers(0, below, shape)


def _pick(chance: random.Random, among: tuple[int, ...]) -> int:
    return chance.choice(among)


def convolution(chance: random.Random, axes: int, transposed: bool, depthwise: bool) -> Job:
    sides = SIDES if axes < 3 else SIDES[:9]
    kernel = [_pick(chance, (1, 2, 3, 3, 5, 7)) for _ in range(axes)]
    if chance.random() < 0.6:
        kernel = kernel[:1] * axes
    size = [max(_pick(chance, sides), k) for k in kernel]
    if chance.random() < 0.15:
        size = list(kernel)
    stride, dilation = _pick(chance, (1, 1, 2, 3)), 1
    if chance.random() < 0.2:
        dilation = 2
        size = [max(s, 2 * k) for s, k in zip(size, kernel, strict=True)]
    padding = chance.choice((0, min(kernel) // 2))
    groups = 1
    channels, rows = _pick(chance, CHANNELS), _pick(chance, CHANNELS)
    if depthwise:
        groups, rows = channels, channels * _pick(chance, (1, 1, 1, 2))
    elif chance.random() < 0.2:
        groups = _pick(chance, (2, 4))
        channels, rows = channels * groups, rows * groups
    batch = _pick(chance, BATCHES)
    kind = f"Conv{'Transpose' if transposed else ''}{axes}d"
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    text = ", ".join(f"{k}={v}" for k, v in options.items())
    x = floats(batch, channels, *size)
    return Job(
        f"{kind}({channels}, {rows}, {tuple(kernel)}, {text}) of {x.shape}",
        [x],
        layer=lambda m: getattr(m.nn, kind)(channels, rows, tuple(kernel), **options),
    )


def pooling(chance: random.Random) -> Job:
    axes = _pick(chance, (1, 2, 2, 2, 3))
    kind = chance.choice(("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool"))
    side = max(3, _pick(chance, SIDES[:10]))
    x = floats(_pick(chance, BATCHES), _pick(chance, CHANNELS), *[side] * axes)
    kernel, stride = _pick(chance, (2, 3, side)), _pick(chance, (1, 2, 3))
    given = (kernel, stride) if "Adaptive" not in kind else (_pick(chance, (1, 2, 3)),)
    return _layer(f"{kind}{axes}d", given, x)


def normalisation(chance: random.Random) -> Job:
    kind = chance.choice(("BatchNorm", "GroupNorm", "LayerNorm", "InstanceNorm", "RMSNorm"))
    channels, batch = _pick(chance, CHANNELS), _pick(chance, BATCHES)
    if kind in ("LayerNorm", "RMSNorm"):
        return _layer(kind, (channels,), floats(batch, _pick(chance, SIDES), channels))
    side = _pick(chance, SIDES[1:10])
    x = floats(max(2, batch), channels, side, side)
    if kind == "GroupNorm":
        groups = chance.choice([g for g in (1, 2, 4, 8, 13, 16) if channels % g == 0])
        return _layer(kind, (groups, channels), x)
    return _layer(f"{kind}2d", (channels,), x)


def recurrent(chance: random.Random) -> Job:
    kind = chance.choice(("RNN", "LSTM", "GRU"))
    width, hidden = _pick(chance, CHANNELS), _pick(chance, CHANNELS)
    x = floats(_pick(chance, SIDES[:9]), _pick(chance, BATCHES), width)
    return _layer(kind, (width, hidden, _pick(chance, (1, 1, 2))), x)


def attention(chance: random.Random) -> Job:
    batch, heads, width = _pick(chance, BATCHES), _pick(chance, (1, 2, 3, 8)), 0
    width, length = _pick(chance, CHANNELS[2:]), _pick(chance, SIDES)
    given = [floats(batch, heads, length, width) for _ in range(3)]
    causal = chance.random() < 0.5
    return Job(
        f"scaled_dot_product_attention of {given[0].shape}, is_causal={causal}",
        given,
        lambda m, q, k, v: m.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal),
    )


def linear(chance: random.Random) -> Job:
    width, rows = _pick(chance, CHANNELS), _pick(chance, CHANNELS)
    return _layer("Linear", (width, rows), floats(_pick(chance, BATCHES), width))


def embedding(chance: random.Random) -> Job:
    count, width = _pick(chance, (7, 100, 5000)), _pick(chance, CHANNELS)
    places = whole(count, _pick(chance, BATCHES), _pick(chance, SIDES))
    return _layer("Embedding", (count, width), places)


def activation(chance: random.Random) -> Job:
    kinds = (
        "ReLU GELU SiLU Tanh Sigmoid ELU LeakyReLU Softplus Hardswish Mish PReLU GLU Softsign SELU"
    )
    return _layer(
        chance.choice(kinds.split()),
        (),
        floats(_pick(chance, BATCHES), 2 * _pick(chance, CHANNELS)),
    )


def loss(chance: random.Random) -> Job:
    batch, classes = _pick(chance, BATCHES), _pick(chance, CHANNELS)
    x = floats(batch, classes)
    kind = chance.choice(
        (
            "cross_entropy",
            "mse_loss",
            "l1_loss",
            "smooth_l1_loss",
            "huber_loss",
            "nll_loss",
            "binary_cross_entropy_with_logits",
            "kl_div",
        )
    )
    y = (
        whole(classes, batch)
        if kind in ("cross_entropy", "nll_loss")
        else np.abs(floats(classes, batch)).T.copy() % 1
    )
    return Job(
        f"{kind} of {x.shape}",
        [x, y],
        lambda m, x, y: getattr(m.nn.functional, kind)(x, y.detach()),
    )


def resampling(chance: random.Random) -> Job:
    mode = chance.choice(("nearest", "bilinear", "bicubic", "area"))
    side, to = _pick(chance, SIDES[:10]), _pick(chance, SIDES[1:])
    x = floats(_pick(chance, BATCHES), _pick(chance, CHANNELS), side, side)
    return Job(
        f"interpolate of {x.shape} to {to}, {mode}",
        [x],
        lambda m, x: m.nn.functional.interpolate(x, size=(to, to), mode=mode),
    )


def padding(chance: random.Random) -> Job:
    mode = chance.choice(("constant", "reflect", "replicate", "circular"))
    side = _pick(chance, SIDES[3:])
    x = floats(_pick(chance, BATCHES), _pick(chance, CHANNELS), side, side)
    by = [_pick(chance, (0, 1, 2)) for _ in range(4)]
    return Job(
        f"pad of {x.shape} by {by}, {mode}", [x], lambda m, x: m.nn.functional.pad(x, by, mode)
    )


def unfolding(chance: random.Random) -> Job:
    side, kernel = _pick(chance, SIDES[3:]), _pick(chance, (1, 2, 3))
    x = floats(_pick(chance, BATCHES), _pick(chance, CHANNELS), side, side)
    stride = _pick(chance, (1, 2))
    return Job(
        f"unfold of {x.shape}, {kernel}, stride={stride}",
        [x],
        lambda m, x: m.nn.functional.unfold(x, kernel, stride=stride),
    )


def _layer(kind: str, given: tuple[int, ...], x: Array) -> Job:
    text = ", ".join(map(str, given))
    return Job(f"{kind}({text}) of {x.shape}", [x], layer=lambda m: getattr(m.nn, kind)(*given))


def _shape(chance: random.Random) -> tuple[int, ...]:
    """Of 2 to 5 dimensions, and at most 100,000 elements."""
    while True:
        shape = tuple(_pick(chance, SIDES + CHANNELS) for _ in range(chance.randint(2, 5)))
        if 2 <= np.prod(shape) <= 100_000:
            return shape


def along(chance: random.Random, *kinds: str, backward: bool = True) -> Job:
    shape = _shape(chance)
    dim, kind = chance.randrange(len(shape)), chance.choice(kinds)
    return Job(
        f"{kind} of {shape} along {dim}",
        [floats(*shape)],
        lambda m, x: getattr(m, kind)(x, dim),
        backward=backward,
    )


def joining(chance: random.Random) -> Job:
    shape, count = _shape(chance), _pick(chance, (2, 3, 5))
    dim, kind = chance.randrange(len(shape)), chance.choice(("cat", "stack"))
    return Job(
        f"{kind} of {count} times {shape} along {dim}",
        [floats(*shape) for _ in range(count)],
        lambda m, *x: getattr(m, kind)(x, dim),
    )


def indexing(chance: random.Random) -> Job:
    shape = _shape(chance)
    dim = chance.randrange(len(shape))
    rows = whole(shape[dim], max(1, shape[dim] // 2))
    each = whole(shape[dim], *shape)
    mask = floats(*shape) > 0
    calls: dict[str, tuple[list[Array], Call]] = {
        "index_select": ([rows], lambda m, x, i: m.index_select(x, dim, i)),
        "gather": ([each], lambda m, x, i: m.gather(x, dim, i)),
        "scatter_add": ([each], lambda m, x, i: m.scatter_add(x, dim, i, x)),
        "index_add": ([whole(shape[dim], shape[dim])], lambda m, x, i: m.index_add(x, dim, i, x)),
        "where": ([mask], lambda m, x, c: m.where(c, x, 0.5)),
        "masked_fill": ([mask], lambda m, x, c: m.masked_fill(x, c, 0.5)),
        "[mask]": ([mask], lambda m, x, c: x[c]),
        "flip": ([], lambda m, x: m.flip(x, (dim,))),
        "roll": ([], lambda m, x: m.roll(x, 1, dim)),
        "transpose, dense": ([], lambda m, x: x.transpose(0, dim).contiguous()),
    }
    kind = chance.choice(list(calls))
    more, call = calls[kind]
    return Job(f"{kind} of {shape} along {dim}", [floats(*shape), *more], call)


def products(chance: random.Random) -> Job:
    batch, m, k, n = (_pick(chance, SIDES) for _ in range(4))
    calls: dict[str, tuple[list[Array], Call]] = {
        "bmm": ([floats(batch, m, k), floats(batch, k, n)], lambda t, a, b: t.bmm(a, b)),
        "matmul": ([floats(m, k), floats(k, n)], lambda t, a, b: a @ b),
        "matvec": ([floats(batch, m, k), floats(k)], lambda t, a, b: a @ b),
        "a @ b.mT": ([floats(batch, m, k), floats(batch, n, k)], lambda t, a, b: a @ b.mT),
        "einsum bij,bjk->ik": (
            [floats(batch, m, k), floats(batch, k, n)],
            lambda t, a, b: t.einsum("bij,bjk->ik", a, b),
        ),
        "outer": ([floats(m), floats(n)], lambda t, a, b: t.outer(a, b)),
    }
    kind = chance.choice(list(calls))
    given, call = calls[kind]
    return Job(f"{kind} of {' and '.join(str(x.shape) for x in given)}", given, call)


def arithmetic(chance: random.Random) -> Job:
    shape = _shape(chance)
    other = tuple(1 if chance.random() < 0.4 else size for size in shape)
    kind = chance.choice(("add", "mul", "div", "maximum", "pow"))
    return Job(
        f"{kind} of {shape} and {other}",
        [np.abs(floats(*shape)) + 0.1, np.abs(floats(*other)) + 0.1],
        lambda m, a, b: getattr(m, kind)(a, b),
    )


def elementwise(chance: random.Random) -> Job:
    shape = _shape(chance)
    kinds = "exp log sqrt rsqrt sin cos tanh sigmoid erf abs lgamma digamma expm1 log1p atan clone"
    kind = chance.choice(kinds.split())
    return Job(
        f"{kind} of {shape}", [np.abs(floats(*shape)) + 0.1], lambda m, x: getattr(m, kind)(x)
    )


def solving(chance: random.Random) -> Job:
    n, batch = _pick(chance, SIDES[:10]), _pick(chance, BATCHES)
    a = floats(batch, n, n)
    positive = a @ a.swapaxes(1, 2) + n * np.eye(n, dtype=np.float32)
    kind = chance.choice(("cholesky", "inv", "det", "solve", "qr", "eigvalsh", "svdvals"))
    more = [floats(batch, n, 1)] if kind == "solve" else []
    return Job(
        f"linalg.{kind} of {positive.shape}",
        [positive, *more],
        lambda m, *x: getattr(m.linalg, kind)(*x),
        backward=kind != "qr",
    )


DRAWS: dict[str, Callable[[random.Random], Job]] = {
    "conv1d": lambda c: convolution(c, 1, False, False),
    "conv2d": lambda c: convolution(c, 2, False, False),
    "conv2d again": lambda c: convolution(c, 2, False, False),
    "conv3d": lambda c: convolution(c, 3, False, False),
    "depthwise conv2d": lambda c: convolution(c, 2, False, True),
    "depthwise conv1d": lambda c: convolution(c, 1, False, True),
    "transposed conv1d": lambda c: convolution(c, 1, True, False),
    "transposed conv2d": lambda c: convolution(c, 2, True, False),
    "pool": pooling,
    "norm": normalisation,
    "recurrent": recurrent,
    "attention": attention,
    "linear": linear,
    "embedding": embedding,
    "activation": activation,
    "loss": loss,
    "interpolate": resampling,
    "pad": padding,
    "unfold": unfolding,
    "reduce": lambda c: along(c, "sum", "mean", "amax", "logsumexp", "var", "std", "prod"),
    "softmax": lambda c: along(c, "softmax", "log_softmax"),
    "scan": lambda c: along(c, "cumsum", "cumprod", "logcumsumexp"),
    "order": lambda c: along(c, "argmax", "argsort", "any", "all", backward=False),
    "join": joining,
    "index": indexing,
    "product": products,
    "arithmetic": arithmetic,
    "elementwise": elementwise,
    "linalg": solving,
}
