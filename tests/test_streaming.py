"""Results larger than the caches are written past them, element for element as any other."""

import numpy as np
import pytest

import steep

ROOM = 16 << 20  # bytes of one thread's share from which on a result is streamed
REST = 37  # elements after the last whole line


def numbers(dtype, shift):
    """More elements than ROOM holds; small integers, whose sums and products are exact."""
    count = ROOM // np.dtype(dtype).itemsize + REST + 1
    return (np.arange(count) % 251 + shift).astype(dtype)


@pytest.fixture(autouse=True)
def one_thread():
    before = steep.get_num_threads()
    steep.set_num_threads(1)
    yield
    steep.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("start", [0, 1], ids=["at a line", "within a line"])
def test_large_results_are_those_of_numpy(dtype, start):
    a, b = numbers(dtype, 1)[start:], numbers(dtype, 3)[start:]
    x, y = steep.from_numpy(a), steep.from_numpy(b)
    assert np.array_equal((x + y).numpy(), a + b)
    assert np.array_equal((x * y).numpy(), a * b)
    assert np.array_equal((x - 3).numpy(), a - dtype(3))
    assert np.array_equal(steep.add(x, y, alpha=2).numpy(), a + dtype(2) * b)
    assert np.array_equal(steep.full_like(x, 7).numpy(), np.full_like(a, 7))


def test_results_in_place_and_in_given_memory():
    a, b = numbers(np.float32, 1), numbers(np.float32, 3)
    memory = np.zeros(a.size + 1, np.float32)
    for out in (memory[:-1], memory[1:]):  # one of them begins within a line
        x = steep.from_numpy(out)
        x.copy_(steep.from_numpy(a))
        x += steep.from_numpy(b)
        assert np.array_equal(out, a + b)
        assert x.sub_(x).abs().sum().item() == 0


def test_more_threads_see_what_one_has_streamed():
    steep.set_num_threads(2)
    a = np.concatenate([numbers(np.float32, 1)] * 2)
    x = steep.from_numpy(a)
    for _ in range(3):
        assert ((x + x) - x == x).all().item()
