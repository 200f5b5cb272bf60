"""Views: memory, versions and history shared with the tensor they look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from settled import allocated, settled

VIEWS: dict[str, Callable[[Any], Any]] = {
    "slice": lambda x: x[1:3],
    "step": lambda x: x[:, ::2],
    "integer": lambda x: x[2],
    "new-axis": lambda x: x[None, 1],
    "transpose": lambda x: x.t(),
    "view": lambda x: x.view(2, 8),
    "reshape": lambda x: x.reshape(-1),
    "permute": lambda x: x.permute(1, 0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 3),
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind(1)[0],
    "flatten": lambda x: x.flatten(),
    "as_strided": lambda x: x.as_strided((3,), (5,), 1),
    "nested": lambda x: x[1:].t()[:, 1][::2],
    "detach": lambda x: x.detach(),
}
by_name = pytest.mark.parametrize("name", sorted(VIEWS))
with_history = pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"detach"}))


def grid() -> Any:
    return steep.arange(16.0).view(4, 4)


@by_name
def test_writing_a_view_writes_its_base(name: str) -> None:
    base = steep.arange(16.0).reshape(4, 4).clone()
    view = VIEWS[name](base)
    places = VIEWS[name](grid()).flatten().long().tolist()
    view.zero_()
    expected = np.arange(16.0, dtype=np.float32)
    expected[places] = 0
    np.testing.assert_array_equal(base.flatten().numpy(), expected)
    base.fill_(3)
    assert set(view.flatten().tolist()) == {3.0}


@by_name
def test_one_version_for_all(name: str) -> None:
    base = grid().clone()
    view = VIEWS[name](base)
    before = base._version
    view.add_(1)
    assert base._version == view._version == before + 1
    base.add_(1)
    assert base._version == view._version == before + 2


@by_name
def test_the_base_is_known(name: str) -> None:
    base = grid().clone()
    view = VIEWS[name](base)
    if name == "detach":
        assert not view.requires_grad
    else:
        assert view._base is base
        assert VIEWS["slice"](view.expand(3, *view.shape))._base is base
    assert base._base is None


@with_history
def test_gradient_of_a_base_written_through_a_view(name: str) -> None:
    """The places written belong to the value; the others still to the old base."""
    look = VIEWS[name]
    leaf = steep.arange(16.0).reshape(4, 4).requires_grad_()
    value = steep.full(tuple(look(grid()).shape), 2.0, requires_grad=True)
    base = leaf * 1.0
    look(base).mul_(value)
    weights = steep.arange(1.0, 17.0).view(4, 4)
    (base * weights).sum().backward()
    by_leaf = weights.numpy().copy()
    inside = np.zeros(16, bool)
    inside[look(grid()).flatten().long().tolist()] = True
    by_leaf[inside.reshape(4, 4)] *= 2
    assert leaf.grad is not None
    assert value.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy(), by_leaf)
    np.testing.assert_array_equal(value.grad.numpy(), look(weights * leaf.detach()).numpy())


@with_history
def test_gradient_of_a_view_after_its_base_was_written(name: str) -> None:
    """A view's gradient function is made again when its base has moved on."""
    look = VIEWS[name]
    leaf = steep.ones(4, 4, requires_grad=True)
    base = leaf * 2.0
    view = look(base)
    base.mul_(3.0)
    assert set(view.flatten().tolist()) == {6.0}
    view.sum().backward()
    expected = np.zeros(16, np.float32)
    expected[look(grid()).flatten().long().tolist()] = 6
    assert leaf.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy().reshape(-1), expected)


def test_two_views_of_one_base() -> None:
    leaf = steep.ones(4, requires_grad=True)
    base = leaf * 1.0
    first, second = base[:3], base[1:]
    first.mul_(2.0)
    second.mul_(5.0)
    assert base.tolist() == [2.0, 10.0, 10.0, 5.0]
    first.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [2.0, 10.0, 10.0, 0.0]


def test_a_leaf_written_into_a_constant() -> None:
    x = steep.ones(2, requires_grad=True)
    out = steep.zeros(2, 2)
    out[0] = x * 3
    out[1] = x * 4
    assert out.requires_grad
    assert not out.is_leaf
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [7.0, 7.0]


def test_no_grad_views_and_writes() -> None:
    leaf = steep.zeros(4, requires_grad=True)
    with steep.no_grad():
        leaf[1:3] = 5.0
        leaf.view(2, 2).t()[0].add_(1.0)
    assert leaf.tolist() == [1.0, 5.0, 6.0, 0.0]
    assert leaf.is_leaf
    assert leaf.grad_fn is None
    leaf.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [1.0] * 4


def test_detached_memory_is_watched() -> None:
    """A write through detach() does not go unseen by what was saved."""
    x = steep.ones(3, requires_grad=True)
    y = (x * 1.0).exp()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_views_are_free() -> None:
    x = steep.zeros(1000, 1000)
    before = settled()
    views = [x.t(), x[5:], x.view(-1), x.expand(10, 1000, 1000), x.detach(), x[:, ::3]]
    assert allocated() == before
    assert {v.storage_offset() for v in views} == {0, 5000}


def test_strides() -> None:
    x = steep.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1)
    assert x.is_contiguous()
    assert x.transpose(0, 2).stride() == (1, 4, 12)
    assert x[:, 1:, ::2].stride() == (12, 4, 2)
    assert x[:, 1:, ::2].storage_offset() == 4
    assert x[:, :1].expand(2, 5, 4).stride() == (12, 0, 1)
    assert not x.transpose(0, 1).is_contiguous()
    assert x.transpose(0, 1).contiguous().stride() == (8, 4, 1)
    with pytest.raises(RuntimeError, match=r"view: .*Use \.reshape"):
        x.transpose(0, 1).view(-1)


def test_a_view_made_again_comes_after_all_that_reads_it() -> None:
    """Two readers of a view whose base was written to: its node waits for both gradients."""
    x = steep.ones(3, requires_grad=True)
    base = x * 1.0
    view = base[:2]
    base.mul_(5.0)
    (view.neg() + view.neg()).sum().backward()
    assert x.grad.tolist() == [-10.0, -10.0, 0.0]
