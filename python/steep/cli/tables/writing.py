"""The table that `steep predict` writes: the one it read, word for word, and the predictions."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["bytes_of", "check_ending"]

_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
_NO_TEXT = (".xlsx", ".xls", ".json", ".jsonl", ".feather", ".arrow", ".zip", ".zst", ".h5")


def check_ending(path: Path) -> None:
    """Raise ValueError if a file's ending promises what is not written."""
    if path.suffix.lower() in _NO_TEXT:
        raise ValueError(
            f"{path}: expected a name that ends in .csv, .tsv or .parquet, or one of text that is "
            f"packed ({', '.join(_PACKERS)})"
        )


def bytes_of(frame: Any, path: Path | None) -> bytes:
    """A frame as its file holds it: CSV, unless the ending says otherwise."""
    endings = [] if path is None else [ending.lower() for ending in path.suffixes]
    packer = _PACKERS.get(endings.pop()) if endings and endings[-1] in _PACKERS else None
    if endings and endings[-1] in (".parquet", ".pq"):
        out = io.BytesIO()
        frame.to_parquet(out, index=False)
        data = out.getvalue()
    else:
        separator = "\t" if endings and endings[-1] in (".tsv", ".tab") else ","
        data = frame.to_csv(index=False, sep=separator, lineterminator="\n").encode()
    return data if packer is None else packer(data)
