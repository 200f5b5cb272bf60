"""The lists of classes in steep.nn, steep.nn.modules and steep.optim, from their files' `__all__`.

Each file whose name begins with no underscore, and which has classes there, is listed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from made.modules import NN, WIDTH, above, listed

MARK = "# Written by tools/make_stubs.py from here on, from the files of this folder.\n"
OPTIM = NN.parent / "optim"


def in_order(names: Iterable[str]) -> list[str]:
    """In the order of an import's names: those in capitals first."""
    return sorted(names, key=lambda name: (not name.isupper(), name.lower(), name))


def strings(node: ast.AST) -> list[str]:
    """The strings in a list."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]


def classes_of(source: str) -> list[str]:
    """The classes among the names of a file's `__all__`, which may be added to."""
    names: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        else:
            continue
        listing = any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets)
        if listing and node.value is not None:
            names += strings(node.value)
    return [name for name in names if name[0].isupper()]


def homes(folder: Path, made: dict[Path, str]) -> Iterator[tuple[str, list[str]]]:
    """The files of a folder that have classes, by name, as they are or are about to be written."""
    for path in sorted(folder.glob("[!_]*.py")):
        if classes := classes_of(made.get(path) or path.read_text()):
            yield path.stem, classes


def package_file(folder: Path, made: dict[Path, str]) -> str:
    """The text of a folder's `__init__.py`; of two files that name a class, the later has it."""
    package = f"steep.{folder.name}"
    found = dict(homes(folder, made))
    where = {name: home for home, classes in found.items() for name in classes}
    text = above(folder / "__init__.py", MARK)
    for home in found:
        names = in_order(name for name in where if where[name] == home)
        if names:
            opening = f"from {package}.{home} import "
            line = opening + ", ".join(names)
            text += f"{line}\n" if len(line) <= WIDTH else listed(f"{opening}(", names, ")")
    return text + "\n" + listed("__all__ += [", [f'"{name}"' for name in in_order(where)], "]")


def modules_file() -> str:
    """The text of nn/modules/__init__.py, which has all classes of all files beside it."""
    folder = NN / "modules"
    files = sorted(path.stem for path in folder.glob("[!_]*.py"))
    text = above(folder / "__init__.py", MARK)
    text += listed("from steep.nn.modules import (", files, ")")
    text += "".join(f"from steep.nn.modules.{name} import *\n" for name in files)
    return text + "\n" + listed("__all__ = [", [f"*{name}.__all__" for name in files], "]")


def package_files(made: dict[Path, str]) -> dict[Path, str]:
    """The lists, given the files of steep.nn that are made anew."""
    return {
        NN / "__init__.py": package_file(NN, made),
        NN / "modules" / "__init__.py": modules_file(),
        OPTIM / "__init__.py": package_file(OPTIM, {}),
    }
