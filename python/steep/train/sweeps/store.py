"""Where the trials of a sweep are kept: in memory, or in a database that outlives it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import IO, Any

from steep._optional import optional

__all__ = ["Study", "check_database", "close_study", "held", "joined", "open_study", "url_of"]

_PATIENCE = 60  # seconds that a write waits for others
_ATTRIBUTE = "steep_sweep"


class Study:
    """An Optuna study, as far as a trial needs it."""

    def __init__(self, study: Any) -> None:
        self.study = study
        self._trials: dict[int, Any] = {}

    def report(self, number: int, value: float, step: int) -> bool:
        """Note how good a trial is at a step; whether it is to be pruned."""
        trial = self._trials.get(number)
        if trial is None:
            optuna = optional("optuna", "sweep", "steep.train.sweep")
            storage = self.study._storage
            key = storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
            trial = self._trials[number] = optuna.trial.Trial(self.study, key)
        trial.report(value, step)
        return bool(trial.should_prune())


_joined: dict[tuple[str, str], Study] = {}


def joined(how: tuple[str, str, Any]) -> Study:
    """The study of another process, by the address of its database and its name."""
    url, name, pruner = how
    found = _joined.get((url, name))
    if found is None:
        found = _joined[url, name] = Study(_Lazily(url, name, pruner))
    return found


class _Lazily:
    """A study that is opened when it is asked for: a trial that reports nothing needs none."""

    def __init__(self, url: str, name: str, pruner: Any) -> None:
        self._how = url, name, pruner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if "_opened" not in vars(self):
            url, study, pruner = self._how
            optuna = optional("optuna", "sweep", "steep.train.sweep")
            self._opened = optuna.load_study(
                study_name=study, storage=storage_of(url), pruner=pruner
            )
        return getattr(self._opened, name)


def url_of(storage: str | os.PathLike[str]) -> str:
    """The address of a database, which may be given as the path of a file."""
    text = os.fspath(storage)
    return text if "://" in text else f"sqlite:///{os.path.abspath(text)}"


def storage_of(url: str) -> Any:
    """Optuna's storage at an address."""
    optuna = optional("optuna", "sweep", "steep.train.sweep")
    arguments = {"connect_args": {"timeout": _PATIENCE}} if url.startswith("sqlite:") else {}
    return optuna.storages.RDBStorage(url, engine_kwargs=arguments)


def _path_of(url: str) -> str | None:
    """The file of a database of SQLite."""
    return url[len("sqlite:///") :] if url.startswith("sqlite:///") else None


def check_database(url: str) -> None:
    """Refuse a file that is no database of sweeps, before anything is written to it.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it is something else.
        RuntimeError: if it is locked.
    """
    path = _path_of(url)
    if path is None:
        return
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"sweep: expected storage in a folder that exists, got {path}; make {folder} first"
        )
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return
    try:
        tables = _tables_of(path)
    except sqlite3.OperationalError as error:
        raise RuntimeError(
            f"sweep: expected a database that can be written to, got {path}: {error}; another "
            "program has it open: end that, or choose another file"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"sweep: expected storage to be a database of SQLite, got {path}, which is something "
            f"else ({error}); choose another file"
        ) from error
    if not {"studies", "trials", "version_info"} <= tables:
        listed = ", ".join(sorted(tables)[:4]) or "none"
        raise ValueError(
            f"sweep: expected a database of sweeps, got {path} with other tables ({listed}); "
            "choose another file"
        )


def _tables_of(path: str) -> set[str]:
    with contextlib.closing(sqlite3.connect(path, timeout=2.0)) as database:
        database.execute("BEGIN IMMEDIATE")  # whether it could be written to
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        database.rollback()
    return {name for (name,) in found}


@contextlib.contextmanager
def held(url: str | None) -> Iterator[None]:
    """Keep other sweeps off the database, which would take over trials that run now.

    Raises:
        RuntimeError: if another has it.
    """
    path = None if url is None else _path_of(url)
    if path is None:
        yield
        return
    with open(f"{path}.lock", "a") as file:
        if not _locks(file):
            raise RuntimeError(
                f"sweep: expected a database that no other sweep uses, got {path}; wait until that "
                "one has ended, or choose another file"
            )
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(file.name)


def _locks(file: IO[str]) -> bool:
    """Whether this process has locked the file, and it still is the one of that name."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except OSError:
        return False


def open_study(
    url: str | None, name: str, mode: str, space: str, seed: int | None, pruner: Any
) -> tuple[Any, int]:
    """A new study, or the one of that name; and the seed of the sweep.

    Raises:
        ValueError: if there is one that another sweep has made.
    """
    optuna = optional("optuna", "sweep", "steep.train.sweep")
    storage = optuna.storages.InMemoryStorage() if url is None else storage_of(url)
    names = optuna.get_all_study_names(storage)
    direction = "minimize" if mode == "min" else "maximize"
    if name not in names:
        study = optuna.create_study(
            study_name=name, storage=storage, direction=direction, pruner=pruner
        )
        described = {"mode": mode, "space": space, "seed": 0 if seed is None else seed}
        study.set_user_attr(_ATTRIBUTE, described)
        return study, int(described["seed"])  # type: ignore[call-overload]
    study = optuna.load_study(study_name=name, storage=storage, pruner=pruner)
    found = study.user_attrs.get(_ATTRIBUTE)
    given = {"mode": mode, "space": space}
    if found is None:
        raise ValueError(
            f"sweep: expected a study of steep.train.sweep, got {name!r}, which something else has "
            "made; choose another name"
        )
    if seed is not None:
        given["seed"] = seed  # type: ignore[assignment]
    for what, value in given.items():
        if found[what] != value:
            raise ValueError(
                f"sweep: expected the {what} of the sweep {name!r} that is to go on, "
                f"{found[what]}, got {value}; choose another name for another sweep"
            )
    return study, int(found["seed"])


def close_study(study: Any) -> None:
    """Close the connections to the database."""
    storage = getattr(study._storage, "_backend", study._storage)
    storage.remove_session()
    engine = getattr(storage, "engine", None)
    if engine is not None:
        engine.dispose()
