"""Includes run one way: what is below knows nothing of what is above."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parent.parent / "csrc"

# What the files of a folder may include, besides each other. Of kernels others see the headers that
# describe them; these include nothing but their own.
BELOW = {
    "kernels": set(),
    "runtime": {"kernels"},
    "tensor": {"kernels", "runtime"},
    "program": {"kernels", "runtime", "tensor"},
    "tape": {"runtime", "tensor", "program"},
    "ops": {"kernels", "runtime", "tensor", "program", "tape"},
    "bindings": {"runtime", "tensor", "program", "tape", "ops"},
}
INCLUDE = re.compile(r'^#include "(\w+)/([\w./]+)"', re.MULTILINE)

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")


def wrong_includes(folder: str, text: str) -> list[str]:
    """The includes of a file that lead to where its folder must not."""
    allowed = BELOW[folder] | {folder}
    return [f"{room}/{name}" for room, name in INCLUDE.findall(text) if room not in allowed]


def test_every_folder_has_its_place() -> None:
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} == BELOW.keys()


@pytest.mark.parametrize("folder", BELOW)
def test_includes_run_one_way(folder: str) -> None:
    files = [path for path in (CSRC / folder).rglob("*") if path.suffix in (".h", ".cpp", ".in")]
    assert files
    wrong = {path.name: wrong_includes(folder, path.read_text()) for path in files}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_what_leads_upwards_is_found() -> None:
    text = '#include <vector>\n#include "tape/node.h"\n#include "tensor/tensor.h"\n'
    assert wrong_includes("program", text) == ["tape/node.h"]
    assert wrong_includes("kernels", text) == ["tape/node.h", "tensor/tensor.h"]
    assert wrong_includes("ops", text) == []
