"""The Tensor type itself: identity, subclasses, operators, arguments, attributes, text."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core


class Named(steep.Tensor):
    """A subclass that keeps attributes."""


def error_of(call: Callable[[], Any], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# ---- identity and life --------------------------------------------------------------------------


def test_one_tensor_has_one_object() -> None:
    x = steep.ones(3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is x.grad
    assert x.add_ is not None
    assert x.detach().zero_().shape == (3,)
    y = x.detach()
    assert y.add_(1) is y
    assert steep.as_tensor(x) is x
    assert x.to(steep.float32) is x
    assert x.cpu() is x


def test_objects_are_used_again_without_mixing() -> None:
    for _ in range(3):
        many = [steep.tensor([float(i)]) for i in range(600)]
        assert [x.item() for x in many] == [float(i) for i in range(600)]
        references = [weakref.ref(x) for x in many]
        del many
        assert all(reference() is None for reference in references)


def test_weak_references_and_hash() -> None:
    x = steep.ones(2)
    seen = []
    reference = weakref.ref(x, lambda _: seen.append(1))
    assert reference() is x
    assert {x: 1}[x] == 1
    del x
    assert reference() is None
    assert seen == [1]


def test_cycle_through_a_hook_is_collected() -> None:
    x = steep.ones(2, requires_grad=True)

    class Keeper:
        tensor = x

        def __call__(self, grad: steep.Tensor) -> None: ...

    keeper = Keeper()
    keeper.tensor = x
    del Keeper.tensor
    x.register_hook(keeper)
    reference = weakref.ref(keeper)
    del x, keeper
    gc.collect()
    assert reference() is None


def test_subclass_keeps_class_and_attributes() -> None:
    x = Named([1, 2])
    x.label = "a"  # type: ignore[attr-defined]
    assert type(x) is Named
    assert x.dtype is steep.float32
    assert type(x + 1) is steep.Tensor
    y = copy.deepcopy(x)
    assert type(y) is Named
    assert y.label == "a"
    assert y.data_ptr() != x.data_ptr()
    z = pickle.loads(pickle.dumps(x))
    assert type(z) is Named
    assert z.label == "a"
    assert z.tolist() == [1, 2]
    made = steep.Tensor._make_subclass(Named, x, True)
    assert made.requires_grad
    assert made.is_leaf
    assert made.data_ptr() == x.data_ptr()
    with pytest.raises(AttributeError):
        steep.ones(1).label = "no"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "dtype", [getattr(steep, n) for n in ("float32", "float64", "int64", "int32", "uint8", "bool")]
)
def test_pickle_and_deepcopy(dtype: steep.dtype) -> None:
    for shape in ((), (0, 3), (2, 3)):
        x = steep.ones(shape, dtype=dtype)
        for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
            assert y.dtype is dtype
            assert y.shape == shape
            assert y.tolist() == x.tolist()
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert pickle.loads(pickle.dumps(steep.relu)) is steep.relu
    assert pickle.loads(pickle.dumps(steep.Tensor.relu)) is steep.Tensor.relu
    assert pickle.loads(pickle.dumps(steep.ones(2, 3).shape)) == (2, 3)


def test_deepcopy_shares_through_memo_and_refuses_results() -> None:
    x = steep.ones(2, requires_grad=True)
    x.grad = steep.zeros(2)
    a, b = copy.deepcopy([x, x])
    assert a is b
    assert a.requires_grad
    assert a.grad is not None
    assert a.grad is not x.grad
    assert "leaves" in error_of(lambda: copy.deepcopy(x * 2), RuntimeError)


# ---- operators and arguments --------------------------------------------------------------------


def test_operators_take_numbers_on_either_side() -> None:
    x = steep.tensor([4.0, 9.0])
    assert (1 + x).tolist() == [5, 10]
    assert (10 - x).tolist() == [6, 1]
    assert (36 / x).tolist() == [9, 4]
    assert (2**x).tolist() == [16, 512]
    assert (20 // x).tolist() == [5, 2]
    assert (21 % x).tolist() == [1, 3]
    assert (-x).tolist() == [-4, -9]
    assert abs(-x).tolist() == [4, 9]
    assert (+x) is x
    assert (x @ x).item() == 97
    assert (x > 5).tolist() == [False, True]
    assert (x < 5).tolist() == [True, False]
    mask = x > 5
    assert (~mask).tolist() == [True, False]
    assert (mask | True).tolist() == [True, True]
    assert (mask & ~mask).tolist() == [False, False]
    assert (mask ^ True).tolist() == [True, False]
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    for call in (
        lambda: x + "a",
        lambda: x < "a",
        lambda: x @ 2,
        lambda: x * [1, 2],
        lambda: x**None,
    ):
        error_of(call, TypeError)


def test_in_place_operators_keep_the_object() -> None:
    x = y = steep.tensor([4.0, 9.0])
    x += 1
    x -= 2
    x *= 2
    x /= 4
    x **= 2
    assert x is y
    assert x.tolist() == [2.25, 16.0]
    x //= 2
    x %= 3
    assert x is y
    assert x.tolist() == [1.0, 2.0]
    m = n = steep.tensor([True, False])
    m &= True
    m |= False
    m ^= True
    assert m is n
    assert m.tolist() == [False, True]
    with pytest.raises(TypeError):
        x += "a"  # type: ignore[operator]


def test_argument_errors_name_everything() -> None:
    x = steep.ones(2, 3)
    text = error_of(lambda: steep.sum(x, dim="a"), TypeError)
    assert "sum" in text
    assert "'dim'" in text
    assert "not str" in text
    text = error_of(lambda: steep.sigmoid(3), TypeError)
    assert "sigmoid(): argument 'input' (position 1) must be Tensor, not int" in text
    assert "(input: Tensor, *, out: Tensor | None = None)" in text
    assert "unexpected keyword argument 'foo'" in error_of(
        lambda: steep.sigmoid(x, foo=1), TypeError
    )
    assert "missing required argument 'input'" in error_of(lambda: steep.sigmoid(), TypeError)
    assert "multiple values" in error_of(lambda: steep.sigmoid(x, input=x), TypeError)
    assert "positional" in error_of(lambda: steep.sigmoid(x, x), TypeError)
    assert "positional" in error_of(lambda: x.sigmoid(1), TypeError)
    assert "list of (int, str)" in error_of(lambda: steep.cat([1, "a"]), TypeError)
    assert "'cpu'" in error_of(lambda: steep.zeros(2, device="cuda"), RuntimeError)
    assert "'cpu'" in error_of(lambda: x.to("cuda"), RuntimeError)
    assert steep.zeros(2, device="cpu").shape == (2,)
    assert steep.zeros(2, device=steep.device("cpu")).device == "cpu"


def test_numpy_spellings_of_dimensions() -> None:
    x = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(axis=0).tolist() == x.sum(dim=0).tolist() == [4, 6]
    assert steep.sum(x, axis=1, keepdims=True).shape == (2, 1)
    assert x.sum(dim=(0, 1)).item() == x.sum([0, 1]).item() == 10


def test_sizes_come_one_by_one_or_as_a_sequence() -> None:
    for x in (
        steep.zeros(2, 3),
        steep.zeros((2, 3)),
        steep.zeros([2, 3]),
        steep.zeros(size=(2, 3)),
    ):
        assert x.shape == (2, 3)
    x = steep.zeros(2, 3)
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.view(-1, 2).shape == (3, 2)
    assert steep.zeros(np.int64(2), steep.tensor(3)).shape == (2, 3)
    assert steep.zeros(()).shape == ()
    assert x.permute(1, 0).shape == x.permute((1, 0)).shape == x.view(x.shape[::-1]).shape == (3, 2)


def test_pairs_have_names() -> None:
    pair = steep.tensor([[1.0, 3.0], [4.0, 2.0]]).max(dim=1)
    values, indices = pair
    assert pair.values is values
    assert pair[1] is indices
    assert indices.tolist() == [1, 0]
    assert "values" in repr(pair)


def test_dtype_size_and_device_objects() -> None:
    assert repr(steep.float32) == "steep.float32"
    assert steep.float is steep.float32
    assert steep.long is steep.int64
    assert steep.float64.itemsize == 8
    assert steep.int64.is_signed
    assert not steep.int64.is_floating_point
    assert steep.double.is_floating_point
    assert steep.zeros(1, dtype=float).dtype is steep.float64
    assert steep.zeros(1, dtype=int).dtype is steep.int64
    shape = steep.zeros(2, 3, 4).shape
    assert repr(shape) == "steep.Size([2, 3, 4])"
    assert shape.numel() == 24
    assert shape == (2, 3, 4)
    assert type(shape[1:]) is steep.Size
    assert type(shape + (1,)) is steep.Size  # noqa: RUF005
    assert shape[0] == 2
    assert steep.device("cpu") == "cpu"
    assert steep.device("cpu").type == "cpu"
    assert str(steep.device("cpu:0")) == "cpu:0"
    assert steep.device("cpu") != "cuda"
    assert "gpu" in error_of(lambda: steep.device("gpu"), RuntimeError)
    with pytest.raises(TypeError):
        steep.dtype()
    assert steep.result_type(steep.ones(1, dtype=steep.int32), 1.5) is steep.float32
    assert steep.promote_types(steep.uint8, steep.int32) is steep.int32


def test_attributes() -> None:
    x = steep.zeros(2, 3, dtype=steep.float64)
    assert x.ndim == x.dim() == 2
    assert x.numel() == 6
    assert x.nbytes == 48
    assert x.element_size() == 8
    assert x.stride() == (3, 1)
    assert x.stride(0) == 3
    assert x.size(-1) == 3
    assert x.size() == (2, 3)
    assert x[1].storage_offset() == 3
    assert x.T.shape == x.mT.shape == (3, 2)
    assert not x.T.is_contiguous()
    before = x._version
    x.add_(1)
    assert x._version == before + 1
    error_of(lambda: x.size(2), IndexError)
    y = steep.ones(3)
    y.data = x
    assert y.shape == (2, 3)
    assert y.data_ptr() == x.data_ptr()


def test_to() -> None:
    x = steep.ones(2)
    assert x.to(steep.float64).dtype is steep.float64
    assert x.to("cpu") is x
    assert x.to("cpu", steep.int64).dtype is steep.int64
    assert x.to(dtype=steep.int64).dtype is steep.int64
    assert x.to(steep.zeros(1, dtype=steep.int32)).dtype is steep.int32
    assert x.to(steep.float32, copy=True) is not x
    assert x.to(device="cpu", non_blocking=True) is x
    for name in ("float", "double", "long", "int", "bool"):
        assert getattr(x, name)().dtype is getattr(steep, name)
    assert x.type_as(x.long()).dtype is steep.int64
    assert x.new_tensor([1, 2]).dtype is steep.float32


# ---- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: steep.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (lambda: steep.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (lambda: steep.tensor([1, -2]), "tensor([ 1, -2])"),
        (lambda: steep.tensor([True, False]), "tensor([ True, False])"),
        (lambda: steep.tensor(3.5), "tensor(3.5000)"),
        (lambda: steep.tensor([]), "tensor([])"),
        (lambda: steep.zeros(2, 0), "tensor([], size=(2, 0))"),
        (lambda: steep.zeros(0, dtype=steep.int64), "tensor([], dtype=steep.int64)"),
        (lambda: steep.tensor([1.0], dtype=steep.float64), "tensor([1.], dtype=steep.float64)"),
        (lambda: steep.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
        (lambda: steep.tensor([1.0, float("nan"), float("-inf")]), "tensor([1., nan, -inf])"),
        (lambda: steep.tensor([[1.0], [2.0]]), "tensor([[1.],\n        [2.]])"),
        (lambda: steep.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
        (lambda: steep.ones(2, requires_grad=True) + 1, "tensor([2., 2.], grad_fn=<AddBackward0>)"),
        (lambda: steep.zeros(1001), "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
        (
            lambda: steep.ones(2, 2, 2),
            "tensor([[[1., 1.],\n         [1., 1.]],\n\n        [[1., 1.],\n         [1., 1.]]])",
        ),
    ],
)
def test_repr(make: Callable[[], steep.Tensor], text: str) -> None:
    assert repr(make()) == text


def test_repr_in_the_notation_that_is_set_has_its_width() -> None:
    x = steep.tensor([1.23456, 1e-5, 1e6])
    try:
        steep.set_printoptions(precision=2, sci_mode=False)
        assert repr(x) == "tensor([      1.23,       0.00, 1000000.00])"
        steep.set_printoptions(precision=2, sci_mode=True)
        assert repr(x[:1]) == "tensor([1.23e+00])"
    finally:
        steep.set_printoptions(profile="default")


def test_repr_of_a_large_matrix_leaves_out_the_middle() -> None:
    lines = repr(steep.arange(10000).reshape(100, 100)).splitlines()
    assert lines[0] == "tensor([[   0,    1,    2,  ...,   97,   98,   99],"
    assert lines[3] == "        ...,"
    assert len(lines) == 7


# ---- the package --------------------------------------------------------------------------------


def test_import_takes_neither_numpy_nor_submodules() -> None:
    code = "import sys, steep; print(*[m for m in sys.modules if m[:5] in ('numpy', 'steep')])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "numpy" not in out
    assert "steep.nn" not in out
    assert "steep.optim" not in out


def test_registry_is_complete() -> None:
    for row in _core.registry():
        assert row["doc"]
        assert row["signature"].startswith("(")
        assert row["where"] in range(1, 16)
        if row["where"] & 1:
            assert getattr(steep, row["name"]) is getattr(_core, row["name"])
        if row["where"] & 2:
            assert hasattr(steep.Tensor, row["name"])
    assert all(hasattr(steep, name) for name in steep.__all__)
