"""A file of operations registers itself, and what comes of it does not depend on the linker."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import steep
from registry import ENTRIES, FUNCTION, FUNCTIONAL, INTERNAL, METHOD, Entry

CSRC = Path(__file__).resolve().parent.parent / "csrc"
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")

ENTRY = 'registry.add<&call>("{name}", kFunction, "() -> None", "{doc}");'
FILE = """#include "ops/registry.h"

namespace steep::ops {{
namespace {{
void call() {{}}
void add_all(Registry& registry) {{ {entries} }}
const Registration registered("{family}", add_all);
}}  // namespace
}}  // namespace steep::ops
"""
MAIN = """#include <cstdio>
#include <exception>

#include "ops/registry.h"

int main() {
  try {
    for (const auto& op : steep::ops::registry().ops())
      std::printf("%s %s %s\\n", op.name, op.source->family, op.doc);
  } catch (const std::exception& error) {
    std::printf("%s\\n", error.what());
  }
}
"""

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")


def file_of(family: str, *names: str) -> str:
    """A file of operations; the overloads of a name are numbered."""
    entries = [ENTRY.format(name=n, doc=str(i)) for i, n in enumerate(names)]
    return FILE.format(family=family, entries=" ".join(entries))


def linked(folder: Path, files: dict[str, str]) -> set[str]:
    """What the registry holds, for each order in which the files can stand before the linker."""
    assert COMPILER is not None
    compile_ = [COMPILER, "-std=c++17", f"-I{CSRC}", "-c"]
    for name, text in {**files, "main": MAIN}.items():
        (folder / f"{name}.cpp").write_text(text)
    sources = [folder / f"{name}.cpp" for name in (*files, "main")]
    sources += [CSRC / "ops" / "registry.cpp", CSRC / "tensor" / "error.cpp"]
    subprocess.run([*compile_, *map(str, sources)], cwd=folder, check=True)
    objects = [f"{source.stem}.o" for source in sources]
    found = set()
    for order in (objects, objects[::-1]):
        subprocess.run([COMPILER, *order, "-o", "program", "-lpthread"], cwd=folder, check=True)
        found.add(subprocess.check_output(["./program"], cwd=folder, text=True))
    return found


@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_order_does_not_depend_on_the_linker(tmp_path: Path) -> None:
    """Entries stand by name, overloads as their file adds them."""
    files = {
        "zeta": file_of("first", "tanh", "abs", "tanh", "tanh"),
        "alpha": file_of("second", "exp", "zero"),
    }
    expected = ["abs first 1", "exp second 0", *(f"tanh first {i}" for i in (0, 2, 3))]
    assert linked(tmp_path, files) == {"\n".join([*expected, "zero second 1", ""])}


@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_overloads_in_two_files_are_refused(tmp_path: Path) -> None:
    """Which of them would be tried first would be the linker's choice."""
    files = {"one": file_of("first", "abs", "exp"), "two": file_of("second", "exp")}
    for text in linked(tmp_path, files):
        assert "expected all overloads of 'exp' in one registration" in text


@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_a_module_of_an_operation_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Its class would call nothing; a module of an operation in another file is as good as any."""
    module = 'registry.add_module("exp", "activation.Exp", "");'
    text = file_of("first", "abs").replace("}\nconst", f"{module} }}\nconst")
    assert module in text
    for said in linked(tmp_path, {"one": text}):
        assert said == (
            "registry: expected the operation 'exp' of module 'activation.Exp', got none\n"
        )
    found = linked(tmp_path, {"one": text, "two": file_of("second", "exp")})
    assert found == {"abs first 0\nexp second 0\n"}


def test_entries_stand_by_name() -> None:
    names = [entry.name for entry in ENTRIES]
    assert names == sorted(names)


def test_no_list_names_the_files_of_operations() -> None:
    """Every file with entries hands them in itself, from a function that no other can name."""
    adding = [p for p in (CSRC / "ops").rglob("*.cpp") if "registry.add" in p.read_text()]
    assert adding
    for path in adding:
        text = path.read_text()
        families = re.findall(r'^const Registration \w+\("([a-z]+)", \w+\);$', text, re.MULTILINE)
        assert families, f"{path.name}: expected a Registration"
    shared = [p for p in (CSRC / "ops").rglob("*.h") if "(Registry& " in p.read_text()]
    assert [path.name for path in shared] == []


# ---- what an entry says --------------------------------------------------------------------------


def written(entry: Entry) -> str:
    """A signature put together again from its parts."""
    parts: list[str] = []
    for parameter in entry.parameters:
        if parameter.kind == "keyword" and not any(part[0] == "*" for part in parts):
            parts.append("*")
        default = "" if parameter.default is None else f" = {parameter.default}"
        star = "*" if parameter.kind == "variadic" else ""
        parts.append(f"{star}{parameter.name}: {parameter.annotation}{default}")
    return f"({', '.join(parts)}) -> {entry.returns}"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.name}-{e.where}")
def test_parameters_are_the_signatures(entry: Entry) -> None:
    """Taken apart once, by the engine: what is made from the parts loses nothing."""
    assert written(entry) == entry.signature


def test_every_entry_says_where_and_of_which_family() -> None:
    families = {entry.family for entry in ENTRIES}
    assert all(family.isalpha() and family.islower() for family in families)
    for entry in ENTRIES:
        assert entry.where & (FUNCTION | METHOD | INTERNAL | FUNCTIONAL)
        hidden = entry.where & INTERNAL and entry.where != INTERNAL
        assert not hidden, f"{entry.name}: what is in steep._core alone is nowhere else"


def test_functional_names_what_the_records_say() -> None:
    """All of them, in order, after what is written in Python."""
    said = {entry.name for entry in ENTRIES if entry.where & FUNCTIONAL}
    names = steep.nn.functional.__all__
    by_hand = names[: len(names) - len(said)]
    assert names[len(by_hand) :] == sorted(said)
    homes = {getattr(steep.nn.functional, name).__module__ for name in by_hand}
    assert all(home.startswith("steep.nn.") for home in homes)


def test_adding_md_shows_the_file_as_it_is() -> None:
    """The walk-through's operation is one of steep's; its module comes in the section after it."""
    page = (CSRC.parent / "docs" / "adding.md").read_text(encoding="utf-8")
    shown = page.split("```cpp\n")[1].split("```")[0]
    source = (CSRC / "ops" / "elementwise" / "softsign.cpp").read_text()
    before, _, rest = source.partition("  registry.add_module(")
    assert shown == before + rest.partition(')");\n')[2]


PAGE = CSRC.parent / "docs" / "api.md"


def test_the_api_page_has_every_operation_and_module() -> None:
    """A line each, except for what is internal; methods stand with their function."""
    text = PAGE.read_text()
    for entry in ENTRIES:
        places = [(FUNCTION, "steep."), (METHOD, "Tensor."), (FUNCTIONAL, "F.")]
        shown = [prefix + entry.name for flag, prefix in places if entry.where & flag]
        assert all(re.search(rf"`{re.escape(name)}[`(]", text) for name in shown), entry.name
    for name, kind in vars(steep.nn).items():
        if isinstance(kind, type) and issubclass(kind, steep.nn.Module):
            assert f"- `nn.{name}(" in text
