"""out=: results written into tensors that are given."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import steep
from registry import ENTRIES

TAKING = sorted({entry.name for entry in ENTRIES if entry.out})


def test_result_is_written_and_returned() -> None:
    x, out = steep.tensor([1.0, 4.0]), steep.zeros(2)
    version = out._version
    assert steep.sqrt(x, out=out) is out
    assert out.tolist() == [1.0, 2.0]
    assert out._version > version


def test_out_none_is_no_out() -> None:
    assert steep.add(steep.ones(2), 1, out=None).tolist() == [2.0, 2.0]


def test_out_may_be_an_argument_or_a_view() -> None:
    x = steep.tensor([1.0, 2.0, 3.0])
    steep.mul(x, x, out=x)
    assert x.tolist() == [1.0, 4.0, 9.0]
    whole = steep.zeros(2, 3)
    steep.add(x, 1, out=whole[1])
    assert whole.tolist() == [[0.0, 0.0, 0.0], [2.0, 5.0, 10.0]]
    steep.flip(x, (0,))
    steep.add(x[:2], x[1:], out=x[1:])
    assert x.tolist() == [1.0, 5.0, 13.0]


def test_an_empty_out_takes_the_shape() -> None:
    out = steep.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steep.matmul(steep.ones(2, 3), steep.ones(3, 4), out=out)
    assert tuple(out.shape) == (2, 4)
    assert out.tolist() == [[3.0] * 4] * 2


def test_another_shape_is_taken_with_a_warning() -> None:
    out = steep.empty(5)
    with pytest.warns(UserWarning, match=r"resized since it had shape \[5\]"):
        steep.exp(steep.zeros(2), out=out)
    assert out.tolist() == [1.0, 1.0]


def test_dtypes_convert_within_their_kind() -> None:
    assert steep.add(steep.ones(1), 1, out=steep.empty(0, dtype=steep.float64)).tolist() == [2.0]
    assert steep.eq(steep.ones(1), 1, out=steep.empty(1)).tolist() == [1.0]
    out = steep.tensor([7])
    with pytest.raises(RuntimeError, match=r"add: .*float32 can't be cast .* int64"):
        steep.add(steep.ones(3), 1, out=out)
    assert out.tolist() == [7]


def test_an_open_dtype_is_that_of_out() -> None:
    assert steep.zeros(2, out=steep.empty(0, dtype=steep.int64)).tolist() == [0, 0]
    assert steep.arange(3, out=steep.empty(0)).tolist() == [0.0, 1.0, 2.0]
    total = steep.sum(steep.tensor([1, 2]), 0, out=steep.empty(0))
    assert total.dtype == steep.float32
    with pytest.raises(RuntimeError, match="dtype float32 does not match dtype of out"):
        steep.zeros(2, dtype=steep.float32, out=steep.empty(0, dtype=steep.int64))


def test_gradients_are_not_lost() -> None:
    w = steep.ones(2, requires_grad=True)
    out = steep.zeros(2)
    for call in (
        lambda: steep.exp(w, out=out),
        lambda: steep.cat([steep.ones(1), w], out=out),
        lambda: steep.exp(steep.ones(2), out=w),
    ):
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            call()
    assert out.tolist() == [0.0, 0.0]
    assert w.tolist() == [1.0, 1.0]
    with steep.no_grad():
        steep.exp(w, out=out)
    assert out.tolist() == pytest.approx([np.e, np.e])
    assert not out.requires_grad
    assert steep.eq(w, 1, out=steep.empty(2, dtype=steep.bool)).tolist() == [True, True]


def test_a_pair_goes_into_a_pair() -> None:
    values, indices = steep.empty(0), steep.empty(0, dtype=steep.int64)
    result = steep.max(steep.tensor([[1.0, 3.0], [5.0, 4.0]]), 1, out=(values, indices))
    assert result.values is values
    assert result.indices is indices
    assert values.tolist() == [3.0, 5.0]
    assert indices.tolist() == [1, 0]
    with pytest.raises(RuntimeError, match="out tensor to have dtype int64, but got float32"):
        steep.max(steep.ones(2), 0, out=(values, steep.empty(0)))
    with pytest.raises(TypeError, match="expected 2 tensor"):
        steep.max(steep.ones(2), 0, out=values)


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match=r"exp\(\): argument 'out' must be Tensor"):
        steep.exp(steep.ones(1), out=3)
    with pytest.raises(TypeError, match="'out'"):
        steep.ones(1).exp(out=steep.ones(1))
    with pytest.raises(RuntimeError, match="more than one element"):
        steep.add(steep.ones(3), 1, out=steep.ones(1).expand(3))


def test_what_is_picked_goes_into_memory_of_its_own() -> None:
    x, index = steep.tensor([3, 1, 2]), steep.tensor([2, 0, 1])
    mask = steep.tensor([True, True, True])
    same = steep.from_numpy(x.numpy())
    for call in (
        lambda out: steep.gather(x, 0, index, out=out),
        lambda out: steep.take(x, index, out=out),
        lambda out: steep.index_select(x, 0, index, out=out),
        lambda out: steep.masked_select(x, mask, out=out),
        lambda out: steep.cat([index[:1], x[1:]], out=out),
        lambda out: steep.cross(index, x, out=out),
    ):
        for out in (x, same):
            with pytest.raises(RuntimeError, match="refer to a single memory location"):
                call(out)
        call(steep.zeros(3, dtype=steep.int64))
        assert x.tolist() == [3, 1, 2]
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        steep.gather(x, 0, index, out=index)
    steep.gather(x, 0, steep.tensor([1]), out=steep.zeros(4, dtype=steep.int64)[1:2])


def test_what_is_picked_keeps_its_dtype() -> None:
    x, index, out = steep.ones(2), steep.tensor([0]), steep.zeros(1, dtype=steep.float64)
    for call in (
        lambda: steep.gather(x, 0, index, out=out),
        lambda: steep.take(x, index, out=out),
        lambda: steep.index_select(x, 0, index, out=out),
        lambda: steep.masked_select(x, x > 0, out=out),
    ):
        with pytest.raises(RuntimeError, match="out tensor to have dtype float32, but got float64"):
            call()


@pytest.mark.parametrize("name", TAKING)
def test_signature_names_out(name: str) -> None:
    assert re.search(r"out: .*None = None\) -> ", getattr(steep._core, name).__doc__)


@pytest.mark.parametrize("name", ["exp", "add", "matmul", "cat", "where", "rand", "cumsum"])
def test_same_value_as_without(name: str) -> None:
    x, y = steep.rand(3, 3), steep.rand(3, 3)
    arguments = {
        "exp": (x,),
        "cat": ([x, y],),
        "where": (x > y, x, y),
        "rand": (4,),
        "cumsum": (x, 0),
    }.get(name, (x, y))
    function = getattr(steep, name)
    steep.manual_seed(1)
    plain = function(*arguments)
    steep.manual_seed(1)
    assert steep.equal(function(*arguments, out=steep.empty(0)), plain)


def test_a_compiled_call_writes_too() -> None:
    out = steep.zeros(3)

    @steep.compile
    def step(x):
        steep.exp(x, out=out)
        return out + 1

    for value in range(6):
        x = steep.full((3,), float(value))
        assert steep.equal(step(x), x.exp() + 1)


# ---- functions written in Python -----------------------------------------------------------------

SQUARE = steep.tensor([[4.0, 1.0], [1.0, 3.0]])
OF_MATRICES = {
    **dict.fromkeys(("cholesky", "cond", "det", "eigvalsh", "inv", "pinv", "svdvals"), ()),
    **dict.fromkeys(("cholesky_ex", "eigh", "inv_ex", "lu", "lu_factor", "lu_factor_ex"), ()),
    **dict.fromkeys(("matrix_norm", "norm", "vector_norm", "matrix_rank", "qr", "slogdet"), ()),
    **dict.fromkeys(("matmul", "solve", "solve_ex", "vecdot"), (SQUARE,)),
    "svd": (),
    "matrix_power": (3,),
}


@pytest.mark.parametrize("name", OF_MATRICES)
def test_linalg_writes_into_tensors_that_are_given(name: str) -> None:
    function = getattr(steep.linalg, name)
    want = function(SQUARE, *OF_MATRICES[name])
    parts = (want,) if isinstance(want, steep.Tensor) else tuple(want)
    outs = tuple(steep.empty(0, dtype=part.dtype) for part in parts)
    got = function(SQUARE, *OF_MATRICES[name], out=outs[0] if len(parts) == 1 else outs)
    assert type(got) is type(want)
    for part, out, given in zip(parts, (got,) if len(parts) == 1 else got, outs, strict=True):
        assert out is given
        assert out.tolist() == part.tolist()


def test_functions_in_python_take_out_as_others_do() -> None:
    x, out = SQUARE.clone(), steep.zeros(2, 2)
    steep.linalg.inv(x, out=x)
    assert x.tolist() == steep.linalg.inv(SQUARE).tolist()
    view = steep.zeros(2, 3)
    steep.linalg.vector_norm(SQUARE, dim=1, out=view[:, 1])
    assert view[:, 1].tolist() == steep.linalg.vector_norm(SQUARE, dim=1).tolist()
    with pytest.warns(UserWarning, match=r"resized since it had shape \[5\]"):
        steep.linalg.inv(SQUARE, out=steep.empty(5))
    for call, error, text in (
        (lambda: steep.linalg.inv(SQUARE, out=out.double()), RuntimeError, "to have dtype steep.f"),
        (lambda: steep.linalg.inv(SQUARE, out=3), TypeError, "'out' must be Tensor, not int"),
        (lambda: steep.linalg.eigh(SQUARE, out=out), TypeError, "expected 2 tensors"),
        (lambda: steep.linalg.eigh(SQUARE, out=(out,)), TypeError, "expected 2 tensors"),
        (lambda: steep.linalg.eigh(SQUARE, out=(out, out.double())), RuntimeError, "have dtype"),
        (lambda: steep.linalg.inv(SQUARE.clone().requires_grad_(), out=out), RuntimeError, "diff"),
    ):
        with pytest.raises(error, match=text):
            call()
        assert out.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    for name, operands in {
        **dict.fromkeys(("entr", "ndtr", "erfcx", "i0e", "i1", "i1e", "log_ndtr"), (out,)),
        "ndtri": (out + 0.5,),
        "xlog1py": (out, out),
        "zeta": (out + 2, out + 1),
    }.items():
        function, written = getattr(steep.special, name), steep.ones(2, 2)
        assert function(*operands, out=written) is written
        assert written.tolist() == function(*operands).tolist()
    both = steep.tensor([4, 6])
    assert steep.gcd(both, steep.tensor(2), out=both).tolist() == [2, 2]
    assert both.tolist() == [2, 2]
