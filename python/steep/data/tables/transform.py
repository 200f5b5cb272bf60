"""Whole tables as what a network takes: a matrix of floats, and codes for embeddings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steep.data.tables.columns import Array
from steep.data.tables.frames import Frame, as_frame
from steep.data.tables.kinds import TableWarning, decide_all
from steep.data.tables.parts import SCALES, CategoryPart, DatePart, NumberPart, TablePart
from steep.data.transforms.base import Transform
from steep.data.transforms.categories import OrdinalEncoder

__all__ = ["TableTransform"]

_PARTS: dict[str, type[TablePart]] = {
    kind.__name__: kind for kind in (NumberPart, DatePart, CategoryPart)
}


class TableTransform(Transform):
    """Turn a table into float32 features, each column by what it holds.

    - **Numbers** (and truth values) are scaled; missing ones are filled in, and marked in a column
      of their own where the training part has some.
    - **Categories**, text with few different values or a category type, get a column of 0 and 1 for
      each level; or, where `embed` says so, a code for `nn.Embedding`. Missing is a level.
    - **Dates** become year, month, day, weekday and hour, as `DateParts` has them.
    - **Dropped** are columns that hold no value or one only, and text that is different in most
      rows or has too many values; a `TableWarning` says which and why.

    When applied, columns are found by name, in whatever order; further ones are ignored. Arrays
    without names are taken by position.

    Args:
        numbers, categories, dates, drop: names of columns that are to be so, whatever they hold.
        embed: names of categories that become codes, or ``True`` for all. Default: none.
        scale: how numbers are scaled: ``"standard"``, ``"minmax"``, ``"robust"``, ``"quantile"``
            (to uniform), ``"normal"`` (quantiles to normal), ``"none"``; or a dict of columns'
            names and these. Default: ``"standard"``.
        impute: what missing numbers become: ``"median"``, ``"mean"``, ``"most_frequent"``, or a
            number. Default: the median.
        infinite: ``"error"``, or ``"missing"`` to take infinite numbers as missing ones.
        unknown: what becomes of a category that the training part does not have: ``"zeros"``,
            ``"own"`` (a column of its own) or ``"error"``. A code is always its own, or an error.
        min_count: categories in fewer training rows count as unknown. Default: 1.
        max_categories: text with more values is dropped, unless named. Default: 100.
        cyclic: whether parts of dates lie on circles. Default: ``True``.

    Attributes:
        kinds: ``"number"``, ``"category"``, ``"date"`` or ``"dropped"``, by column; set by `fit`.
        notes: what was decided and is worth a word, one sentence each.
        feature_names: names of the matrix' columns.
        feature_columns: the table's column that each of them is made of.
        embedding_names: names of the columns of codes.
        embedding_sizes: how many codes each of them has.

    Raises:
        ValueError: if an option is none of these.

    Example:
        >>> import steep
        >>> table = {"age": [20, 40, None, 60], "city": ["Uri", "Bern", "Uri", "Zug"]}
        >>> transform = steep.data.TableTransform(scale="minmax").fit(table)
        >>> transform.feature_names
        ['age', 'age_missing', 'city=Bern', 'city=Uri', 'city=Zug']
        >>> transform.transform({"city": ["Rome"], "age": [30]}).tolist()
        [[0.25, 0.0, 0.0, 0.0, 0.0]]
    """

    _arguments = (
        *("numbers", "categories", "dates", "drop", "embed", "scale", "impute", "infinite"),
        *("unknown", "min_count", "max_categories", "cyclic"),
    )
    _learned = ("kinds", "notes", "columns", "parts", "encoder")
    kinds: dict[str, str]
    notes: list[str]
    columns: list[str]
    parts: list[TablePart]
    encoder: OrdinalEncoder | None

    def __init__(
        self,
        *,
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        dates: Sequence[str] = (),
        drop: Sequence[str] = (),
        embed: bool | Sequence[str] = False,
        scale: str | Mapping[str, str] = "standard",
        impute: str | float = "median",
        infinite: str = "error",
        unknown: str = "zeros",
        min_count: int = 1,
        max_categories: int = 100,
        cyclic: bool = True,
    ) -> None:
        self.numbers = _names("numbers", numbers)
        self.categories = _names("categories", categories)
        self.dates = _names("dates", dates)
        self.drop = _names("drop", drop)
        self.embed = embed if isinstance(embed, bool) else _names("embed", embed)
        self.scale = scale if isinstance(scale, str) else dict(scale)
        for value in [scale] if isinstance(scale, str) else scale.values():
            _among("scale", value, SCALES)
        if not isinstance(impute, (int, float)) or not math.isfinite(impute):
            _among("impute", impute, ("median", "mean", "most_frequent", "a finite number"))
        self.impute = impute
        self.infinite = _among("infinite", infinite, ("error", "missing"))
        self.unknown = _among("unknown", unknown, ("zeros", "own", "error"))
        self.min_count = min_count
        self.max_categories = max_categories
        self.cyclic = cyclic
        OrdinalEncoder("error" if unknown == "error" else "own", min_count)  # do they agree?

    def fit(self, x: Any, rows: Any = None) -> TableTransform:
        """Decide and learn from the training part.

        Args:
            x: a frame of pandas, polars or Arrow, a dict of columns, a 2-d array, or a path.
            rows: indices of the training rows. Default: all.

        Raises:
            ValueError: if there is no row, no column is left, a name is no column's, or a column
                does not hold what it is said to.
            TypeError: if `x` is no table, or a column holds objects of other kinds.

        Warns:
            TableWarning: if columns are dropped.
        """
        what = "TableTransform.fit"
        frame = as_frame(x, what).columnwise()
        frame = frame if rows is None else frame.take(rows)
        if frame.rows == 0:
            raise ValueError(f"{what}: expected at least one row, got a table without any")
        embed = [] if isinstance(self.embed, bool) else self.embed
        decisions = decide_all(
            frame,
            {
                "number": [*self.numbers, *(self.scale if isinstance(self.scale, dict) else ())],
                "category": [*self.categories, *embed],
                "date": self.dates,
                "dropped": self.drop,
            },
            self.max_categories,
            what,
        )
        kinds = {name: decision.kind for name, decision in decisions.items()}
        words = {name: decision.why for name, decision in decisions.items()
                 if decision.why not in ("", "as asked")}  # fmt: skip
        dropped = [f"{name!r} ({why})" for name, why in words.items() if kinds[name] == "dropped"]
        parts, encoder = self._fitted(frame, kinds, what)
        if encoder is None and not any(part.feature_names for part in parts):
            raise ValueError(
                f"{what}: no column is left to learn from; dropped are {', '.join(dropped)}"
            )
        self.kinds, self.parts, self.encoder = kinds, parts, encoder
        self.notes = [f"{name!r} is {_article(kinds[name])}: {why}" for name, why in words.items()]
        self.columns = [name for name, kind in kinds.items() if kind != "dropped"]
        self.names = frame.names if frame.named else None
        if dropped:
            warnings.warn(
                f"TableTransform: left out {', '.join(dropped)}", TableWarning, stacklevel=2
            )
        return self

    def _fitted(
        self, frame: Frame, kinds: dict[str, str], what: str
    ) -> tuple[list[TablePart], OrdinalEncoder | None]:
        def of(kind: str) -> list[str]:
            return [name for name, found in kinds.items() if found == kind]

        scales = {
            name: self.scale if isinstance(self.scale, str) else self.scale.get(name, "standard")
            for name in of("number")
        }
        parts: list[TablePart] = []
        for scale in dict.fromkeys(scales.values()):
            names = [name for name, its in scales.items() if its == scale]
            parts.append(NumberPart(names, scale, self.impute, self.infinite))
        if of("date"):
            parts.append(DatePart(of("date"), self.cyclic))
        embed = self.embed
        coded = [n for n in of("category") if (embed if isinstance(embed, bool) else n in embed)]
        shown = [name for name in of("category") if name not in coded]
        if shown:
            parts.append(CategoryPart(shown, self.unknown, self.min_count))
        for part in parts:
            part.fit_frame(frame, what)
        encoder = None
        if coded:
            unknown = "error" if self.unknown == "error" else "own"
            encoder = OrdinalEncoder(unknown, self.min_count).fit(frame.only(coded))
        return parts, encoder

    @property
    def feature_names(self) -> list[str]:
        """Names of the matrix' columns."""
        self._check_fitted()
        return [name for part in self.parts for name in part.feature_names]

    @property
    def feature_columns(self) -> list[str]:
        """The table's column that each of them is made of."""
        self._check_fitted()
        return [name for part in self.parts for name in part.sources]

    @property
    def embedding_names(self) -> list[str]:
        """Names of the columns of codes."""
        self._check_fitted()
        return [] if self.encoder is None else self.encoder.columns

    @property
    def embedding_sizes(self) -> list[int]:
        """How many codes each column of codes has, the unknown one included."""
        self._check_fitted()
        return [] if self.encoder is None else self.encoder.sizes

    def transform(self, x: Any) -> Any:
        """The features of a table.

        Returns:
            A float32 array ``[rows, features]``; where there are embeddings, a pair of that and an
            int64 array of codes, ``[rows, embeddings]``.

        Raises:
            RuntimeError: if it is not fitted.
            ValueError: if a column is missing, holds text or dates where numbers were, an infinite
                number, or (with ``unknown="error"``) a new category; the message names it.
        """
        self._check_fitted()
        what = "TableTransform.transform"
        frame = as_frame(x, what)
        if self.names is None and not frame.named:
            if len(frame.names) != len(self.kinds):
                raise ValueError(
                    f"{what}: expected {len(self.kinds)} columns, as fitted, got {len(frame.names)}"
                )
        else:
            frame.require(self.columns, what)
        widths = [len(part.feature_names) for part in self.parts]
        out = np.empty((frame.rows, sum(widths)), np.float32)
        start = 0
        for part, width in zip(self.parts, widths, strict=True):
            part.write(frame, out[:, start : start + width], what)
            start += width
        if not self.embed:
            return out
        return out, self._codes(frame)

    def _codes(self, frame: Frame) -> Array:
        if self.encoder is None:
            return np.empty((frame.rows, 0), np.int64)
        codes: Array = self.encoder.transform(frame.only(self.encoder.columns))
        return codes

    def _restored(self, name: str, value: Any) -> Any:
        if name == "parts":
            kinds = [_PARTS.get(state["transform"], NumberPart) for state in value]
            return [kind.from_state(state) for kind, state in zip(kinds, value, strict=True)]
        if name == "encoder":
            return None if value is None else OrdinalEncoder.from_state(value)
        return super()._restored(name, value)


def _names(option: str, names: Any) -> list[str]:
    if isinstance(names, str):
        raise ValueError(f"TableTransform: expected {option} to be a list of names, got {names!r}")
    return [str(name) for name in names]


def _among(option: str, value: Any, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise ValueError(
            f"TableTransform: expected {option} to be one of {', '.join(known)}, got {value!r}"
        )
    return value


def _article(kind: str) -> str:
    return kind if kind == "dropped" else f"a {kind}"
