"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["write_atomically"]


def write_atomically(path: str, chunks: Iterable[bytes | memoryview]) -> None:
    """Write `chunks` beside `path`, flush them to the disk, and rename over what was there.

    Raises:
        OSError: if the file cannot be written; what was there before is untouched.
    """
    folder = os.path.dirname(path) or "."
    beside = os.path.join(folder, f".{os.path.basename(path)}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(beside, "xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == beside:
            error.filename = path  # the name the caller knows
        if os.path.exists(beside):
            os.unlink(beside)
        raise
    if os.name == "posix":
        # The rename is an entry of the folder, which has to reach the disk too.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
