"""The pictures of the design are what their script draws, and say what the includes are."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from test_layers_of_source import BELOW

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "pictures.py"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="the tools are not there")


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_up_to_date() -> None:
    """`python tools/pictures.py` would change nothing."""
    done = subprocess.run([sys.executable, str(TOOL), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_house_has_all_layers_and_says_who_includes_kernels() -> None:
    pictures = script()
    house = pictures.house()
    assert [layer for layer in BELOW if f">{layer}</text>" not in house] == []
    assert set(pictures.KERNEL_USERS) == {
        name for name, below in BELOW.items() if "kernels" in below
    }
