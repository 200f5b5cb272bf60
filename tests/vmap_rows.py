"""Calls that `vmap` has rules for: a function, and the shapes of one example of each argument.

A shape with "i" in front is one of integers below 3, with "b" of booleans, with "p" of positive
numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import steep
import steep.nn.functional as F

__all__ = ["ROWS"]

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]

A, B, V = (2, 3), (3, 2), (3,)
I, M, P = ("i", 2, 3), ("b", 2, 3), ("p", 2, 3)  # noqa: E741
IMAGE, IMAGES, KERNEL = (2, 5, 6), (3, 2, 5, 6), (4, 2, 3, 3)


def _put(x: Any, v: Any) -> Any:
    y = x + 0 * v
    y[1] = v
    y[:, 0] += 1
    y[..., -1:] = 2.0
    return y


def _put_where(x: Any, m: Any) -> Any:
    y = x + 0 * m
    y[m] = 0.5
    return y


def _in_place(x: Any, y: Any) -> Any:
    z = x + 0 * y
    z.add_(y).mul_(2).clamp_(min=0)
    z += y
    z[0].zero_()
    return z.relu_()


UNARY = """
    abs acos asin atan ceil cos cosh deg2rad erf erfc exp exp2 expm1 floor frac isnan log1p
    logical_not neg positive rad2deg reciprocal relu round sgn sigmoid sign signbit sin sinc sinh
    sqrt square tan tanh trunc atanh asinh isfinite isinf
"""
BINARY = """
    add sub mul div true_divide atan2 maximum minimum fmax fmin hypot logaddexp copysign eq ne lt le
    gt ge logical_and logical_or logical_xor remainder fmod floor_divide xlogy
"""
ACTIVATIONS = """
    celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu6 selu
    silu softplus softshrink softsign tanhshrink
"""
REDUCTIONS = """
    sum mean amax amin std var prod argmax argmin all any nansum nanmean norm count_nonzero std_mean
    var_mean aminmax median
"""
OF_ROWS = """
    sum mean amax std norm prod any argmax max min median mode cumsum cumprod cummax sort argsort
    logcumsumexp softmax log_softmax logsumexp diff
"""
LOSSES = "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss poisson_nll_loss"


def _reduce(name: str, *args: Any, **named: Any) -> Callable[..., Any]:
    function = getattr(steep, name)
    return lambda x: function(x, *args, **named)


def _made() -> list[Row]:
    rows: list[Row] = [(name, getattr(steep, name), (A,)) for name in UNARY.split()]
    rows += [(name, getattr(F, name), (A,)) for name in ACTIVATIONS.split()]
    rows += [(f"{name}, ranks", getattr(steep, name), (A, V)) for name in BINARY.split()]
    rows += [(name, getattr(steep, name), ((), A)) for name in ("add", "mul", "maximum", "lt")]
    for name in REDUCTIONS.split():
        rows.append((f"{name} of all", _reduce(name), (A,)))
        if name != "median":
            rows.append((f"{name} of a number", _reduce(name), ((),)))
    for name in OF_ROWS.split():
        rows += [(f"{name} by {dim}", _reduce(name, dim=dim), (A,)) for dim in (0, -1)]
    for name in LOSSES.split():
        for kind in ("mean", "sum", "none"):
            function = getattr(F, name)
            call = functools.partial(function, reduction=kind)
            rows.append((f"{name}, {kind}", call, (A, A)))
    return rows


VIEWS: list[Row] = [
    ("reshape", lambda x: x.reshape(3, -1), (A,)),
    ("view", lambda x: x.view(6), (A,)),
    ("flatten", lambda x: x.flatten(), (A,)),
    ("flatten some", lambda x: x.flatten(1, 2), ((2, 3, 4),)),
    ("ravel", steep.ravel, (A,)),
    ("permute", lambda x: x.permute(2, 0, 1), ((2, 3, 4),)),
    ("transpose", lambda x: x.transpose(0, -1), (A,)),
    ("T", lambda x: x.T, (A,)),
    ("mT", lambda x: x.mT, ((2, 3, 4),)),
    ("t", steep.t, (A,)),
    ("movedim", lambda x: x.movedim(0, -1), ((2, 3, 4),)),
    ("swapaxes", lambda x: x.swapaxes(0, 1), (A,)),
    ("unsqueeze", lambda x: x.unsqueeze(0) + x.unsqueeze(-1).sum(), (A,)),
    ("squeeze", lambda x: x.squeeze(), ((1, 3, 1),)),
    ("squeeze one", lambda x: x.squeeze(0), ((1, 3, 1),)),
    ("expand", lambda x: x.expand(2, -1, 3), ((4, 1),)),
    ("broadcast_to", lambda x: x.broadcast_to((2, 3)), (V,)),
    ("expand_as", lambda x, y: x.expand_as(y), (V, A)),
    ("repeat", lambda x: x.repeat(2, 1, 2), (A,)),
    ("tile", lambda x: x.tile(2), (A,)),
    ("repeat_interleave", lambda x: x.repeat_interleave(2, 0), (A,)),
    ("repeat_interleave of all", lambda x: x.repeat_interleave(2), (A,)),
    ("narrow", lambda x: x.narrow(1, 1, 2), (A,)),
    ("select", lambda x: x.select(-1, 1), (A,)),
    ("split", lambda x: x.split(2, 1), (A,)),
    ("chunk", lambda x: x.chunk(2), (A,)),
    ("unbind", lambda x: x.unbind(1), (A,)),
    ("tensor_split", lambda x: x.tensor_split(2, 1), (A,)),
    ("hsplit", lambda x: x.hsplit(3), (A,)),
    ("diagonal", lambda x: x.diagonal(), ((3, 3),)),
    ("diag", steep.diag, (V,)),
    ("diag of a matrix", steep.diag, ((3, 3),)),
    ("diag_embed", lambda x: x.diag_embed(), (A,)),
    ("tril", lambda x: x.tril(), ((3, 3),)),
    ("triu", lambda x: x.triu(1), ((3, 3),)),
    ("trace", steep.trace, ((3, 3),)),
    ("flip", lambda x: x.flip(0), (A,)),
    ("fliplr", steep.fliplr, (A,)),
    ("roll", lambda x: x.roll(1, 1), (A,)),
    ("roll of all", lambda x: x.roll(1), (A,)),
    ("rot90", lambda x: x.rot90(), (A,)),
    ("unflatten", lambda x: x.unflatten(0, (2, 2)), ((4, 3),)),
    ("windows", lambda x: x.unfold(0, 2, 1), ((5,),)),
    ("cat", lambda x, y: steep.cat([x, y], 1), (A, (2, 4))),
    ("stack", lambda x, y: steep.stack([x, y], -1), (A, A)),
    ("hstack", lambda x, y: steep.hstack([x, y]), (V, V)),
    ("vstack", lambda x, y: steep.vstack([x, y]), (V, A)),
    ("column_stack", lambda x, y: steep.column_stack([x, y]), (V, V)),
    ("meshgrid", lambda x, y: steep.meshgrid(x, y, indexing="ij"), (V, (2,))),
    ("atleast_2d", steep.atleast_2d, (V,)),
    ("zeros_like", lambda x: steep.zeros_like(x) + x, (A,)),
    ("new_zeros", lambda x: x.new_zeros(2) + x[:, 0], (A,)),
    ("clone", lambda x: x.clone().detach(), (A,)),
    ("casts", lambda x: x.to(steep.float64).float().long(), (A,)),
    ("len and rows", lambda x: sum(row * len(x) for row in x), (A,)),
    ("pad", lambda x: F.pad(x, (1, 2)), (A,)),
    ("pad by reflection", lambda x: F.pad(x, (1, 1), mode="reflect"), (A,)),
]
PRODUCTS: list[Row] = [
    ("matmul", steep.matmul, (A, B)),
    ("matmul of vectors", steep.matmul, (V, V)),
    ("matrix by vector", lambda a, b: a @ b, (A, V)),
    ("vector by matrix", lambda a, b: a @ b, (V, B)),
    ("matmul of batches", steep.matmul, ((4, 2, 3), B)),
    ("matrix by batches", steep.matmul, (A, (4, 3, 2))),
    ("mm", steep.mm, (A, B)),
    ("mv", steep.mv, (A, V)),
    ("bmm", steep.bmm, ((4, 2, 3), (4, 3, 2))),
    ("dot", steep.dot, (V, V)),
    ("outer", steep.outer, (V, (2,))),
    ("inner", steep.inner, (A, A)),
    ("kron", steep.kron, (A, B)),
    ("addmm", lambda c, a, b: steep.addmm(c, a, b, alpha=2), ((2,), A, B)),
    ("addmv", steep.addmv, ((2,), A, V)),
    ("baddbmm", steep.baddbmm, ((4, 2, 2), (4, 2, 3), (4, 3, 2))),
    ("linear", F.linear, (A, (4, 3), (4,))),
    ("linear of a vector", F.linear, (V, (4, 3))),
    ("einsum", lambda a, b: steep.einsum("ij,jk->ki", a, b), (A, B)),
    ("tensordot", lambda a, b: steep.tensordot(a, b, 1), (A, B)),
    ("bilinear", F.bilinear, (A, (2, 4), (5, 3, 4), (5,))),
    ("cross", lambda a, b: steep.cross(a, b), (V, V)),
    ("cdist", steep.cdist, (A, (4, 3))),
    ("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, dim=1), (A, A)),
    ("pairwise_distance", F.pairwise_distance, (A, A)),
    ("dist", steep.dist, (A, A)),
    ("normalize", F.normalize, (A,)),
    ("det", steep.linalg.det, ((3, 3),)),
    ("inv", lambda a: steep.linalg.inv(a + 4 * steep.eye(3)), ((3, 3),)),
    ("solve", lambda a, b: steep.linalg.solve(a + 4 * steep.eye(3), b), ((3, 3), (3, 2))),
]
INDEXING: list[Row] = [
    ("number", lambda x: x[1], (A,)),
    ("slices", lambda x: x[:, 1:], (A,)),
    ("ellipsis", lambda x: x[..., None, 0], (A,)),
    ("list", lambda x: x[[1, 0]], (A,)),
    ("list behind", lambda x: x[:, [2, 0]], (A,)),
    ("lists apart", lambda x: x[[0, 1], :, [1, 2]], ((2, 3, 4),)),
    ("mask from outside", lambda x: x[steep.tensor([True, False])], (A,)),
    ("index", lambda x, i: x[i], (("p", 3, 2), ("i", 4))),
    ("index behind", lambda x, i: x[:, i], (A, ("i", 4))),
    ("0-d index", lambda x, i: x[:, i], (A, ("i",))),
    ("two indices", lambda x, i, j: x[i, j], ((3, 3), ("i", 4), ("i", 4))),
    ("indices apart", lambda x, i, j: x[i, :, j], ((3, 2, 3), ("i", 4), ("i", 4))),
    ("indices of ranks", lambda x, i, j: x[i, j], ((3, 3), ("i", 4, 1), ("i", 2))),
    ("rows behind", lambda x, i, j: x[:, i, j], ((2, 3, 3), ("i", 4), ("i", 4))),
    ("gather", lambda x, i: x.gather(1, i), (A, I)),
    ("index_select", lambda x, i: x.index_select(1, i), (A, ("i", 2))),
    ("take", steep.take, (A, ("i", 4))),
    ("take_along_dim", lambda x, i: x.take_along_dim(i, 1), (A, I)),
    ("scatter", lambda x, i, y: x.scatter(1, i, y), (A, ("i", 2, 1), A)),
    ("scatter_add", lambda x, i, y: x.scatter_add(1, i, y), (A, I, A)),
    ("where", steep.where, (M, A, V)),
    ("where by condition", lambda x: steep.where(x > 0, x, 0.0), (A,)),
    ("masked_fill", lambda x, m: x.masked_fill(m, -1.0), (A, M)),
    ("embedding", F.embedding, (("i", 4), (3, 5))),
    ("one_hot", lambda i: F.one_hot(i, 3), (("i", 4),)),
    ("topk", lambda x: x.topk(2), (A,)),
    ("kthvalue", lambda x: x.kthvalue(2, 0), (A,)),
    ("searchsorted", lambda x, y: steep.searchsorted(x.sort()[0], y), (V, (4,))),
    ("sort pairs", lambda x: x.sort(0, descending=True), (A,)),
    ("max pair", lambda x: x.max(1), (A,)),
    ("max of two", lambda x, y: steep.max(x, y), (A, A)),
    ("clamp", lambda x, y: x.clamp(max=y), (A, V)),
    ("lerp", steep.lerp, (A, A, V)),
    ("addcmul", steep.addcmul, (A, V, A)),
    ("pow", lambda x, y: x**y, (P, A)),
    ("numbers", lambda x: 2 - x / 3 + x // 1 - (-x) % 2, (A,)),
    ("comparison", lambda x, y: (x >= y) & ~(x == 1), (A, V)),
    ("put", _put, (A, V)),
    ("put where", _put_where, (A, M)),
    ("in place", _in_place, (A, A)),
]
LAYERS: list[Row] = [
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b, padding=1), (IMAGES, KERNEL, (4,))),
    ("conv2d of one", F.conv2d, (IMAGE, KERNEL)),
    ("conv1d", F.conv1d, ((2, 3, 7), (4, 3, 3), (4,))),
    ("conv2d in groups", lambda x, w: F.conv2d(x, w, groups=2), (IMAGES, (4, 1, 3, 3))),
    ("conv_transpose2d", F.conv_transpose2d, (IMAGES, (2, 3, 3, 3), (3,))),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), (IMAGES,)),
    ("max_pool2d of one", lambda x: F.max_pool2d(x, 2), (IMAGE,)),
    ("avg_pool1d", lambda x: F.avg_pool1d(x, 2), ((2, 3, 6),)),
    ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 2), (IMAGES,)),
    ("adaptive_max_pool1d", lambda x: F.adaptive_max_pool1d(x, 2), ((2, 3, 6),)),
    ("interpolate", lambda x: F.interpolate(x, scale_factor=2), (IMAGES,)),
    ("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), ((2, 4, 3, 3),)),
    ("unfold", lambda x: F.unfold(x, 2), (IMAGES,)),
    ("layer_norm", lambda x, w, b: F.layer_norm(x, (3,), w, b), (A, V, V)),
    ("rms_norm", lambda x, w: F.rms_norm(x, (3,), w), (A, V)),
    ("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), ((3, 4, 5), (4,), (4,))),
    ("instance_norm", lambda x: F.instance_norm(x), ((3, 4, 5),)),
    ("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), ((5, 3), V, V)),
    ("batch_norm by statistics", F.batch_norm, ((5, 3, 4), V, ("p", 3))),
    ("local_response_norm", lambda x: F.local_response_norm(x, 2), (IMAGES,)),
    ("glu", F.glu, ((2, 4),)),
    ("prelu", F.prelu, (A, (1,))),
    ("prelu by channel", F.prelu, (A, V)),
    ("softmax of a number", lambda x: F.softmax(x, 0), ((),)),
    ("attention", F.scaled_dot_product_attention, ((2, 4, 3), (2, 5, 3), (2, 5, 3))),
    ("attention of one head", F.scaled_dot_product_attention, ((4, 3), (5, 3), (5, 3))),
    ("attention by a mask", F.scaled_dot_product_attention,
     ((2, 4, 3), (2, 5, 3), (2, 5, 3), ("b", 4, 5))),
    ("dropout in evaluation", lambda x: F.dropout(x, training=False), (A,)),
    ("cross_entropy", F.cross_entropy, ((4, 3), ("i", 4))),
    ("cross_entropy of one", F.cross_entropy, ((3,), ("i",))),
    ("cross_entropy, sum", lambda x, t: F.cross_entropy(x, t, reduction="sum"),
     ((4, 3), ("i", 4))),
    ("cross_entropy, none", lambda x, t: F.cross_entropy(x, t, reduction="none"),
     ((4, 3), ("i", 4))),
    ("cross_entropy, one class ignored",
     lambda x, t: F.cross_entropy(x, t, ignore_index=1), ((4, 3), ("i", 4))),
    ("cross_entropy, weights",
     lambda x, t: F.cross_entropy(x, t, steep.tensor([1.0, 2.0, 3.0])), ((4, 3), ("i", 4))),
    ("cross_entropy, smoothed",
     lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), ((4, 3), ("i", 4))),
    ("cross_entropy of images", F.cross_entropy, ((4, 3, 2), ("i", 4, 2))),
    ("cross_entropy of probabilities",
     lambda x, t: F.cross_entropy(x, t.softmax(1)), ((4, 3), (4, 3))),
    ("nll_loss", lambda x, t: F.nll_loss(x.log_softmax(1), t), ((4, 3), ("i", 4))),
    ("kl_div", lambda x, t: F.kl_div(x, t, reduction="batchmean"), (A, P)),
    ("bce", lambda x, t: F.binary_cross_entropy(x.sigmoid(), t.sigmoid()), (A, A)),
    ("bce of logits", F.binary_cross_entropy_with_logits, (A, P)),
    ("triplet", F.triplet_margin_loss, (A, A, A)),
    ("cosine_embedding", lambda x, y: F.cosine_embedding_loss(x, y, steep.ones(2)), (A, A)),
    ("multi_margin", F.multi_margin_loss, ((4, 3), ("i", 4))),
    ("hinge_embedding", lambda x, y: F.hinge_embedding_loss(x, (y > 0) * 2.0 - 1), (A, A)),
    ("gaussian_nll", F.gaussian_nll_loss, (A, A, P)),
    ("margin_ranking", lambda x, y: F.margin_ranking_loss(x, y, steep.ones(2, 3)), (A, A)),
]  # fmt: skip
ROWS: list[Row] = [*_made(), *VIEWS, *PRODUCTS, *INDEXING, *LAYERS]
