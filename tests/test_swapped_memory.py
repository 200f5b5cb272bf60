"""Tensors that get other memory (``x.data = ...``) between forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import steep
import steep.nn.functional as F


def leaf(*shape: int) -> steep.Tensor:
    return steep.ones(shape, requires_grad=True)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_saved_leaf_that_got_other_memory_is_refused(create_graph: bool) -> None:
    """Fused rules would read as far as the old shape goes, and no rule may use new values."""
    x, w = leaf(4, 1000), leaf(1000)
    y = F.layer_norm(x, (1000,), w)
    w.data = steep.ones(1)
    with pytest.raises(RuntimeError, match=r"layer_norm saved was assigned to by `\.data ="):
        y.sum().backward(create_graph=create_graph)
    a, b = leaf(3), leaf(3)
    y = a * b
    b.data = steep.full((3,), 5.0)
    with pytest.raises(RuntimeError, match=r"mul saved was assigned to by `\.data ="):
        y.sum().backward(create_graph=create_graph)
    assert a.grad is None


def test_what_is_no_leaf_is_saved_with_its_old_memory() -> None:
    a = leaf(3)
    for b in (steep.full((3,), 2.0), leaf(3) * 2):
        y = a * b
        b.data = steep.full((7,), 5.0)
        (slope,) = steep.autograd.grad(y.sum(), a)
        assert slope.tolist() == [2.0, 2.0, 2.0]
    y = a.exp()
    y.data = steep.full((3,), 5.0)
    (slope,) = steep.autograd.grad(y.sum(), a)
    assert slope[0].item() == pytest.approx(2.7182818)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: F.layer_norm(x, (50,)),
        lambda x: F.softmax(x, 1),
        lambda x: x[:, 3:],
        lambda x: x.reshape(200),
        lambda x: F.linear(x, steep.ones(6, 50)),
        lambda x: F.gelu(x),
        lambda x: x.max(1)[0],
        lambda x: steep.cat([x, x]),
    ],
)
def test_a_result_of_another_shape_has_no_gradient(
    operation: Callable[[steep.Tensor], steep.Tensor],
) -> None:
    """The rule knows the shape its result had: it would read beyond a smaller gradient."""
    x = leaf(4, 50)
    y = operation(x)
    y.data = steep.ones(3, 1)
    with pytest.raises(RuntimeError, match=r"given data of shape \[3, 1\] by `\.data = "):
        y.sum().backward()
    assert x.grad is None


def test_a_result_may_get_data_that_its_shape_broadcasts_to() -> None:
    """As in PyTorch: the gradient is summed to the shape that the result had."""
    x = leaf(1, 2)
    y = x * 3
    y.data = steep.ones(5, 2)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[15.0, 15.0]]


def test_a_leaf_of_another_shape_takes_no_gradient() -> None:
    x = leaf(3)
    y = (x * 2).sum()
    x.data = steep.ones(7)
    with pytest.raises(RuntimeError, match=r"expected a leaf of shape \[3\]"):
        y.backward()
    assert x.grad is None
    x = leaf(3)
    (x * 2).sum().backward()
    x.data = steep.ones(7)
    with pytest.raises(RuntimeError, match=r"expected its \.grad of shape \[7\]"):
        (x * 2).sum().backward()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (7,)


def test_a_tensor_may_be_its_own_data() -> None:
    x = leaf(3)
    y = x * x
    x.data = x
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_windows_beside_what_they_are_cut_from() -> None:
    """as_strided reaches before and behind the tensor it is given, in values and in gradients."""
    base = steep.arange(10.0)
    x = base.data[4:6].data.requires_grad_()
    y = x.as_strided((5,), (1,), 2)
    assert y.tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    weights = steep.arange(5.0).requires_grad_()
    (slope,) = steep.autograd.grad(y, x, weights, create_graph=True)
    assert slope.tolist() == [2.0, 3.0]
    (again,) = steep.autograd.grad(slope, weights, steep.tensor([10.0, 20.0]))
    assert again.tolist() == [0.0, 0.0, 10.0, 20.0, 0.0]


def test_a_window_without_elements_lies_anywhere() -> None:
    """A slice of what is empty starts behind its end, and is made again after a write."""
    x = steep.ones(1, 0, requires_grad=True) * 2
    y = x[1:]
    x.mul_(3)
    assert not y.is_leaf
    y.sum().backward()
    z = leaf(3).as_strided((0,), (1,), 2**40)
    z.sum().backward()
    assert z.shape == (0,)


def test_a_hook_keeps_the_dtype() -> None:
    """A rule that runs a kernel reads a gradient of bytes as floats: beyond its end."""
    for changed in (steep.float64, steep.uint8):
        x = leaf(1000)
        y = F.layer_norm(x, (1000,))
        y.register_hook(lambda grad, changed=changed: grad.to(changed))
        with pytest.raises(RuntimeError, match="keep the gradient's dtype float32"):
            y.sum().backward()
        assert x.grad is None


def test_a_tensor_may_be_given_its_own_memory() -> None:
    x = steep.ones(3, requires_grad=True)
    version = x._version
    x.data = x
    assert (x._version, x.tolist()) == (version, [1.0] * 3)
    y = x * 2
    y.data = y
    y.sum().backward()
    assert x.grad.tolist() == [2.0] * 3
