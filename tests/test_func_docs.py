"""The code of docs/func.md runs, and shapes are what its comments say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import steep

PAGE = Path(__file__).parents[1] / "docs" / "func.md"


def test_code_of_the_page() -> None:
    steep.manual_seed(0)
    names: dict[str, Any] = {}
    shapes = 0
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
        for expression, shape in re.findall(r"^(\S.*\.shape)  # (\(.*\))$", block, re.MULTILINE):
            assert tuple(eval(expression, names)) == eval(shape)
            shapes += 1
    assert shapes >= 5
    assert names["losses"].shape == (10,)


def test_every_name_is_on_the_page() -> None:
    text = PAGE.read_text()
    assert all(f"`{name}" in text for name in steep.func.__all__)
