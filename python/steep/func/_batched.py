"""`Batched`: what a function sees in the place of a tensor while it is mapped over a batch.

It looks like one example. Its `value` is the tensor of all examples, the batch first; where one
vmap runs inside another, the value is a `Batched` of the outer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import GetSetDescriptorType, MethodDescriptorType
from typing import Any, NoReturn

from steep import _core
from steep._core import Tensor
from steep.func._levels import Level, levels

__all__ = ["Batched", "expanded", "full", "in_all_levels", "levels_of", "raw", "rewrapped"]

_READ = (
    "vmap: it looks like you're calling .item() on a Tensor, or using one in data-dependent "
    "control flow, or converting it to an array; each example has a value of its own there. Use "
    "steep.where, or map over a function that does not read values"
)
_NAMES = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
          "mod": "remainder", "pow": "pow", "matmul": "matmul", "and": "bitwise_and",
          "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
          "rshift": "bitwise_right_shift"}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_UNARY = {"neg": "neg", "abs": "abs", "invert": "bitwise_not", "pos": "positive"}


class Batched:
    """One example of a batch, in the place of a tensor. It counts as a `Tensor` for isinstance."""

    __slots__ = ("__weakref__", "level", "value")
    __array_ufunc__ = None  # an array on the left lets the operators here answer
    __hash__ = object.__hash__

    def __init__(self, value: Any, level: Level) -> None:
        self.value = value
        self.level = level

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return Tensor

    # ---- what one example is like ----

    @property
    def shape(self) -> Any:
        return self.value.shape[1:]

    @property
    def ndim(self) -> int:
        return int(self.value.ndim) - 1

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def device(self) -> Any:
        return self.value.device

    @property
    def layout(self) -> Any:
        return self.value.layout

    @property
    def is_leaf(self) -> bool:
        return bool(self.value.is_leaf)

    @property
    def grad_fn(self) -> Any:
        return self.value.grad_fn

    @property
    def grad(self) -> None:
        return None

    @property
    def data(self) -> Batched:
        return self.detach()

    @property
    def is_cuda(self) -> bool:
        return False

    @property
    def itemsize(self) -> int:
        return int(self.value.itemsize)

    @property
    def T(self) -> Any:  # noqa: N802 - PyTorch's name
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Any:  # noqa: N802 - PyTorch's name
        return self.transpose(-2, -1)

    @property
    def requires_grad(self) -> bool:
        return bool(self.value.requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> Batched:
        self.value.requires_grad_(requires_grad)
        return self

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.ndim

    ndimension = dim

    def numel(self) -> int:
        return int(self.shape.numel())

    nelement = numel

    def element_size(self) -> int:
        return self.itemsize

    def stride(self, dim: int | None = None) -> Any:
        own = self.value.stride()[1:]
        return own if dim is None else own[dim]

    def is_floating_point(self) -> bool:
        return bool(self.value.is_floating_point())

    def is_complex(self) -> bool:
        return False

    def is_contiguous(self, *, memory_format: Any = None) -> bool:
        return bool(self.value.is_contiguous())

    # ---- copies and casts ----

    def detach(self) -> Batched:
        return Batched(self.value.detach(), self.level)

    def to(self, *args: Any, **kwargs: Any) -> Batched:
        plain = [_core.empty(0, dtype=x.dtype) if type(x) is Batched else x for x in args]
        value = self.value.to(*plain, **kwargs)
        return self if value is self.value else Batched(value, self.level)

    def type_as(self, other: Any) -> Batched:
        return self.to(other.dtype)

    def type(self, dtype: Any = None) -> Any:
        return self.value.type() if dtype is None else self.to(dtype)

    def float(self) -> Batched:
        return self.to(_core.float32)

    def double(self) -> Batched:
        return self.to(_core.float64)

    def long(self) -> Batched:
        return self.to(_core.int64)

    def int(self) -> Batched:
        return self.to(_core.int32)

    def byte(self) -> Batched:
        return self.to(_core.uint8)

    def bool(self) -> Batched:
        return self.to(_core.bool)

    def cpu(self) -> Batched:
        return self

    def new_tensor(self, data: Any, **kwargs: Any) -> Any:
        return raw(self).new_tensor(data, **kwargs)

    # ---- what would read the values ----

    def _copy(self) -> Any:
        """Any of the examples, where all are equal: a tensor."""
        if not self.level.copies:
            raise RuntimeError(_READ)
        first = self.value[0]
        return first._copy() if type(first) is Batched else first

    def item(self) -> Any:
        return self._copy().item()

    def tolist(self) -> Any:
        return self._copy().tolist()

    def numpy(self, *, force: Any = False) -> Any:
        return self._copy().numpy(force=force)

    def __bool__(self) -> Any:
        return bool(self._copy())

    def __float__(self) -> Any:
        return float(self._copy())

    def __int__(self) -> Any:
        return int(self._copy())

    def __index__(self) -> Any:
        return self._copy().__index__()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self._copy().__array__(*args, **kwargs)

    def __contains__(self, element: Any) -> Any:
        return bool((self == element).any())

    def backward(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            "vmap: backward() adds to .grad of tensors outside, which examples would share; use "
            "steep.func.grad or steep.autograd.grad inside of vmap"
        )

    # ---- containers ----

    def __len__(self) -> Any:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __getitem__(self, key: Any) -> Any:
        return _call("__getitem__", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _call("__setitem__", self, key, value)

    def __reversed__(self) -> Any:
        return self.flip(0) if self.ndim else self

    def __deepcopy__(self, memo: Any) -> Any:
        return self.clone()

    def __repr__(self) -> str:
        return f"Batched(level={self.level.depth + 1}, value={self.value!r})"

    def __format__(self, form: str) -> str:
        return repr(self)

    def __getattr__(self, name: str) -> Any:
        # Methods of the registry: an operation that is called with this object goes to the rules.
        method = getattr(Tensor, name)
        if isinstance(method, (MethodDescriptorType, GetSetDescriptorType)):
            raise AttributeError(f"vmap: a tensor that is mapped over has no attribute {name!r}")
        return method.__get__(self)


_dispatch: Callable[..., Any] | None = None


def _call(name: str, *args: Any) -> Any:
    assert _dispatch is not None
    return _dispatch(name, True, args, {})


def set_dispatch(dispatch: Callable[..., Any]) -> None:
    """Say who takes the operators' calls."""
    global _dispatch
    _dispatch = dispatch


def _is_operand(x: Any) -> bool:
    return isinstance(x, (Tensor, float, int)) or hasattr(x, "__float__")


def _operator(name: str, swapped: bool) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if not isinstance(other, Tensor) and hasattr(other, "__array__"):
            other = _core.as_tensor(other)
        if not _is_operand(other):
            return NotImplemented
        pair = (other, self) if swapped else (self, other)
        assert _dispatch is not None
        return _dispatch(name, False, pair, {})

    return operator


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        return _call(name + "_", self, other)

    return operator


def _unary(name: str) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return _call(name, self)

    return operator


def _add_operators() -> None:
    for symbol, name in _NAMES.items():
        setattr(Batched, f"__{symbol}__", _operator(name, False))
        setattr(Batched, f"__r{symbol}__", _operator(name, True))
        if symbol != "matmul":
            setattr(Batched, f"__i{symbol}__", _in_place(name))
    for name in _COMPARISONS:
        setattr(Batched, f"__{name}__", _operator(name, False))
    for symbol, name in _UNARY.items():
        setattr(Batched, f"__{symbol}__", _unary(name))


_add_operators()


# ---- batches and what lies in them ----


def raw(x: Any) -> Any:
    """The tensor of all examples of all vmaps, the outermost first."""
    while type(x) is Batched:
        x = x.value
    return x


def levels_of(x: Any) -> list[Level]:
    """The vmaps that a tensor is batched by, the outermost first."""
    found: list[Level] = []
    while type(x) is Batched:
        found.insert(0, x.level)
        x = x.value
    return found


def expanded(x: Any, level: Level) -> Any:
    """The value of `x` at this level; where it has none, copies of `x` that share its memory."""
    if type(x) is Batched and x.level is level:
        return x.value
    return x.expand((level.size, *x.shape))


def full(x: Any, to: list[Level]) -> Any:
    """`x`, batched by each of these vmaps."""
    if not to:
        return x
    return Batched(full(expanded(x, to[-1]), to[:-1]), to[-1])


def in_all_levels(x: Any) -> Any:
    """`x`, batched by every vmap that runs: what a derivative for each example is taken by."""
    return full(x, levels())


def rewrapped(value: Any, like: Any) -> Any:
    """A tensor of all examples, in the place of that of `like`."""
    return Batched(rewrapped(value, like.value), like.level) if type(like) is Batched else value
