"""What scripts ask before they choose a device: there is no CUDA here, and the answers say so."""

from __future__ import annotations

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all"]


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
