"""`torch.onnx`: there is no export."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["export", "is_in_onnx_export"]


def is_in_onnx_export() -> bool:
    """False."""
    return False


def export(*_: Any, **__: Any) -> NoReturn:
    """Refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "onnx.export: steep does not write ONNX; save the weights with steep.save, whose "
        "safetensors files other libraries read"
    )
