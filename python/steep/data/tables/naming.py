"""Names of columns: each once, and the likeliest one meant."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["check_names", "nearest"]


def check_names(names: Sequence[Any], what: str) -> list[str]:
    """The names as text.

    Raises:
        ValueError: if one occurs twice.
    """
    texts = [str(name) for name in names]
    twice = [name for name, count in Counter(texts).items() if count > 1]
    if twice:
        raise ValueError(
            f"{what}: expected every column to have a name of its own, got "
            f"{', '.join(map(repr, twice))} more than once; rename or drop one of them"
        )
    return texts


def nearest(name: str, names: Iterable[str]) -> str:
    """`` (did you mean ...?)`` for the likeliest of `names`, or nothing."""
    by_folded = {other.casefold().strip(): other for other in names}
    found = difflib.get_close_matches(name.casefold().strip(), list(by_folded), n=1)
    return f" (did you mean {by_folded[found[0]]!r}?)" if found else ""
