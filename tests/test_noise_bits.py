"""The bits of noise: those of a reference in NumPy's float32, operation by operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from steep import data

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def scramble(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def derive(key: int, number: int) -> int:
    return scramble(key + (number + 1) * GOLDEN & MASK)


def words(key: int, counters: Any) -> Any:
    """A keyed hash of counters, of 32 bits."""
    x = np.asarray(counters, np.uint32) * np.uint32(key >> 32 | 1) + np.uint32(key & 0xFFFFFFFF)
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def fraction(word: Any) -> Any:
    return ((word >> 8).astype(np.float32) + np.float32(0.5)) * np.float32(2**-24)


def horner(x: Any, *coefficients: float) -> Any:
    out = np.float32(coefficients[0])
    for c in coefficients[1:]:
        out = out * x + np.float32(c)
    return out


def log(x: Any) -> Any:
    bits = x.view(np.int32)
    exponent = (bits - 0x3F3504F3) >> 23
    m = (bits - (exponent << 23)).view(np.float32) - np.float32(1)
    z = m * m
    p = horner(
        m,
        *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
        *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
    )
    out = m + (m * z * p - np.float32(0.5) * z)
    return out + exponent.astype(np.float32) * np.float32(0.69314718)


def normal(key: int, size: int) -> Any:
    out = np.empty(size, np.float32)
    for start in range(0, size, 128):
        half = (min(128, size - start) + 1) // 2
        first = words(key, start + np.arange(half))
        second = words(key, start + half + np.arange(half))
        radius = np.sqrt(np.float32(-2) * log(fraction(first)))
        angle = (fraction(second) - np.float32(0.5)) * np.float32(1.57079633)
        z = angle * angle
        sine = horner(z, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
        sine = (sine * z * angle + angle) * radius
        cosine = horner(z, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
        cosine = (cosine * z * z - np.float32(0.5) * z + np.float32(1)) * radius
        quarter = second & 3
        one = np.choose(quarter, [cosine, -sine, -cosine, sine])
        other = np.choose(quarter, [sine, cosine, -sine, -cosine])
        out[start : start + 128] = np.concatenate([one, other])[: size - start]
    return out


@pytest.mark.parametrize("size", [1, 2, 7, 64, 127, 128, 129, 500])
def test_noise_is_that_of_the_reference(size: int) -> None:
    generator = steep.Generator().manual_seed(11)
    seed = data._draws.draw_seed(steep.Generator().manual_seed(11))
    zeros = np.zeros((3, size), np.float32)
    steps = data.Compose([data.Jitter(0.5), data.Normalize(0, 1), data.GaussianNoise(2.0)])
    out = steps(zeros, generator=generator)
    batch = derive(derive(seed, 0), 0)
    for row in range(3):
        stream = derive(derive(batch, row), 0)
        even = words(scramble(stream + GOLDEN & MASK), np.arange(size))
        expected = np.float32(0.5) * (np.float32(2) * fraction(even) - np.float32(1))
        stream = derive(derive(batch, row), 2)
        expected = expected + np.float32(2) * normal(scramble(stream + GOLDEN & MASK), size)
        np.testing.assert_array_equal(out[row], expected)


def test_the_reference_is_normal() -> None:
    drawn = np.concatenate([normal(key * GOLDEN & MASK, 1000) for key in range(200)])
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    exact = np.log(fraction(words(3, np.arange(1000))).astype(np.float64))
    np.testing.assert_allclose(log(fraction(words(3, np.arange(1000)))), exact, rtol=2e-6)


def test_numbers_of_a_row_have_nothing_to_do_with_each_other() -> None:
    count = 20_000
    rows = data.GaussianNoise(1.0)(np.zeros((count, 64), np.float32), generator=steep.Generator())
    for values in (rows, rows**2, np.sign(rows)):
        related = np.corrcoef(values.T) - np.eye(64)
        # In 2,016 pairs, 5.5 standard errors come up once in 10,000 tries.
        assert np.abs(related).max() < 5.5 / count**0.5
    assert abs((rows[1:] * rows[:-1]).mean()) < 5 / rows.size**0.5
    assert abs(rows.mean()) < 5 / rows.size**0.5
    assert abs((rows**2).mean() - 1) < 5 * (2 / rows.size) ** 0.5
    assert abs((rows**4).mean() - 3) < 5 * (96 / rows.size) ** 0.5
    bytes_of = np.bincount(words(derive(7, 3), np.arange(2**18)).view(np.uint8), minlength=256)
    expected = 2**20 / 256
    assert abs(((bytes_of - expected) ** 2 / expected).sum() - 255) < 5 * 510**0.5
