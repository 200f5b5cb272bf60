"""Simple modules, which do no more than hold a function's arguments, and nn.functional's names.

They end files of steep.nn whose beginning is written by hand, from the line `MARK` on.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from made.records import FIRST, FUNCTIONAL, MODULES, RECORDS, Module, Parameter, Record

NN = Path(__file__).resolve().parents[2] / "python" / "steep" / "nn"
MARK = "# Written by tools/make_stubs.py from here on, from the operations' records.\n"
WIDTH = 100

# What every loss has and `_Loss` keeps: its reduction, and PyTorch's older words for it.
REDUCTION = ("size_average", "reduce", "reduction")
OPERANDS = {"Tensor": "Tensor", "Tensor | Number": "Tensor | float"}


def above(path: Path, end: str = MARK) -> str:
    """What is written by hand in a file, with the mark that ends it."""
    hand, mark, _ = path.read_text().partition(end)
    if not mark:
        raise SystemExit(f"{path}: expected the line {end!r} before what is made")
    return hand + mark


def imported(source: str) -> set[str]:
    """The names that a file has imported."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in found for alias in node.names}


def listed(opening: str, items: Iterable[str], closing: str, indent: str = "") -> str:
    """A list in one line where it fits, else an item a line, as the formatter has it."""
    texts = list(items)
    line = f"{indent}{opening}{', '.join(texts)}{closing}"
    if len(line) <= WIDTH:
        return line + "\n"
    inside = "".join(f"{indent}    {text},\n" for text in texts)
    return f"{indent}{opening}\n{inside}{indent}{closing}\n"


def imports(names: Iterable[str]) -> str:
    """The import of these names of the core."""
    line = "from steep._core import " + ", ".join(names)
    return line + "\n" if len(line) <= WIDTH else listed("from steep._core import (", names, ")")


def names_sorted(names: Iterable[str]) -> list[str]:
    """In the order of an import's names: classes first."""
    return sorted(set(names), key=lambda name: (name[0].islower(), name))


def annotation(parameter: Parameter) -> str:
    """A parameter's type as the constructor has it."""
    if parameter.name == "reduction":
        return "str"
    kinds = {"bool | int": "bool", "Number": "float", "Dims": "int | tuple[int, ...]", **OPERANDS}
    return kinds.get(parameter.annotation, parameter.annotation)


def constructor_argument(parameter: Parameter) -> str:
    """A parameter as the constructor has it."""
    text = f"{parameter.name}: {annotation(parameter)}"
    if parameter.default is None:
        return text
    return f"{text} = {parameter.default}".replace("'", '"')


def taken(record: Record) -> list[Parameter]:
    """The tensors that `forward` takes: those that the signature begins with."""
    return list(
        takewhile(lambda p: p.annotation in OPERANDS and p.default is None, record.parameters)
    )


def held(record: Record, module: Module) -> list[Parameter]:
    """The constructor's parameters."""
    if module.parameters is not None:
        return list(module.parameters)
    return list(record.parameters[len(taken(record)) :])


def constructor(parameters: list[Parameter], loss: bool) -> str:
    """`__init__`, where there is more to keep than the base class keeps."""
    own = [p for p in parameters if not (loss and p.name in REDUCTION)]
    if not own:
        return ""
    arguments = [constructor_argument(p) for p in parameters]
    if parameters[0].kind == "keyword":
        arguments.insert(0, "*")
    base = ""
    if loss:
        names = {p.name for p in parameters}
        base = ", ".join(REDUCTION) if names >= set(REDUCTION) else "reduction=reduction"
    text = listed("def __init__(", ["self", *arguments], ") -> None:", "    ")
    text += f"        super().__init__({base})\n"
    buffers = [p for p in own if p.annotation == "Tensor | None"]
    text = "".join(f"    {p.name}: Tensor | None\n" for p in buffers) + "\n" * bool(buffers) + text
    return text + "".join(kept(p, p in buffers) for p in own) + "\n"


def kept(parameter: Parameter, buffer: bool) -> str:
    """The line that keeps an argument: a tensor that may be missing as a buffer."""
    name = parameter.name
    line = f'self.register_buffer("{name}", {name})' if buffer else f"self.{name} = {name}"
    return f"        {line}\n"


def forward(record: Record, parameters: list[Parameter]) -> str:
    """`forward`: the function of the tensors and of what is held."""
    tensors = [p.name for p in taken(record)]
    following = [p.name for p in record.parameters[len(tensors) :]]
    names = [p.name for p in parameters if p.name not in REDUCTION[:2]]
    in_order = following[: len(names)] == names and record.parameters[-1].kind == "positional"
    arguments = [*tensors, *(f"self.{n}" if in_order else f"{n}=self.{n}" for n in names)]
    takes = [f"{p.name}: {OPERANDS[p.annotation]}" for p in taken(record)]
    text = listed("def forward(", ["self", *takes], ") -> Tensor:", "    ")
    of = " with the arguments it was made with" if names else ""
    text += f'        """Apply `{record.name}`{of}."""\n'
    return text + listed(f"return {record.name}(", arguments, ")", "        ")


def representation(module: Module, parameters: list[Parameter], loss: bool) -> str:
    """`extra_repr`, as PyTorch has it: all that is held, but nothing of losses."""
    names = [p.name for p in parameters if p.name != "inplace"]
    text = ", ".join(f"{name}={{{name}}}" for name in names)
    quoted = {p.name for p in parameters if p.annotation == "str"}
    if module.shows is not None:
        text = module.shows
    inplace = len(names) < len(parameters) and module.shows is None
    if loss or not (text or inplace):
        return ""
    text = re.sub(r"\{(\w+)\}", lambda m: f"{{self.{m[1]}{'!r' * (m[1] in quoted)}}}", text)
    shown = f'f"{text}"' if text else ""
    choice = ""
    if inplace:
        also = ", inplace=True" if text else "inplace=True"
        choice = f'"{also}" if self.inplace else ""'
        shown = f"{shown} + ({choice})" if text else choice
    head = '\n    def extra_repr(self) -> str:\n        """The arguments it was made with."""\n'
    line = f"        return {shown}\n"
    if len(line) > WIDTH + 1:
        line = line.replace(f"({choice})", f"(\n            {choice}\n        )")
    if len(line) > WIDTH + 1 and not inplace:
        parts = re.split(r"(?<=, )", text)
        lines = "".join(f'            f"{part}"\n' for part in parts)
        line = f"        return (\n{lines}        )\n"
    return head + line


def simple_module(record: Record, module: Module) -> str:
    """The class of a module."""
    parameters = held(record, module)
    loss = any(p.name == "reduction" for p in parameters)
    said = module.doc.strip()
    if module.doc == record.doc:  # what it computes; the rest is the function's
        said = said.split("\n\n")[0] + f"\n\nSee `steep.nn.functional.{record.name}`.\n"
    doc = "\n".join(f"    {line}" if line else "" for line in said.strip().split("\n"))
    closing = "\n    " if "\n" in doc else ""
    text = f"class {module.name.split('.')[1]}({'_Loss' if loss else 'Module'}):\n"
    text += f'    """{doc.lstrip()}{closing}"""\n\n'
    text += constructor(parameters, loss) + forward(record, parameters)
    return text + representation(module, parameters, loss)


def module_file(path: Path, makers: list[tuple[Record, Module]]) -> str:
    """The text of a file of steep.nn with the modules that these records make."""
    hand = above(path)
    makers = sorted(makers, key=lambda maker: maker[1].name)
    known = imported(hand)
    wanted = {"Tensor", *(record.name for record, _ in makers)} - known
    text = imports(names_sorted(wanted))
    classes = [simple_module(record, module) for record, module in makers]
    for base, home in (("_Loss", "steep.nn._loss"), ("Module", "steep.nn.module")):
        if base not in known and any(f"({base}):" in one for one in classes):
            text += f"from {home} import {base}\n"
    names = [f'"{module.name.split(".")[1]}"' for _, module in makers]
    text += "\n" + listed("__all__ += [", names, "]")
    return hand + text + "".join(f"\n\n{one}" for one in classes)


def module_files() -> dict[Path, str]:
    """Every file of steep.nn that holds modules made from records, with its text."""
    homes: dict[str, list[tuple[Record, Module]]] = defaultdict(list)
    for module in MODULES:
        homes[module.name.split(".")[0]].append((FIRST[module.function], module))
    return {NN / f"{home}.py": module_file(NN / f"{home}.py", m) for home, m in homes.items()}


def functional_file() -> str:
    """The text of nn/functional.py."""
    names = sorted({record.name for record in RECORDS if record.where & FUNCTIONAL})
    hand = above(NN / "functional.py")
    text = hand + imports([name for name in names if name not in imported(hand)])
    return text + "\n" + listed("__all__ += [", [f'"{name}"' for name in names], "]")
