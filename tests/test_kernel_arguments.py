"""Arguments of kernels are words: their structs have no padding, which recordings would compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parent.parent / "csrc"
WORDS = {
    "int64_t",
    "double",
    "Flag",
    "kernels::Flag",
    "Scalar",
    "kernels::Scalar",
    "ConvAxis",
    "PoolAxis",
    "TakeAxis",
    "Extent",
    "Activation",
    "AllowedNumbers",
    "LossReduction",
    "RecurrentCell",
    "HeadStrides",
    "ScoreMask",
    "Attention",
    "WinogradAxis",
    "const char*",
    "Generator*",
}
USED = re.compile(r"\b(?:arguments|as|sizes_after)<(?:kernels::)?(\w+)>\(")
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
MEMBER = re.compile(
    r"^  ((?:const )?[\w:]+\*?) \w+(?:\s*=\s*[\w.:]+)?(?:, \w+(?:\s*=\s*\w+)?)*;", re.M
)

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")


def narrow_members(body: str) -> list[str]:
    """The members of a struct that are no words."""
    lines = [line for line in re.sub(r"//.*", "", body).splitlines() if line.strip()]
    found = [(line, MEMBER.match(line)) for line in lines]
    return [line for line, member in found if member is None or member[1] not in WORDS]


def sources() -> str:
    return "\n".join(
        path.read_text() for path in sorted(CSRC.rglob("*")) if path.suffix in (".h", ".cpp")
    )


def test_arguments_of_kernels_are_words() -> None:
    text = sources()
    used = set(USED.findall(text)) - {"Arguments"}
    bodies = dict(STRUCT.findall(text))
    assert len(used) > 15
    assert used <= bodies.keys()
    narrow = {name: narrow_members(bodies[name]) for name in used}
    assert {name: lines for name, lines in narrow.items() if lines} == {}


def test_a_narrow_member_is_noticed() -> None:
    assert narrow_members("  int64_t n;\n  bool on;\n") == ["  bool on;"]
    assert narrow_members("  int64_t n = 0, m = 0;  // sizes\n  Flag on;\n") == []
