"""Random generators, in plain Python.

`MT19937`: Matsumoto & Nishimura 1998, "Mersenne Twister", with the initialisation of their 2002
version.  Its floats, normals and permutations draw in PyTorch's CPU order.  `philox4x32`: Salmon et
al. 2011, "Parallel random numbers: as easy as 1, 2, 3", with ten rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steep.reference.registry import Array

_WORD = 0xFFFFFFFF


class MT19937:
    """The 32-bit Mersenne Twister.

    >>> MT19937(5489).next()
    3499211612
    """

    N, M = 624, 397
    MATRIX, UPPER, LOWER = 0x9908B0DF, 0x80000000, 0x7FFFFFFF

    def __init__(self, seed: int = 5489):
        self.state = [seed & _WORD]
        for i in range(1, self.N):
            last = self.state[-1]
            self.state.append((1812433253 * (last ^ (last >> 30)) + i) & _WORD)
        self.position = self.N
        self.saved_normal: float | None = None

    @classmethod
    def from_key(cls, key: Sequence[int]) -> MT19937:
        """Initialise by an array of words, as Python's and NumPy's generators do."""
        self, n = cls(19650218), cls.N
        state, i, j = self.state, 1, 0
        for _ in range(max(n, len(key))):
            mixed = state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525)
            state[i] = (mixed + key[j] + j) & _WORD
            i, j = i + 1, (j + 1) % len(key)
            if i == n:
                state[0], i = state[-1], 1
        for _ in range(n - 1):
            mixed = state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941)
            state[i] = (mixed - i) & _WORD
            i += 1
            if i == n:
                state[0], i = state[-1], 1
        state[0] = self.UPPER
        return self

    def _twist(self) -> None:
        s, n = self.state, self.N
        for i in range(n):
            y = (s[i] & self.UPPER) | (s[(i + 1) % n] & self.LOWER)
            s[i] = s[(i + self.M) % n] ^ (y >> 1) ^ (self.MATRIX if y & 1 else 0)
        self.position = 0

    def next(self) -> int:
        """The next 32 random bits."""
        if self.position == self.N:
            self._twist()
        y = self.state[self.position]
        self.position += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        return y ^ (y >> 18)

    def next64(self) -> int:
        """64 random bits: the first word drawn is the upper half."""
        upper = self.next()
        return upper << 32 | self.next()

    def uniform(self, double: bool = True) -> float:
        """Uniform in [0, 1): 53 random bits, or the 24 lowest of a word for a float32."""
        if double:
            return (self.next64() & (2**53 - 1)) * 2.0**-53
        return (self.next() & (2**24 - 1)) * 2.0**-24

    def rand(self, size: int, dtype: type[np.floating] = np.float32) -> Array:
        """PyTorch's ``rand(size)``."""
        double = np.dtype(dtype) == np.float64
        return np.array([self.uniform(double) for _ in range(size)], dtype)

    def randint(self, low: int, high: int, size: int) -> Array:
        """PyTorch's ``randint(low, high, (size,))``: a remainder, of 64 bits for wide ranges."""
        span = high - low
        draw = self.next if span < 2**32 else self.next64
        return np.array([low + draw() % span for _ in range(size)], np.int64)

    def randperm(self, n: int) -> Array:
        """PyTorch's ``randperm(n)``: Fisher and Yates' shuffle, from the front."""
        order = list(range(n))
        for i in range(n - 1):
            j = i + self.next() % (n - i)
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def randn(self, size: int, dtype: type[np.floating] = np.float32) -> Array:
        """PyTorch's ``randn(size)``: Box & Muller 1958, one by one, or in blocks from 16 on."""
        if size < 16:
            return np.array([self.normal() for _ in range(size)], dtype)
        uniform = self.rand(size, dtype)
        out = np.empty(size, dtype)
        for start in range(0, size - 15, 16):
            out[start : start + 16] = _box_muller(uniform[start : start + 16])
        if size % 16:  # the last 16 are drawn anew
            out[-16:] = _box_muller(self.rand(16, dtype))
        return out

    def normal(self) -> float:
        """One normal number; they come in pairs, of which the second is kept for the next call."""
        if self.saved_normal is not None:
            saved, self.saved_normal = self.saved_normal, None
            return saved
        angle = 2 * math.pi * self.uniform()
        radius = math.sqrt(-2 * math.log1p(-self.uniform()))
        self.saved_normal = radius * math.sin(angle)
        return radius * math.cos(angle)


def _box_muller(uniform: Array) -> Array:
    """16 normal numbers: the radii from the first 8 uniform ones, the angles from the others.

    The angle is rounded to the dtype, as PyTorch's is (its cosine shows it); the rest is float64.
    """
    radius = np.sqrt(-2 * np.log((1 - uniform[:8]).astype(np.float64)))
    angle = (uniform.dtype.type(2 * math.pi) * uniform[8:]).astype(np.float64)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)]).astype(uniform.dtype)


def philox4x32(counter: Sequence[int], key: Sequence[int], rounds: int = 10) -> tuple[int, ...]:
    """Philox-4x32: four words from a counter of four words and a key of two.

    >>> [f"{word:08x}" for word in philox4x32((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        product0, product1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (product1 >> 32) ^ c1 ^ k0,
            product1 & _WORD,
            (product0 >> 32) ^ c3 ^ k1,
            product0 & _WORD,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _WORD, (k1 + 0xBB67AE85) & _WORD
    return c0, c1, c2, c3
