"""Matrix products beyond the sizes of the table: every path and every edge of a block.

Threads share these as they do in earnest. `product_cases` has the smaller ones, every edge among
them, which test_instruction_sets.py runs on every level.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import steep
from product_cases import LAYOUTS, check
from product_cases import operands as sized
from runner import tensor
from steep import _core

# m, k, n: vectors, few rows, few columns, several blocks of rows and of columns, several depths,
# and more than one slice of k (4096), each a little off the kernels' own sizes.
SIZES = [
    (1, 5000, 7),
    (7, 5000, 1),
    (1, 9, 3000),
    (3000, 9, 1),
    (1, 4097, 1),
    (3, 9001, 5),
    (2, 33, 1100),
    (5, 700, 65),
    (130, 4200, 70),
    (97, 513, 129),
    (1030, 64, 40),
    (40, 64, 1100),
    (391, 520, 1041),
    (2000, 3, 3),
    (3, 3, 2000),
    (64, 64, 64),
    (6, 16, 16),
    (13, 1, 31),
]


def operands(m: int, k: int, n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = sized((m, k, n), dtype)
    return a.copy(), b.copy()


def laid_out(a: np.ndarray, transposed: bool) -> steep.Tensor:
    return tensor(a.T).t() if transposed else tensor(a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_product(size: tuple[int, int, int], layout: str, dtype: str) -> None:
    a, b = operands(*size, dtype)
    x, y = laid_out(a, layout[0] == "T"), laid_out(b, layout[1] == "T")
    steep.set_num_threads(1)
    alone = (x @ y).numpy()
    check(alone, a, b)
    for count in (2, 3):
        steep.set_num_threads(count)
        np.testing.assert_array_equal((x @ y).numpy(), alone)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(13, 6007, 512), (2, 32768, 400), (6, 32768, 400)], ids=str)
def test_few_rows_of_a_long_sum(size: tuple[int, int, int], dtype: str) -> None:
    """Gradients of weights with few inputs: A lies across k, and would be copied for its bytes.

    A store beyond a copied tile spoiled the next one; two rows alone had no tile to be copied for,
    and ended the process.
    """
    a, b = operands(*size, dtype)
    x, y = laid_out(a, True), tensor(b)
    for count in (1, 3):
        steep.set_num_threads(count)
        check((x @ y).numpy(), a, b)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_linear_and_its_activations(size: tuple[int, int, int]) -> None:
    """The bias comes last; the fused activations are the bits of the separate ones."""
    a, b = operands(*size, "float32")
    bias = np.linspace(-1, 1, size[2], dtype=np.float32)
    x, weight, shift = tensor(a), tensor(b.T), tensor(bias)
    out = _core.linear(x, weight, shift)
    check(out.numpy(), a, b, bias.astype(np.float64))
    np.testing.assert_array_equal(out.numpy(), ((x @ weight.t()) + shift).numpy())
    for name in ("relu", "tanh", "sigmoid"):
        fused = _core.linear_activation(x, weight, shift, name)
        np.testing.assert_array_equal(fused.numpy(), getattr(steep, name)(out).numpy())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_gradients_of_activations(size: tuple[int, int, int], layout: str) -> None:
    """The bits of the product and then the gradient, on any number of threads."""
    a, b = operands(*size, "float32")
    x, y = laid_out(a, layout[0] == "T"), laid_out(b, layout[1] == "T")
    steep.set_num_threads(1)
    grad = x @ y
    for name in ("relu", "tanh", "sigmoid"):
        before = steep.linspace(-3, 3, grad.numel()).reshape(grad.shape).requires_grad_()
        out = getattr(steep, name)(before)
        out.backward(grad)
        assert before.grad is not None
        for count in (1, 2, 3):
            steep.set_num_threads(count)
            fused = _core.matmul_activation_backward(x, y, out.detach(), name)
            np.testing.assert_array_equal(fused.numpy(), before.grad.numpy())


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_stacks_are_their_matrices(batch: int) -> None:
    """Each product of a stack has the bits it has alone, broadcast or not."""
    rng = np.random.default_rng(batch)
    a, b = rng.normal(size=(batch, 37, 65)), rng.normal(size=(batch, 65, 21))
    x, y = tensor(a), tensor(b)
    stack, shared = (x @ y).numpy(), (x @ y[0]).numpy()
    for i in range(batch):
        np.testing.assert_array_equal(stack[i], (x[i] @ y[i]).numpy())
        np.testing.assert_array_equal(shared[i], (x[i] @ y[0]).numpy())


def test_nan_and_infinity_stay_in_their_rows() -> None:
    """What is packed beside a row does not leak into it, and 0 times infinity is NaN."""
    a, b = operands(70, 90, 80, "float32")
    plain = (tensor(a) @ tensor(b)).numpy()
    a[3, 5], a[69, 89] = np.inf, np.nan
    b[5, 7] = 0.0
    got = (tensor(a) @ tensor(b)).numpy()
    clean = np.ones((70, 80), bool)
    clean[[3, 69]] = False
    clean[:, 7] = False
    np.testing.assert_array_equal(got[clean], plain[clean])
    assert np.isnan(got[69]).all()
    assert np.isnan(got[3, 7])
    assert np.isinf(np.delete(got[3], 7)).all()


# ---- addmm --------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1, 2.0, 0])
@pytest.mark.parametrize("shape", [(2, 2), (2,), (1, 2), ()])
def test_addmm_without_its_input_keeps_it_in_the_graph(alpha, shape):
    x = steep.full(shape, math.nan, requires_grad=True)
    a, b = steep.ones(2, 3, requires_grad=True), steep.ones(3, 2, requires_grad=True)
    out = steep.addmm(x, a, b, beta=0, alpha=alpha)
    assert out.tolist() == [[3 * alpha] * 2] * 2
    out.sum().backward()
    assert x.grad.tolist() == steep.zeros(shape).tolist()
    assert a.grad.tolist() == [[2 * alpha] * 3] * 2
    assert b.grad.tolist() == [[2 * alpha] * 2] * 3


def test_addmm_without_its_input_alone_in_the_graph():
    x = steep.ones(2, 2, requires_grad=True)
    out = steep.addmm(x, steep.eye(2), steep.eye(2), beta=0.0)
    assert steep.autograd.grad(out.sum(), x)[0].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("factor", ["alpha", "beta"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_addmm_of_integers_refuses_what_is_no_number(factor, value):
    ones = steep.ones(2, 2, dtype=steep.int64)
    with pytest.raises(RuntimeError, match=f"a whole number for {factor} of integer tensors"):
        steep.addmm(ones, ones, ones, **{factor: value})


@pytest.mark.parametrize(("factor", "right"), [("alpha", 5), ("beta", 4)])
def test_products_of_integers_cut_fractions_off_with_a_warning(factor, right):
    ones = steep.ones(2, dtype=steep.int64)
    matrix = steep.ones(2, 2, dtype=steep.int64)
    for call in (
        lambda **given: steep.addmm(ones, matrix, matrix, **given),
        lambda **given: steep.addmv(ones, matrix, ones, **given),
        lambda **given: steep.addbmm(ones, matrix[None], matrix[None], **given),
        lambda **given: steep.baddbmm(ones, matrix[None], matrix[None], **given),
    ):
        text = f"a whole number for {factor} of integer tensors, got 2.7, which counts as 2"
        with pytest.warns(UserWarning, match=text):
            out = call(**{factor: 2.7})
        assert out.dtype == steep.int64
        assert out.flatten().tolist() == [right] * out.numel()


def test_addmm_of_integers_takes_whole_numbers():
    ones = steep.ones(2, 2, dtype=steep.int64)
    out = steep.addmm(ones, ones, ones, beta=3.0, alpha=2.0)
    assert out.dtype == steep.int64
    assert out.tolist() == [[7, 7], [7, 7]]


def test_addmm_wants_one_dtype_and_a_shape_that_fits():
    ones = steep.ones(2, 2)
    with pytest.raises(RuntimeError, match="input and the matrices to have the same dtype"):
        steep.addmm(ones.double(), ones, ones)
    for beta in (0, 1):
        with pytest.raises(RuntimeError, match="an input that broadcasts to"):
            steep.addmm(steep.ones(3, 2, 2), ones, ones, beta=beta)
