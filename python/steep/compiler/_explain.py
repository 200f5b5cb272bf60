"""What a compiled function did with its calls, for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steep._core import Tensor
from steep.compiler._given import AnyNumber, Made

if TYPE_CHECKING:
    from steep.compiler._signature import Signature

__all__ = ["shown", "text_of_call", "text_of_signature"]

_LONGEST = 60  # characters of one argument


def text_of_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Arguments as signatures tell them apart: shapes and dtypes of tensors, values of the rest."""
    named = (f"{name}={_cut(shown(value))}" for name, value in kwargs.items())
    return f"({', '.join([*(_cut(shown(value)) for value in args), *named])})"


def shown(value: Any, depth: int = 2) -> str:
    """A value in a few words; no code of a user's is asked."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('steep.')}{list(value.shape)}"
    if type(value) is int and value.bit_length() > 200:  # whose digits Python may refuse to write
        return f"<int of {value.bit_length()} bits>"
    if value is None or type(value) in (bool, int, float, complex, str, bytes, slice):
        return repr(value)
    if type(value) is Made:
        return f"{value.kind.__name__}{shown(value.parts, depth)}"
    if type(value) in (list, tuple) and depth:
        inside = ", ".join(shown(item, depth - 1) for item in value[:4])
        more = ", ..." if len(value) > 4 else ""
        return f"[{inside}{more}]" if type(value) is list else f"({inside}{more})"
    if type(value) is dict and depth:
        pairs = list(value.items())
        inside = ", ".join(f"{shown(k, 0)}: {shown(v, depth - 1)}" for k, v in pairs[:4])
        return "{" + inside + (", ...}" if len(pairs) > 4 else "}")
    return repr(value) if type(value) is AnyNumber else f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def text_of_signature(signature: Signature) -> str:
    """How its calls were run, why some were eager, and its programs."""
    replays = sum(program.runs for program, _ in signature.programs)
    counts = f"{replays} replayed, {signature.recorded} recorded, {signature.eager} eager"
    lines = [f"{signature.text}: {counts}\n"]
    if signature.reason:
        lines.append(f"eager, because {signature.reason}\n")
    elif not signature.programs:
        lines.append("still warming up\n")
    for program, recording in signature.programs:
        lines.append(f"replayed {program.runs} times\n{program.listing()}")
        for backward in recording.backward_programs():
            lines.append(f"backward, replayed {backward.runs} times\n{backward.listing()}")
    return "".join(lines)
