"""What scripts ask before they choose a device: there is no CUDA here, and the answers say so."""

from __future__ import annotations

from typing import Any

from steep._lazy import importing

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]

__getattr__ = importing(__name__, "amp")


def is_available() -> bool:
    """False: steep computes on the CPU.

    Example:
        >>> import steep
        >>> "cuda" if steep.cuda.is_available() else "cpu"
        'cpu'
    """
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing, as in PyTorch without CUDA; seed with `steep.manual_seed`."""


def manual_seed_all(seed: int) -> None:
    """Nothing, as in PyTorch without CUDA; seed with `steep.manual_seed`."""


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def empty_cache() -> None:
    """Nothing; `steep.empty_cache` gives back what steep itself keeps."""


def synchronize(device: Any = None) -> None:
    """Nothing: operations are done when they return."""


def memory_allocated(device: Any = None) -> int:
    """0; `steep.memory_stats` says what steep itself holds."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing."""


def _refuse(name: str) -> None:
    raise RuntimeError(f"cuda.{name}: there is no CUDA here; ask steep.cuda.is_available() first")


def init() -> None:
    """Refused, as by PyTorch without CUDA."""
    _refuse("init")


def set_device(device: Any) -> None:
    """Refused, as by PyTorch without CUDA."""
    _refuse("set_device")


def current_device() -> int:
    """Refused, as by PyTorch without CUDA."""
    _refuse("current_device")
    return -1
