"""Mixed precision by its older path; `steep.compat.amp` is its home."""

from __future__ import annotations

from typing import Any

from steep.compat import amp
from steep.compat.amp import GradScaler, custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):  # noqa: N801  PyTorch's name
    """`steep.compat.amp.autocast` without a device."""

    def __init__(
        self, enabled: bool = True, dtype: Any = None, cache_enabled: bool | None = None
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)
