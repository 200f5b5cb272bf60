"""Functions of PyTorch's that are given tensors of steep's, by a stand-in for what calls them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import steep
from tolerances import close


class _Foreign:
    """Whatever has PyTorch's dispatch: a function that asks the first argument that has it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        first = next(x for x in args if not isinstance(x, str))
        kind = type(first[0] if isinstance(first, list) else first)
        found = kind.__torch_function__(self, (kind,), args, kwargs)
        if found is NotImplemented:
            raise TypeError(f"no implementation found for '{self.name}'")
        return found


class _ForeignTensor:
    pass


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module: Any = ModuleType("torch")
    module.Tensor = _ForeignTensor
    module.overrides = ModuleType("torch.overrides")
    module.overrides.resolve_name = lambda func: func.name
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


X = steep.tensor([[1.0, 2.0], [3.0, 5.0]])


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("torch.add", (X, 1), {}),
        ("torch.Tensor.mul", (X, X), {}),
        ("torch.cat", ([X, X], 1), {}),
        ("torch.nn.functional.softmax", (X,), {"dim": 1, "_stacklevel": 5, "dtype": None}),
        ("torch.nn.functional.pairwise_distance", (X, X + 1), {"p": 1}),
        ("torch.linalg.inv", (X,), {}),
    ],
)
def test_foreign_functions_give_what_steeps_do(name: str, args: Any, kwargs: Any) -> None:
    own: Any = steep
    for part in name.split(".")[1:]:
        own = getattr(own, part)
    expected = own(*args, **{k: v for k, v in kwargs.items() if k != "_stacklevel"})
    close(_Foreign(name)(*args, **kwargs).numpy(), expected.numpy())


@pytest.mark.usefixtures("torch")
def test_gradients_flow_through_them() -> None:
    x = X.clone().requires_grad_()
    close(_Foreign("torch.functional.einsum")("ij->i", x).detach().numpy(), X.numpy().sum(1))
    _Foreign("torch.sum")(_Foreign("torch.square")(x)).backward()
    close(x.grad.numpy(), 2 * X.numpy())
    assert _Foreign("torch.Tensor.shape.__get__")(x) == (2, 2)


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("name", ["torch.fft.fft", "torch.no_such_function", None])
def test_what_steep_does_not_have_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match="no implementation found"):
        _Foreign(name)(X)


@pytest.mark.usefixtures("torch")
def test_tensors_of_both_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="no implementation found"):
        _Foreign("torch.add")(X, _ForeignTensor())
    with pytest.raises(TypeError, match="no implementation found"):
        _Foreign("torch.cat")([X, _ForeignTensor()])


@pytest.mark.parametrize("func", [steep.add, steep.Tensor.add, steep.nn.functional.relu])
def test_a_subclass_may_ask_its_base(func: Any) -> None:
    class Loud(steep.Tensor):
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return super().__torch_function__(func, types, args, kwargs)

    args = (X,) if func is steep.nn.functional.relu else (X, 1)
    np.testing.assert_array_equal(
        Loud.__torch_function__(func, (Loud,), args).numpy(), func(*args).numpy()
    )
