"""`parametrizations.orthogonal`: orthonormal columns or rows, whatever is trained."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from steep import nn, optim
from steep.autograd import gradcheck, gradgradcheck
from steep.nn.utils import _orthogonal as maps
from steep.nn.utils.parametrizations import orthogonal
from tolerances import same_bits

SHAPES = [(3, 3), (5, 3), (3, 5), (1, 1), (1, 4), (8, 8), (17, 6), (2, 4, 3), (2, 3, 2, 5)]
EACH_MAP = pytest.mark.parametrize("kind", maps.MAPS)
EACH_SHAPE = pytest.mark.parametrize("shape", SHAPES)


def matrix(shape: tuple[int, ...], scale: float = 1.0, dtype: Any = steep.float64) -> Any:
    values = np.random.default_rng(sum(shape)).standard_normal(shape)
    return steep.tensor(scale * values, dtype=dtype)


def holder(shape: tuple[int, ...], kind: str | None, base: bool, dtype: Any = steep.float64) -> Any:
    module = nn.Module()
    module.weight = nn.Parameter(matrix(shape, dtype=dtype))
    return orthogonal(module, orthogonal_map=kind, use_trivialization=base)


def assert_orthonormal(q: Any, tolerance: float) -> None:
    array = q.detach().numpy()
    if array.shape[-2] < array.shape[-1]:
        array = array.swapaxes(-2, -1)
    products = array.swapaxes(-2, -1) @ array
    one = np.broadcast_to(np.eye(array.shape[-1]), products.shape)
    np.testing.assert_allclose(products, one, atol=tolerance)


def trained(module: Any) -> Any:
    return module.parametrizations.weight.original


@EACH_SHAPE
@EACH_MAP
@pytest.mark.parametrize("dtype", [steep.float32, steep.float64])
@pytest.mark.parametrize("base", [True, False])
def test_the_weight_is_orthogonal(shape: Any, kind: str, dtype: Any, base: bool) -> None:
    """As made, and wherever training has led."""
    module = holder(shape, kind, base, dtype)
    eps = float(np.finfo(module.weight.detach().numpy().dtype).eps)
    assert_orthonormal(module.weight, 100 * eps)
    for scale in (0.1, 3.0, 100.0):
        with steep.no_grad():
            diagonal = trained(module) * steep.eye(*shape[-2:], dtype=dtype)
            moved = matrix(shape, scale, dtype)
            if kind == "householder":
                moved = moved * (1 - steep.eye(*shape[-2:], dtype=dtype)) + diagonal
            trained(module).copy_(moved)
        # Squarings of an exponential, and the condition of what is inverted, grow with the norm.
        assert_orthonormal(module.weight, (100 + 100 * scale) * eps)


def formula(kind: str, x: Any) -> Any:
    """By NumPy's linear algebra, for a tall matrix."""
    n, k = x.shape
    if kind == "householder":
        q = np.eye(n)
        for j in range(k):
            v = np.where(np.arange(n) > j, x[:, j], 0.0)
            v[j] = 1.0
            q = q @ (np.eye(n) - 2 * np.outer(v, v) / (v @ v))
        return q[:, :k] * np.diag(x)
    a = np.zeros((n, n))
    a[:, :k] = np.tril(x)
    a = a - a.T
    if kind == "cayley":
        return np.linalg.solve(np.eye(n) - a / 2, np.eye(n) + a / 2)[:, :k]
    values, vectors = np.linalg.eigh(1j * a)
    return ((vectors * np.exp(-1j * values)) @ vectors.conj().T).real[:, :k]


@EACH_MAP
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (5, 2), (3, 7), (33, 20)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_it_is_the_formula(kind: str, shape: tuple[int, int], scale: float) -> None:
    x = matrix(shape, scale)
    if kind == "householder":
        for i in range(min(shape)):
            x[i, i] = 1.0 - 2 * (i % 2)
    module = holder(shape, kind, base=False) if kind == "householder" else None
    if module is None:
        module = nn.Module()
        module.weight = nn.Parameter(x)
        orthogonal(module, orthogonal_map=kind, use_trivialization=False)
    with steep.no_grad():
        trained(module).copy_(x)
    array = x.numpy()
    expected = formula(kind, array.T).T if shape[0] < shape[1] else formula(kind, array)
    np.testing.assert_allclose(module.weight.detach().numpy(), expected, atol=1e-11)


def test_exponentials_of_any_norm() -> None:
    for scale in (0.0, 1e-200, 0.5, 1.0, 1.0000001, 7.0, 1000.0):
        a = scale * steep.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=steep.float64)
        c, s = np.cos(scale), np.sin(scale)
        np.testing.assert_allclose(maps.exponential(a).numpy(), [[c, s], [-s, c]], atol=1e-11)
    batch = steep.stack([0.1 * matrix((3, 3)), 50 * matrix((3, 3))])
    batch = batch - batch.transpose(1, 2)
    for got, a in zip(maps.exponential(batch), batch, strict=True):
        same_bits(got.numpy(), maps.exponential(a).numpy())


@EACH_MAP
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 3), (2, 2, 2)])
def test_derivatives(kind: str, shape: tuple[int, ...]) -> None:
    x = matrix(shape).requires_grad_()

    def function(x: Any) -> Any:
        tall = x if shape[-2] >= shape[-1] else x.transpose(-2, -1)
        return maps.MAPS[kind](tall)

    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_what_it_begins_with() -> None:
    layer = nn.Linear(3, 3)
    q = nn.init.orthogonal_(steep.empty(3, 3))
    with steep.no_grad():
        layer.weight.copy_(q)
    orthogonal(layer)
    np.testing.assert_allclose(layer.weight.detach().numpy(), q.numpy(), atol=1e-6)
    assert trained(layer).tolist() == (-steep.eye(3)).tolist()
    assert repr(layer.parametrizations.weight[0]) == "_Orthogonal()"
    assert list(layer.state_dict()) == [
        *("bias", "parametrizations.weight.original", "parametrizations.weight.0.base"),
    ]
    layer.weight = 2 * steep.eye(3)
    np.testing.assert_allclose(layer.weight.detach().numpy(), np.eye(3), atol=1e-6)
    wide = orthogonal(nn.Linear(5, 2), use_trivialization=False)
    assert wide.parametrizations.weight[0].orthogonal_map == "householder"
    before = wide.weight.detach().clone()
    wide.weight = before
    np.testing.assert_allclose(wide.weight.detach().numpy(), before.numpy(), atol=1e-6)


def test_errors() -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'other'"):
        orthogonal(layer, "other")
    with pytest.raises(ValueError, match="Expected a matrix or batch of matrices"):
        orthogonal(layer, "bias")
    with pytest.raises(ValueError, match=r"orthogonal_map has to be one of .* Got: rotation"):
        orthogonal(layer, orthogonal_map="rotation")
    orthogonal(layer, orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(NotImplementedError, match="not possible to assign"):
        layer.weight = steep.eye(3)
    based = orthogonal(nn.Linear(3, 3))
    with pytest.raises(ValueError, match=r"matrices of shape \(3, 3\)"):
        based.weight = steep.ones(2, 3)


@EACH_MAP
@pytest.mark.parametrize("shape", [(6, 6), (6, 3), (3, 6)])
def test_compiled_steps_have_the_same_bits(kind: str, shape: tuple[int, int]) -> None:
    found = []
    for compiled in (False, True):
        steep.manual_seed(3)
        layer = orthogonal(nn.Linear(*shape), orthogonal_map=kind)
        sgd = optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)

        def step(x: Any, layer: Any = layer, sgd: Any = sgd) -> Any:
            sgd.zero_grad()
            loss = (layer(x) - x.sum(1, keepdim=True)).square().mean()
            loss.backward()
            sgd.step()
            return loss

        function = steep.compile(step) if compiled else step
        steep.manual_seed(4)
        losses = [function(steep.randn(5, shape[0])).item() for _ in range(9)]
        assert_orthonormal(layer.weight, 1e-5)
        found.append((losses, numpy(list(layer.parameters()))))
        assert not compiled or replays(function) > 3
    assert found[0][0] == found[1][0]
    for plain, other in zip(found[0][1], found[1][1], strict=True):
        same_bits(plain, other)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(clone: Any) -> None:
    layer = orthogonal(nn.Linear(4, 2))
    other = clone(layer)
    same_bits(other.weight.detach().numpy(), layer.weight.detach().numpy())
    fresh = orthogonal(nn.Linear(4, 2))
    fresh.load_state_dict(layer.state_dict())
    same_bits(fresh.weight.detach().numpy(), layer.weight.detach().numpy())
