"""Files that are written: modes, owners, links, full disks, several writers."""

from __future__ import annotations

import os
import threading

import pytest

import steep
from steep import _files
from steep._files import write_atomically


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.safetensors"


def both_ways(test):
    """With a file that has no name until it is complete; without; and if it cannot be named."""
    return pytest.mark.parametrize("way", ["nameless", "named", "copied"])(test)


@pytest.fixture
def written(way, monkeypatch):
    if way == "named":
        monkeypatch.setattr("steep._files._NAMELESS", 0)
    if way == "copied":

        def refuse(*args, **kwargs):
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


@both_ways
def test_a_file_keeps_its_mode_and_a_new_one_follows_the_umask(written, path):
    before = os.umask(0o027)
    try:
        steep.save({"a": steep.ones(1)}, path)
        assert path.stat().st_mode & 0o7777 == 0o640
        for mode in (0o600, 0o664, 0o400):
            path.chmod(mode)
            steep.save({"a": steep.zeros(1)}, path)
            assert path.stat().st_mode & 0o7777 == mode
            assert steep.load(path)["a"].item() == 0.0
    finally:
        os.umask(before)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes root's rights")
@both_ways
def test_a_file_keeps_its_owner(written, path):
    steep.save({"a": steep.ones(1)}, path)
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    steep.save({"a": steep.zeros(1)}, path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (12345, 23456, 0o640)


@both_ways
def test_a_link_is_followed(written, tmp_path):
    target, link, second = tmp_path / "target", tmp_path / "link", tmp_path / "second"
    link.symlink_to("target")
    second.symlink_to(link)
    for value in (1.0, 2.0):  # the first time it leads nowhere yet
        steep.save({"a": steep.full((1,), value)}, second)
        assert second.is_symlink()
        assert link.is_symlink()
        assert not target.is_symlink()
        assert steep.load(target)["a"].item() == value
    assert len(os.listdir(tmp_path)) == 3


@both_ways
def test_the_longest_name_is_as_good_as_any(written, tmp_path):
    path = tmp_path / ("n" * 255)
    steep.save({"a": steep.ones(1)}, path)
    steep.save({"a": steep.zeros(1)}, path)
    assert steep.load(path)["a"].item() == 0.0
    with pytest.raises(OSError, match="too long"):
        steep.save({}, tmp_path / ("n" * 256))


@both_ways
def test_a_full_disk_leaves_the_old_file_alone(written, path):
    steep.save({"a": steep.ones(1)}, path)

    def chunks():
        yield b"half of it"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=f"No space left on device: .*{path.name}"):
        write_atomically(str(path), chunks())
    assert steep.load(path)["a"].item() == 1.0
    assert os.listdir(path.parent) == [path.name]


def test_what_the_dead_have_left_is_removed_and_the_files_of_others_are_not(path):
    fcntl = pytest.importorskip("fcntl")
    dead = path.parent / ".steep-0123456789abcdef"
    alive = path.parent / ".steep-fedcba9876543210"
    others = path.parent / ".steep-notes"
    for file in (dead, alive, others):
        file.write_bytes(b"something")
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        steep.save({"a": steep.ones(1)}, path)
        assert not dead.exists()
        assert alive.exists()
        assert others.exists()


def test_a_folder_that_cannot_be_read_is_no_failure(path, monkeypatch):
    """It can be written to: the file is in its place, and that is what was asked for."""
    real = os.open

    def refuse(name, flags, *args, **kwargs):
        if os.path.isdir(name) and not flags & getattr(os, "O_TMPFILE", 0):
            raise PermissionError(13, "Permission denied", name)
        return real(name, flags, *args, **kwargs)

    def refuse_listing(name):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse_listing)
    steep.save({"a": steep.ones(1)}, path)
    assert steep.load(path)["a"].item() == 1.0


def test_a_name_that_its_writer_has_taken_again_is_not_removed(tmp_path, monkeypatch):
    """Between the look at a file and its lock, another may have removed it for stale."""
    name = tmp_path / f".steep-{'0' * 16}"
    name.write_bytes(b"of a dead writer, it seems")
    lock = pytest.importorskip("fcntl").flock

    def overtaken(descriptor, way):
        name.unlink()
        name.write_bytes(b"new")
        lock(descriptor, way)

    monkeypatch.setattr("steep._files.fcntl.flock", overtaken)
    _files._remove_if_stale(str(name))
    assert name.read_bytes() == b"new"


def test_saves_at_the_same_time_do_not_disturb_each_other(path, monkeypatch):
    monkeypatch.setattr("steep._files._NAMELESS", 0)  # names that the others could remove
    failures = []

    def save(number):
        try:
            for _ in range(40):
                steep.save({"a": steep.full((50,), number)}, path)
                values = set(steep.load(path)["a"].tolist())
                assert len(values) == 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(float(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_is_no_file_and_a_pipe_is_written_to(tmp_path):
    with pytest.raises(IsADirectoryError):
        steep.save({"a": steep.ones(1)}, tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    thread = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    thread.start()
    steep.save({"a": steep.ones(1)}, pipe)
    thread.join()
    (tmp_path / "file").write_bytes(read[0])
    assert steep.load(tmp_path / "file")["a"].item() == 1.0
