"""`torch.backends.cuda`: switches that may be set, and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=False)


def is_built() -> bool:
    """False."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Nothing: attention has one way."""


def enable_math_sdp(enabled: bool) -> None:
    """Nothing: attention has one way."""


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Nothing: attention has one way."""
