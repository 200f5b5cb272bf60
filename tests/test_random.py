"""Random streams: PyTorch's own numbers, states to keep, masks that no thread changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from random_values import DRAWS, SEQUENCE

# Normal and exponential numbers go through logarithm, sine and cosine, which torch has in several
# versions; steep's lie within 2 ULP of them. Everything else is equal.
TRANSFORMED = ("normal", "randn", "exponential", "kaiming")


class Names(dict[str, Any]):
    """The names of steep, for expressions that torch reads as well."""

    def __missing__(self, name: str) -> Any:
        return getattr(steep, name)


def check(expression: str, got: Any, expected: Any) -> None:
    if any(name in expression for name in TRANSFORMED):
        # What is near 0 is the cosine of an angle rounded to the dtype.
        double = "float64" in expression
        rtol = 1e-14 if double else 5e-7
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("expression", list(DRAWS))
def test_values_are_torchs(expression: str) -> None:
    steep.manual_seed(0)
    drawn = eval(expression, {}, Names()).detach().reshape(-1)
    n = drawn.numel()
    kept = [*range(min(n, 6)), *([n - 2, n - 1] if n > 8 else range(min(n, 6), n))]
    check(expression, [drawn[i].item() for i in kept], DRAWS[expression])


def test_a_sequence_of_draws() -> None:
    steep.manual_seed(123)
    for expression, expected in SEQUENCE:
        check(expression, eval(expression, {}, Names()).item(), expected)


def test_a_generator_of_ones_own() -> None:
    steep.manual_seed(1)
    generator = steep.Generator()
    generator.manual_seed(0)
    assert steep.rand(3, generator=generator).tolist() == pytest.approx(DRAWS["rand(3)"], abs=0)
    other = steep.rand(2)
    steep.manual_seed(1)
    np.testing.assert_array_equal(steep.rand(2).numpy(), other.numpy())
    assert generator.initial_seed() == 0


def test_a_state_continues_the_stream() -> None:
    steep.randn(3)  # leaves the second number of a pair behind
    state = steep.get_rng_state()
    first = [steep.randn(2), steep.rand(700), steep.nn.functional.dropout(steep.ones(50))]
    steep.set_rng_state(state)
    again = [steep.randn(2), steep.rand(700), steep.nn.functional.dropout(steep.ones(50))]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.raises((RuntimeError, ValueError)):
        steep.set_rng_state(state[:100])


def test_seeds() -> None:
    assert steep.initial_seed() == 0
    steep.manual_seed(2**63)
    assert steep.initial_seed() == 2**63
    first = steep.rand(2)
    steep.manual_seed(-1)
    assert steep.initial_seed() == 2**64 - 1
    assert not (steep.rand(2) == first).all()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_a_share_and_scales_the_rest(p: float) -> None:
    x = steep.full((200, 500), 3.0, requires_grad=True)
    y = steep.nn.functional.dropout(x, p)
    kept = y.detach().numpy() != 0
    assert kept.mean() == pytest.approx(1 - p, abs=0.01)
    np.testing.assert_allclose(y.detach().numpy()[kept], 3 / (1 - p), rtol=1e-6)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 1 / (1 - p), 0), rtol=1e-6)
    columns = kept.mean(axis=0)
    assert abs(np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1]) < 0.02
    assert 0 < columns.std() < 0.1


def test_masks_differ_from_call_to_call_but_not_with_threads() -> None:
    x = steep.ones(300_000)

    def masks(threads: int) -> list[np.ndarray]:
        steep.set_num_threads(threads)
        steep.manual_seed(9)
        return [steep.nn.functional.dropout(x).numpy() for _ in range(2)]

    alone = masks(1)
    assert (alone[0] != alone[1]).any()
    for count in (2, 3):
        for got, expected in zip(masks(count), alone, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_masks_do_not_disturb_the_stream() -> None:
    steep.manual_seed(0)
    steep.nn.functional.dropout(steep.ones(1000))
    assert steep.rand(3).tolist() == DRAWS["rand(3)"]


def test_distributions() -> None:
    """Mean and deviation of 200,000 numbers."""
    n = 200_000
    draws = {
        "rand": (steep.rand(n), 0.5, 12**-0.5),
        "randn": (steep.randn(n), 0.0, 1.0),
        "exponential": (steep.empty(n).exponential_(2.0), 0.5, 0.5),
        "bernoulli": (steep.empty(n).bernoulli_(0.2), 0.2, 0.4),
        "randint": (steep.randint(0, 11, (n,)).float(), 5.0, 10**0.5),
    }
    for name, (x, mean, deviation) in draws.items():
        assert x.mean().item() == pytest.approx(mean, abs=5 * deviation / n**0.5), name
        assert x.std().item() == pytest.approx(deviation, rel=0.02), name
    order = steep.randperm(1000)
    assert sorted(order.tolist()) == list(range(1000))


def test_multinomial_draws_pytorch_s_categories() -> None:
    """What torch 2.13 gives after manual_seed(0)."""
    weights = steep.tensor([1.0, 2.0, 3.0, 4.0])
    steep.manual_seed(0)
    assert steep.multinomial(weights, 2).tolist() == [2, 1]
    assert steep.multinomial(weights, 8, True).tolist() == [3, 3, 1, 2, 2, 1, 2, 1]
    assert steep.multinomial(weights.double(), 1).tolist() == [3]
