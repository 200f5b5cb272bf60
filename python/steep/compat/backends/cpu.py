"""`torch.backends.cpu`: which instructions the kernels use."""

from __future__ import annotations

import steep


def get_cpu_capability() -> str:
    """'AVX512', 'AVX2' or 'DEFAULT'."""
    return {"avx512": "AVX512", "avx2": "AVX2"}.get(steep.cpu_level(), "DEFAULT")
