"""How `steep train` and `steep predict` are told to read a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pd = pytest.importorskip("pandas", reason="pandas is not installed")

from steep.cli import main  # noqa: E402

QUICK = ["--epochs", "2", "--hidden", "4", "--quiet"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    x = np.random.RandomState(0).rand(60, 2).round(4)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": 2 * x[:, 0] + 0.01})


def works(told: list[str], capsys: Any, *arguments: str) -> None:
    """A command says which option it needs, and works with it."""
    assert main([*arguments]) == 1
    said = capsys.readouterr().err
    assert " ".join(told) in said
    assert "=" not in said
    assert main([*arguments, *told]) == 0


def test_a_table_without_names(table: Any, capsys: Any) -> None:
    table.to_csv("t.csv", index=False, header=False)
    given = ["train", "t.csv", "--target", "x2", *QUICK]
    works(["--header", "no"], capsys, *given)
    works(["--header", "no"], capsys, "predict", "t.steep", "t.csv", "-o", "out.csv")
    assert list(pd.read_csv("out.csv")) == ["x0", "x1", "x2", "predicted_x2"]


def test_names_that_are_numbers(table: Any, capsys: Any) -> None:
    table.to_csv("t.csv", index=False, header=["1", "2", "3"])
    works(["--header", "yes"], capsys, "train", "t.csv", "--target", "3", *QUICK)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_whose_name_does_not_tell_what_it_is(table: Any, kind: str, capsys: Any) -> None:
    if kind == "csv":
        table.to_csv("t.dat", index=False)
    else:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        table.to_parquet("t.dat")
    given = ["train", "t.dat", "--target", "y", *QUICK]
    assert main(given) == 1
    said = capsys.readouterr().err
    assert said.endswith("say --format csv or --format parquet if it is one\n")
    assert main([*given, "--format", kind]) == 0
    assert main(["predict", "t.steep", "t.dat", "-o", "out.csv", "--format", kind]) == 0


def test_infinite_numbers_are_missing_ones_where_that_is_said(table: Any, capsys: Any) -> None:
    table.loc[::7, "a"] = np.inf
    table.to_csv("t.csv", index=False)
    works(["--infinite", "missing"], capsys, "train", "t.csv", "--target", "y", *QUICK)
    assert main(["predict", "t.steep", "t.csv", "-o", "out.csv"]) == 0
    assert np.isfinite(pd.read_csv("out.csv")["predicted_y"]).all()
