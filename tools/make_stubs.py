"""Write the type stubs of steep from the operations' registry.

    python tools/make_stubs.py            writes python/steep/_core.pyi and __init__.pyi
    python tools/make_stubs.py --check    fails where they differ from what would be written

What the registry does not hold stands in tools/core_head.txt, with `# [functions]` and
`# [methods]` where the registry's entries go.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

import steep
from steep import _core

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "steep"
HEAD = ROOT / "tools" / "core_head.txt"
FUNCTION, METHOD, INTERNAL = 1, 2, 4

# steep.float and its like are dtypes, and Tensor.int is a method: the stub says builtins.float.
TYPES = {
    "Tensor": "Tensor",
    "Number": "_Number",
    "None": "None",
    "int": "builtins.int",
    "float": "builtins.float",
    "bool": "builtins.bool",
    "str": "builtins.str",
    "Dims": "_Dims",
    "dtype": "_DTypeLike",
    "Generator": "Generator",
    "layout": "_LayoutType",
    "memory_format": "_MemoryFormat",
    "Sequence[Tensor]": "_Tensors",
}
RESERVED = {"from": "from_", "lambda": "lambda_"}


def split(text: str) -> list[str]:
    """Parts of a parameter list, at commas outside of brackets and quotes."""
    parts, depth, quoted = [""], 0, False
    for c in text:
        quoted ^= c in "'\""
        depth += (not quoted) * ((c in "([") - (c in ")]"))
        if c == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def spell(annotation: str, name: str = "") -> str:
    """A registry's annotation as the stub has it."""
    if name == "device":
        return "_DeviceLike"
    if annotation in TYPES:
        return TYPES[annotation]
    if " | " in annotation:
        return " | ".join(spell(part) for part in annotation.split(" | "))
    return re.sub(r"\b(int|float|bool|str)\b", r"builtins.\1", annotation)


def parameter(text: str) -> str:
    """One parameter, with its default where it has one."""
    name, _, rest = text.partition(":")
    annotation, _, default = rest.partition("=")
    name = name.strip()
    out = f"{RESERVED.get(name, name)}: {spell(annotation.strip(), name)}"
    return f"{out} = {default.strip()}" if default else out


def spellings(parameters: list[str]) -> list[list[str]]:
    """The parameter lists of an entry: two where sizes come one by one or as one sequence."""
    variadic = [i for i, text in enumerate(parameters) if re.match(r"\*\w", text)]
    if not variadic:
        return [[text if text == "*" else parameter(text) for text in parameters]]
    at = variadic[0]
    name, annotation = (part.strip() for part in parameters[at][1:].split(":"))
    before = [parameter(text) for text in parameters[:at]]
    after = [parameter(text) for text in parameters[at + 1 :]]
    one = f"{name}: {'Sequence[builtins.int]' if annotation == 'int' else '_Tensors'}"
    return [
        [*before, f"*{name}: {spell(annotation)}", *after],
        [*before, one, *(["*", *after] if after else [])],
    ]


def definitions(name: str, signatures: list[str], method: bool) -> list[str]:
    """The lines that declare one function or method with all its overloads."""
    found: list[str] = []
    for signature in signatures:
        inside, returns = signature[1:].rsplit(") -> ", 1)
        parameters = split(inside)
        result = spell(returns)
        if returns == "tuple[Tensor, Tensor]":
            result = "_ValuesAndIndices"
        for listed in spellings(parameters[1:] if method else parameters):
            arguments = ", ".join((["self"] if method else []) + listed)
            found.append(f"def {name}({arguments}) -> {result}: ...")
    indent = "    " if method else ""
    unique = list(dict.fromkeys(found))
    lines = []
    for line in unique:
        if len(unique) > 1:
            lines.append(f"{indent}@overload")
        lines.append(indent + line)
    return lines


def with_out(signature: str) -> str:
    """The signature of a function that also takes out=."""
    inside, returns = signature.rsplit(") -> ", 1)
    pair = returns == "tuple[Tensor, Tensor]"
    star = "" if "*" in inside else "*, "
    kind = "tuple[Tensor, Tensor]" if pair else "Tensor"
    return f"{inside}, {star}out: {kind} | None = None) -> {returns}"


def entries(where: int, written: str) -> str:
    """All registry entries of a kind that the head does not declare itself."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for row in _core.registry():
        if row["where"] & where:
            takes_out = row["out"] and where != METHOD
            signature = with_out(row["signature"]) if takes_out else row["signature"]
            grouped[row["name"]].append(signature)
    indent = "    " if where == METHOD else ""
    lines: list[str] = []
    for name in sorted(grouped):
        if re.search(rf"^{indent}def {name}\(", written, re.MULTILINE):
            continue
        lines += definitions(name, grouped[name], where == METHOD)
    return "\n".join(lines)


def core_stub() -> str:
    """The text of _core.pyi."""
    head = HEAD.read_text()
    head = head.replace("    # [methods]", entries(METHOD, head))
    return head.replace("# [functions]", entries(FUNCTION | INTERNAL, head))


def package_stub() -> str:
    """The text of __init__.pyi."""
    lines = [
        "# Written by tools/make_stubs.py.",
        "from steep import " + ", ".join(f"{name} as {name}" for name in steep._SUBMODULES),
    ]
    core = [
        *steep._TYPES,
        *steep._DTYPES,
        *steep._FORMATS,
        *steep._FUNCTIONS,
        *_core.registry_names(),
    ]
    lines += [f"from steep._core import {name} as {name}" for name in sorted(set(core))]
    for name, module in sorted(steep._LAZY.items()):
        lines.append(f"from steep.{module} import {name} as {name}")
    lines.append("from steep._version import __version__ as __version__")
    lines += ["", "e: _Float", "inf: _Float", "nan: _Float", "pi: _Float", "newaxis: None", ""]
    text = "\n".join(lines)
    return text.replace("# Written by tools/make_stubs.py.\n", _PACKAGE_HEAD, 1)


_PACKAGE_HEAD = """# Written by tools/make_stubs.py.
from builtins import float as _Float

"""


def main() -> int:
    """Write the stubs, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = []
    for path, text in (
        (PACKAGE / "_core.pyi", core_stub()),
        (PACKAGE / "__init__.pyi", package_stub()),
    ):
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not check:
            path.write_text(text)
    for path in stale:
        print(f"{path}: {'out of date; run python tools/make_stubs.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
