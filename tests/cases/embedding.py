"""Embeddings, bags of them, and the bilinear layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.layer import Layer, Made, Misused, Params
from cases.row import Arr, Array, Call, Counts, Row, arr, bad, call
from steep.reference import OPS


def _below(n: int, *shape: int, dtype: str = "int64") -> Arr:
    return arr(*shape, domain=f"below{n}", dtype=dtype)


_TABLE = arr(5, 3)
_OFFSETS = np.array([0, 2, 2, 5])
_OUTSIDE = np.array([[0, 4], [5, -1]])


def _looked_up(params: Params, inputs: tuple[Array, ...], *sizes: int, **settings: Any) -> Any:
    given = {k: v for k, v in settings.items() if not k.startswith("_")}
    return OPS["embedding"].forward(*inputs, params["weight"], **given)


def _reduced(params: Params, inputs: tuple[Array, ...], *sizes: int, **settings: Any) -> Any:
    names = ("offsets", "per_sample_weights")
    given = dict(zip(names, inputs[1:], strict=False))
    return OPS["embedding_bag"].forward(inputs[0], params["weight"], **given, **settings)


def _bilinear(params: Params, inputs: tuple[Array, ...], *_: Any, **__: Any) -> Any:
    return OPS["bilinear"].forward(*inputs, params["weight"], params.get("bias"))


_TABLE_REFUSED = (
    bad(ValueError, "num_embeddings to be at least 0, got -1", -1, 2),
    bad(TypeError, "embedding_dim to be an int, got 2.5", 3, 2.5),
    bad(ValueError, "Padding_idx must be within num_embeddings, got 3 and 3", 3, 2, padding_idx=3),
    bad(RuntimeError, "expected device 'cpu'", 3, 2, device="cuda"),
    bad(ValueError, "Shape of weight does not match", 3, 2, _weight=np.zeros((2, 2))),
)

_EMBEDDING = Layer(
    "Embedding",
    (
        Made(call(5, 3), (_below(5, 2, 4),), "Embedding(5, 3)"),
        Made(call(5, 3, padding_idx=2), (_below(2, 4),), "Embedding(5, 3, padding_idx=2)"),
        Made(call(5, 3, sparse=True), (_below(5, 2, 4),), "Embedding(5, 3, sparse=True)"),
        Made(
            call(5, 3, max_norm=100.0, norm_type=3.0),
            (_below(5, 4),),
            "Embedding(5, 3, max_norm=100.0, norm_type=3.0)",
        ),
    ),
    _looked_up,
    bad=_TABLE_REFUSED,
    misused=(
        Misused(call(5, 3), (_OUTSIDE,), IndexError, "numbers in [0, 5), got 5 at position 2"),
        Misused(call(5, 3), (arr(2),), RuntimeError, "of dtype int64, int32 or uint8"),
    ),
    bench=Made(call(1000, 64), (_below(1000, 256),), ""),
)
_EMBEDDING_BAG = Layer(
    "EmbeddingBag",
    (
        Made(call(5, 3), (_below(5, 2, 4),), "EmbeddingBag(5, 3, mode='mean')"),
        Made(
            call(5, 3, mode="max", padding_idx=1),
            (_below(5, 2, 4),),
            "EmbeddingBag(5, 3, mode='max', padding_idx=1)",
        ),
        Made(
            call(5, 3, mode="sum"),
            (_below(5, 6), _OFFSETS, arr(6)),
            "EmbeddingBag(5, 3, mode='sum')",
        ),
    ),
    _reduced,
    bad=_TABLE_REFUSED,
    misused=(Misused(call(5, 3), (_OUTSIDE,), IndexError, "got 5 at position 2"),),
    bench=Made(call(1000, 64), (_below(1000, 32, 8),), ""),
    rough=4.0,
    reason="sums of rows",
)
_BILINEAR = Layer(
    "Bilinear",
    (
        Made(
            call(2, 3, 4),
            (arr(5, 2), arr(5, 3)),
            "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)",
        ),
        Made(
            call(2, 3, 4, bias=False),
            (arr(2), arr(3)),
            "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=False)",
        ),
    ),
    _bilinear,
    bad=(
        bad(ValueError, "in1_features must be > 0, but got 0", 0, 1, 1),
        bad(RuntimeError, "expected device 'cpu'", 1, 1, 1, device="cuda"),
    ),
    misused=(
        Misused(call(2, 3, 4), (arr(5, 2), arr(5, 2)), RuntimeError, "input2 size does not match"),
    ),
    bench=Made(call(32, 32, 16), (arr(64, 32), arr(64, 32)), ""),
    rough=4.0,
    reason="sums of products",
)

EMBEDDINGS = {
    "embedding": Row(
        (
            call(_below(5, 2, 4), _TABLE),
            call(_below(4, 7, dtype="int32"), _TABLE, padding_idx=4),
            call(_below(4, 7, dtype="uint8"), _TABLE),
            call(_below(4), _TABLE, -1),
            call(_below(5, 0, 2), _TABLE),
            call(_below(3, 6), arr(3, 0)),
            call(_below(3, 20), arr(3, 70)),
        ),
        "embedding",
        bad=(
            bad(IndexError, "expected numbers in [0, 5), got 5 at position 2", _OUTSIDE, _TABLE),
            bad(IndexError, "got -1 at position 0", np.array([-1]), _TABLE),
            bad(RuntimeError, "of dtype int64, int32 or uint8, got float32", arr(2), _TABLE),
            bad(RuntimeError, "'weight' must be 2-D", _below(5, 2), arr(5)),
            bad(ValueError, "padding_idx must be within num_embeddings", _below(5, 2), _TABLE, 5),
        ),
        large=Call((_below(5000, 3000), Arr((5000, 64)))),
        counts=Counts(launches=2, saved=1, saved_bytes=64, backward=1),
        kernels=("embedding_backward",),
        bench=call(_below(1000, 256), Arr((1000, 64))),
        layer=_EMBEDDING,
    ),
    "embedding_bag": Row(
        (
            call(_below(5, 2, 4), _TABLE),
            call(_below(5, 6), _TABLE, _OFFSETS, mode="sum"),
            call(_below(5, 6), _TABLE, _OFFSETS, mode="sum", per_sample_weights=arr(6)),
            call(_below(5, 6), _TABLE, _OFFSETS, mode="max"),
            call(_below(3, 6), arr(3, 2), _OFFSETS, padding_idx=-2),
            call(_below(3, 2, 3), arr(3, 2), mode="max", padding_idx=1),
            call(_below(5, 5), _TABLE, _OFFSETS, include_last_offset=True),
            call(_below(5, 2, 3), _TABLE, mode="sum", per_sample_weights=arr(2, 3), padding_idx=0),
            call(_below(5, 2, 0), _TABLE),
            call(_below(5, 0), _TABLE, np.array([0, 0])),
        ),
        "embedding_bag",
        bad=(
            bad(IndexError, "got 5 at position 2", _OUTSIDE, _TABLE),
            bad(ValueError, "mode has to be one of", _below(5, 2, 2), _TABLE, mode="min"),
            bad(ValueError, "no offsets beside", _below(5, 2, 2), _TABLE, _OFFSETS),
            bad(ValueError, "offsets has to be a 1D Tensor", _below(5, 2), _TABLE),
            bad(ValueError, "1D or 2D Tensor", _below(5), _TABLE),
            bad(RuntimeError, "offsets[0] has to be 0", _below(5, 2), _TABLE, np.array([1])),
            bad(RuntimeError, "rising order", _below(5, 4), _TABLE, np.array([0, 3, 2])),
            bad(RuntimeError, "rising order", _below(5, 4), _TABLE, np.array([0, 5])),
            bad(
                RuntimeError,
                "at least 1",
                _below(5, 0),
                _TABLE,
                _below(5, 0),
                include_last_offset=True,
            ),
            bad(RuntimeError, "offsets of dtype int64", _below(5, 2), _TABLE, arr(1)),
            bad(
                ValueError,
                "the same shape as input",
                _below(5, 2, 2),
                _TABLE,
                mode="sum",
                per_sample_weights=arr(2),
            ),
            bad(
                NotImplementedError,
                "with mode='sum' alone",
                _below(5, 2, 2),
                _TABLE,
                per_sample_weights=arr(2, 2),
            ),
            bad(
                ValueError,
                "does not support scaling",
                _below(5, 2, 2),
                _TABLE,
                mode="max",
                scale_grad_by_freq=True,
            ),
            bad(RuntimeError, "a floating-point weight", _below(5, 2, 2), _below(3, 5, 3)),
        ),
        bench=call(_below(1000, 32, 8), Arr((1000, 64))),
        layer=_EMBEDDING_BAG,
        rough=4.0,
        reason="sums of rows",
    ),
    "bilinear": Row(
        (
            call(arr(5, 2), arr(5, 3), arr(4, 2, 3), arr(4)),
            call(arr(2), arr(3), arr(1, 2, 3)),
            call(arr(2, 1, 2), arr(2, 1, 3), arr(2, 2, 3), arr(2)),
            call(arr(0, 2), arr(0, 3), arr(4, 2, 3), arr(4)),
            call(_below(9, 5, 2), _below(9, 5, 3), _below(9, 4, 2, 3), _below(9, 4)),
        ),
        "bilinear",
        bad=(
            bad(RuntimeError, "a weight of shape", arr(2, 2), arr(2, 3), arr(2, 3)),
            bad(RuntimeError, "batch dimensions", arr(2, 2), arr(3, 3), arr(4, 2, 3)),
            bad(RuntimeError, "input1 size", arr(2, 3), arr(2, 3), arr(4, 2, 3)),
            bad(RuntimeError, "a bias of shape [4]", arr(2, 2), arr(2, 3), arr(4, 2, 3), arr(3)),
            bad(
                RuntimeError,
                "same dtype",
                arr(2, 2, dtype="float32"),
                arr(2, 3, dtype="float64"),
                arr(4, 2, 3),
            ),
            bad(
                NotImplementedError,
                "inputs of numbers, got bool",
                arr(2, 2, dtype="bool"),
                arr(2, 3, dtype="bool"),
                arr(4, 2, 3, dtype="bool"),
            ),
        ),
        bench=call(arr(64, 32), arr(64, 32), arr(16, 32, 32)),
        layer=_BILINEAR,
        rough=4.0,
        reason="sums of products",
    ),
}
