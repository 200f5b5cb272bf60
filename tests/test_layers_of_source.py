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
    "runtime": set(),
    "tensor": {"kernels", "runtime"},
    "program": {"kernels", "runtime", "tensor"},
    "tape": {"runtime", "tensor", "program"},
    "ops": {"kernels", "runtime", "tensor", "program", "tape"},
    "bindings": {"runtime", "tensor", "program", "tape", "ops"},
}
INCLUDE = re.compile(r'^#include "(\w+)/([\w./]+)"', re.MULTILINE)
# What is said of programs and their recording has no place in the rooms below them.
OF_PROGRAMS = re.compile(
    r"\b(epochs?|program(?!ming)\w*|record(s|er|ed|ing|ings)?|replay\w*)\b", re.I
)
# Counts of references, which say how many know an object, and not who owns it.
COUNTS = re.compile(r"\buse_count\(|\bPy_REFCNT\(|\bob_refcnt\b")

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")


def sources(folder: str = "") -> list[Path]:
    found = [path for path in (CSRC / folder).rglob("*") if path.suffix in (".h", ".cpp", ".in")]
    assert found
    return sorted(found)


def wrong_includes(folder: str, text: str) -> list[str]:
    """The includes of a file that lead to where its folder must not."""
    allowed = BELOW[folder] | {folder}
    return [f"{room}/{name}" for room, name in INCLUDE.findall(text) if room not in allowed]


# Within program/: recordings know nothing of plans, and plans nothing of their replays.
BELOW_IN_PROGRAM = {"record": set(), "plan": {"record"}, "replay": {"record", "plan"}}
FAMILY_OF_PROGRAM = re.compile(r'^#include "program/(\w+)/', re.MULTILINE)


def test_every_folder_has_its_place() -> None:
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} == BELOW.keys()


@pytest.mark.parametrize("folder", BELOW)
def test_includes_run_one_way(folder: str) -> None:
    wrong = {path.name: wrong_includes(folder, path.read_text()) for path in sources(folder)}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("family", BELOW_IN_PROGRAM)
def test_families_of_programs_run_one_way(family: str) -> None:
    allowed = BELOW_IN_PROGRAM[family] | {family}
    wrong = {
        path.name: set(FAMILY_OF_PROGRAM.findall(path.read_text())) - allowed
        for path in sources(f"program/{family}")
    }
    assert {name: found for name, found in wrong.items() if found} == {}


def test_what_leads_upwards_is_found() -> None:
    text = '#include <vector>\n#include "tape/node.h"\n#include "tensor/tensor.h"\n'
    assert wrong_includes("program", text) == ["tape/node.h"]
    assert wrong_includes("kernels", text) == ["tape/node.h", "tensor/tensor.h"]
    assert wrong_includes("ops", text) == []


def circle_among(leads_to: dict[str, set[str]]) -> list[str]:
    """Names of which each leads to the next, and the last to the first; empty if there are none."""
    finished: set[str] = set()
    for start in sorted(leads_to):
        path, ahead = [start], [iter(sorted(leads_to[start]))]
        while path:
            name = next(ahead[-1], None)
            if name is None:
                finished.add(path.pop())
                ahead.pop()
            elif name in path:
                return path[path.index(name) :]
            elif name not in finished:
                path.append(name)
                ahead.append(iter(sorted(leads_to.get(name, ()))))
    return []


def includes_of(path: Path) -> set[str]:
    return {f"{room}/{name}" for room, name in INCLUDE.findall(path.read_text())}


def test_no_headers_include_each_other() -> None:
    headers = {str(path.relative_to(CSRC)): path for path in sources() if path.suffix == ".h"}
    assert circle_among({name: includes_of(path) for name, path in headers.items()}) == []


@pytest.mark.parametrize("folder", ["kernels", "program", "ops", "bindings"])
def test_headers_of_families_run_one_way(folder: str) -> None:
    """A family's headers need those of others; none of these need its own."""
    leads_to: dict[str, set[str]] = {}
    for path in sources(folder):
        family, needed = family_of(path), leads_to.setdefault(family_of(path), set())
        if path.suffix == ".h":
            needed |= {family_of(CSRC / name) for name in includes_of(path)} - {family}
    leads_to = {f: {g for g in to if g.startswith(f"{folder}/")} for f, to in leads_to.items()}
    assert circle_among(leads_to) == []


def family_of(path: Path) -> str:
    """The family folder; a file outside of these is a family of its own."""
    parts = path.relative_to(CSRC).parts
    return "/".join(parts[:2])


def test_circles_are_found() -> None:
    assert circle_among({"a": {"b", "c"}, "b": {"c"}, "c": {"d"}}) == []
    assert circle_among({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle_among({"a": {"a"}}) == ["a"]


def test_the_runtime_computes_nothing() -> None:
    numeric = re.compile(r"#include <(cmath|random|numeric|complex)>")
    assert [path.name for path in sources("runtime") if numeric.search(path.read_text())] == []


@pytest.mark.parametrize("folder", ["runtime", "tensor"])
def test_what_is_below_programs_does_not_speak_of_them(folder: str) -> None:
    spoken = {path.name: OF_PROGRAMS.findall(path.read_text()) for path in sources(folder)}
    assert {name: words for name, words in spoken.items() if words} == {}


def test_what_a_replay_does_about_gradients_is_told_in_one_place() -> None:
    """The bindings ask a `GradientRun`, which knows the locks of leaves and what was traced."""
    told = re.compile(
        r"TracedGradient|GradientEvent|tensor/word_lock\.h|plan\(\)\.gradients|[.>]grad_lock\b"
    )
    assert [path.name for path in sources("bindings") if told.search(path.read_text())] == []


def test_counts_of_references_are_not_read_as_owners() -> None:
    """But for one place, and where it is asked whether an object is about to go (python.h)."""
    reading = {path.name for path in sources() if COUNTS.search(path.read_text())}
    assert reading <= {"python.h", "references.h", "references.cpp"}
