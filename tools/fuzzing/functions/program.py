"""A little program: state, one function, and a schedule of calls; as text, and made smaller."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Call", "Node", "Program"]


@dataclass(frozen=True)
class Node:
    """A statement: its text, or, of a compound one, heads and what stands under them."""

    text: str = ""
    blocks: tuple[tuple[str, tuple[Node, ...]], ...] = ()

    def source(self) -> str:
        if not self.blocks:
            return self.text + "\n"
        return "".join(f"{head}\n{_indented(_source(inner))}" for head, inner in self.blocks)

    def smaller(self) -> Iterator[tuple[Node, ...]]:
        """What may stand in its place: nothing, a block of it, itself with less in it."""
        yield ()
        for _, inner in self.blocks:
            yield inner
        for i, (head, inner) in enumerate(self.blocks):
            for less in _without_something(inner):
                blocks = (*self.blocks[:i], (head, less), *self.blocks[i + 1 :])
                yield (replace(self, blocks=blocks),)


@dataclass(frozen=True)
class Call:
    """What is done before a call, and what is passed: source of positional and named arguments."""

    before: tuple[str, ...]
    args: tuple[str, ...]
    named: tuple[tuple[str, str], ...] = ()

    def arguments(self) -> str:
        return ", ".join([*self.args, *(f"{name}={value}" for name, value in self.named)])


@dataclass(frozen=True)
class Program:
    """See the module.

    Attributes:
        setups: source run once, piece by piece.
        inner: likewise, in the function around the compiled one.
        head: the ``def`` with its decorators; `{}` of `around` is the whole function.
        around: what it stands in, such as a class.
        declared: the lines with which it begins.
        body: its statements.
        result: the expression it returns.
        calls: the schedule.
    """

    setups: tuple[str, ...]
    inner: tuple[str, ...]
    head: str
    around: str
    declared: tuple[str, ...]
    body: tuple[Node, ...]
    result: str
    calls: tuple[Call, ...]

    def source(self) -> str:
        """The module: all but the calls."""
        lines = "".join(f"{line}\n" for line in self.declared)
        body = lines + _source(self.body) + f"return {self.result}\n"
        function = f"{self.head}\n{_indented(body)}"
        text = "".join(f"{setup.strip()}\n" for setup in self.setups)
        before, _, after = self.around.partition("{}")
        if before.rstrip().endswith(":"):  # in a class or function: one level deeper
            inner = "".join(f"{setup.strip()}\n" for setup in self.inner)
            function = _indented(inner + function)
        return f"{text}{before}{function}{after}\n"

    def text(self) -> str:
        """All of it, to be read."""
        calls = "".join(
            "".join(f"{line}\n" for line in call.before) + f"step({call.arguments()})  # call {i}\n"
            for i, call in enumerate(self.calls)
        )
        return f"{self.source()}\n{calls}"

    def smaller(self) -> Iterator[Program]:
        """Programs with a little less in them; the largest steps first."""
        for calls in _chopped(self.calls):
            yield replace(self, calls=calls)
        for body in _without_something(self.body):
            yield replace(self, body=body)
        for i, call in enumerate(self.calls):
            before, after = self.calls[:i], self.calls[i + 1 :]
            if after:  # what was done before it is done before the next
                joined = replace(after[0], before=call.before + after[0].before)
                yield replace(self, calls=(*before, joined, *after[1:]))
            for j in range(len(call.before)):
                fewer = replace(call, before=call.before[:j] + call.before[j + 1 :])
                yield replace(self, calls=(*before, fewer, *after))
            if call.named:
                yield replace(self, calls=(*before, replace(call, named=()), *after))
            if i and call.args != self.calls[0].args:
                same = replace(call, args=self.calls[0].args)
                yield replace(self, calls=(*before, same, *after))
        for result in ("None", "h.detach()"):
            if len(result) < len(self.result):
                yield replace(self, result=result)
        for i in range(len(self.setups)):
            yield replace(self, setups=self.setups[:i] + self.setups[i + 1 :])
        for i in range(len(self.inner)):
            yield replace(self, inner=self.inner[:i] + self.inner[i + 1 :])
        for i in range(len(self.declared)):
            yield replace(self, declared=self.declared[:i] + self.declared[i + 1 :])


def _source(nodes: tuple[Node, ...]) -> str:
    return "".join(node.source() for node in nodes) or "pass\n"


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def _chopped(calls: tuple[Call, ...]) -> Iterator[tuple[Call, ...]]:
    """Without the last half, the last quarter, and so on."""
    count = len(calls) // 2
    while count:
        yield calls[:-count]
        count //= 2


def _without_something(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    for i, node in enumerate(nodes):
        for instead in node.smaller():
            yield nodes[:i] + instead + nodes[i + 1 :]
