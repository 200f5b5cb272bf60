"""`torch.types`: names for annotations."""

from __future__ import annotations

from collections.abc import Sequence

import steep
from steep._core import Tensor

__all__ = ["Device", "Number", "_bool", "_dtype", "_float", "_int", "_size"]

Number = int | float | bool
Device = steep.device | str | int | None
_size = Sequence[int]
_dtype, _int, _float, _bool = steep.dtype, int, float, bool
_TensorOrTensors = Tensor | Sequence[Tensor]
