"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterable
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # not on this system: then nothing is known of other writers
    fcntl = None

__all__ = ["write_atomically"]

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
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
    descriptor = _open_nameless(folder)
    nameless = descriptor is not None
    try:
        if descriptor is None:
            descriptor = _create(beside, old)
        else:
            _lock(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(chunks)
        _take_over(descriptor, old)
        if nameless:
            descriptor = _named(descriptor, beside, old)
        os.fsync(descriptor)
        os.replace(beside, target)
    except BaseException:
        _remove(beside)
        raise
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open_nameless(folder: str) -> int | None:
    """A file without a name, which the system itself removes if its writer dies; or ``None``."""
    if not _NAMELESS or not os.path.isdir("/proc/self/fd"):
        return None
    with contextlib.suppress(OSError):  # the other way finds out what is wrong, if anything is
        return os.open(folder, os.O_RDWR | _NAMELESS | _CLOEXEC, 0o666)
    return None


def _create(name: str, old: os.stat_result | None) -> int:
    """A new file under a name, locked."""
    # What replaces a file is read by no one else before it has that file's mode.
    mode = 0o666 if old is None else 0o600
    while True:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, mode)
        _lock(descriptor)
        if os.name != "posix" or os.fstat(descriptor).st_nlink > 0:
            return descriptor
        os.close(descriptor)  # taken for a dead writer's before it was locked


def _named(descriptor: int, name: str, old: os.stat_result | None) -> int:
    """A nameless file under a name, or a copy of it where it cannot be given one."""
    try:
        # The descriptor stands for a folder, of which an absolute path has no need: without one,
        # os.link would not follow the link in /proc.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor)
        return descriptor
    except OSError:
        copy = _create(name, old)
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file, open(copy, "wb", closefd=False) as to:
            shutil.copyfileobj(file, to, 1 << 20)
        _take_over(copy, old)
        os.close(descriptor)
    except BaseException:
        os.close(copy)
        raise
    return copy


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


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _remove_stale(folder: str) -> None:
    if fcntl is None:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if _BESIDE.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_stale(entry.path)


def _remove_if_stale(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY | _CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name)
    finally:
        os.close(descriptor)
