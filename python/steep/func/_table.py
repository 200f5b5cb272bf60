"""Which rule each operation has: one table, most of it by the families of the registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from steep import _core
from steep.func import _indexing, _products, _shapes
from steep.func._calls import Call, NoRuleError
from steep.func._indexing import index_fill, one_hot, searchsorted
from steep.func._layers import attention, batch_norm, convolve, embedding, folded, normalised
from steep.func._losses import class_loss, gaussian_loss, loss_of_rows, weighted_loss
from steep.func._pointwise import direct, pointwise, reduced_loss
from steep.func._products import bilinear, linear, linear_activation, matmul
from steep.func._reductions import along, flat_or_along, reduced, smallest_or_largest, softened
from steep.func._shapes import expand, joined, new, permute, repeat, reshape, squeeze

__all__ = ["composed_of", "rule_of"]

Rule = Callable[[Call], Any]

# Families whose operations work element by element, all of them but those with a row below.
_POINTWISE_FAMILIES = (
    *("arithmetic", "math", "special", "comparison", "activation", "assignment"),
)

_ROWS: dict[Rule, tuple[str, ...]] = {
    pointwise: (
        *("clone", "contiguous", "detach", "empty_like", "full_like", "ones_like", "zeros_like"),
    ),
    direct: ("tril", "triu", "cdist"),
    reduced: (
        *("all", "amax", "amin", "any", "count_nonzero", "logsumexp", "mean", "nanmean"),
        *("nansum", "norm", "std", "std_mean", "sum", "var", "var_mean"),
    ),
    flat_or_along(along("dim")): (*("aminmax", "argmax", "argmin", "median", "nanmedian", "prod"),),
    along("dim"): (
        *("cummax", "cummin", "cumprod", "cumsum", "gather", "logcumsumexp"),
        *("narrow", "scatter", "scatter_add", "scatter_reduce", "select"),
        *("select_scatter", "unflatten"),
    ),
    along("dim", defaults=(-1,)): (
        *("argsort", "diff", "glu", "kthvalue", "mode", "sort", "topk"),
    ),
    along("dim", defaults=(0,)): (
        *("chunk", "split", "split_with_sizes", "unbind"),
        "slice_scatter",
    ),
    along("dim", defaults=(1,)): ("normalize",),
    softened: ("log_softmax", "softmax", "softmin"),
    index_fill: ("index_fill",),
    along("dim", more=1): ("unsqueeze",),
    along("dim0", "dim1"): ("swapdims", "transpose"),
    along("axis0", "axis1"): ("swapaxes",),
    along("dim1", "dim2", defaults=(0, 1)): ("diagonal", "diagonal_scatter"),
    along("dim1", "dim2", defaults=(-2, -1), more=1): ("diag_embed",),
    along("source", "destination"): ("moveaxis", "movedim"),
    along("dims"): ("flip",),
    along("dims", defaults=((0, 1),)): ("rot90",),
    joined(): ("cat", "concat", "concatenate"),
    joined(more=1): ("stack",),
    reshape: ("reshape", "view"),
    expand: ("broadcast_to", "expand"),
    repeat: ("repeat", "tile"),
    permute: ("permute",),
    squeeze: ("squeeze",),
    new: ("new_empty", "new_full", "new_ones", "new_zeros"),
    matmul: ("matmul",),
    linear: ("linear",),
    linear_activation: ("linear_activation",),
    bilinear: ("bilinear",),
    convolve: (
        *("conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    ),
    folded(2): (
        *("avg_pool1d", "lp_pool1d", "max_pool1d", "max_pool1d_with_indices", "max_unpool1d"),
        "fold",
    ),
    folded(3): (
        *("avg_pool2d", "lp_pool2d", "max_pool2d", "max_pool2d_with_indices", "max_unpool2d"),
    ),
    folded(3, any_lead=True): ("pixel_shuffle", "pixel_unshuffle"),
    folded(4): (
        *("avg_pool3d", "lp_pool3d", "max_pool3d", "max_pool3d_with_indices", "max_unpool3d"),
    ),
    folded(lambda call: len(call["output_size"]) + 1): ("adaptive_average", "adaptive_max"),
    folded(lambda call: call["input"].ndim - 1): (
        *("channel_shuffle", "interpolate_to", "local_response_norm"),
    ),
    normalised: ("group_norm", "instance_norm", "layer_norm", "rms_norm"),
    batch_norm: ("batch_norm", "batch_norm_counted"),
    embedding: ("embedding",),
    attention: ("scaled_dot_product_attention",),
    one_hot: ("one_hot",),
    searchsorted: ("searchsorted",),
    reduced_loss: (
        *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
        *("hinge_embedding_loss", "kl_div", "margin_ranking_loss", "msle_loss"),
        *("poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss"),
    ),
    gaussian_loss: ("gaussian_nll_loss",),
    weighted_loss: ("huber_loss", "l1_loss", "mse_loss"),
    class_loss: ("cross_entropy", "nll_loss"),
    loss_of_rows(2): (
        *("cosine_embedding_loss", "multi_margin_loss", "multilabel_margin_loss"),
        *("multilabel_soft_margin_loss", "triplet_margin_loss"),
    ),
    smallest_or_largest("amax"): ("max",),
    smallest_or_largest("amin"): ("min",),
}

_COMPOSED: dict[str, Callable[..., Any]] = {
    **_shapes.COMPOSED,
    **_products.COMPOSED,
    **_indexing.COMPOSED,
    "equal": lambda input, other: bool((input == other).all()),
    "allclose": lambda input, other, **near: bool(_core.isclose(input, other, **near).all()),
    "pairwise_distance": lambda x1, x2, p=2.0, eps=1e-6, keepdim=False: _core.norm(
        x1 - x2 + eps, p, -1, keepdim
    ),
    "dist": lambda input, other, p=2: _core.norm(input - other, p),
    "msort": lambda input: input.sort(0)[0],
}


def _pad(call: Call) -> Any:
    """Zeros go around the last dimensions whatever is in front; other ways know images."""
    pad = call["pad"]
    if call.name == "constant_pad_nd" or call.get("mode", "constant") == "constant":
        return call.wrapped(call.on(input=call["input"].value))
    return folded(len(pad) // 2 + 1)(call)


def _unfold(call: Call) -> Any:
    """Patches of images, or the method's windows along a dimension."""
    return along("dimension")(call) if "dimension" in call.arguments else folded(3)(call)


def _where(call: Call) -> Any:
    if "other" not in call.arguments:
        raise RuntimeError(
            "vmap: where(condition) finds different numbers of places in each example; use "
            "where(condition, input, other)"
        )
    return pointwise(call)


def _prelu(call: Call) -> Any:
    """The slopes are those of the second dimension."""
    x, weight = call["input"], call["weight"]
    slopes = weight.reshape((-1,) + (1,) * (x.ndim - 2)) if x.ndim >= 2 else weight.reshape(())
    return _core.where(x > 0, x, x * slopes)


def _cross(call: Call) -> Any:
    """Along the first dimension of 3 elements, if none is given."""
    if call.get("dim") is None:
        shape = call.tensors()[0][1].shape
        call = Call(call.name, call.function,
                    {**call.arguments, "dim": list(shape).index(3) if 3 in shape else 0},
                    call.level)  # fmt: skip
    return along("dim")(call)


def _cosine_similarity(call: Call) -> Any:
    a, b = _core.broadcast_tensors(call["x1"], call["x2"])
    arguments = {**call.arguments, "x1": a, "x2": b}
    return along("dim", defaults=(1,))(Call(call.name, call.function, arguments, call.level))


def _tensor_split(call: Call) -> Any:
    if "tensor_indices_or_sections" in call.arguments:
        raise NoRuleError
    return along("dim", defaults=(0,))(call)


def _flatten(call: Call) -> Any:
    if call["input"].ndim == 0:
        return call["input"].reshape(1)
    return along("start_dim", "end_dim", defaults=(0, -1))(call)


_SPECIAL: dict[str, Rule] = {
    "cosine_similarity": _cosine_similarity,
    "cross": _cross,
    "flatten": _flatten,
    "tensor_split": _tensor_split,
    "pad": _pad,
    "constant_pad_nd": _pad,
    "unfold": _unfold,
    "where": _where,
    "prelu": _prelu,
}


@cache
def _rules() -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for row in _core.registry():
        if row["family"] in _POINTWISE_FAMILIES and not row["name"].endswith("_"):
            found[row["name"]] = pointwise
    for rule, names in _ROWS.items():
        found.update(dict.fromkeys(names, rule))
    found.update(_SPECIAL)
    for name in ("equal", "allclose"):
        del found[name]
    return found


def rule_of(name: str) -> Rule | None:
    """The rule of an operation, by its name; None if there is none."""
    return _rules().get(name)


def composed_of(name: str) -> Callable[..., Any] | None:
    """The function of other operations that stands for it; None if there is none."""
    return _COMPOSED.get(name)
