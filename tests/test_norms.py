"""Normalisation layers, and what the table of cases cannot say of them."""

from __future__ import annotations

import numpy as np
import pytest

import steep
from runner import tensor
from steep import nn
from steep.nn import functional as F
from steep.reference import OPS
from test_counts import Counting
from tolerances import same_bits


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_parameters_are_ones_and_zeros():
    layer = nn.LayerNorm((2, 3))
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.weight.tolist() == [[1.0] * 3] * 2
    assert layer.bias.tolist() == [[0.0] * 3] * 2
    assert nn.LayerNorm(4, dtype=steep.float64).weight.dtype == steep.float64
    layer.weight.data.fill_(3.0)
    layer.bias.data.fill_(3.0)
    layer.reset_parameters()
    assert layer.weight.sum().item() == 6.0
    assert layer.bias.sum().item() == 0.0


def test_parameters_left_out():
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    bare = nn.LayerNorm(3, elementwise_affine=False)
    assert list(bare.parameters()) == []
    assert bare.weight is None
    assert bare.bias is None
    assert repr(bare) == "LayerNorm((3,), eps=1e-05, elementwise_affine=False, bias=False)"


@pytest.mark.parametrize("shape", [4, (4,), [3, 4], steep.Size([2, 3, 4])])
def test_values(shape):
    layer = nn.LayerNorm(shape, eps=0.01, dtype=steep.float64)
    assert layer.normalized_shape == ((shape,) if isinstance(shape, int) else tuple(shape))
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, -1.0)
    x = normal(2, 3, 4)
    axes = tuple(range(-len(layer.normalized_shape), 0))
    deviation = x - x.mean(axes, keepdims=True)
    expected = 2 * deviation / np.sqrt(x.var(axes, keepdims=True) + 0.01) - 1
    np.testing.assert_allclose(layer(tensor(x)).detach().numpy(), expected, atol=1e-12)


def test_refusals():
    with pytest.raises(RuntimeError, match=r"LayerNorm: expected sizes of at least 0"):
        nn.LayerNorm((2, -1))
    with pytest.raises(RuntimeError, match=r"LayerNorm: expected device 'cpu'"):
        nn.LayerNorm(2, device="cuda")
    with pytest.raises(TypeError, match="not iterable"):
        nn.LayerNorm(2.5)
    with pytest.raises(RuntimeError, match=r"given normalized_shape=\[2\], got input of size"):
        nn.LayerNorm(2)(steep.ones(2, 3))


@pytest.mark.parametrize("value", [0.1, 1e4 / 3, 1e15])
@pytest.mark.parametrize("n", [3, 16, 77, 5000])
def test_equal_elements_become_the_bias(n, value):
    """Rounding in the mean would otherwise be blown up by 1 / sqrt(eps)."""
    bias = steep.arange(float(n))
    out = F.layer_norm(steep.full((2, n), value), (n,), steep.ones(n), bias, 1e-12)
    same_bits(out.numpy(), np.stack([bias.numpy()] * 2))


def test_large_mean_small_variance():
    """Near 4096, float32 has steps of 1/2048: these samples are exact, and their mean is."""
    steps = np.resize(np.array([-3.0, 1.0, 2.0, 0.0]), (5, 1000)) / 2048
    out = F.layer_norm(tensor((4096 + steps).astype(np.float32)), (1000,), eps=1e-12).numpy()
    expected = steps / np.sqrt(np.square(steps).mean(1, keepdims=True) + 1e-12)
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_nan_and_infinity_stay_in_their_row():
    x = normal(4, 40, dtype=np.float32)
    x[1, 3], x[2, 39] = np.nan, -np.inf
    out = F.layer_norm(tensor(x), (40,)).numpy()
    assert np.isnan(out[1:3]).all()
    assert np.isfinite(out[[0, 3]]).all()


def test_rows_do_not_know_of_each_other():
    x = tensor(normal(9, 100, dtype=np.float32))
    together = F.layer_norm(x, (100,)).numpy()
    for row, expected in zip(x, together, strict=True):
        same_bits(F.layer_norm(row, (100,)).numpy(), expected)


WANTED = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)]


@pytest.mark.parametrize("rows", [1, 3, 400])
@pytest.mark.parametrize("wanted", WANTED)
def test_gradients_one_by_one(wanted, rows):
    """Those that are wanted are what they are when all are."""
    arrays = [normal(rows, 37), normal(37, seed=1), normal(37, seed=2)]
    grad = tensor(normal(rows, 37, seed=3))

    def gradients(flags):
        x, weight, bias = (
            tensor(a).requires_grad_(bool(f)) for a, f in zip(arrays, flags, strict=True)
        )
        F.layer_norm(x, (37,), weight, bias).backward(grad)
        return [t.grad for t in (x, weight, bias)]

    for some, every, flag in zip(gradients(wanted), gradients((1, 1, 1)), wanted, strict=True):
        assert (some is not None) == bool(flag)
        if some is not None:
            np.testing.assert_allclose(some.numpy(), every.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 100_003), (64, 9001), (2000, 300), (128 * 9, 257)], ids=str)
def test_same_bits_on_any_number_of_threads(shape):
    """Sums of rows shared by chunks or by columns, as there are many rows or few."""
    arrays = [normal(*shape, dtype=np.float32), *normal(2, shape[1], dtype=np.float32)]
    grad = tensor(normal(*shape, dtype=np.float32, seed=1))

    def results(threads):
        steep.set_num_threads(threads)
        leaves = [tensor(a).requires_grad_() for a in arrays]
        with Counting() as count:
            out = F.layer_norm(leaves[0], shape[1:], *leaves[1:])
            out.backward(grad)
        assert (count["parallel_launches"] > 0) == (threads > 1)
        return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]

    alone = results(1)
    for threads in (2, 3, 4):
        for got, expected in zip(results(threads), alone, strict=True):
            same_bits(got, expected)


def test_nothing_is_saved_for_a_bias():
    bias = steep.zeros(8, requires_grad=True)
    with Counting() as count:
        out = F.layer_norm(steep.rand(4, 8), (8,), steep.ones(8), bias)
    assert count["saved_tensors"] == 0
    out.backward(steep.ones(4, 8))
    assert bias.grad.tolist() == [4.0] * 8


def test_second_order_agrees_with_the_fused_rule():
    """The gradient by composites, made for create_graph, is that of the kernel."""
    x = tensor(normal(6, 10)).requires_grad_()
    layer = nn.LayerNorm(10, dtype=steep.float64)
    nn.init.normal_(layer.weight)
    leaves = [x, layer.weight, layer.bias]

    def gradients(create_graph):
        return steep.autograd.grad(layer(x).pow(3).sum(), leaves, create_graph=create_graph)

    for fused, composite in zip(gradients(False), gradients(True), strict=True):
        assert composite.requires_grad
        np.testing.assert_allclose(
            composite.detach().numpy(), fused.numpy(), rtol=1e-10, atol=1e-12
        )


def test_training_with_it_compiled():
    def run(compiled):
        steep.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))
        optimizer = steep.optim.Adam(net.parameters(), lr=1e-2)

        def step(x):
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), x.sum(1, keepdim=True))
            loss.backward()
            optimizer.step()
            return loss

        step = steep.compile(step) if compiled else step
        return [step(tensor(normal(32, 8, dtype=np.float32, seed=i))).item() for i in range(60)]

    eager = run(False)
    assert eager == run(True)
    assert eager[-1] < 0.2 * eager[0]


def test_local_response_of_integers_rounds_its_means_down():
    x = steep.arange(24).reshape(2, 4, 3)
    out = F.local_response_norm(x, 3, 0.5, 0.75, 1.0)
    right = OPS["local_response_norm"].forward(x.numpy(), 3, 0.5, 0.75, 1.0)
    assert out.dtype == steep.float32
    np.testing.assert_allclose(out.numpy(), right, rtol=1e-6)


def test_batch_norm_gives_an_empty_vector_back():
    x = steep.empty(0, requires_grad=True)
    out = F.batch_norm(x, None, None, training=True)
    assert out.shape == (0,)
    out.sum().backward()
    assert x.grad is not None
    with pytest.raises(RuntimeError, match=r"of shape \[N, C, \*\]"):
        F.batch_norm(steep.ones(5), None, None, training=True)


def normalised(norm, x, grad):
    """The result and the gradient of x."""
    x = x.clone().requires_grad_()
    out = norm(x)
    out.backward(grad)
    return out.detach(), x.grad


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.LayerNorm(1021), (3200, 1021)),
        (nn.GroupNorm(3, 6), (17, 6, 190, 173)),
    ],
    ids=["layer", "group"],
)
def test_results_larger_than_the_caches_have_the_same_bits(norm, shape):
    # Written past the caches; a part of them is not.
    steep.manual_seed(0)
    x, grad = steep.randn(shape), steep.randn(shape)
    whole = normalised(norm, x, grad)
    for part in (slice(0, 3), slice(shape[0] - 2, shape[0])):
        alone = normalised(norm, x[part].contiguous(), grad[part].contiguous())
        for found, expected in zip(whole, alone, strict=True):
            same_bits(found[part].numpy(), expected.numpy())
