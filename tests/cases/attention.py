"""Scaled dot-product attention."""

from __future__ import annotations

import numpy as np

from cases.row import Arr, Call, Counts, Row, arr, bad, call

_q = arr(2, 3, 2)
_k = arr(2, 4, 2)
_MASK = np.array([[True, False, True, True], [False] * 4, [True] * 4])
_MORE = Arr((3, 4), fixed=True)
_rows = Arr((2, 61, 7))
_keys = Arr((2, 150, 7))

ATTENTION = {
    "scaled_dot_product_attention": Row(
        (
            call(_q, _k, _k),
            call(arr(3, 2), arr(3, 2), arr(3, 2), is_causal=True),
            call(_q, _k, arr(2, 4, 3), _MASK),
            call(_q, _k, _k, _MORE, scale=0.5),
            call(_q, _k, _k, arr(2, 3, 4)),  # a mask that wants a gradient
            call(arr(1, 4, 2, 2), arr(1, 2, 3, 2), arr(1, 2, 3, 2), enable_gqa=True),
            call(arr(2, 1, 1, 2, 2), arr(2, 1, 2, 2), arr(2, 2, 1)),
            call(arr(2, 3), arr(1, 3), arr(1, 2), is_causal=True),
            call(arr(1, 2), arr(3, 2), arr(3, 2), is_causal=True),
            call(arr(2, 0, 2), arr(2, 3, 2), arr(2, 3, 2)),
            call(arr(2, 2), arr(0, 2), arr(0, 3)),
            call(arr(0, 2, 2), arr(0, 3, 2), arr(0, 3, 2)),
            call(arr(2, 0), arr(3, 0), arr(3, 2)),
            call(_rows, _keys, Arr((2, 150, 5))),
            call(_rows, _keys, _keys, is_causal=True),
            call(*[Arr((260, 3))] * 3, is_causal=True),
            call(_keys, _rows, _rows, Arr((150, 1), "mask", "bool")),
            call(Arr((2, 4, 50, 3)), Arr((2, 2, 130, 3)), Arr((2, 2, 130, 3)),
                 Arr((4, 50, 130), "mask", "bool"), enable_gqa=True),
        ),
        "scaled_dot_product_attention",
        bad=(
            bad(RuntimeError, "same dtype", arr(2, 2, dtype="float32"),
                arr(2, 2, dtype="float64"), arr(2, 2, dtype="float32")),
            bad(NotImplementedError, "floating-point", *[arr(2, 2, dtype="int64")] * 3),
            bad(RuntimeError, "at least 2 dimensional", arr(2), arr(2, 2), arr(2, 2)),
            bad(RuntimeError, "of the same last size", arr(2, 2), arr(2, 3), arr(2, 3)),
            bad(RuntimeError, "as many values as keys", arr(2, 2), arr(2, 2), arr(3, 2)),
            bad(RuntimeError, "attn_mask dtype to be bool or float", arr(2, 2), arr(2, 2),
                arr(2, 2), arr(2, 2, dtype="int64")),
            bad(RuntimeError, "attn_mask that broadcasts to [3, 4]", arr(3, 2), arr(4, 2),
                arr(4, 2), arr(4, 3)),
            bad(RuntimeError, "should not be set when is_causal=True", arr(2, 2), arr(2, 2),
                arr(2, 2), arr(2, 2), is_causal=True),
            bad(RuntimeError, "a multiple of them of query", arr(3, 2, 2), arr(2, 2, 2),
                arr(2, 2, 2), enable_gqa=True),
            bad(ValueError, "between 0 and 1, but got 1.5", arr(2, 2), arr(2, 2), arr(2, 2),
                dropout_p=1.5),
            bad(RuntimeError, "broadcast", arr(2, 2, 2), arr(3, 2, 2), arr(3, 2, 2)),
        ),
        large=Call((Arr((3, 200, 33)),) * 3, {"is_causal": True}),
        counts=Counts(launches=1, saved=5, saved_bytes=272, backward=1),
        kernels=("attention", "attention_backward"),
        bench=call(*[Arr((4, 2, 64, 32))] * 3),
        rough=8.0,
        reason="sums of products of exponentials of sums of products",
    ),
}  # fmt: skip
