"""Scalers, one-hot labels and the gathering kernel behind the loader."""

from __future__ import annotations

import array

import numpy as np
import pytest

import steep
import steep.data as data
from steep.data import _pipeline

# ---- scalers ----------------------------------------------------------------------------------


def table():
    x = np.random.default_rng(0).standard_normal((40, 3)) * [1, 100, 0] + [0, 5, 0.1]
    return x, steep.tensor(x.tolist(), dtype=steep.float64)


def test_standard_scaler():
    x, t = table()
    scaler = data.StandardScaler()
    out = np.asarray(scaler.fit_transform(t).tolist())
    expected = (x - x.mean(0)) / np.where(x.std(0) > 1e-12, x.std(0), 1)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    assert (out[:, 2] == 0).all()
    back = np.asarray(scaler.inverse_transform(steep.tensor(out.tolist()).double()).tolist())
    np.testing.assert_allclose(back, x, rtol=1e-5)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 3.0)])
def test_min_max_scaler(ends):
    x, t = table()
    scaler = data.MinMaxScaler(ends).fit(t)
    out = np.asarray(scaler.transform(t).tolist())
    extent = np.where(np.ptp(x, 0) > 0, np.ptp(x, 0), 1)
    expected = (x - x.min(0)) / extent * (ends[1] - ends[0]) + ends[0]
    np.testing.assert_allclose(out, expected, atol=1e-12)
    back = np.asarray(scaler.inverse_transform(scaler.transform(t)).tolist())
    np.testing.assert_allclose(back, x, rtol=1e-12, atol=1e-12)


def test_scalers_apply_in_the_inputs_dtype():
    scaler = data.StandardScaler().fit(steep.tensor([[1], [3]]))
    assert scaler.transform(steep.tensor([[5]])).dtype == steep.float32
    assert scaler.transform(steep.tensor([[5.0]])).dtype == steep.float32
    assert scaler.transform(steep.tensor([[5.0]], dtype=steep.float64)).dtype == steep.float64
    assert scaler.mean.dtype == steep.float64


def test_scaler_state():
    _, t = table()
    scaler = data.MinMaxScaler().fit(t)
    other = data.MinMaxScaler()
    assert other.state_dict() == {}
    other.load_state_dict(scaler.state_dict())
    assert other.transform(t).tolist() == scaler.transform(t).tolist()
    with pytest.raises(KeyError, match="expected keys"):
        other.load_state_dict({"mean": t})


def test_scaler_errors():
    _, t = table()
    with pytest.raises(RuntimeError, match="StandardScaler is not fitted yet"):
        data.StandardScaler().transform(t)
    scaler = data.StandardScaler().fit(t)
    with pytest.raises(ValueError, match=r"columns of shape \(3,\), as fitted, got \(2,\)"):
        scaler.transform(t[:, :2])
    with pytest.raises(ValueError, match="1 that are nan"):
        data.MinMaxScaler().fit(steep.tensor([[1.0], [float("nan")]]))
    with pytest.raises(ValueError, match="at least one row"):
        data.MinMaxScaler().fit(steep.zeros(0, 2))
    with pytest.raises(ValueError, match="min < max"):
        data.MinMaxScaler((1, 1))
    with pytest.raises(ValueError, match="expected numbers, got 'a'"):
        data.StandardScaler().fit([[1.0], ["a"]])


@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
def test_a_datasets_scaler_gives_the_same_bits_on_every_path(dtype):
    _, t = table()
    x, y = t.to(dtype), steep.arange(40)
    scaler = data.StandardScaler().fit(x[:20])
    whole = scaler.transform(x)
    dataset = data.Subset(data.TensorDataset(x, y, scaler=scaler), list(range(10, 40)))
    for rows, labels in data.DataLoader(dataset, 7, shuffle=True):
        assert rows.tolist() == whole[labels].tolist()
    assert dataset[0][0].tolist() == whole[10].tolist()


def test_one_hot():
    assert data.one_hot(steep.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]


# ---- the gather kernel ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(10,), (10, 3), (10, 2, 4), (10, 0), (10, 1)])
def test_gather_from_any_layout(dtype, shape):
    rng = np.random.default_rng(0)
    x = (rng.random(shape) * 100).astype(dtype)
    layouts = [x, x[::-1], np.asfortranarray(x), np.repeat(x, 2, 0)[::2], x[2:], x[..., ::-1]]
    for source in layouts:
        n = len(source)
        for index in (rng.integers(0, n, 7), np.arange(n), np.arange(2 * n)[::-2] // 2):
            out = np.empty((len(index), *shape[1:]), dtype)
            _pipeline.gather(source, index, 0, len(index), out)
            assert np.array_equal(out, source[index])
            out = np.empty((2, *shape[1:]), dtype)
            _pipeline.gather(source, index, 1, 3, out)
            assert np.array_equal(out, source[index[1:3]])


def test_a_scaler_rounds_twice_in_the_loader():
    rng = np.random.default_rng(0)
    x = steep.as_tensor(rng.random((50, 6), dtype=np.float32))
    scaler = data.StandardScaler().fit(x)
    shift, scale = (t.numpy() for t in scaler.affine(steep.float32))
    index = rng.permutation(50)
    dataset = data.TensorDataset(x, scaler=scaler)
    ((out,),) = data.DataLoader(dataset, 50, sampler=index)
    assert np.array_equal(out.numpy(), (x.numpy()[index] - shift) * scale)


X = np.arange(12, dtype=np.float32).reshape(4, 3)
TWO = np.array([0, 1])


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ((X, np.array([0, 4]), 0, 2), IndexError, "index 4 at position 1 is out of range"),
        ((X, np.array([-1, 0]), 0, 2), IndexError, "index -1 at position 0"),
        ((X, TWO, 0, 3), IndexError, "start <= stop <= 2"),
        ((X, TWO.astype(np.int32), 0, 2), TypeError, "1-d int64 index"),
        ((X, TWO[None], 0, 2), TypeError, "1-d int64 index"),
        ((np.float32(1), TWO, 0, 2), ValueError, "source of 1 to 32 dimensions"),
        ((X.astype("f8"), TWO, 0, 2), ValueError, "format 'd'"),
        ((X[:, :2], TWO, 0, 2), ValueError, "expected out of shape"),
    ],
)
def test_gather_errors_write_nothing(arguments, kind, text):
    out = np.full((2, 3), 7, np.float32)
    with pytest.raises(kind, match=text):
        _pipeline.gather(*arguments, out)
    assert (out == 7).all()


def test_gather_output_has_to_be_writable_and_contiguous():
    with pytest.raises(BufferError):
        _pipeline.gather(X, TWO, 0, 2, bytes(24))
    with pytest.raises(ValueError, match="contiguous"):
        _pipeline.gather(X, TWO, 0, 2, np.zeros((3, 2), np.float32).T)


def test_gather_takes_any_buffer():
    out = array.array("q", [0, 0])
    _pipeline.gather(array.array("q", [5, 6, 7]), array.array("q", [2, 0]), 0, 2, out)
    assert out.tolist() == [7, 5]
