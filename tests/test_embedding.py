"""Embeddings beyond their rows in the table of cases: what is written in place, frozen, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from steep.reference import OPS
from tolerances import close, same_bits

nn = steep.nn
F = steep.nn.functional

RNG = np.random.default_rng(5)


def numbers(rows: int, *shape: int, seed: int = 0) -> Any:
    return steep.from_numpy(np.random.default_rng(seed).integers(0, rows, shape))


def test_rows_that_are_looked_up_are_limited_in_place() -> None:
    table = RNG.normal(size=(6, 4)).astype(np.float32) * 3
    weight = steep.from_numpy(table.copy()).requires_grad_()
    index = steep.tensor([1, 4, 4])
    version = weight._version
    out = F.embedding(index, weight, max_norm=1.0)
    expected = table.copy()
    for row in (1, 4):
        expected[row] /= np.linalg.norm(table[row]) + 1e-7
    close(weight.detach().numpy(), expected)
    same_bits(out.detach().numpy(), weight.detach().numpy()[[1, 4, 4]])
    assert weight._version > version
    out.sum().backward()
    times = np.bincount([1, 4, 4], minlength=6)[:, None].astype(np.float32)
    same_bits(weight.grad.numpy(), np.tile(times, (1, 4)))


def test_a_refused_number_limits_nothing() -> None:
    weight = steep.full((3, 2), 9.0)
    with pytest.raises(IndexError, match="got 3 at position 1"):
        F.embedding(steep.tensor([0, 3]), weight, max_norm=1.0)
    with pytest.raises(RuntimeError, match="offsets"):
        F.embedding_bag(steep.tensor([0]), weight, steep.tensor([1]), max_norm=1.0)
    assert (weight == 9).all()


def test_limits_hold_for_a_table_with_strides() -> None:
    table = RNG.normal(size=(4, 6)).astype(np.float32) * 3
    weight = steep.from_numpy(table.copy()).t()
    plain = steep.from_numpy(table.T.copy())
    index = steep.tensor([[0, 5], [2, 2]])
    same_bits(
        F.embedding(index, weight, max_norm=1.0).numpy(),
        F.embedding(index, plain, max_norm=1.0).numpy(),
    )
    same_bits(weight.numpy(), plain.numpy())


@pytest.mark.parametrize("padding", [None, 2])
def test_gradients_by_frequency(padding: int | None) -> None:
    """And their own gradient, which is that of a linear map."""
    index = numbers(5, 4, 6)
    weight = steep.from_numpy(RNG.normal(size=(5, 3))).requires_grad_()
    out = F.embedding(index, weight, padding, scale_grad_by_freq=True)
    given = RNG.normal(size=(4, 6, 3))
    grad = steep.from_numpy(given).requires_grad_()
    (found,) = steep.autograd.grad(out, weight, grad, create_graph=True)
    rule = OPS["embedding"].gradient
    assert rule is not None
    settings = {"padding_idx": padding, "scale_grad_by_freq": True}
    expected = rule(given, index.numpy(), weight.detach().numpy(), **settings)[1]
    assert expected is not None
    close(found.detach().numpy(), expected)
    back = RNG.normal(size=(5, 3))
    (twice,) = steep.autograd.grad(found, grad, steep.from_numpy(back))
    np.testing.assert_allclose((twice.numpy() * given).sum(), (back * expected).sum())


def test_from_pretrained() -> None:
    table = steep.from_numpy(RNG.normal(size=(5, 3)).astype(np.float32))
    frozen = nn.Embedding.from_pretrained(table, padding_idx=-1)
    assert not frozen.weight.requires_grad
    assert frozen.padding_idx == 4
    same_bits(frozen.weight.numpy(), table.numpy())  # the padding's row, too
    learning = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="max")
    assert learning.weight.requires_grad
    assert not nn.EmbeddingBag.from_pretrained(table).weight.requires_grad
    assert not nn.Embedding(3, 2, _freeze=True).weight.requires_grad
    with pytest.raises(ValueError, match="2-dimensional, got 1"):
        nn.Embedding.from_pretrained(steep.ones(3))


def test_padding_begins_as_zeros() -> None:
    for layer in (nn.Embedding(5, 3, padding_idx=1), nn.EmbeddingBag(5, 3, padding_idx=1)):
        assert (layer.weight[1] == 0).all()
        assert (layer.weight[0] != 0).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_gradient_is_that_of_one_thread(threads: int) -> None:
    index = numbers(701, 5000)
    weight = steep.from_numpy(RNG.normal(size=(701, 33)).astype(np.float32)).requires_grad_()
    grad = steep.from_numpy(RNG.normal(size=(5000, 33)).astype(np.float32))

    def gradient(scaled: bool) -> Any:
        out = F.embedding(index, weight, 7, scale_grad_by_freq=scaled)
        return steep.autograd.grad(out, weight, grad)[0].numpy()

    before = steep.get_num_threads()
    for scaled in (False, True):
        steep.set_num_threads(1)
        one = gradient(scaled)
        steep.set_num_threads(threads)
        steep._core.share_everything(True)
        try:
            same_bits(gradient(scaled), one)
        finally:
            steep._core.share_everything(False)
            steep.set_num_threads(before)


@pytest.mark.parametrize("kind", ["words", "limited", "bags", "maxima"])
def test_a_training_step_replays(kind: str) -> None:
    """Eager and compiled, bit for bit, tables that are changed by lookups among them."""
    results = []
    for compiles in (False, True):
        steep.manual_seed(3)
        limit = 0.9 if kind == "limited" else None
        if kind in ("words", "limited"):
            table: Any = nn.Embedding(20, 8, padding_idx=3, max_norm=limit, scale_grad_by_freq=True)
        else:
            mode = "mean" if kind == "bags" else "max"
            table = nn.EmbeddingBag(20, 8, mode=mode, padding_idx=3)
        model = nn.Sequential(table, nn.Linear(8, 5))
        optimizer = steep.optim.AdamW(model.parameters(), lr=0.1)

        def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            out = model(x)
            loss = F.cross_entropy(out if out.dim() == 2 else out.mean(1), y)
            loss.backward()
            optimizer.step()
            return loss

        run = steep.compile(step) if compiles else step
        losses = [run(numbers(20, 6, 4, seed=i), numbers(5, 6, seed=9)) for i in range(8)]
        if compiles:
            assert replays(run) > 0, run.explain()
            with pytest.raises(IndexError, match="got 20 at position 5"):
                run(steep.tensor([[1] * 5 + [20] * 19]).reshape(6, 4), numbers(5, 6, seed=9))
        results.append(numpy([*losses, *model.parameters()]))
    for got, expected in zip(*results, strict=True):
        same_bits(got, expected)
