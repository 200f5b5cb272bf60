"""Where in the user's code something was called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["calling_depth", "calling_line", "defining_line"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def calling_line() -> str:
    """``file.py:12`` of the innermost frame outside of this package; ``''`` if there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(_PACKAGE):
            return f"{os.path.basename(path)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def defining_line(function: Callable[..., Any] | None) -> str:
    """``file.py:12`` where a function written in Python begins; ``''`` of any other."""
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), "forward", None), "__code__", None)
    if code is None or code.co_filename.startswith(_PACKAGE):
        return ""
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"


def calling_depth() -> int:
    """The `stacklevel` by which the caller's warning is told at the user's line."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back
    return depth
