"""The table that is learned from, and the column that is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steep.cli.tables.files import as_options
from steep.data import TableTransform, TargetTransform, read_table, split_indices
from steep.data.tables.frames import as_frame

__all__ = ["FEWEST_ROWS", "Parts", "Problem", "fitted_transforms", "read_problem", "share_out"]

FEWEST_ROWS = 20
_LARGEST = 1e30  # of a target: its square is a float32 still
_FEW_TO_JUDGE = 50
_EMBEDDED_FROM = 9  # levels from which on a category gets an embedding


@dataclass
class Problem:
    """A table, and what is to be predicted of it.

    Attributes:
        frame: the input columns, a pandas frame.
        values: the target, one value a row.
        target: the target's name.
        task: ``'classification'`` or ``'regression'``.
        notes: what was found or done that the user should know, a sentence each.
    """

    frame: Any
    values: Any
    target: str
    task: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Parts:
    """Positions of the rows that are learned from, that end the training, and that judge it."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def read_problem(path: str, target: str, task: str | None, drop: list[str], **how: Any) -> Problem:
    """Read a table and find out what kind of task its target makes.

    Args:
        path: the table's file.
        target: the column that is to be predicted.
        task: of `Problem`, or ``None`` to find it out.
        drop: columns that are not learned from.
        **how: arguments of `read_table`.

    Raises:
        ValueError: if there is no such column, or nothing can be learned of it.
    """
    frame = read_table(path, **how)
    seen = as_frame(frame, path)
    seen.require([target, *drop], path)
    if target in drop:
        raise ValueError(f"the target {target!r} is among the columns to drop")
    notes = [
        f"{name!r} is read as numbers, of {unit}"
        for name, unit in frame.attrs.get("units", {}).items()
        if name not in drop
    ]
    missing = seen[target].missing()
    if missing.all():
        raise ValueError(f"{path}: the target {target!r} holds no value")
    if missing.any():
        notes.append(f"{missing.sum()} rows without a value of {target!r} are left out")
        frame = frame[~missing].reset_index(drop=True)
    if len(frame) < FEWEST_ROWS:
        raise ValueError(
            f"{path}: expected at least {FEWEST_ROWS} rows to learn from and to judge by, got "
            f"{len(frame)}"
        )
    values = frame[target]
    inputs = frame.drop(columns=[target, *drop])
    if not len(inputs.columns):
        raise ValueError(f"{path}: expected columns beside the target {target!r}, got none")
    _leave_out_objects(inputs, notes)
    found = _found(values, target, task)
    notes.append(f"{found.found}: {found.note}" if task is None else f"{task}, as asked")
    return Problem(inputs, values, target, found.found, notes)


def _leave_out_objects(inputs: Any, notes: list[str]) -> None:
    """Drop the columns of lists and other objects that nothing can be made of."""
    seen = as_frame(inputs, "steep train")
    for name in seen.names:
        try:
            seen[name]
        except TypeError as error:
            notes.append(
                str(error).partition(";")[0].replace(": expected", " is dropped: expected")
            )
            del inputs[name]


def _found(values: Any, target: str, task: str | None) -> TargetTransform:
    """The task that a target makes.

    Raises:
        ValueError: if it makes none that can be learned.
    """
    try:
        found = TargetTransform(task).fit(values)
    except ValueError as error:  # which does not know the column's name
        text = str(error).replace("column 'x0'", f"the target {target!r}")
        raise ValueError(text) from error
    different = values.nunique()
    if found.found == "classification":
        if different > len(values) / 2:
            raise ValueError(
                f"the target {target!r} has {different} different values in {len(values)} rows, "
                "too many to be classes; is another column meant, or --task regression?"
            )
    elif different == 1:
        raise ValueError(
            f"the target {target!r} is {values.iloc[0]} in every row: there is nothing to learn"
        )
    elif not np.abs(np.asarray(values, dtype=np.float64)).max() < _LARGEST:
        raise ValueError(
            f"the target {target!r} has values beyond {_LARGEST:g}; give it in another unit, or "
            "its logarithm"
        )
    return found


def share_out(problem: Problem, shares: tuple[float, float], seed: int, time: str | None) -> Parts:
    """Rows to learn from, to validate and to test, the shares of the latter two given.

    Raises:
        ValueError: if the shares leave too little, or there is no such column of time.
    """
    validation, test = shares
    if not (validation > 0 and test > 0 and validation + test < 0.9):
        raise ValueError(
            "expected shares above 0 that leave a tenth to learn from, got "
            f"--validation {validation:g} and --test {test:g}"
        )
    fractions = (1.0 - validation - test, validation, test)
    options: dict[str, Any] = {"seed": seed}
    if time is not None:
        as_frame(problem.frame, "--time").require([time], "--time")
        options = {"time": problem.frame[time]}
    elif problem.task == "classification":
        counts = problem.values.value_counts()
        if counts.min() >= 3:
            options["stratify"] = problem.values
        else:
            often = "once" if counts.min() == 1 else "twice"
            problem.notes.append(
                f"{counts.idxmin()!r} occurs only {often}, so the "
                "parts are drawn without regard to classes"
            )
    try:
        parts = Parts(*split_indices(len(problem.frame), fractions, **options))
    except ValueError as error:  # which does not know the column's name
        raise ValueError(str(error).replace("column 'time'", f"--time {time}")) from error
    for name, rows in vars(parts).items():
        if len(rows) < 2:
            raise ValueError(
                f"of {len(problem.frame)} rows the {name} part gets {len(rows)}; raise "
                "--validation or --test"
            )
    if len(parts.test) < _FEW_TO_JUDGE:
        problem.notes.append(
            f"only {len(parts.test)} rows judge, so the scores are rough; another --seed shows how "
            "rough"
        )
    return parts


def fitted_transforms(
    problem: Problem, rows: np.ndarray, **options: Any
) -> tuple[Any, TargetTransform]:
    """What turns columns and target into numbers, learned from the rows given alone.

    `options` are those of `TableTransform`. Categories of many values are embedded. Class labels
    are those of all rows: they are known beforehand.
    """
    plain = TableTransform(**options).fit(problem.frame, rows)
    seen = as_frame(problem.frame, "steep train").take(rows)
    categories = [name for name, kind in plain.kinds.items() if kind == "category"]
    codes = {name: seen[name].as_levels().values for name in categories}
    many = [name for name, of in codes.items() if len(np.unique(of[of >= 0])) >= _EMBEDDED_FROM]
    table = plain
    if many:
        table = TableTransform(**options, embed=many, unknown="own").fit(problem.frame, rows)
    for note in plain.notes:  # those of `table` say of what is embedded that it was asked for
        text = as_options(note.partition("; name it")[0])
        problem.notes.append(f"column {text}")
    target = TargetTransform(problem.task)
    is_regression = problem.task == "regression"
    target.fit(problem.values.iloc[rows] if is_regression else problem.values)
    return table, target
