"""Calls in the forms that PyTorch takes, and those that it refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import steep
import steep.nn.functional as F
from registry import ENTRIES
from steep.utils.data import TensorDataset

FLOATS = steep.tensor([1.0, 2.0])
INTS = steep.tensor([1, 2])
BOOLS = steep.tensor([True, False])
BYTES = steep.tensor([1, 0], dtype=steep.uint8)


# ---- taken ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "number", "values"),
    [
        ("float32", 3, [3, 3]),
        ("float32", True, [1, 1]),
        ("int64", 3.7, [3, 3]),
        ("bool", 2, [1, 1]),
    ],
)
def test_copy_takes_a_number(dtype, number, values):
    x = steep.zeros(2, dtype=getattr(steep, dtype))
    assert x.copy_(number) is x
    assert x.tolist() == values


def test_copy_refuses_a_number_beyond_the_dtype_and_changes_nothing():
    x = steep.zeros(2, dtype=steep.uint8)
    with pytest.raises(RuntimeError, match="cannot be converted to type uint8"):
        x.copy_(300)
    assert x.tolist() == [0, 0]


def test_copy_of_a_number_ends_the_gradient():
    x = steep.ones(2, requires_grad=True)
    y = x * 2
    y.copy_(3)
    (y * steep.tensor([1.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_parts_by_the_names_of_the_function_and_of_the_method():
    x = steep.arange(4)
    for parts in (
        x.split(split_size=1, dim=0)[1:2],
        x.split(split_size=[1, 1, 2], dim=-1)[1:2],
        steep.split(x, split_size_or_sections=1)[1:2],
        x.tensor_split(sections=4)[1:2],
        x.tensor_split(indices=(1, 2), dim=0)[1:2],
        steep.func.vmap(lambda row: row.split(split_size=1)[1])(x.view(1, 4)),
    ):
        assert [part.tolist() for part in parts] == [[1]]


@pytest.mark.parametrize("name", ["uniform_", "random_"])
def test_bounds_by_the_name_that_python_reserves(name):
    def drawn(*args: Any, **kwargs: Any) -> Any:
        steep.manual_seed(0)
        return getattr(steep.zeros(4), name)(*args, **kwargs).tolist()

    assert drawn(1, 3) == drawn(**{"from": 1, "to": 3}) == drawn(1, to=3) == drawn(from_=1, to=3)
    with pytest.raises(TypeError):
        drawn(1, **{"from": 1, "to": 3})


def test_where_takes_bytes_with_a_warning():
    for use in (steep.where, lambda c, a, b: a.where(c, b)):
        with pytest.warns(UserWarning, match="uint8 condition"):
            assert use(BYTES, INTS, 3).tolist() == [1, 3]
    with pytest.raises(RuntimeError, match="a condition of dtype bool"):
        steep.where(INTS, INTS, 3)


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((4, 2, 3), (4, 3, 2)), ((2, 0), (0, 2))],
)
def test_products_of_bytes_wrap(a, b):
    x, y = (steep.full(s, n, dtype=steep.uint8) for s, n in ((a, 200), (b, 100)))
    out = x @ y
    assert out.dtype == steep.uint8
    assert out.tolist() == ((x.long() @ y.long()) % 256).tolist()


def test_powers_of_bools_by_a_bool():
    assert (BOOLS**True).tolist() == [True, False]
    assert (BOOLS**False).tolist() == [True, True]
    assert (BOOLS**True).dtype == (BOOLS**False).dtype == steep.bool
    with pytest.raises(NotImplementedError):
        BOOLS**BOOLS
    with pytest.raises(NotImplementedError):
        True**BOOLS


@pytest.mark.parametrize("dtype", [steep.int64, steep.int32, steep.uint8])
def test_absolute_errors_of_integers(dtype):
    x, y = steep.tensor([5, 2], dtype=dtype), steep.tensor([3, 1], dtype=dtype)
    each = F.l1_loss(x, y, reduction="none")
    assert (each.dtype, each.tolist()) == (dtype, [2, 1])
    total = F.l1_loss(x, y, reduction="sum")
    assert (total.dtype, total.item()) == (steep.int64, 3)
    with pytest.raises(RuntimeError, match="mean: expected a floating-point dtype"):
        F.l1_loss(x, y)


@pytest.mark.parametrize("name", sorted({e.name for e in ENTRIES if "inplace" in e.signature}))
def test_flags_of_the_functional_forms_may_be_integers(name):
    function = getattr(F, name)
    others = {"threshold": {"threshold": 0, "value": 3}}
    plain = {"training": 0} if name.startswith("dropout") else others.get(name, {})
    axes = name[len("dropout") : -1] if name.startswith("dropout") else ""  # as images have
    x = steep.tensor([-1.0, 2.0]).reshape((1,) * (int(axes) + 1 if axes else 0) + (2,))
    before = x.clone()
    out = function(x, inplace=1, **plain)
    assert out.tolist() == x.tolist() == function(before, **plain).tolist()
    assert F.relu(x, 1).tolist() == F.relu(x, True).tolist()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (0, 5, 2), (5, 0)])
def test_an_empty_index_gathers_nothing_whatever_its_rank(shape):
    x, none = steep.ones(2, 3), steep.zeros(shape, dtype=steep.int64)
    assert steep.gather(x, 1, none).shape == shape
    assert steep.scatter_add(x, 0, none, steep.ones(2, 2)).tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="dtype"):
        steep.scatter_add(x, 0, none, steep.ones(2, 2).double())


# ---- refused --------------------------------------------------------------------------------

SUBTRACTIONS: dict[str, Callable[[], Any]] = {
    "bools": lambda: BOOLS - BOOLS,
    "bools of integers": lambda: INTS - BOOLS,
    "integers of bools": lambda: BOOLS - INTS,
    "bools of floats": lambda: FLOATS - BOOLS,
    "a number of bools": lambda: BOOLS - 1,
    "bools of a number": lambda: 1 - BOOLS,
    "a bool of floats": lambda: FLOATS - True,
    "floats of a bool": lambda: True - FLOATS,
    "a 0-d bool": lambda: FLOATS - steep.tensor(True),
    "by name": lambda: steep.sub(FLOATS, BOOLS, alpha=2),
    "in place": lambda: FLOATS.clone().sub_(BOOLS),
    "a bool in place": lambda: FLOATS.clone().__isub__(True),
    "absolute errors": lambda: F.l1_loss(FLOATS, BOOLS),
}


@pytest.mark.parametrize("name", sorted(SUBTRACTIONS))
def test_bools_are_not_subtracted(name):
    with pytest.raises(RuntimeError, match=r"sub_?: expected numbers, got .* bool"):
        SUBTRACTIONS[name]()


def test_losses_that_square_still_take_bools_as_targets():
    for loss in (F.mse_loss, F.smooth_l1_loss, F.huber_loss):
        out = loss(FLOATS, BOOLS, reduction="none")
        assert out.tolist() == loss(FLOATS, BOOLS.float(), reduction="none").tolist()


@pytest.mark.parametrize(
    "loss", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.kl_div]
)
@pytest.mark.parametrize("integers", [INTS, BOOLS, BYTES])
def test_losses_of_probabilities_want_floats_on_both_sides(loss, integers):
    with pytest.raises(RuntimeError, match="a floating-point target, got"):
        loss(steep.tensor([0.5, 0.5]), integers)
    with pytest.raises(RuntimeError, match="a floating-point input, got"):
        loss(integers, steep.tensor([0.5, 0.5]))


def test_fmod_of_a_number():
    with pytest.raises(TypeError, match="argument 'input'"):
        steep.fmod(5, FLOATS)


def test_norms_want_floats_and_widen_alone():
    for p in (1, 2, "fro", "nuc"):
        for dtype in (None, steep.float32):
            with pytest.raises(RuntimeError, match="norm: expected a floating-point tensor"):
                steep.norm(INTS.view(1, 2), p, dtype=dtype)
        with pytest.raises(RuntimeError, match="norm: expected a floating-point tensor and dtype"):
            steep.norm(FLOATS.view(1, 2), p, dtype=steep.int64)
        with pytest.raises(RuntimeError, match="no narrower than the input's, float64"):
            steep.norm(FLOATS.double().view(1, 2), p, dtype=steep.float32)
        assert steep.norm(FLOATS.view(1, 2), p, dtype=steep.float64).dtype == steep.float64


VARIADIC = ["expand", "flip", "permute", "repeat", "reshape", "tile", "view"]


@pytest.mark.parametrize("name", VARIADIC)
@pytest.mark.parametrize("x", [steep.tensor(1.0), FLOATS], ids=["0-d", "1-d"])
def test_sizes_and_dims_are_not_left_out(name, x):
    with pytest.raises(TypeError, match="missing required argument"):
        getattr(x, name)()


@pytest.mark.parametrize("name", VARIADIC)
def test_an_empty_list_of_them_will_do_for_a_number(name):
    assert getattr(steep.tensor(1.0), name)(()).tolist() == 1


@pytest.mark.parametrize("name", ["empty", "ones", "rand", "randn", "zeros"])
def test_factories_want_a_size(name):
    with pytest.raises(TypeError, match="missing required argument 'size'"):
        getattr(steep, name)()
    assert getattr(steep, name)(()).shape == ()


# ---- classes of errors ----------------------------------------------------------------------

ERRORS: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "gather": (RuntimeError, lambda: steep.gather(FLOATS, 0, steep.tensor([5]))),
    "gather, negative": (RuntimeError, lambda: steep.gather(FLOATS, 0, steep.tensor([-1]))),
    "scatter_add": (
        RuntimeError,
        lambda: steep.scatter_add(FLOATS, 0, steep.tensor([5]), steep.ones(1)),
    ),
    "index_select": (IndexError, lambda: steep.index_select(FLOATS, 0, steep.tensor([5]))),
    "clamp": (RuntimeError, lambda: FLOATS.clamp()),
    "clamp_": (RuntimeError, lambda: FLOATS.clone().clamp_()),
    "narrow, start": (IndexError, lambda: FLOATS.narrow(0, 3, 1)),
    "narrow, negative start": (IndexError, lambda: FLOATS.narrow(0, -3, 1)),
    "narrow, length": (RuntimeError, lambda: FLOATS.narrow(0, 1, 5)),
    "permute, too few": (RuntimeError, lambda: steep.ones(2, 3).permute(0)),
    "permute, too many": (RuntimeError, lambda: steep.ones(2, 3).permute(0, 1, 2)),
    "permute, twice": (RuntimeError, lambda: steep.ones(2, 3).permute(0, 0)),
    "permute, out of range": (IndexError, lambda: steep.ones(2, 3).permute(0, 5)),
    "unbind": (IndexError, lambda: steep.tensor(1.0).unbind()),
    "&": (NotImplementedError, lambda: FLOATS & FLOATS),
    "|": (NotImplementedError, lambda: FLOATS | 1),
    "^": (NotImplementedError, lambda: INTS ^ FLOATS),
    "&=": (NotImplementedError, lambda: FLOATS.clone().__iand__(1)),
    "~": (TypeError, lambda: ~FLOATS),
    "None as data": (RuntimeError, lambda: steep.tensor(None)),
    "None among data": (RuntimeError, lambda: steep.tensor([1.0, None])),
    "an object as data": (RuntimeError, lambda: steep.tensor(object())),
    "lengths of a dataset": (AssertionError, lambda: TensorDataset(FLOATS, steep.ones(3))),
    "reduction": (ValueError, lambda: F.mse_loss(FLOATS, FLOATS, reduction=None)),
    "batch of classes": (
        ValueError,
        lambda: F.nll_loss(steep.ones(2, 2), steep.tensor([0, 1, 1])),
    ),
    "classes of one sample": (ValueError, lambda: F.nll_loss(FLOATS, steep.tensor([0, 1, 1]))),
    "default dtype": (TypeError, lambda: steep.set_default_dtype(steep.int64)),
}


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_class_of_the_error(name):
    expected, call = ERRORS[name]
    with pytest.raises(expected) as caught:
        call()
    assert caught.type is expected
    assert len(str(caught.value)) > 20
    assert steep.get_default_dtype() == steep.float32


def test_memory_that_runs_out_is_both_kinds_of_error():
    for call in (lambda: steep.ones(10**14), lambda: steep.ones(1).expand(10**14).clone()):
        with pytest.raises(steep.OutOfMemoryError, match="out of memory") as caught:
            call()
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, MemoryError)


def test_gradcheck_leaves_the_random_stream_alone():
    x = steep.ones(2, dtype=steep.float64, requires_grad=True)
    before = steep.get_rng_state().tolist()
    assert steep.autograd.gradcheck(lambda x: x * x, (x,))
    assert steep.autograd.gradgradcheck(lambda x: x * x * x, (x,))
    assert steep.get_rng_state().tolist() == before


# ---- the first order of arguments -----------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "now"),
    [
        (lambda x, y: x.clone().add_(2, y), lambda x, y: x + 2 * y),
        (lambda x, y: steep.add(x, 2, y), lambda x, y: x + 2 * y),
        (lambda x, y: x.sub(3, y), lambda x, y: x - 3 * y),
        (lambda x, y: x.clone().addcmul_(0.5, y, y), lambda x, y: x + 0.5 * y * y),
        (lambda x, y: steep.addcmul(x, 0.5, y, y), lambda x, y: x + 0.5 * y * y),
        (lambda x, y: x.addcdiv(0.5, x, y), lambda x, y: x + 0.5 * x / y),
        (lambda x, y: x.clone().addcdiv_(-1, x, y), lambda x, y: x - x / y),
        (lambda x, y: steep.addmm(0.5, x, 2, x, y), lambda x, y: 0.5 * x + 2 * x @ y),
        (lambda x, y: steep.addmm(0.5, x, x, y), lambda x, y: 0.5 * x + x @ y),
        (lambda x, y: x.addmm(0.5, 2, x, y), lambda x, y: 0.5 * x + 2 * x @ y),
        (lambda x, y: x.clone().addmm_(0.5, x, y), lambda x, y: 0.5 * x + x @ y),
        (lambda x, y: steep.addmv(0.5, x[0], 2, x, y[0]), lambda x, y: x[0] / 2 + 2 * x @ y[0]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*this overload is deprecated:UserWarning")
def test_numbers_before_tensors(first: Callable[..., Any], now: Callable[..., Any]) -> None:
    x, y = steep.arange(1, 5).reshape(2, 2).float(), steep.full((2, 2), 2.0)
    assert first(x, y).tolist() == now(x, y).tolist()


def test_numbers_before_tensors_are_said_to_be_deprecated_once() -> None:
    code = "import steep; x = steep.ones(2); [x.addcmul(2, x, x) for _ in range(3)]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("addcmul: this overload is deprecated") == 1
    assert "by name (value=...)" in done.stderr


@pytest.mark.parametrize(
    "call",
    [
        lambda x: steep.add(2, x, 3),
        lambda x: x.add(x, 2),
        lambda x: x.addcmul(x, 2, x),
        lambda x: x.addcmul(2, x, x, value=3),
        lambda x: steep.mul(x, 2, x),
        lambda x: x.addmm(1, 2, 3, x, x),
    ],
)
def test_other_orders_are_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        call(steep.ones(2, 2))
