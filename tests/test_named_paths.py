"""Every file that a document, a comment or a docstring names is there, under that name."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "csrc"
PACKAGE = ROOT / "python" / "steep"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / ".github").rglob("*.*")),
]
PYTHON = [
    path
    for folder in ("python", "tests", "tools", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
CPP = [path for path in sorted(SOURCE.rglob("*")) if path.suffix in (".h", ".cpp", ".in")]
CMAKE = [ROOT / "CMakeLists.txt", *sorted((ROOT / "cmake").glob("*.cmake"))]

# A file by its ending; in documents also `program/plan`, a folder or a file without its ending, and
# what a link leads to.
FILE = re.compile(r"(?<![\w./<*-])[\w./-]*\w\.(?:cpp|h|pyi?|pyx|md|cmake|toml|in)\b(?![\w(*])")
QUOTED = re.compile(r"`([\w.-]+/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)  # a C++ lambda in it is no link
ELSEWHERE = {"levels.cpp", "Python.h"}  # made by CMake; Python's own

pytestmark = pytest.mark.skipif(not SOURCE.is_dir(), reason="the source is not there")


def rooms() -> set[str]:
    """The first parts by which a quoted path is known as one."""
    folders = [ROOT, SOURCE, PACKAGE]
    return {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}


def files_by_name() -> dict[str, list[str]]:
    """All files of the repository that texts name, as paths, by their last part."""
    found: dict[str, list[str]] = {}
    for folder in ("csrc", "python", "tests", "tools", "benchmarks", "examples", "docs", "cmake"):
        for path in (ROOT / folder).rglob("*.*"):
            found.setdefault(path.name, []).append("/" + path.relative_to(ROOT).as_posix())
    return found


FILES = files_by_name()


def is_there(name: str, named_in: Path) -> bool:
    """Whether the path is right from where it stands, or from where paths are counted, or else is
    the end of one file's path and no other's.
    """
    starts = (named_in.parent, ROOT, SOURCE, ROOT / "python", PACKAGE)
    if name in ELSEWHERE or any((start / name).exists() for start in starts):
        return True
    return sum(path.endswith("/" + name) for path in FILES.get(Path(name).name, [])) == 1


def stem_is_there(name: str) -> bool:
    """The same of a path whose ending may be left out."""
    places = [start / name for start in (ROOT, SOURCE, ROOT / "python", PACKAGE)]
    return any(place.exists() or any(place.parent.glob(place.name + ".*")) for place in places)


def missing_in_document(text: str, path: Path) -> list[str]:
    """What a document names and is not there."""
    links = LINK.findall(BLOCK.sub("", text))
    missing = [name for name in links if not (path.parent / name).exists()]
    text = LINK.sub("", text)
    missing += [name for name in FILE.findall(text) if not is_there(name, path)]
    first_parts = rooms()
    for name in QUOTED.findall(text):
        known = name.split("/")[0] in first_parts and not FILE.fullmatch(name)
        if known and not stem_is_there(name):
            missing.append(name)
    return missing


def python_comments(text: str) -> Iterator[str]:
    """The comments and docstrings of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def cpp_comments(text: str) -> Iterator[str]:
    """The comments of a C++ file."""
    yield from re.findall(r"//(.*)", text)


def cmake_comments(text: str) -> Iterator[str]:
    """The comments of a CMake file."""
    yield from re.findall(r"#(.*)", text)


def missing_in_comments(comments: Iterator[str], path: Path) -> list[str]:
    """What comments name and is not there."""
    return [n for comment in comments for n in FILE.findall(comment) if not is_there(n, path)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_what_is_there(path: Path) -> None:
    missing = missing_in_document(path.read_text(), path)
    assert not missing, "named, but not there:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("paths", "comments"),
    [(CPP, cpp_comments), (PYTHON, python_comments), (CMAKE, cmake_comments)],
    ids=["C++", "Python", "CMake"],
)
def test_comments_name_what_is_there(paths, comments) -> None:  # type: ignore[no-untyped-def]
    missing = {path: missing_in_comments(comments(path.read_text()), path) for path in paths}
    lines = [f"{path.relative_to(ROOT)}: {name}" for path in paths for name in missing[path]]
    assert not lines, "named, but not there:\n" + "\n".join(lines)


def test_what_is_not_there_is_noticed() -> None:
    text = "See `program/nowhere` and [that](docs/nowhere.md), not `x/nowhere` or `<family>.cpp`."
    assert missing_in_document(text, ROOT / "README.md") == ["docs/nowhere.md", "program/nowhere"]
    comment = iter(["as nowhere.h has it; tensor.h is there, and so is tensor/error.h"])
    assert missing_in_comments(comment, SOURCE / "tensor" / "shape.h") == ["nowhere.h"]
    docstring = '"""Tests of nowhere.py."""\nname = "elsewhere.py"  # see gone.py\n'
    missing = missing_in_comments(python_comments(docstring), Path(__file__))
    assert missing == ["gone.py", "nowhere.py"]


def test_a_name_that_several_files_have_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "twice.cpp", ["/csrc/a/twice.cpp", "/csrc/b/twice.cpp"])
    monkeypatch.setitem(FILES, "once.cpp", ["/csrc/a/once.cpp"])
    comment = iter(["as twice.cpp, b/twice.cpp and once.cpp have it"])
    assert missing_in_comments(comment, Path(__file__)) == ["twice.cpp"]
