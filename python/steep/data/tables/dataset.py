"""A table as a dataset of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from steep._core import Tensor, from_numpy
from steep.data.dataset import TensorDataset
from steep.data.tables.frames import Frame, as_frame
from steep.data.tables.naming import nearest
from steep.data.tables.target import TargetTransform
from steep.data.tables.transform import TableTransform

__all__ = ["TableDataset"]


class TableDataset(TensorDataset):
    """A table's rows as samples ``(x, y)``: features and the target.

    With ``embed=``, x is a pair: features, and codes for embeddings. `steep.train.fit` calls a
    model with both then, and so may a loop: ``for x, y in loader: model(*x)``.

    The training part fits the transforms; the others take them over by `like`.

    Args:
        table: a frame of pandas, polars or Arrow, a dict of columns, a 2-d array, or the path of a
            CSV or Parquet file.
        target: name (or position) of the column to predict, a list of them, or one value per row.
            Default: none; samples have no target then.
        like: a `TableDataset` whose transforms are applied.
        transform: a fitted `TableTransform` to apply. Default: one is made with `options`, and
            fitted.
        target_transform: a fitted `TargetTransform` to apply. Default: one is made, and fitted.
        task: ``"classification"`` or ``"regression"``, for the one that is made.
        options: of the `TableTransform` that is made.

    Attributes:
        tensors: features, codes if there are any, and the target if there is one.
        transform: the `TableTransform`.
        target_transform: the `TargetTransform`, or ``None``.
        target: as given, where columns of the table are meant.

    Raises:
        ValueError: as the transforms do, if the target is no column, or it is not clear which
            transform is meant.
        TypeError: if `table` is none.

    Example:
        >>> import steep
        >>> table = {"age": [20, 40, 30, 60], "city": ["Uri", "Bern", "Uri", "Bern"],
        ...          "buys": ["no", "yes", "no", "yes"]}
        >>> train = steep.data.TableDataset(table, target="buys")
        >>> x, y = train[1]
        >>> train.transform.feature_names, x.shape, y.item()
        (['age', 'city=Bern', 'city=Uri'], steep.Size([3]), 1)
        >>> new = steep.data.TableDataset({"city": ["Uri"], "age": [35]}, like=train)
        >>> len(new), len(new[0])
        (1, 1)
    """

    transform: TableTransform
    target_transform: TargetTransform | None
    target: Any

    def __init__(
        self,
        table: Any,
        target: Any = None,
        *,
        like: TableDataset | None = None,
        transform: TableTransform | None = None,
        target_transform: TargetTransform | None = None,
        task: str | None = None,
        **options: Any,
    ) -> None:
        if like is not None:
            if transform is not None or target_transform is not None:
                raise ValueError("TableDataset: expected like or transforms, got both")
            transform, target_transform = like.transform, like.target_transform
        if transform is not None and (options or task is not None):
            given = [*options, *(["task"] if task is not None else [])]
            raise ValueError(
                f"TableDataset: the transform is given, so {', '.join(given)} would do nothing"
            )
        frame = as_frame(table, "TableDataset")
        if target is None and like is not None and _is_there(frame, like.target):
            target = like.target
        frame, wanted, self.target = _parted(frame, target)
        if transform is None:
            transform = TableTransform(**options).fit(frame)
        made = transform.transform(frame)
        arrays = list(made) if isinstance(made, tuple) else [made]
        if wanted is not None:
            if target_transform is None:
                target_transform = TargetTransform(task).fit(wanted)
            arrays.append(target_transform.transform(wanted))
            if len(arrays[-1]) != frame.rows:
                raise ValueError(
                    f"TableDataset: expected one target per row, got {len(arrays[-1])} for "
                    f"{frame.rows} rows"
                )
        tensors: list[Tensor] = [from_numpy(array) for array in arrays]
        super().__init__(*tensors)
        self.transform = transform
        self.target_transform = target_transform

    def join(self, fields: list[Tensor], kind: type = list) -> Any:
        """A sample or a batch, features and codes together."""
        if not self.transform.embed:
            return kind(fields)
        x, codes, *target = fields
        return kind([(x, codes), *target])


def _is_there(frame: Frame, target: Any) -> bool:
    if target is None or not frame.named:
        return False
    names = target if isinstance(target, list) else [target]
    return all(name in frame.names for name in names)


def _parted(frame: Frame, target: Any) -> tuple[Frame, Any, Any]:
    """The table without its target, the target's values, and its names."""
    if target is None:
        return frame, None, None
    several = isinstance(target, (list, tuple)) and bool(target)
    names = list(target) if several else [target]
    if not all(isinstance(name, (str, int, np.integer)) for name in names) or (
        several and not all(isinstance(name, str) for name in names)
    ):
        return frame, target, None
    names = [_name(frame, name) for name in names]
    columns = [frame[name] for name in names]
    wanted: Any = columns[0] if not several else frame.only(names)
    return frame.without(names), wanted, names if several else names[0]


def _name(frame: Frame, target: Any) -> str:
    if not isinstance(target, str):
        if not -len(frame.names) <= target < len(frame.names):
            raise ValueError(
                f"TableDataset: there is no column {target}; the table has {len(frame.names)}"
            )
        return frame.names[int(target)]
    if target not in frame.names:
        raise ValueError(
            f"TableDataset: there is no target column {target!r}{nearest(target, frame.names)}"
        )
    return str(target)
