"""`torch.functional`: functions of the package."""

from __future__ import annotations

from typing import Any

import steep


def __getattr__(name: str) -> Any:
    return getattr(steep, name)
