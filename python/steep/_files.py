"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
from collections.abc import Iterable
from typing import Any, BinaryIO

fcntl: Any
try:
    import fcntl
except ImportError:  # not on this system: then nothing is known of other writers
    fcntl = None

__all__ = ["write_atomically"]

_NAMELESS = getattr(os, "O_TMPFILE", 0)
_BESIDE = re.compile(r"\.steep-[0-9a-f]{16}")  # a file that is to take another's place


def write_atomically(path: str | bytes, chunks: Iterable[bytes | memoryview]) -> None:
    """Write `chunks` to a file of its own, flush it to the disk, and put it in the place of `path`.

    A link is followed, and what it leads to replaced. What replaces a file takes over its mode and,
    where permitted, its owner and group. Pipes and devices are written to as they are.

    Raises:
        OSError: if the file cannot be written; what was there before is untouched.
    """
    given = os.fsdecode(path)
    try:
        target = os.path.realpath(given)
        folder = os.path.dirname(target)
        old = _status(target)
        if old is not None and not stat.S_ISREG(old.st_mode):
            with open(target, "wb") as file:
                file.writelines(chunks)
            return
        _replace(target, folder, chunks, old)
    except OSError as error:
        if error.errno is None:
            raise
        # With the name that the caller knows.
        raise OSError(error.errno, error.strerror, given) from error
    # The file is there: what follows makes it more lasting, and tidies up.
    with contextlib.suppress(OSError):
        _flush_folder(folder)
    with contextlib.suppress(OSError):
        _remove_stale(folder)


def _status(target: str) -> os.stat_result | None:
    try:
        return os.stat(target)
    except FileNotFoundError:
        return None


def _replace(
    target: str, folder: str, chunks: Iterable[bytes | memoryview], old: os.stat_result | None
) -> None:
    """Write a file in `folder`, complete it, and only then give it the name of `target`."""
    beside = os.path.join(folder, f".steep-{os.urandom(8).hex()}")
    try:
        nameless = _open_nameless(folder)
        if nameless is None:
            with _create(beside, old) as file:
                _complete(file, chunks, old)
                os.replace(beside, target)
            return
        with nameless:
            _complete(nameless, chunks, old)
            if _link(nameless, beside):
                os.replace(beside, target)
                return
            nameless.seek(0)
            with _create(beside, old) as file:  # a copy, if the file itself can have no name
                _complete(file, iter(functools.partial(nameless.read, 1 << 20), b""), old)
                os.replace(beside, target)
    except BaseException:
        _remove(beside)
        raise


def _complete(
    file: BinaryIO, chunks: Iterable[bytes | memoryview], old: os.stat_result | None
) -> None:
    file.writelines(chunks)
    file.flush()
    _take_over(file.fileno(), old)
    os.fsync(file.fileno())


def _open_nameless(folder: str) -> BinaryIO | None:
    """A file without a name, which the system itself removes if its writer dies; or ``None``."""
    if not _NAMELESS or not os.path.isdir("/proc/self/fd"):
        return None
    with contextlib.suppress(OSError):  # the other way finds out what is wrong, if anything is
        file = _open(folder, "w+b", _NAMELESS | os.O_RDWR, 0o666)
        _lock(file)
        return file
    return None


def _create(name: str, old: os.stat_result | None) -> BinaryIO:
    """A new file under a name, locked."""
    # What replaces a file is read by no one else before it has that file's mode.
    mode = 0o666 if old is None else 0o600
    while True:
        file = _open(name, "wb", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        _lock(file)
        if os.name != "posix" or os.fstat(file.fileno()).st_nlink > 0:
            return file
        file.close()  # taken for a dead writer's before it was locked


def _open(name: str, way: Any, flags: int, mode: int) -> BinaryIO:
    """A file opened with flags of our own; its object closes it, whatever comes."""
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file: BinaryIO = open(  # noqa: SIM115  # the caller closes it
        name, way, opener=lambda path, _: os.open(path, flags, mode)
    )
    return file


def _link(file: BinaryIO, name: str) -> bool:
    """Give a nameless file a name, where that is possible."""
    descriptor = file.fileno()
    try:
        # The descriptor stands for a folder, of which an absolute path has no need: without one,
        # os.link would not follow the link in /proc.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor)
    except OSError:
        return False
    return True


def _take_over(descriptor: int, old: os.stat_result | None) -> None:
    """The owner and group, as far as permitted, and the mode of the file that was there."""
    if old is None or os.name != "posix":
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, -1, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)


def _flush_folder(folder: str) -> None:
    """Let the new name reach the disk: it is an entry of the folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---- what writers leave that are killed ---------------------------------------------------------
# Whoever writes holds a lock on its file, which ends with the process: a file that can be locked
# has no writer any more.


def _lock(file: BinaryIO) -> None:
    if fcntl is not None:
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def _remove_stale(folder: str) -> None:
    if fcntl is None:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if _BESIDE.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_stale(entry.path)


def _remove_if_stale(name: str) -> None:
    with _open(name, "rb", os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0), 0) as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked another may have removed it, and its writer taken the name again.
        if os.path.samestat(os.fstat(file.fileno()), os.lstat(name)):
            os.unlink(name)
