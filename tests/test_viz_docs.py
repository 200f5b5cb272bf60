"""The examples of docs/viz.md run, and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "viz.md"

if not PAGE.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def test_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for needed in ("matplotlib", "PIL", "sklearn"):
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text("utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        code = block.replace("epochs=20", "epochs=2").replace("epochs=60", "epochs=2")
        exec(compile(code.replace("frames=30", "frames=2"), str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    for block in re.findall(r"```\n(.*?)```", re.sub(r"```python.*?```", "", text, flags=re.S),
                            flags=re.S):  # fmt: skip
        assert block in printed
    made = {path.name for path in tmp_path.iterdir()}
    asked = set(re.findall(r'"(\w+\.(?:png|svg|gif|html))"', text)) - {"name.png"}
    assert made == asked
    assert len(made) > 10


def test_pictures_are_there_and_small() -> None:
    shown = re.findall(r"!\[(.+?)\]\((.+?)\)", PAGE.read_text("utf-8"), flags=re.S)
    assert len(shown) > 8
    for words, path in shown:
        assert words
        assert (PAGE.parent / path).stat().st_size < 60_000, path
    pictures = {path.name for path in (PAGE.parent / "pictures").iterdir()}
    assert {path.rpartition("/")[2] for _, path in shown} <= pictures
