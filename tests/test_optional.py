"""Optional libraries: imported when needed, and named with the mend when they are missing."""

from __future__ import annotations

import json
import sys

import pytest

from steep._optional import optional


def test_the_module_itself():
    assert optional("json", "tables", "f") is json
    assert optional("json.decoder", "tables", "f") is json.decoder


@pytest.mark.parametrize("name", ["no_such_library", "no_such_library.inner"])
def test_what_is_missing_is_named_with_the_mend(name):
    text = r"`steep\.viz\.curve` needs no_such_library: pip install 'steep\[viz\]'"
    with pytest.raises(ImportError, match=text) as caught:
        optional(name, "viz", "steep.viz.curve")
    assert caught.value.name == "no_such_library"


def test_a_broken_library_tells_its_own_story(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import not_there_either\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_there_either"):
        optional("half_installed", "viz", "f")
    sys.modules.pop("half_installed", None)
