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


def test_texts_among_numbers_are_missing_ones_where_that_is_said(table: Any, capsys: Any) -> None:
    table["a"] = table["a"].astype(object)
    table.loc[3, "a"] = "n. a."
    table.to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "y", *QUICK[:-1]]) == 0
    said = capsys.readouterr().out
    assert "are numbers, 'n. a.' is not" in said
    assert "say --missing 'n. a.'" in said
    assert main(["train", "t.csv", "--target", "y", *QUICK, "--missing", "n. a."]) == 0
    given = ["predict", "t.steep", "t.csv", "-o", "out.csv"]
    assert main(given) == 1
    assert main([*given, "--missing", "n. a."]) == 0
    assert pd.read_csv("out.csv")["a"][3] == "n. a."


def test_dates_with_slashes_ask_for_their_order(table: Any, capsys: Any) -> None:
    table["day"] = pd.date_range("2023-01-01", periods=60).strftime("%m/%d/%Y")
    table.to_csv("t.csv", index=False)
    given = ["train", "t.csv", "--target", "y", *QUICK[:-1]]
    assert main(given) == 0
    assert "say --slashes day-first or --slashes month-first" in capsys.readouterr().out
    assert main([*given, "--slashes", "month-first"]) == 0
    assert main(["predict", "t.steep", "t.csv"]) == 1
    assert "--slashes day-first or --slashes month-first" in capsys.readouterr().err
    assert main(["predict", "t.steep", "t.csv", "--slashes", "month-first"]) == 0


def test_predictions_leave_the_tables_own_columns_as_they_are(table: Any, capsys: Any) -> None:
    table["id"] = [f"{i:03}" for i in range(60)]
    table["big"] = ["12345678901234567", *["NA"] * 59]
    table["text"] = " blanks "
    table.to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "y", *QUICK]) == 0
    assert main(["predict", "t.steep", "t.csv", "-o", "out.csv"]) == 0
    before, after = Path("t.csv").read_text(), Path("out.csv").read_text()
    for own, line in zip(before.splitlines(), after.splitlines(), strict=True):
        assert line.rpartition(",")[0] == own
    capsys.readouterr()
    assert main(["predict", "t.steep", "out.csv", "-o", "again.csv"]) == 0
    assert "own column 'predicted_y' is replaced" in capsys.readouterr().err
    assert Path("again.csv").read_text() == after


def test_the_ending_says_what_is_written(table: Any, capsys: Any) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table.to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "y", *QUICK]) == 0
    made = {}
    for name in ("o.csv", "o.tsv", "o.csv.gz", "o.csv.xz", "o.parquet"):
        assert main(["predict", "t.steep", "t.csv", "-o", name]) == 0
        made[name] = pd.read_parquet(name) if "parquet" in name else pd.read_csv(name, sep=r"[,\t]",
            engine="python")  # fmt: skip
    for frame in made.values():
        pd.testing.assert_frame_equal(frame, made["o.csv"])
    assert "\t" in Path("o.tsv").read_text()
    capsys.readouterr()
    assert main(["predict", "t.steep", "t.csv", "-o", "o.xlsx"]) == 1
    assert "expected a name that ends in .csv" in capsys.readouterr().err
    assert not Path("o.xlsx").exists()


def test_columns_of_lists_are_left_out(table: Any, capsys: Any) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table["lists"] = [[1, 2]] * 60
    table.to_parquet("t.parquet")
    assert main(["train", "t.parquet", "--target", "y", *QUICK[:-1]]) == 0
    assert "column 'lists' is dropped: expected numbers" in capsys.readouterr().out
    assert main(["predict", "t.steep", "t.parquet", "--only"]) == 0


def test_what_a_column_is_needed_for_converts_the_table_once(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steep import data, nn
    from steep.cli.tables.importance import importances
    from steep.cli.tables.learning import inputs_of, outputs_of, predictions

    table["day"] = pd.date_range("2023-01-01", periods=60)
    table["town"] = ["Bern", "Uri", None] * 20
    table["street"] = [f"street {i % 12}" for i in range(60)]
    given = table[["a", "day", "town", "street"]]
    transform = data.TableTransform(embed=["street"], unknown="own").fit(given)
    assert [*dict.fromkeys(transform.feature_columns)] == ["a", "day", "town"]
    assert len(transform.feature_columns) == len(transform.feature_names)

    class Net(nn.Module):
        def forward(self, x: Any, codes: Any) -> Any:
            return 2 * x[:, :1] + codes.float()

    target = data.TargetTransform("regression").fit(table["y"])
    truth = predictions(outputs_of(Net(), inputs_of(transform, given)), target)
    calls = []
    whole = data.TableTransform.transform

    def counted(self: Any, x: Any) -> Any:
        calls.append(len(x))
        return whole(self, x)

    monkeypatch.setattr(data.TableTransform, "transform", counted)
    rises = importances(Net(), transform, target, given, truth, 0)
    assert calls == [60]
    assert rises.keys() == {"a", "day", "town", "street"}
    assert rises["a"] > 0.1 < rises["street"]
    assert rises["day"] == rises["town"] == 0


def test_a_class_that_is_never_answered_is_noted(table: Any, capsys: Any) -> None:
    big = pd.concat([table] * 10, ignore_index=True)
    big["y"] = np.where(np.random.RandomState(1).rand(600) < 0.05, "fraud", "fine")
    big.to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "y", "--epochs", "20"]) == 0
    said = capsys.readouterr()
    assert "- all test rows are taken for 'fine', the " in said.out
    assert "class-imbalance" not in said.err


def test_prices_and_percentages_are_numbers(table: Any, capsys: Any) -> None:
    table["price"] = [f"${1000 * y + 900:,.2f}" for y in table["y"]]
    table["share"] = [f"{100 * a:.1f} %" for a in table["a"]]
    table.drop(columns=["a", "y"]).to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "price", *QUICK[:-1]]) == 0
    said = capsys.readouterr().out
    assert "'price' is read as numbers, of $" in said
    assert "'share' is read as numbers, of %" in said
    assert "regression" in said
    assert main(["predict", "t.steep", "t.csv", "-o", "out.csv"]) == 0
    plain = table[["b"]].assign(share=table["share"].str.rstrip(" %").astype(float))
    plain.to_csv("plain.csv", index=False)
    assert main(["predict", "t.steep", "plain.csv", "-o", "same.csv"]) == 0
    written = pd.read_csv("out.csv")
    assert written["share"].tolist() == table["share"].tolist()  # word for word
    same = pd.read_csv("same.csv")["predicted_price"]
    assert np.allclose(written["predicted_price"], same, rtol=1e-6)
    # Where some have no unit, they are text, and no numbers.
    plain["share"] = ["5 %", "6"] * 30
    plain.to_csv("mixed.csv", index=False)
    capsys.readouterr()
    assert main(["predict", "t.steep", "mixed.csv", "-o", "none.csv"]) == 1
    assert "share" in capsys.readouterr().err


def test_rows_that_are_learned_and_judged_by_are_told_of(table: Any, capsys: Any) -> None:
    table.to_csv("t.csv", index=False)
    given = ["train", "t.csv", "--target", "y", *QUICK[:-1]]
    assert main(given) == 0
    assert "are among the training rows too" not in capsys.readouterr().out
    pd.concat([table, table]).to_csv("t.csv", index=False)
    assert main(given) == 0
    assert "of 18 test rows are among the training rows too" in capsys.readouterr().out
    # With another target they are no copies.
    pd.concat([table, table.assign(y=-table["y"])]).to_csv("t.csv", index=False)
    assert main(given) == 0
    assert "are among the training rows too" not in capsys.readouterr().out


def test_numbers_with_a_few_words_are_told_of_where_they_are_embedded(
    table: Any, capsys: Any
) -> None:
    table["age"] = [str(20 + i % 17) for i in range(60)]
    table.loc[::6, "age"] = "unknown"
    table.to_csv("t.csv", index=False)
    assert main(["train", "t.csv", "--target", "y", *QUICK[:-1]]) == 0
    assert "'unknown' is not; where that means that there is no value" in capsys.readouterr().out
