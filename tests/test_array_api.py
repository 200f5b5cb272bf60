"""The Python array API: NumPy's namespace, which follows the standard, is asked the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep import array_api

X = np.array([[3.0, 1, 2], [4, 1, 5]])
CALLS = (
    "sum(x)",
    "sum(x,axis=0)",
    "sum(i,axis=1,keepdims=True)",
    "sum(b)",
    "sum(x,axis=(0,1),keepdims=True)",
    "prod(x)",
    "prod(x,axis=(0,1))",
    "prod(i,axis=-1,keepdims=True)",
    "max(x,axis=1)",
    "max(x)",
    "min(i,axis=0,keepdims=True)",
    "mean(x,axis=0)",
    "var(x,axis=1)",
    "var(x,axis=1,correction=1)",
    "std(x)",
    "all(b,axis=0)",
    "any(b)",
    "any(b,axis=1,keepdims=True)",
    "argmax(x,axis=1)",
    "argmax(x)",
    "argmin(x,axis=0,keepdims=True)",
    "sort(x,axis=0)",
    "argsort(x,axis=1)",
    "cumulative_sum(x,axis=1)",
    "cumulative_sum(x,axis=0,include_initial=True)",
    "concat([x,x],axis=1)",
    "stack([x,x],axis=-1)",
    "expand_dims(x,axis=1)",
    "squeeze(xp.expand_dims(x,axis=0),axis=0)",
    "permute_dims(x,(1,0))",
    "reshape(x,(3,2))",
    "reshape(x,(-1,))",
    "flip(x)",
    "flip(x,axis=1)",
    "roll(x,1)",
    "roll(x,1,axis=1)",
    "roll(x,(1,1),axis=(0,1))",
    "repeat(x,2)",
    "repeat(x,2,axis=1)",
    "tile(x,(2,1))",
    "tril(x)",
    "triu(x,k=1)",
    "eye(3)",
    "eye(2,3,k=1)",
    "eye(3,k=-1)",
    "eye(2,k=5)",
    "nonzero(b)",
    "take(x,xp.asarray([2,0]),axis=1)",
    "clip(x,2,4)",
    "clip(x,max=3)",
    "clip(x)",
    "searchsorted(xp.sort(x[0,:]),x[1,:])",
    "searchsorted(xp.sort(x[0,:]),x[1,:],side='right')",
    "unique_values(x)",
    "unique_counts(x)",
    "unique_inverse(x)",
    "unique_all(x)",
    "matmul(x,xp.permute_dims(x,(1,0)))",
    "matrix_transpose(x)",
    "tensordot(x,x,axes=2)",
    "tensordot(x,x,axes=((1,),(1,)))",
    "vecdot(x,x)",
    "vecdot(x,x,axis=0)",
    "meshgrid(x[0,:],x[1,:])",
    "meshgrid(x[0,:],x[1,:],indexing='ij')",
    "broadcast_to(x[0,:],(2,3))",
    "broadcast_arrays(x,x[0,:])",
    "where(b,x,-x)",
    "astype(x,xp.int64)",
    "pow(x,2)",
    "remainder(x,2)",
    "floor_divide(x,2)",
    "bitwise_invert(i)",
    "logaddexp(x,x)",
    "hypot(x,x)",
    "copysign(x,-x)",
    "signbit(-x)",
    "arange(5)",
    "arange(1,5,2)",
    "arange(0.,1.,.3)",
    "linspace(0,1,5)",
    "full((2,),3)",
    "zeros((2,2))",
    "ones(3)",
    "zeros_like(i)",
    "asarray([1,2])",
    "asarray([1.,2])",
    "isdtype(x.dtype,'real floating')",
    "isdtype(i.dtype,('integral','bool'))",
    "unstack(x)",
    "moveaxis(x,0,1)",
    "equal(x,3)",
    "not_equal(x,x)",
    "linalg.matrix_norm(x)",
    "linalg.svdvals(x)",
    "linalg.pinv(x)",
    "linalg.vecdot(x,x)",
    "diff(x,axis=0)",
    "sign(x)",
    "round(x)",
    "positive(x)",
    "negative(x)",
    "trunc(x)",
    "real(x)",
    "sum(x,axis=())",
    "max(x,axis=())",
    "linalg.trace(x)",
    "linalg.outer(x[0,:],x[1,:])",
    "linalg.matrix_transpose(x)",
    "linalg.tensordot(x,x)",
    "concat((x,x),axis=None)",
)


def flat(result: Any) -> list[Any]:
    parts = result if isinstance(result, (tuple, list)) else [result]
    return [x for part in parts for x in flat(part)] if parts is result else parts


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy of before")
@pytest.mark.parametrize("call", CALLS)
def test_call(call: str) -> None:
    answers = []
    for xp, make in ((np, np.array), (array_api, steep.tensor)):
        names = {"xp": xp, "x": make(X), "i": make(X.astype(int)), "b": make(X > 2)}
        answers.append(flat(eval(f"xp.{call}", names)))
    assert len(answers[0]) == len(answers[1])
    for theirs, ours in zip(*answers, strict=True):
        want, found = np.asarray(theirs), np.asarray(ours)
        assert (found.shape, found.dtype.kind) == (want.shape, want.dtype.kind)
        np.testing.assert_allclose(found, want, 1e-6)


def test_all_names_are_there() -> None:
    for name in (*array_api.SAME, *array_api.RENAMED, "linalg"):
        assert hasattr(array_api, name)
        assert name in dir(array_api)
    with pytest.raises(AttributeError, match="array API of steep has no attribute 'fft'"):
        _ = array_api.fft


def test_linear_algebra() -> None:
    x = steep.tensor(X) @ steep.tensor(X).mT
    xp = array_api.linalg
    assert xp.trace(x).item() == np.trace(x.numpy())
    assert xp.outer(x[0], x[1]).tolist() == np.outer(x[0], x[1]).tolist()
    assert xp.matrix_transpose(x[:1]).shape == (2, 1)
    assert xp.tensordot(x, x).item() == np.tensordot(x, x).item()
    assert xp.diagonal(x, offset=1).tolist() == [x[0, 1].item()]
    assert xp.matrix_rank(x, rtol=1e-9).item() == 2
    assert xp.vector_norm(x, axis=1, keepdims=True).shape == (2, 1)
    assert xp.matrix_norm(x, keepdims=True).shape == (1, 1)
    assert xp.pinv(x).allclose(xp.inv(x))


def test_the_namespace_of_a_tensor() -> None:
    x = steep.ones(2)
    assert x.__array_namespace__() is array_api
    assert x.__array_namespace__(api_version="2023.12") is steep.array_api
    with pytest.raises(ValueError, match="expected one of the versions"):
        x.__array_namespace__(api_version="1999.01")
    assert x.to_device("cpu") is x
    assert array_api.isdtype(x.dtype, ("bool", "real floating"))
    with pytest.raises(ValueError, match="expected a kind of"):
        array_api.isdtype(x.dtype, "floats")
    with pytest.raises(ValueError, match="sizes of 1"):
        array_api.squeeze(x, axis=0)
    with pytest.raises(ValueError, match="copy=False"):
        array_api.reshape(steep.ones(2, 3).t(), (6,), copy=False)
    with pytest.raises(ValueError, match="expected an axis"):
        array_api.cumulative_sum(steep.ones(2, 2))
    assert array_api.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    assert array_api.astype(x, steep.float32) is not x


def test_what_there_is() -> None:
    info = array_api.__array_namespace_info__()
    assert info.capabilities()["boolean indexing"]
    assert info.devices() == [info.default_device()]
    assert info.default_dtypes()["integral"] == steep.int64
    assert len(info.dtypes()) == 6
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    assert list(info.dtypes(kind=("bool", "unsigned integer"))) == ["bool", "uint8"]
    kinds = steep.int32, steep.ones(1), steep.uint8
    assert array_api.result_type(*kinds) == steep.float32
    assert array_api.can_cast(steep.int32, steep.float32)
    assert not array_api.can_cast(steep.ones(1), steep.int64)
    with pytest.raises(ValueError, match="at least one"):
        array_api.result_type()
