"""Augmentations of arrays: each against NumPy, or against all that chance may make of it."""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import steep
from steep import data
from steep.data import _augment

RNG = np.random.default_rng(0)
IMAGES = RNG.random((200, 2, 5, 6), dtype=np.float32)


def seeded(augmentation: Any, x: Any, target: Any = None, seed: int = 0) -> Any:
    return augmentation(x, target, generator=steep.Generator().manual_seed(seed))


# ---- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["?", "u1", "i1", "i2", "u2", "i4", "i8", "f4", "f8"])
def test_every_kind_of_number_becomes_float32(kind: str) -> None:
    x = (RNG.random((7, 3, 4)) * 100).astype(kind)
    for array in (x, x[::-1], x[:, ::2, ::-1], np.asfortranarray(x)):
        out = data.ToFloat(scale=1)(array)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, array.astype(np.float32))
    factor = np.float32(1 / 255) if kind == "u1" else 1
    np.testing.assert_array_equal(data.ToFloat()(x), x.astype(np.float32) * factor)


def test_unaligned_numbers_are_read_as_they_lie() -> None:
    raw = np.zeros(4 * 9 + 1, np.uint8)
    x = np.frombuffer(raw.data, "<f4", 9, 1).reshape(3, 3)
    x[:] = RNG.random((3, 3))
    out = np.empty((3, 3), np.float32)
    _augment.Program([], 3, 3).run(x, None, 0, 3, steep.as_tensor(out), 0, 0)
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize(
    ("shape", "mean", "std"),
    [
        ((9, 4), 1.5, 2.0),
        ((9, 4), [1.0, 2.0, 3.0, 4.0], 2.0),
        ((9, 4), 1.0, [1.0, 2.0, 3.0, 4.0]),
        ((9, 2, 5, 6), [0.4, 0.6], [0.2, 0.3]),
        ((9, 2, 5, 6), IMAGES.mean(0), [0.2, 0.3]),
        ((9, 2, 5, 6), np.array([0.4, 0.6]).reshape(2, 1, 1), 0.5),
        ((9, 2, 5, 6), steep.tensor([0.4, 0.6]), IMAGES.std(0)),
        ((9,), 1.0, 2.0),
        ((9, 0), 1.0, 2.0),
    ],
)
def test_normalize(shape: tuple[int, ...], mean: Any, std: Any) -> None:
    x = RNG.random(shape, dtype=np.float32)
    out = data.Normalize(mean, std)(x)
    m, s = (np.asarray(v, np.float64) for v in (mean, std))
    if len(shape) > 2:
        m, s = (v.reshape(-1, 1, 1) if v.ndim == 1 else v for v in (m, s))
    scale = (1 / s).astype(np.float32)
    np.testing.assert_array_equal(out, (x - m.astype(np.float32)) * scale)


@pytest.mark.parametrize("kind", ["i8", "f8", "i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_numbers_are_normalised_before_they_are_rounded(kind: str, order: Any) -> None:
    """Seconds since 1970, which float32 knows to two minutes."""
    x = (1_760_000_000 + RNG.integers(0, 3600, (50, 2))).astype(kind, order=order)
    out = data.Normalize.of(x)(x)
    y = x.astype(np.float64)
    np.testing.assert_allclose(out, (y - y.mean(0)) / y.std(0), atol=1e-6)
    both = data.Compose([data.Normalize([1.76e9, 1.76e9], 1.0), data.RandomFlip(1.0)])(x)
    np.testing.assert_array_equal(both, (y - 1.76e9)[:, ::-1])


@pytest.mark.parametrize("each", [True, False])
def test_normalize_of_an_array(each: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steep.data.augmentation._moments._PIECE", 500)  # several, the last short
    bytes_ = (IMAGES * 255).astype(np.uint8)
    out = data.Normalize.of(bytes_, each)(bytes_).astype(np.float64)
    axes = (0, 2, 3) if each else None
    np.testing.assert_allclose(out.mean(axes), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(axes), 1, atol=1e-6)
    far = np.array([[1e7 + 1, 3.3], [1e7 + 2, 3.3], [1e7 + 3, 3.3]])
    np.testing.assert_allclose(data.Normalize.of(far)(far)[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(data.Normalize.of(far)._scale[0], [1.5**0.5, 1])
    assert data.Normalize.of(far[:, 0])(far[:, 0]).shape == (3,)
    with pytest.raises(ValueError, match="infinity in rows 0 to 1"):
        data.Normalize.of(steep.tensor([[1.0, math.nan]]))
    with pytest.raises(ValueError, match=r"expected values, got an array of shape \(0, 2\)"):
        data.Normalize.of(np.ones((0, 2)))


def test_noise_is_normal_with_each_columns_deviation() -> None:
    x = np.zeros((200_000, 2), np.float32)
    noise = seeded(data.GaussianNoise([1.0, 3.0]), x).astype(np.float64)
    np.testing.assert_allclose(noise.std(0), [1, 3], rtol=0.01)
    z = np.sort(noise[:, 0])
    # Kolmogorov and Smirnov: beyond 1.95 / sqrt(n) once in a thousand.
    cdf = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    assert np.abs(cdf - (np.arange(len(z)) + 0.5) / len(z)).max() < 1.95 / math.sqrt(len(z))
    assert abs((z**3).mean()) < 0.03
    assert abs((z**4).mean() - 3) < 0.1
    assert abs((np.abs(z) > 3.5).mean() - 4.65e-4) < 2e-4
    assert 4 < np.abs(z).max() < 5.8
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.01
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.01


def test_jitter_is_even() -> None:
    out = seeded(data.Jitter(0.5), np.zeros((1000, 50), np.float32))
    assert np.abs(out).max() <= 0.5
    counts = np.histogram(out, 10, (-0.5, 0.5))[0]
    np.testing.assert_allclose(counts, 5000, rtol=0.07)


def test_scale_is_one_factor_for_each_channel() -> None:
    x = RNG.random((500, 3, 8), dtype=np.float32) + 1
    factors = seeded(data.RandomScale([0.1, 0.2, 0.0]), x) / x
    np.testing.assert_allclose(factors, np.broadcast_to(factors[..., :1], x.shape), rtol=1e-6)
    np.testing.assert_allclose(factors[..., 0].std(0), [0.1, 0.2, 0], atol=0.02)
    rows = seeded(data.RandomScale(0.1), x[:, 0]) / x[:, 0]
    np.testing.assert_allclose(rows, np.broadcast_to(rows[:, :1], rows.shape), rtol=1e-6)


def test_brightness_and_contrast() -> None:
    bright = seeded(data.RandomBrightness(0.25), IMAGES) / IMAGES
    factors = bright[:, 0, 0, 0]
    same = np.broadcast_to(factors[:, None, None, None], bright.shape)
    np.testing.assert_allclose(bright, same, rtol=1e-6)
    assert 0.75 <= factors.min() < 0.8
    assert 1.2 < factors.max() <= 1.25
    mean = IMAGES.mean((1, 2, 3), keepdims=True)
    out = seeded(data.RandomContrast(0.5), IMAGES)
    np.testing.assert_allclose(out.mean((1, 2, 3)), mean[:, 0, 0, 0], rtol=1e-5)
    spread = out.std((1, 2, 3)) / IMAGES.std((1, 2, 3))
    assert 0.5 <= spread.min() < 0.6
    assert 1.4 < spread.max() <= 1.5
    clipped = seeded(data.RandomContrast(0.9, clip=(0.2, 0.8)), IMAGES)
    assert (clipped.min(), clipped.max()) == (np.float32(0.2), np.float32(0.8))


# ---- images -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "pad"),
    [("constant", {"constant_values": 7}), ("edge", {}), ("wrap", {}), ("reflect", {})],
)
@pytest.mark.parametrize("distance", [(1, 2), (2, 0), (7, 9)])
def test_shift_gives_every_window_of_the_padded_image(
    mode: str, pad: dict[str, Any], distance: tuple[int, int]
) -> None:
    down, across = distance
    out = seeded(data.RandomShift(distance, mode=mode, fill=7), IMAGES)
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (down, down), (across, across)), mode, **pad)  # type: ignore[call-overload]
    seen = set()
    for image, source in zip(out, padded, strict=True):
        windows = {
            (i, j)
            for i in range(2 * down + 1)
            for j in range(2 * across + 1)
            if np.array_equal(image, source[:, i : i + 5, j : j + 6])
        }
        assert windows
        seen |= windows
    assert len(seen) > 0.6 * (2 * down + 1) * (2 * across + 1)
    if distance == (1, 2):
        assert len(seen) == 15


def test_crop_gives_every_window() -> None:
    out = seeded(data.RandomCrop((4, 3), padding=(0, 1), fill=7), IMAGES)
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (0, 0), (1, 1)), constant_values=7)
    assert out.shape == (200, 2, 4, 3)
    seen = set()
    for image, source in zip(out, padded, strict=True):
        at = [
            (i, j)
            for i in range(2)
            for j in range(6)
            if np.array_equal(image, source[:, i : i + 4, j : j + 3])
        ]
        assert at
        seen.update(at)
    assert len(seen) == 12


@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_flip(axis: int) -> None:
    np.testing.assert_array_equal(data.RandomFlip(1.0, axis)(IMAGES), np.flip(IMAGES, axis))
    out = seeded(data.RandomFlip(0.3, axis), IMAGES)
    flipped = [np.array_equal(a, b) for a, b in zip(out, np.flip(IMAGES, axis), strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(out, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert 0.2 < np.mean(flipped) < 0.4


def bilinear(image: np.ndarray, degrees: float, fill: float) -> np.ndarray:
    """Turned counter-clockwise about the centre, in float64, pixel by pixel."""
    height, width = image.shape
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    padded = np.pad(image.astype(np.float64), 1, constant_values=fill)
    out = np.full(image.shape, fill, np.float64)
    for i in range(height):
        for j in range(width):
            y, x = i - (height - 1) / 2, j - (width - 1) / 2
            y, x = s * x + c * y + (height - 1) / 2, c * x - s * y + (width - 1) / 2
            if not (-1 <= y < height and -1 <= x < width):
                continue
            top, left = math.floor(y), math.floor(x)
            part = np.outer([1 - (y - top), y - top], [1 - (x - left), x - left])
            out[i, j] = (part * padded[top + 1 : top + 3, left + 1 : left + 3]).sum()
    return out


@pytest.mark.parametrize("degrees", [0.0, 30.0, -75.0, 180.0])
def test_rotation(degrees: float) -> None:
    out = data.RandomRotation((degrees, degrees), fill=2.0)(IMAGES[:3])
    expected = [[bilinear(plane, degrees, 2.0) for plane in image] for image in IMAGES[:3]]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    square = IMAGES[:, :, :5, :5]
    out = data.RandomRotation((90, 90))(square)
    np.testing.assert_allclose(out, np.rot90(square, axes=(2, 3)), atol=1e-5)
    several = seeded(data.RandomRotation(20), square)
    assert len({image.tobytes() for image in several}) == 200


def test_erasing_fills_boxes_of_the_asked_size() -> None:
    x = np.ones((300, 2, 40, 30), np.float32)
    out = seeded(data.RandomErasing(0.8, scale=(0.1, 0.2), ratio=(0.5, 2.0), fill=5), x)
    erased = 0
    for image in out:
        np.testing.assert_array_equal(image[0], image[1])
        rows, columns = np.nonzero(image[0] == 5)
        if not len(rows):
            continue
        erased += 1
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert 0.08 < height * width / 1200 < 0.22
        assert 0.4 < height / width < 2.3
    assert 0.7 < erased / 300 < 0.9


def test_time_shift() -> None:
    x = RNG.random((100, 3, 10), dtype=np.float32)
    out = seeded(data.TimeShift(2), x)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2)), "edge")
    seen = set()
    for series, source in zip(out, padded, strict=True):
        at = [j for j in range(5) if np.array_equal(series, source[:, j : j + 10])]
        assert len(at) == 1
        seen.add(at[0])
    assert len(seen) == 5


@pytest.mark.parametrize("shape", [(3, 0, 4), (3, 4, 0), (0, 4, 4), (3, 0)])
def test_of_nothing_nothing_is_read(shape: tuple[int, ...]) -> None:
    for x in (np.ones(shape, np.float32), np.asfortranarray(np.ones(shape, np.float32)[::-1])):
        both = data.Compose([data.GaussianNoise(), data.RandomFlip(), data.ToFloat()])
        assert both(x).shape == shape


def test_other_threads_run_meanwhile() -> None:
    """Nobody is made to let go of the lock, so another thread has a turn only if a pass does."""
    images = np.zeros((250, 1, 200, 200), np.float32)
    begun, done, turns = threading.Event(), threading.Event(), 0

    def work() -> None:
        begun.set()
        for _ in range(20):  # on a busy machine the other thread may come too late for one
            data.RandomRotation(45)(images)
            if turns:
                break
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        worker = threading.Thread(target=work)
        worker.start()
        begun.wait()
        while not done.is_set():
            turns += 1
            time.sleep(0.001)
        worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert turns > 0


# ---- mixing -----------------------------------------------------------------------------------


def test_mixing_is_that_of_training() -> None:
    """The same functions, with a generator of the batch's own."""
    x, y = steep.rand(6, 2, 4, 4), steep.tensor([0, 1, 2, 2, 1, 0])
    key = _augment.key_of(data._draws.draw_seed(steep.Generator().manual_seed(3)), 0, 0)
    for augmentation, function, alpha in (
        (data.MixUp(0.4, 3), steep.train.mixup, 0.4),
        (data.CutMix(0.7, 3), steep.train.cutmix, 0.7),
    ):
        found = seeded(augmentation, x, y, 3)
        expected = function(x, y, alpha, 3, steep.Generator().manual_seed(key))
        assert all(bool((a == b).all()) for a, b in zip(found, expected, strict=True))


def test_bytes_are_mixed_as_float32() -> None:
    x = np.full((4, 3), 200, np.uint8)
    mixed, y = data.MixUp()(x, np.array([0.0, 1.0, 0.0, 1.0], np.float32))
    assert (mixed.dtype, y.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(mixed, 200)


# ---- one after the other ----------------------------------------------------------------------


def test_a_list_is_one_after_the_other() -> None:
    x = (IMAGES * 255).astype(np.uint8)
    out = data.Compose(
        [
            data.ToFloat(),
            data.RandomFlip(1.0),
            data.RandomRotation((90, 90)),
            data.RandomCrop(5),
            data.Normalize([0.5, 0.4], 0.25),
            data.RandomFlip(1.0, axis=-2),
        ]
    )(x[..., :5])
    y = np.flip(x[..., :5].astype(np.float32) * np.float32(1 / 255), -1)
    y = np.rot90(y, axes=(2, 3)) - np.array([0.5, 0.4], np.float32).reshape(2, 1, 1)
    np.testing.assert_allclose(out, np.flip(y * 4, -2), atol=1e-5)


def test_places_in_the_list_draw_for_themselves() -> None:
    x = np.zeros((50, 8), np.float32)
    once, twice = (seeded(data.Compose([data.GaussianNoise(1.0)] * n), x, seed=1) for n in (1, 2))
    second = twice - once
    assert abs(np.corrcoef(once.ravel(), second.ravel())[0, 1]) < 0.2


def test_the_argument_is_not_changed_and_its_kind_is_kept() -> None:
    x = steep.rand(3, 4, requires_grad=True)
    before = x.tolist()
    out = data.GaussianNoise(1.0)(x)
    assert isinstance(out, steep.Tensor)
    assert not out.requires_grad
    assert x.tolist() == before
    array = x.detach().numpy().copy()
    pair = data.GaussianNoise(1.0)(array, np.arange(3))
    assert [type(value) for value in pair] == [np.ndarray, np.ndarray]
    assert array.tolist() == before
    assert data.Compose([])(np.zeros((0, 3))).shape == (0, 3)
