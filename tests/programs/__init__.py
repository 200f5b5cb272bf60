"""Programs as users write them, each registered under its file and name.

A program is a function that makes its models and data, compiles a step and calls it; all that it
shows goes to its `Runner`. tests/test_programs.py runs it with and without `steep.compile`.
"""

from __future__ import annotations

import importlib
import pkgutil

from programs.runner import PROGRAMS

__all__ = ["PROGRAMS"]

for topic in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{topic.name}")
