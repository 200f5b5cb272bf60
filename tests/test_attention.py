"""Attention beyond its row in the table of cases: memory, threads, layouts, dropout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from settled import settled
from steep import _core
from tolerances import close, same_bits

F = steep.nn.functional
attention = F.scaled_dot_product_attention


@pytest.fixture
def shared() -> Iterator[None]:
    """Launches use all threads, however small."""
    before = steep.get_num_threads()
    _core.share_everything(True)
    yield
    _core.share_everything(False)
    steep.set_num_threads(before)


def tensors(*shapes: tuple[int, ...], seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    return [steep.from_numpy(array).requires_grad_() for array in arrays]


def with_gradients(given: list[Any], **settings: Any) -> list[Any]:
    out = attention(*given, **settings)
    grad = steep.from_numpy(np.random.default_rng(9).normal(size=tuple(out.shape)).astype("f"))
    return numpy([out, *steep.autograd.grad(out, given, grad)])


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize(
    ("shapes", "settings"),
    [
        (((1, 1, 301, 17),) * 3, {"is_causal": True}),
        (((5, 130, 8), (5, 260, 8), (5, 260, 3)), {}),
        (((1, 6, 150, 8), (1, 3, 150, 8), (1, 3, 150, 8)), {"enable_gqa": True}),
        (((4, 2, 50, 16),) * 3, {"is_causal": True}),
    ],
)
def test_bits_do_not_depend_on_threads(threads: int, shapes: Any, settings: Any) -> None:
    given = tensors(*shapes)
    steep.set_num_threads(1)
    one = with_gradients(given, **settings)
    steep.set_num_threads(threads)
    for got, expected in zip(with_gradients(given, **settings), one, strict=True):
        same_bits(got, expected)


@pytest.mark.parametrize("causal", [False, True])
def test_bits_do_not_depend_on_strides(causal: bool) -> None:
    """Heads that were split from one row, as layers do it."""
    given = tensors(*[(2, 3, 60, 16)] * 3)
    expected = with_gradients(given, is_causal=causal)
    apart = [x.detach().transpose(1, 2).contiguous().requires_grad_() for x in given]
    out = attention(*(x.transpose(1, 2) for x in apart), is_causal=causal)
    assert out.transpose(1, 2).is_contiguous()  # its heads can be joined without a copy
    grad = steep.from_numpy(np.random.default_rng(9).normal(size=tuple(out.shape)).astype("f"))
    grads = [g.transpose(1, 2) for g in steep.autograd.grad(out, apart, grad)]
    for got, same in zip(numpy([out, *grads]), expected, strict=True):
        same_bits(got, same)


def test_scores_are_not_kept() -> None:
    """Neither forward nor backward takes memory for all of them."""
    rows = 2048
    given = tensors(*[(1, 1, rows, 16)] * 3)
    with_gradients(given, is_causal=True)
    before = settled()
    steep.reset_peak_memory_stats()
    with_gradients(given, is_causal=True)
    assert steep.memory_stats()["peak_allocated_bytes"] - before < rows * rows * 4 / 2


def test_a_masked_row_is_zero_and_gives_no_gradient() -> None:
    mask = steep.tensor([[True, False], [False, False], [True, True]])
    added = steep.where(mask, 0.0, float("-inf"))
    given = tensors((3, 4), (2, 4), (2, 4))
    for taken in (mask, added):
        out, by_query, by_key, by_value = with_gradients(given, attn_mask=taken)
        assert (out[1] == 0).all()
        assert (by_query[1] == 0).all()
        assert all(np.isfinite(x).all() for x in (by_key, by_value))
    same_bits(out[0], given[2].detach().numpy()[0])


def test_masks_go_with_their_heads() -> None:
    """A mask for each head that shares a key with others, fused and by operations."""
    given = tensors((2, 4, 5, 3), (2, 2, 6, 3), (2, 2, 6, 3))
    mask = steep.from_numpy(np.random.default_rng(3).random((4, 5, 6)) < 0.7)
    fused = with_gradients(given, attn_mask=mask, enable_gqa=True)
    out = attention(*given, attn_mask=mask, enable_gqa=True)
    grad = steep.from_numpy(np.random.default_rng(9).normal(size=tuple(out.shape)).astype("f"))
    composed = steep.autograd.grad(out, given, grad, create_graph=True)
    for got, expected in zip(fused[1:], numpy(composed), strict=True):
        close(got, expected, 8)


def test_dropout_drops_weights() -> None:
    """With equal scores a weight is 1 / keys; what is kept is scaled up."""
    keys = 400
    zeros, ones = steep.zeros(50, 8), steep.eye(keys)
    steep.manual_seed(1)
    weights = attention(zeros, steep.zeros(keys, 8), ones, dropout_p=0.25).numpy() * keys
    np.testing.assert_allclose(weights[weights != 0], 1 / 0.75, rtol=1e-5)
    assert abs((weights != 0).mean() - 0.75) < 0.02
    assert (attention(zeros, steep.zeros(keys, 8), ones, dropout_p=1.0) == 0).all()


@pytest.mark.parametrize("settings", [{"is_causal": True}, {"dropout_p": 0.2}, {}])
def test_replays_have_the_same_bits(settings: Any) -> None:
    def step(*given: Any) -> list[Any]:
        out = attention(*given, **settings)
        return [out.detach(), *steep.autograd.grad((out * out).sum(), given)]

    compiled = steep.compile(step)
    for call in range(6):
        given = tensors(*[(2, 3, 70, 8)] * 3, seed=call)
        results = []
        for function in (step, compiled):
            steep.manual_seed(call)
            results.append(numpy(function(*given)))
        for got, expected in zip(*results, strict=True):
            same_bits(got, expected)
    assert replays(compiled) > 0, compiled.explain()
