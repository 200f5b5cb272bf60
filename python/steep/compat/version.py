"""`torch.version`."""

from __future__ import annotations

from steep.compat import _finder

__all__ = ["__version__", "cuda", "debug", "git_version", "hip"]

__version__ = _finder.VERSION
cuda = None
hip = None
debug = False
git_version = ""
