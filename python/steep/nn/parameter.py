"""`Parameter`, a tensor that a module trains, and parameters and buffers without a shape yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from steep._core import Tensor, dtype, empty

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


class Buffer(Tensor):
    """A tensor that, assigned to an attribute of a `Module`, becomes one of its buffers.

    Args:
        data: tensor whose values (and storage) the buffer takes; ``None`` gives an empty one.
        persistent: whether `state_dict` holds it. Default: ``True``.

    Raises:
        TypeError: if `data` is not a tensor.

    Example:
        >>> import steep
        >>> layer = steep.nn.Identity()
        >>> layer.scale = steep.nn.Buffer(steep.ones(2))
        >>> dict(layer.named_buffers())
        {'scale': tensor([1., 1.])}
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"Buffer: expected a Tensor, got {type(data).__name__}; "
                "make one first with steep.tensor(data)"
            )
        buffer: Buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        pass


class Parameter(Tensor):
    """A tensor that, assigned to an attribute of a `Module`, becomes one of its parameters.

    Args:
        data: tensor whose values (and storage) the parameter takes; ``None`` gives an empty one.
        requires_grad: whether a gradient is recorded for it. Default: ``True``.

    Raises:
        TypeError: if `data` is not a tensor.

    Example:
        >>> import steep
        >>> weight = steep.nn.Parameter(steep.zeros(2, 3))
        >>> weight.requires_grad, weight.is_leaf
        (True, True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter: expected a Tensor, got {type(data).__name__}; "
                "make one first with steep.tensor(data)"
            )
        parameter: Parameter = Tensor._make_subclass(cls, data, requires_grad)
        return parameter

    # The base class may have an initialiser of its own; the arguments were used up in __new__.
    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            copied = self.detach().clone()
            memo[id(self)] = type(self)(copied, self.requires_grad)
        result: Parameter = memo[id(self)]
        return result

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.detach(), self.requires_grad)


_UNINITIALIZED = (
    "This error happens when a lazy module is used before its first call. Call it with a dummy "
    "batch first: that gives its parameters and buffers their shapes"
)
# What may be asked of one, besides what begins with an underscore.
_ALLOWED = frozenset(
    {
        *("cls_to_become", "copy_", "cpu", "data", "device", "double", "dtype", "float", "grad"),
        *("int", "is_floating_point", "is_leaf", "layout", "long", "materialize", "persistent"),
        *("requires_grad", "requires_grad_", "to", "type"),
    }
)


class UninitializedTensorMixin:
    """What parameters and buffers have in common whose shape is not known yet."""

    __slots__ = ()

    cls_to_become: type[Any]

    def materialize(
        self, shape: Sequence[int], device: Any = None, dtype: dtype | None = None
    ) -> None:
        """Become a tensor of `shape`, whose values are not set yet; the object stays the same.

        Args:
            shape: its sizes.
            device: ``None`` or ``'cpu'``.
            dtype: ``None`` for the one that it was made with.
        """
        tensor: Any = self
        _check_device(type(self), device)
        tensor.data = empty(tuple(shape), dtype=tensor.dtype if dtype is None else dtype)
        tensor.__class__ = type(self).cls_to_become

    def __getattribute__(self, name: str) -> Any:
        if name == "shape":
            raise RuntimeError(
                "Can't access the shape of an uninitialized parameter or buffer. This error "
                "usually happens in `load_state_dict` when trying to load an uninitialized "
                "parameter into an initialized one. Call `forward` to initialize the parameters "
                "before accessing their attributes."
            )
        if not name.startswith("_") and name not in _ALLOWED:
            _refuse(name)
        return super().__getattribute__(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _again(type(self), *_settings(self))
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _again, (type(self), *_settings(self))


def _settings(tensor: Any) -> tuple[bool, dtype]:
    return tensor.requires_grad, tensor.dtype


def _again(kind: Any, requires_grad: bool, dtype: dtype) -> Any:
    return kind(requires_grad, dtype=dtype)


def _check_device(kind: type[Any], device: Any) -> None:
    # steep.nn._convert has this check, too, but needs the modules.
    if device is not None and str(device).split(":")[0] != "cpu":
        raise RuntimeError(
            f"{kind.__name__}: expected device 'cpu', the only one steep computes on, got "
            f"{device!r}"
        )


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"Attempted to use an uninitialized parameter in {name}. {_UNINITIALIZED}")


def _refusing(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        _refuse(name)

    method.__name__ = name
    return method


# Operators are looked up in the class, past __getattribute__.
_SIGNS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
for _sign in _SIGNS:
    for _name in (f"__{_sign}__", f"__r{_sign}__", f"__i{_sign}__"):
        setattr(UninitializedTensorMixin, _name, _refusing(_name))
for _name in ("neg", "abs", "invert", "len", "iter", "bool", "float", "int", "index", "array"):
    setattr(UninitializedTensorMixin, f"__{_name}__", _refusing(f"__{_name}__"))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "getitem", "setitem"):
    setattr(UninitializedTensorMixin, f"__{_name}__", _refusing(f"__{_name}__"))


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A `Parameter` whose shape is not known yet; the first call of its module finds it out.

    It can be converted (`to`, `double`), copied, pickled, frozen and given to an optimiser. For
    all else it has to be materialised first.

    Args:
        requires_grad: whether a gradient will be recorded for it. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: its dtype; the default dtype if ``None``.

    Raises:
        ValueError: when it is computed with.
        RuntimeError: when its shape is asked for.

    Example:
        >>> import steep
        >>> weight = steep.nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> tuple(weight.shape), type(weight).__name__
        ((2, 3), 'Parameter')
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> UninitializedParameter:
        _check_device(cls, device)
        data = empty(0, dtype=dtype)
        parameter: UninitializedParameter = Tensor._make_subclass(cls, data, requires_grad)
        return parameter

    def __init__(
        self, requires_grad: bool = True, device: Any = None, dtype: dtype | None = None
    ) -> None:
        pass


class MaterializedBuffer(Tensor):
    """What an `UninitializedBuffer` becomes: a tensor of a class that Python can assign."""


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; see `UninitializedParameter`.

    Args:
        requires_grad: whether a gradient will be recorded for it. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: its dtype; the default dtype if ``None``.
        persistent: accepted for PyTorch's sake; `register_buffer` decides.

    Example:
        >>> import steep
        >>> mean = steep.nn.UninitializedBuffer()
        >>> mean.materialize((3,))
        >>> tuple(mean.shape), mean.requires_grad
        ((3,), False)
    """

    cls_to_become = MaterializedBuffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        _check_device(cls, device)
        data = empty(0, dtype=dtype)
        buffer: UninitializedBuffer = Tensor._make_subclass(cls, data, requires_grad)
        return buffer

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
        persistent: bool = True,
    ) -> None:
        pass


def is_lazy(param: Any) -> bool:
    """Whether `param` is an `UninitializedParameter` or an `UninitializedBuffer`."""
    return isinstance(param, UninitializedTensorMixin)
