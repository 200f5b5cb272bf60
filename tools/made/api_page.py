"""docs/api.md: every operation by family and every module, a line each."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import defaultdict

from made.records import FUNCTION, FUNCTIONAL, INTERNAL, METHOD, RECORDS, Record

HEAD = """# The API in one page

<!-- Written by tools/make_stubs.py from the operations' records; not to be edited. -->

Every operation with its signature and the first sentence of its docstring, which `help()` has in
full. A name in brackets is another way to the same operation: a method (`Tensor.exp`), the method
that writes into its tensor (`Tensor.exp_`), or the function in `steep.nn.functional` (`F.relu`).
"""


def first_sentence(doc: str) -> str:
    """The first sentence of a docstring, in one line."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    found = re.match(r".*?[.](?=\s|$)", paragraph)
    return found[0] if found else paragraph


def places(records: list[Record]) -> list[str]:
    """The full names of an operation, its main one first."""
    where = 0
    for record in records:
        where |= record.where
    prefixes = ((FUNCTION, "steep."), (FUNCTIONAL, "F."), (METHOD, "Tensor."))
    return [prefix + records[0].name for flag, prefix in prefixes if where & flag]


def operation_line(records: list[Record], in_place: list[str]) -> str:
    """One line of the page."""
    name, *others = [*places(records), *in_place]
    main = next((r for r in records if r.where & ~METHOD), records[0])
    signature = main.signature
    if name.startswith("Tensor."):
        signature = re.sub(r"^\(input: Tensor(, )?", "(", signature)
    also = f" [{', '.join(f'`{other}`' for other in others)}]" if others else ""
    return f"- `{name}{signature}`{also}: {first_sentence(records[0].doc)}"


def operations() -> list[str]:
    """The lines of all operations, a heading before each family."""
    named: dict[str, list[Record]] = defaultdict(list)
    in_place: dict[str, list[str]] = defaultdict(list)
    for record in RECORDS:
        form = re.match(r"In-place form of (\w+)\.", record.doc)
        if form:
            in_place[form[1]] += places([record])
        elif record.where & ~INTERNAL:
            named[record.name].append(record)
    families: dict[str, list[str]] = defaultdict(list)
    for name, records in named.items():
        forms = list(dict.fromkeys(in_place[name]))
        families[records[0].family].append(operation_line(records, forms))
    lines = ["## Operations"]
    for family in sorted(families):
        lines += ["", f"### {family.capitalize()}", "", *families[family]]
    return lines


def constructor(kind: type) -> str:
    """A class's constructor as its source has it."""
    parts = []
    for parameter in inspect.signature(kind).parameters.values():
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = f"{star}{parameter.name}"
        if parameter.annotation is not parameter.empty:
            text += f": {parameter.annotation}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}"
        parts.append(text)
    return "" if parts == ["*args: Any", "**kwargs: Any"] else ", ".join(parts)


def modules() -> list[str]:
    """The lines of all modules, a heading before each file of steep.nn."""
    nn = importlib.import_module("steep.nn")
    homes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(nn.__all__):
        kind = getattr(nn, name)
        if isinstance(kind, type) and issubclass(kind, nn.Module):
            line = f"- `nn.{name}({constructor(kind)})`: {first_sentence(kind.__doc__ or '')}"
            homes[kind.__module__.rpartition(".")[2]].append(line)
    lines = ["## Modules"]
    for home in sorted(homes):
        lines += ["", f"### {home.capitalize()}", "", *homes[home]]
    return lines


def api_page() -> str:
    """The text of docs/api.md."""
    return "\n".join([HEAD, *operations(), "", *modules(), ""])
