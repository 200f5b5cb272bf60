"""Methods of tensors for scripts that know other devices, dtypes and PyTorch's first years."""

from __future__ import annotations

from typing import Any, NoReturn

from steep import _core
from steep._core import Tensor, dtype

__all__ = [
    "NAMES",
    "bfloat16",
    "char",
    "cuda",
    "get_device",
    "half",
    "is_pinned",
    "is_shared",
    "new",
    "pin_memory",
    "share_memory_",
    "short",
    "type_",
]

# PyTorch's classes of tensors by dtype.
NAMES: dict[str, dtype] = {
    "FloatTensor": _core.float32,
    "DoubleTensor": _core.float64,
    "LongTensor": _core.int64,
    "IntTensor": _core.int32,
    "ByteTensor": _core.uint8,
    "BoolTensor": _core.bool,
}


def cuda(self: Tensor, device: Any = None, *_: Any, **__: Any) -> Tensor:
    """Refused, as `to` refuses every device but the CPU."""
    return self.to(device="cuda")


def get_device(self: Tensor) -> int:
    """The number of a GPU; that of the CPU is -1."""
    return -1


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: pinned memory is for copies to a GPU."""
    return self


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False."""
    return False


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself; processes do not share it."""
    return self


def is_shared(self: Tensor) -> bool:
    """False."""
    return False


def _refuse(name: str, kind: str) -> NoReturn:
    raise NotImplementedError(
        f"Tensor.{name}: expected a dtype that steep has, got {kind}; float32 is the usual choice "
        "on a CPU, int64 for whole numbers"
    )


def half(self: Tensor, *_: Any, **__: Any) -> NoReturn:
    """Refused."""
    _refuse("half", "float16")


def bfloat16(self: Tensor, *_: Any, **__: Any) -> NoReturn:
    """Refused."""
    _refuse("bfloat16", "bfloat16")


def short(self: Tensor, *_: Any, **__: Any) -> NoReturn:
    """Refused."""
    _refuse("short", "int16")


def char(self: Tensor, *_: Any, **__: Any) -> NoReturn:
    """Refused."""
    _refuse("char", "int8")


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """PyTorch's name of the tensor's class, or the tensor in another dtype or class."""
    if dtype is None:
        return next(f"torch.{name}" for name, its in NAMES.items() if its == self.dtype)
    if isinstance(dtype, str):
        place, _, kind = dtype.rpartition(".")
        if place.endswith("cuda"):
            return cuda(self)
        if kind not in NAMES:
            raise ValueError(f"invalid type: {dtype!r}; expected one of {', '.join(NAMES)}")
        dtype = NAMES[kind]
    return self.to(getattr(dtype, "dtype", dtype))


def new(self: Tensor, *args: Any, **_: Any) -> Tensor:
    """A new tensor of the same dtype: of these sizes, not filled, or with these elements."""
    if len(args) == 1 and not isinstance(args[0], int | _core.Size):
        data = args[0]
        return data.to(self.dtype).clone() if isinstance(data, Tensor) else self.new_tensor(data)
    return self.new_empty(args[0] if args and isinstance(args[0], _core.Size) else args)
