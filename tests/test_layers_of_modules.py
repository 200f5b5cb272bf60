"""No Python file of the package leads back to itself by imports, wherever these stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import steep

PACKAGE = Path(steep.__file__).resolve().parent

Imports = dict[str, set[str]]  # the modules that each module names


def modules_below(package: Path) -> dict[str, Path]:
    """The files of a package by the names of their modules, extension modules by their stubs."""
    files = {path.with_suffix(""): path for suffix in ("pyi", "py")
             for path in sorted(package.rglob(f"*.{suffix}"))}  # fmt: skip
    parts = ((path.relative_to(package.parent).parts, file) for path, file in files.items())
    return {".".join(x for x in names if x != "__init__"): file for names, file in parts}


def imported_by(module: str, file: Path, text: str, known: set[str]) -> Iterator[str]:
    """The modules among `known` that a file imports at its top, inside functions or for types.

    A name is a submodule's if there is one. The packages on the way to a module are not counted:
    what a package's `__init__` exports is none of a member's imports.
    """
    package = module.split(".") if file.stem == "__init__" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                found = submodule if submodule in known else origin
                yield from [found] if found in known else []


def circles(imports: Imports) -> list[list[str]]:
    """Sets of modules of which each leads to all others."""
    below = {module: set(ends) for module, ends in imports.items()}
    for middle in below:  # Warshall: who reaches whom
        for ends in below.values():
            if middle in ends:
                ends |= below[middle]
    found = {frozenset(x for x in below if x in below[y] and y in below[x]) for y in below}
    return sorted(sorted(circle) for circle in found if circle)


def imports_of_package() -> Imports:
    files = modules_below(PACKAGE)
    return {
        module: {*imported_by(module, file, file.read_text(), {*files})} - {module}
        for module, file in files.items()
    }


def test_no_file_leads_back_to_itself() -> None:
    imports = imports_of_package()
    assert len(imports) > 100
    assert "steep.nn.module" in imports["steep.nn.linear"]
    found = circles(imports)
    assert found == [], [{x: sorted(imports[x] & {*circle}) for x in circle} for circle in found]


def test_imports_are_seen_wherever_they_stand() -> None:
    text = (
        "import a.b\n"
        "from a import b as other, name\n"
        "from . import c\n"
        "from .. import top\n"
        "if TYPE_CHECKING:\n    from a.types import T\n"
        "def f():\n    from .late import x\n"
    )
    known = {"a", "a.b", "a.types", "a.d.c", "a.d.late", "a.top"}
    found = [*imported_by("a.d.own", Path("own.py"), text, known)]
    assert sorted(found) == ["a", "a.b", "a.b", "a.d.c", "a.d.late", "a.top", "a.types"]
    assert [*imported_by("a.d", Path("__init__.py"), "from . import c", known)] == ["a.d.c"]


def test_circles_are_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"a"}}
    assert circles(imports) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []
