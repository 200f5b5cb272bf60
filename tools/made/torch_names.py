"""docs/torch_names.md: which of PyTorch's public names there are, and why others are left out."""

from __future__ import annotations

from pathlib import Path

import steep
from steep.compat._left_out import REASONS, REFUSED, reason

LIST = Path(__file__).resolve().parent.parent / "torch_names.txt"

# How the page calls a namespace, and where it is, in PyTorch and here.
NAMESPACES = {
    "torch": "",
    "Tensor": "Tensor",
    "nn.functional": "nn.functional",
    "linalg": "linalg",
}

HEAD = """# PyTorch's names

<!-- Written by tools/make_stubs.py from tools/torch_names.txt; not to be edited. -->

Which public names of {version} there are in steep, and why the others are left out: the reasons
stand in `steep/compat/_left_out.py`, and are what the error for a missing name of `steep` says.
`python tools/torch_names.py --collect` lists the names of the PyTorch that is installed anew.
Modules and optimisers of `torch.nn` and `torch.optim` are in [the list](api.md), and where a name
means something else is in [differences](differences.md).
"""


def names_of_torch() -> dict[str, list[str]]:
    """The list, by namespace."""
    names: dict[str, list[str]] = {}
    for line in LIST.read_text().splitlines()[1:]:
        if line.startswith("["):
            names[line[1:-1]] = current = []
        else:
            current.append(line)
    return names


def is_there(namespace: str, name: str) -> bool:
    """Whether steep has a name, and does not only refuse it."""
    if namespace == "Tensor" and name in REFUSED:
        return False
    thing = steep
    for part in NAMESPACES[namespace].split(".") if NAMESPACES[namespace] else ():
        thing = getattr(thing, part)
    return hasattr(thing, name)


def unexplained() -> list[str]:
    """The names that are neither there nor left out for a reason."""
    return [
        f"{namespace}: {name}"
        for namespace, names in names_of_torch().items()
        for name in names
        if not is_there(namespace, name) and not reason(namespace, name)
    ]


def section(namespace: str, names: list[str]) -> list[str]:
    """What the page says of a namespace."""
    there = [name for name in names if is_there(namespace, name)]
    missing = [name for name in names if name not in there]
    lines = ["", f"## {namespace}", "", f"{len(there)} of {len(names)} names are there.", ""]
    lines += ["| left out | names |", "|---|---|"]
    for why in dict.fromkeys(why for why, _ in REASONS[namespace]):
        found = [name for name in missing if reason(namespace, name) == why]
        if found:
            lines.append(f"| {why} | {', '.join(f'`{name}`' for name in found)} |")
    listed = ", ".join(f"`{name}`" for name in there)
    return [
        *lines,
        "",
        "<details><summary>Those that are there</summary>",
        "",
        listed,
        "",
        "</details>",
    ]


def names_page() -> str:
    """The text of docs/torch_names.md."""
    version = LIST.read_text().splitlines()[0].removeprefix("# The public names of ").rstrip(".")
    lines = [HEAD.format(version=version)]
    for namespace, names in names_of_torch().items():
        lines += section(namespace, names)[0 if namespace != "torch" else 1 :]
    return "\n".join(lines) + "\n"
