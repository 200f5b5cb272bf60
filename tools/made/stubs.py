"""The type stubs: what the extension and the package hold, by name and by type."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import steep
from made.records import FUNCTION, FUNCTIONAL, INTERNAL, METHOD, RECORDS, Parameter, Record
from steep import _core

# What the records do not hold, with `# [functions]` and `# [methods]` where they go.
HEAD = Path(__file__).resolve().parent.parent / "core_head.txt"

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


def spell(annotation: str, name: str = "") -> str:
    """A record's annotation as the stub has it."""
    if name == "device":
        return "_DeviceLike"
    if annotation in TYPES:
        return TYPES[annotation]
    if " | " in annotation:
        return " | ".join(spell(part) for part in annotation.split(" | "))
    return re.sub(r"\b(int|float|bool|str)\b", r"builtins.\1", annotation)


def written(parameters: tuple[Parameter, ...]) -> list[str]:
    """A parameter list as the stub has it, with the star before keywords."""
    out: list[str] = []
    for parameter in parameters:
        if parameter.kind == "keyword" and not any(text.startswith("*") for text in out):
            out.append("*")
        star = "*" if parameter.kind == "variadic" else ""
        name = RESERVED.get(parameter.name, parameter.name)
        text = f"{star}{name}: {spell(parameter.annotation, parameter.name)}"
        out.append(text if parameter.default is None else f"{text} = {parameter.default}")
    return out


def spellings(parameters: tuple[Parameter, ...]) -> list[list[str]]:
    """The parameter lists of a record: two where sizes come one by one or as one sequence."""
    one = tuple(
        replace(p, kind="positional", annotation=f"Sequence[{p.annotation}]")
        if p.kind == "variadic"
        else p
        for p in parameters
    )
    return [written(parameters)] if one == parameters else [written(parameters), written(one)]


def out_parameter(record: Record) -> Parameter:
    """The keyword of a function that also writes into tensors that it is given."""
    kind = "tuple[Tensor, Tensor]" if record.returns == "tuple[Tensor, Tensor]" else "Tensor"
    return Parameter("out", f"{kind} | None", "None", "keyword")


def definitions(name: str, records: list[Record], method: bool) -> list[str]:
    """The lines that declare one function or method with all its overloads."""
    found: list[str] = []
    for record in records:
        parameters = record.parameters[1:] if method else record.parameters
        if record.out and not method:
            parameters = (*parameters, out_parameter(record))
        result = spell(record.returns)
        if record.returns == "tuple[Tensor, Tensor]":
            result = "_ValuesAndIndices"
        for listed in spellings(parameters):
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


def entries(where: int, head: str) -> str:
    """All records of a kind that the head does not declare itself."""
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in RECORDS:
        if record.where & where:
            grouped[record.name].append(record)
    method = where == METHOD
    indent = "    " if method else ""
    lines: list[str] = []
    for name in sorted(grouped):
        if re.search(rf"^{indent}def {name}\(", head, re.MULTILINE):
            continue
        lines += definitions(name, grouped[name], method)
    return "\n".join(lines)


def annotation_of(text: object) -> str:
    """A Python function's annotation as the stub has it; Any where it says what that lacks."""
    known = {*TYPES, "Any", "Sequence"}
    names = set(re.findall(r"[A-Za-z_]\w*", str(text)))
    return spell(str(text)) if names and names <= known else "Any"


def python_methods() -> str:
    """The methods that are functions written in Python."""
    lines = []
    for name in sorted(steep._METHODS):
        found = getattr(steep.Tensor, name)
        if isinstance(found, property):
            result = annotation_of(inspect.signature(found.fget).return_annotation)
            lines += ["    @property", f"    def {name}(self) -> {result}: ..."]
            continue
        written_as = inspect.signature(found)
        parameters, arguments = list(written_as.parameters.values()), ["self"]
        if inspect.ismethod(found):  # of the class, which is bound already
            lines.append("    @classmethod")
            parameters, arguments = [parameters[0], *parameters], ["cls"]
        for parameter in parameters[1:]:
            if parameter.kind is parameter.KEYWORD_ONLY and not any(
                text.startswith("*") for text in arguments
            ):
                arguments.append("*")
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
            text = f"{star}{parameter.name}: {annotation_of(parameter.annotation)}"
            given = parameter.default
            arguments.append(text if given is parameter.empty else f"{text} = {given!r}")
        result = annotation_of(written_as.return_annotation)
        lines.append(f"    def {name}({', '.join(arguments)}) -> {result}: ...")
    return "\n".join(lines)


def core_stub() -> str:
    """The text of _core.pyi."""
    head = HEAD.read_text()
    head = head.replace("    # [methods]", entries(METHOD, head) + "\n" + python_methods())
    return head.replace("# [functions]", entries(FUNCTION | INTERNAL | FUNCTIONAL, head))


def package_stub() -> str:
    """The text of __init__.pyi."""
    lines = [
        "# Written by tools/make_stubs.py.",
        "from builtins import float as _Float",
        "",
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
    return "\n".join(lines)
