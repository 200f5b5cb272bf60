"""Every operation, mapped by `vmap` over its cases: what it gives for each, by a rule or a loop."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import steep
from cases import TABLE
from cases.row import Arr, Array, Call, find, transform
from runner import calls, function_of, tensor
from steep.func import _dispatch, vmap
from steep.func._draws import DRAWS
from steep.func._table import composed_of, rule_of

# Operations with a rule of which some calls run example by example, with a warning.
PARTLY = {
    *("embedding", "instance_norm", "batch_norm_counted", "searchsorted", "norm", "mse_loss"),
    *("l1_loss", "huber_loss", "cross_entropy", "nll_loss", "multi_margin_loss", "prelu"),
    *("multilabel_soft_margin_loss", "repeat_interleave", "tensor_split", "index_fill"),
}
# Those whose results differ in shape by example, or are no tensors.
UNEVEN = {
    *("unique", "unique_consecutive", "masked_select", "nonzero", "argwhere", "where", "one_hot"),
    *("equal", "allclose", "repeat_interleave", "bincount", "is_nonzero"),
}
# Steps of optimisers, and what has no tensor among its arguments.
NAMES = [
    name
    for name, row in TABLE.items()
    if row.reference is not None
    and name not in DRAWS
    and not name.endswith(("_step", "_"))
    and any(list(find(call, (Arr, np.ndarray))) for call in row.calls)
]


def other(array: Array) -> Array:
    """Another example of the same kind: the elements in another order."""
    return array.reshape(-1)[::-1].reshape(array.shape).copy()


def given(call: Call, tensors: Any) -> Call:
    own = iter(tensors)
    return transform(call, np.ndarray, lambda _: next(own))


def flat(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [x for one in result for x in flat(one)]
    return [result]


def examples(name: str) -> Any:
    """Calls, and what they give for two examples; calls that one example refuses are left out."""
    row = TABLE[name]
    function = function_of(name, row)
    dtype = "float64" if "float64" in row.dtypes else row.dtypes[0]
    for _, call in list(calls(row, dtype, name))[:6]:
        arrays = list(find(call, np.ndarray))
        pairs = [(array, other(array)) for array in arrays]
        if not arrays:
            continue

        def run(*tensors: Any, call: Call = call) -> Any:
            own = given(call, tensors)
            return function(*own.args, **own.kwargs)

        try:
            each = [flat(run(*[tensor(pair[i]) for pair in pairs])) for i in range(2)]
        except (RuntimeError, ValueError, IndexError, TypeError):
            continue
        yield run, [tensor(np.stack(pair)) for pair in pairs], each


def compare(found: list[Any], each: list[list[Any]]) -> None:
    assert len(found) == len(each[0])
    for got, *wanted in zip(found, *each, strict=True):
        assert got.shape[1:] == wanted[0].shape
        assert got.dtype == wanted[0].dtype
        for row, one in zip(got.detach().numpy(), wanted, strict=True):
            np.testing.assert_allclose(row, one.detach().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_operation_is_mapped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dispatch, "_told", set())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for run, batches, each in examples(name):
            uneven = any(not isinstance(x, steep.Tensor) for x in each[0])
            if uneven or [x.shape for x in each[0]] != [x.shape for x in each[1]]:
                assert name in UNEVEN
                continue
            try:
                found = flat(vmap(run, randomness="same")(*batches))
            except RuntimeError:
                assert name in UNEVEN
                continue
            compare(found, each)
    loops = {str(one.message).split()[1] for one in caught if "vmap: " in str(one.message)}
    assert {loop for loop in loops if rule_of(loop) or composed_of(loop)} <= PARTLY
