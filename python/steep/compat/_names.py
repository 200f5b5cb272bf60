"""Names of the module torch that are settings, or classes of its first years."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import (
    Tensor,
    dtype,
)
from steep._core import (
    _dirichlet_grad as _dirichlet_grad,
)
from steep._core import (
    _sample_dirichlet as _sample_dirichlet,
)
from steep._core import (
    _standard_gamma as _standard_gamma,
)
from steep._core import (
    _standard_gamma_grad as _standard_gamma_grad,
)
from steep._legacy import NAMES
from steep.autograd.anomaly_mode import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
from steep.compat.amp import GradScaler, autocast, is_autocast_enabled
from steep.operations.memory import UntypedStorage

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "DoubleTensor",
    "FloatTensor",
    "GradScaler",
    "IntTensor",
    "LongTensor",
    "UntypedStorage",
    "are_deterministic_algorithms_enabled",
    "autocast",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_complex",
    "is_conj",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_nonzero",
    "is_storage",
    "is_warn_always_enabled",
    "set_anomaly_enabled",
    "set_default_device",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "typename",
    "use_deterministic_algorithms",
]


class _OfDtype(type):
    """Classes of which every tensor of a dtype is an instance."""

    dtype: dtype

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, **_: Any) -> Tensor:
        return (
            steep.empty(0, dtype=cls.dtype).new(*args) if args else steep.empty(0, dtype=cls.dtype)
        )


def _class_of(name: str) -> type:
    return _OfDtype(name, (), {"dtype": NAMES[name], "__module__": "torch"})


FloatTensor, DoubleTensor = _class_of("FloatTensor"), _class_of("DoubleTensor")
LongTensor, IntTensor = _class_of("LongTensor"), _class_of("IntTensor")
ByteTensor, BoolTensor = _class_of("ByteTensor"), _class_of("BoolTensor")


def typename(obj: Any) -> str:
    """PyTorch's name of a tensor's class, or an object's own."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"


def is_complex(input: Tensor) -> bool:
    """False: numbers are real."""
    return False


def is_conj(input: Tensor) -> bool:
    """False: numbers are real."""
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not 0.

    Raises:
        RuntimeError: for more or fewer elements.
    """
    if input.numel() != 1:
        raise RuntimeError(
            f"is_nonzero: expected a tensor of one element, got shape {tuple(input.shape)}"
        )
    return bool(input)


def is_storage(obj: Any) -> bool:
    """Whether it is what `Tensor.untyped_storage` or `Tensor.storage` gives."""
    return isinstance(obj, UntypedStorage)


def is_autocast_cpu_enabled() -> bool:
    """False: everything is computed in its own dtype."""
    return False


def is_autocast_cache_enabled() -> bool:
    """False: nothing is cast, and so nothing kept."""
    return False


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False: results are always the same bits."""
    return False


def is_warn_always_enabled() -> bool:
    """False: how often a warning comes is what Python's own filters say (see `warnings`)."""
    return False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing: results are always the same bits."""


def are_deterministic_algorithms_enabled() -> bool:
    """True: results are always the same bits."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Nothing: float32 is float32.

    Raises:
        RuntimeError: for another precision than 'highest', 'high' and 'medium'.
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"set_float32_matmul_precision: unknown precision {precision!r}")


def get_float32_matmul_precision() -> str:
    """'highest'."""
    return "highest"


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers near 0 stay what they are."""
    return False


def set_num_interop_threads(count: int) -> None:
    """Nothing: operations follow each other."""


def get_num_interop_threads() -> int:
    """1."""
    return 1


def get_default_device() -> Any:
    """The CPU."""
    return steep.device("cpu")


def set_default_device(device: Any) -> None:
    """Nothing for the CPU; refused for another device."""
    steep.empty(0, device=device)


def set_default_tensor_type(kind: Any) -> None:
    """`set_default_dtype` by a class or its name."""
    if isinstance(kind, str):
        kind = NAMES[kind.rpartition(".")[2]]
    steep.set_default_dtype(getattr(kind, "dtype", kind))


def set_warn_always(mode: bool) -> None:
    """Nothing: how often a warning comes is what Python's own filters say (see `warnings`)."""
