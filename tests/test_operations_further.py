"""Operations made of others in Python: histograms, tensors from elsewhere, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep

Function = Callable[..., Any]
rng = np.random.default_rng(3)


# ---- histograms ---------------------------------------------------------------------------------


def test_histograms_are_those_of_numpy() -> None:
    x, weight = rng.normal(size=200), rng.uniform(size=200)
    for how in ({"bins": 7}, {"bins": 5, "range": (-1.0, 1.0)}):
        hist, edges = steep.histogram(steep.tensor(x), **how)
        want, at = np.histogram(x, **how)
        np.testing.assert_array_equal(hist.numpy(), want)
        np.testing.assert_allclose(edges.numpy(), at, atol=1e-15)
    at = np.array([-1.0, 0, 0.5, 2])
    given = {"weight": steep.tensor(weight), "density": True}
    hist = steep.tensor(x).reshape(2, 100).histogram(steep.tensor(at), **{
        **given, "weight": given["weight"].reshape(2, 100)}).hist  # fmt: skip
    np.testing.assert_allclose(hist, np.histogram(x, at, weights=weight, density=True)[0])
    points = rng.normal(size=(50, 2))
    out = steep.histogramdd(steep.tensor(points), [3, 4], range=[-1.0, 1.0, -2.0, 2.0])
    want, _ = np.histogramdd(points, [3, 4], [(-1, 1), (-2, 2)])
    np.testing.assert_array_equal(out.hist.numpy(), want)
    assert [len(edge) for edge in out.bin_edges] == [4, 5]
    again = steep.histogramdd(steep.tensor(points).reshape(5, 10, 2), out.bin_edges)
    assert (again.hist == out.hist).all()


def test_edges_of_histograms() -> None:
    """The last bin has both of its edges, and equal elements a range around them."""
    x = steep.tensor([0.0, 1.0, 1.0, 2.0, 2.0])
    assert steep.histogram(x, 2).hist.tolist() == [1, 4]
    assert steep.histogram(steep.ones(3), 2).bin_edges.tolist() == [0.5, 1, 1.5]
    assert steep.histogram(steep.ones(0), 2).bin_edges.tolist() == [0, 0.5, 1]


# ---- tensors from elsewhere ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_windows(name: str) -> None:
    make = getattr(steep, f"{name}_window")
    of_numpy = {"hann": "hanning"}.get(name, name)
    more = (12.0,) if name == "kaiser" else ()
    for length in (1, 2, 5, 8):
        want = getattr(np, of_numpy)(length, *more)
        out = make(length, periodic=False, dtype=steep.float64)
        np.testing.assert_allclose(out.numpy(), want, atol=1e-15)
        longer = getattr(np, of_numpy)(length + 1, *more)[:-1] if length > 1 else np.ones(1)
        np.testing.assert_allclose(make(length).numpy(), longer, atol=1e-7)
    assert make(0).shape == (0,)
    assert make(3, requires_grad=True).requires_grad


def test_asarray_shares_what_it_can() -> None:
    array = np.arange(3.0)
    x = steep.asarray(array)
    x[0] = 5
    assert array[0] == 5
    copied = steep.asarray(array, copy=True)
    copied[0] = 1
    assert array[0] == 5
    assert steep.asarray(x) is x
    assert steep.asarray([1, 2], dtype=steep.float32).tolist() == [1, 2]
    assert steep.asarray(bytearray([1, 0, 0, 0]), dtype=steep.int32).tolist() == [1]
    assert steep.asarray(array, requires_grad=True).requires_grad
    for data, kind in (([1], None), (array, steep.float32), (array[::-1], None)):
        with pytest.raises(ValueError, match="memory that a tensor can share, as copy=False"):
            steep.asarray(data, dtype=kind, copy=False)


def test_buffers() -> None:
    memory = bytearray(range(16))
    x = steep.frombuffer(memory, dtype=steep.int32, count=2, offset=4)
    assert x.tolist() == np.frombuffer(memory, "int32", 2, 4).tolist()
    x[0] = 0
    assert memory[4] == 0
    fixed = steep.frombuffer(bytes(4), dtype=steep.uint8)
    fixed[0] = 1  # a copy: bytes are never written to
    assert steep.frombuffer(memory, dtype=steep.float64).shape == (2,)
    unaligned = steep.frombuffer(memory, dtype=steep.int32, count=1, offset=1)
    assert unaligned.item() == int(np.frombuffer(memory, "int32", 1, 1)[0])


def test_shapes_and_strides() -> None:
    x = steep.empty_strided((2, 3), (1, 2))
    assert (x.shape, x.stride()) == ((2, 3), (1, 2))
    assert steep.empty_strided((0, 3), (3, 1)).numel() == 0
    assert steep.empty_permuted((2, 3, 4), (2, 0, 1)).stride() == (3, 1, 6)
    assert steep.scalar_tensor(2, dtype=steep.int64).item() == 2
    with pytest.warns(UserWarning, match="range is deprecated"):
        assert steep.range(5, 1, -2).tolist() == [5, 3, 1]
    places = steep.unravel_index(steep.arange(24).reshape(2, 12), (2, 3, 4))
    want = np.unravel_index(np.arange(24).reshape(2, 12), (2, 3, 4))
    assert all((a.numpy() == b).all() for a, b in zip(places, want, strict=True))
    assert steep.nonzero_static(steep.eye(2), size=3).tolist() == [[0, 0], [1, 1], [-1, -1]]


# ---- in place -----------------------------------------------------------------------------------


def test_functions_of_python() -> None:
    x = steep.tensor([[1, 2], [3, 4]])
    assert x.apply_(lambda n: n * n) is x
    assert x.map_(steep.ones(2, 2), lambda a, b: a + int(b)).tolist() == [[2, 5], [10, 17]]
    assert x.map2_(x, x, lambda a, b, c: a - b + c).tolist() == [[2, 5], [10, 17]]


def test_other_sizes() -> None:
    x = steep.arange(6)
    view = x[2:]
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    assert view.tolist() == [2, 3, 4, 5]
    assert x.resize_((3, 3)).flatten()[:4].tolist() == [0, 1, 2, 3]
    assert x.resize_as_(steep.zeros(1)).tolist() == [0]
    y = steep.zeros(2)
    assert y.set_(steep.ones(3)).tolist() == [1, 1, 1]
    assert y.as_strided_((2,), (2,)).shape == (2,)
    assert steep.renorm(steep.ones(2, 2), 1, 0, 1.0).sum().item() == pytest.approx(2)
    assert steep.ones(2, 2).renorm_(1, 0, 1.0).sum().item() == pytest.approx(2)
    z = steep.ones(2, 2)
    z.index_reduce_(0, steep.tensor([0]), steep.full((1, 2), 3.0), "prod")
    assert z.tolist() == [[3, 3], [1, 1]]


def test_draws() -> None:
    """The values of one seed are PyTorch's."""
    steep.manual_seed(0)
    np.testing.assert_allclose(steep.empty(3).cauchy_(), [10.5977, 0.7648, -0.1283], atol=5e-5)
    assert steep.empty(3).geometric_(0.3).tolist() == [1, 2, 1]
    np.testing.assert_allclose(steep.empty(3).log_normal_(), [6.0903, 14.5276, 0.6450], 1e-4)
    x = steep.poisson(steep.full((20000,), 3.0))
    assert abs(x.mean().item() - 3) < 0.1
    assert abs(x.var().item() - 3) < 0.2
    y = steep.binomial(steep.full((20000,), 10.0), steep.tensor(0.3).expand(20000))
    assert abs(y.mean().item() - 3) < 0.1
    assert abs(y.var().item() - 2.1) < 0.2
    steep.manual_seed(1)
    first = steep.poisson(steep.ones(5))
    steep.manual_seed(1)
    assert (steep.poisson(steep.ones(5)) == first).all()


# ---- questions ----------------------------------------------------------------------------------


def test_casts() -> None:
    """In place operations are allowed what can_cast says."""
    kinds = (steep.float32, steep.float64, steep.int64, steep.int32, steep.uint8, steep.bool)
    for given in kinds:
        for to in kinds:
            allowed = True
            try:
                steep.ones(1, dtype=to).mul_(steep.ones(1, dtype=given))
            except RuntimeError:
                allowed = False
            assert steep.can_cast(given, to) == allowed, (given, to)


def test_what_real_dense_tensors_are() -> None:
    x = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
    for name in ("conj", "conj_physical", "resolve_conj", "resolve_neg"):
        assert getattr(x, name)() is x
        assert getattr(steep, name)(x) is x
    assert steep.real(x) is x
    assert x.real is x
    assert (x.mH == x.H).all()
    assert (x.adjoint() == x.t()).all()
    assert x.isreal().all()
    assert x.is_signed()
    assert not x.byte().is_signed()
    assert x.is_same_size(x.t())
    assert x.is_cpu
    never = (x.is_meta, x.is_quantized, x.is_xpu, x.is_nested, x.is_conj(), x.is_neg())
    assert never == (False,) * 6
    assert x.to_dense() is x
    assert x.dim_order() == (0, 1)
    assert x.is_set_to(x.view(2, 2))
    assert not x.is_set_to(x[:1])
    assert x[0, 0].is_nonzero()
    assert x.const_data_ptr() == x.data_ptr()
    assert x.new_empty_strided((2,), (3,)).stride() == (3,)
    assert [part.shape[0] for part in x.unsafe_split_with_sizes([1, 1])] == [1, 1]
    with pytest.raises(RuntimeError, match="matri"):
        _ = steep.ones(1, 2, 3).H
    with pytest.raises(RuntimeError, match=r"complex|imag"):
        _ = x.imag


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: steep.trapezoid(steep.ones(2) > 0), RuntimeError, "got a tensor of bool"),
        (lambda: steep.trapezoid(steep.ones(2), steep.ones(3)), RuntimeError, "as many x as y"),
        (lambda: steep.trapezoid(steep.ones(2), steep.ones(2), dx=1), RuntimeError, "got both"),
        (lambda: steep.gradient(steep.ones(1)), RuntimeError, "at least 2 samples"),
        (lambda: steep.gradient(steep.ones(3), edge_order=3), RuntimeError, "1 or 2"),
        (lambda: steep.gradient(steep.ones(3, 3), spacing=[1.0]), RuntimeError, "a spacing for"),
        (
            lambda: steep.gradient(steep.ones(3), spacing=[steep.ones(2)]),
            RuntimeError,
            "3 coordinates",
        ),
        (lambda: steep.gcd(steep.ones(1), steep.ones(1)), NotImplementedError, "whole numbers"),
        (lambda: steep.tensor([1]).int().ldexp_(steep.ones(1)), RuntimeError, "can't be cast"),
        (lambda: steep.ones(1).long().gcd_(steep.tensor([1, 2])), RuntimeError, "broadcast to"),
        (lambda: steep.frexp(steep.tensor([1])), RuntimeError, "floating dtype"),
        (
            lambda: steep.nextafter(steep.ones(1, requires_grad=True), steep.ones(1)),
            NotImplementedError,
            "no derivative",
        ),
        (lambda: steep.histogram(steep.tensor([1]), 2), NotImplementedError, "float32 or float64"),
        (lambda: steep.histogram(steep.ones(2), 0), RuntimeError, "at least one bin"),
        (lambda: steep.histogram(steep.ones(2), 2, range=(1, 0)), RuntimeError, "less to more"),
        (lambda: steep.histogram(steep.ones(2) / 0, 2), RuntimeError, "finite range"),
        (
            lambda: steep.histogram(steep.ones(2), steep.tensor([1.0, 0.0])),
            RuntimeError,
            "edges of bins that rise",
        ),
        (lambda: steep.histogram(steep.ones(2), 2, weight=steep.ones(3)), RuntimeError, "weights"),
        (lambda: steep.histogramdd(steep.ones(2), 2), RuntimeError, "last of two dimensions"),
        (lambda: steep.renorm(steep.ones(2), 2, 0, 1.0), RuntimeError, "at least 2 dimensions"),
        (
            lambda: steep.index_reduce(
                steep.ones(2, 2), 0, steep.tensor([0]), steep.ones(1, 2), "sum"
            ),
            RuntimeError,
            "one of prod, mean, amax, amin",
        ),
        (
            lambda: steep.index_reduce(
                steep.ones(2, 2), 0, steep.tensor([0, 1]), steep.ones(1, 2), "prod"
            ),
            RuntimeError,
            "source of the input's shape",
        ),
        (lambda: steep.vander(steep.ones(2, 2)), RuntimeError, "one dimension"),
        (lambda: steep.unravel_index(steep.tensor([4]), (2, 2)), ValueError, "from 0 to 3"),
        (lambda: steep.unravel_index(steep.ones(1), (2, 2)), TypeError, "whole numbers"),
        (lambda: steep.frombuffer(bytearray(3), dtype=steep.int32), ValueError, "whole elements"),
        (lambda: steep.frombuffer(3, dtype=steep.int32), ValueError, "with a buffer"),
        (lambda: steep.empty_strided((2,), (1, 2)), RuntimeError, "a stride of at least 0"),
        (lambda: steep.empty_permuted((2, 3), (0, 0)), RuntimeError, "an order of 2"),
        (lambda: steep.hann_window(-1), RuntimeError, "length of at least 0"),
        (lambda: steep.hann_window(2, dtype=steep.int64), RuntimeError, "floating dtype"),
        (lambda: steep.poisson(-steep.ones(1)), RuntimeError, "not negative"),
        (
            lambda: steep.binomial(steep.ones(1), 2 * steep.ones(1)),
            RuntimeError,
            "probabilities from 0 to 1, got 2 at position 0",
        ),
        (lambda: steep.ones(1).geometric_(1.0), RuntimeError, r"p to be in \(0, 1\)"),
        (lambda: steep.ones(1).cauchy_(0, 0), RuntimeError, "sigma > 0"),
        (
            lambda: steep.ones(1, requires_grad=True).map_(steep.ones(1), max),
            RuntimeError,
            "no derivative",
        ),
        (lambda: steep.ones(2, requires_grad=True).resize_(1), RuntimeError, "requires no grad"),
        (lambda: steep.ones(2).set_(steep.ones(2).long()), RuntimeError, "one dtype"),
        (lambda: steep.ones(2, 3).sum_to_size(2, 4), RuntimeError, "sum_to_size|expandable"),
        (lambda: steep.nonzero_static(steep.ones(1), size=-1), RuntimeError, "at least 0"),
    ],
)
def test_refused(call: Function, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_compositions_are_replayed_and_others_run_eagerly() -> None:
    compiled = steep.compile(
        lambda x: steep.trapezoid(x) + steep.ldexp(x, steep.tensor(1)).sum_to_size(1),
        fullgraph=True,
    )
    for step in range(5):
        x = steep.full((3,), float(step))
        assert compiled(x).tolist() == [2 * step + 6 * step]
    eager = steep.compile(lambda x: steep.gcd(x, x * 2))
    eager(steep.tensor([3]))
    with pytest.warns(UserWarning, match="reads a value into Python"):
        assert eager(steep.tensor([3])).tolist() == [3]
