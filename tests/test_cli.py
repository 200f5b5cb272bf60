"""The command `steep`: what it makes, and what it says where something is wrong."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pd = pytest.importorskip("pandas", reason="pandas is not installed")

import steep  # noqa: E402
from steep import models, nn  # noqa: E402
from steep.cli import main  # noqa: E402

QUICK = ["--epochs", "4", "--hidden", "8", "--quiet"]


def houses(rows: int = 120) -> Any:
    """A table with numbers, text, missing values and both kinds of target."""
    random = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "size": random.rand(rows) * 100,
            "town": random.choice(["Bern", "Uri", "Zug"], rows),
            "street": random.choice([f"street {i}" for i in range(15)], rows),
            "age": random.randint(0, 90, rows).astype(float),
        }
    )
    frame.loc[::9, "age"] = np.nan
    frame.loc[::11, "town"] = None
    frame["price"] = frame["size"] * 3 + (frame["town"] == "Zug") * 80 + random.randn(rows) + 0.5
    frame["dear"] = np.where(frame["price"] > frame["price"].median(), "yes", "no")
    return frame


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    houses().to_csv("houses.csv", index=False)
    return tmp_path


def trained(target: str = "price", *more: str) -> None:
    other = "dear" if target == "price" else "price"
    command = ["train", "houses.csv", "--target", target, "--drop", other, *QUICK, *more]
    assert main(command) == 0


@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_trained_network_predicts_a_new_table(
    folder: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(target)
    assert sorted(p.name for p in folder.iterdir()) == [
        *("houses-report.html", "houses.csv", "houses.steep"),
    ]
    assert main(["predict", "houses.steep", "houses.csv", "-o", "out.csv"]) == 0
    out = pd.read_csv("out.csv")
    given = houses()
    assert list(out.columns) == [*given.columns, f"predicted_{target}"]
    report = models.load("houses.steep").info["report"]
    if target == "dear":
        assert set(out["predicted_dear"]) <= {"yes", "no"}
        assert report["classes"] == ["no", "yes"]
    # Order of columns, and further ones, make no difference.
    turned = given[given.columns[::-1]].drop(columns=[target]).assign(further=1)
    turned.to_csv("turned.csv", index=False)
    assert main(["predict", "houses.steep", "turned.csv", "--only", "-o", "again.csv"]) == 0
    np.testing.assert_array_equal(
        pd.read_csv("again.csv")[f"predicted_{target}"], out[f"predicted_{target}"]
    )
    capsys.readouterr()
    assert main(["predict", "houses.steep", "houses.csv"]) == 0
    assert capsys.readouterr().out == Path("out.csv").read_text()
    assert main(["info", "houses.steep", "--columns"]) == 0
    said = capsys.readouterr().out
    assert f"of '{target}', trained on houses.csv" in said
    assert "  street: category" in said


def test_probabilities_of_classes(folder: Path) -> None:
    trained("dear")
    assert main(["predict", "houses.steep", "houses.csv", "--probabilities", "-o", "o.csv"]) == 0
    out = pd.read_csv("o.csv")
    shares = out[["probability_no", "probability_yes"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    names = np.array(["no", "yes"])[shares.to_numpy().argmax(axis=1)]
    assert (names == out["predicted_dear"]).all()


def test_the_report_says_how_good_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "houses.csv", "--target", "price", "--drop", "dear", "--hidden", "32"]
    assert main([*arguments, "--seed", "3", "-o", "m.steep", "--report", "r.html"]) == 0
    said = capsys.readouterr().out
    report = models.load("m.steep").info["report"]
    assert report["rows"] == {"training": 84, "validation": 18, "test": 18}
    scores = report["scores"]
    assert scores["network"]["rmse"] < 0.5 * scores["mean"]["rmse"]
    assert scores["linear model"]["rmse"] < 0.5 * scores["mean"]["rmse"]
    assert next(iter(report["importances"])) == "size"
    assert len(report["curve"]["validation"]) == report["epochs"]
    for text in ("network  ", "linear model", "validation loss", "regression", "size"):
        assert text in said
    assert "Predicted and true values" in Path("r.html").read_text(encoding="utf-8")


def test_a_seed_decides_everything(folder: Path) -> None:
    trained("price", "-o", "a.steep")
    trained("price", "-o", "b.steep")
    a, b = (models.load(name) for name in ("a.steep", "b.steep"))
    for key, value in a.model.state_dict().items():
        assert steep.equal(value, b.model.state_dict()[key])


def test_rows_of_the_past_judge_nothing(folder: Path) -> None:
    frame = houses().assign(day=pd.date_range("2024-01-01", periods=120).astype(str))
    frame.to_csv("houses.csv", index=False)
    trained("price", "--time", "day")
    assert models.load("houses.steep").info["report"]["columns"]["day"] == "date"


def test_new_categories_are_named_and_count_as_unknown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained()
    houses(5).assign(town="Chur").to_csv("new.csv", index=False)
    assert main(["predict", "houses.steep", "new.csv", "-o", "out.csv"]) == 0
    said = capsys.readouterr().err
    assert "column 'town' has 1 values that the training did not have ('Chur')" in said
    assert np.isfinite(pd.read_csv("out.csv")["predicted_price"]).all()


# ---- what is wrong ------------------------------------------------------------------------------

WRONG_TABLES: list[tuple[str, Any, list[str], str]] = [
    ("missing", None, [], "there is no file .*tabel.csv.*table.csv"),
    ("empty", "", [], "empty"),
    ("names alone", "a,price\n", [], "at least one row"),
    ("ragged", "a,price\n1,2\n1,2,3,4\n", [], "unequal numbers of fields"),
    ("twice", "a,a,price\n" + "1,2,3\n" * 30, [], "more than once|twice"),
    ("no names", "1,2,3\n" * 30, [], "names in the first line"),
    ("other target", houses(), ["--target", "prise"], "lacks column 'prise'.*'price'"),
    ("no target", houses().assign(price=None), [], "holds no value"),
    ("one class", houses().assign(dear="yes"), ["--target", "dear"], "two classes or more"),
    ("one number", houses().assign(price=1.5), [], "nothing to learn"),
    ("constant", pd.DataFrame({"a": 1, "price": np.arange(60) * 1.5}), [], "no column is left"),
    ("only the target", houses()[["price"]], [], "beside the target"),
    ("few rows", houses(8), [], "at least 20 rows"),
    ("infinite", houses().assign(size=[np.inf, *range(119)]), [], "inf"),
    ("infinite target", houses().assign(price=[np.inf, *range(119)]), [], "infinite"),
    (
        "dates",
        houses().assign(price=pd.date_range("2024-01-01", periods=120).astype(str)),
        [],
        "the target 'price': expected numbers, got dates",
    ),
    (
        "identifiers",
        houses().assign(price=[f"p{i}" for i in range(120)]),
        [],
        "120 different values in 120 rows, too many to be classes",
    ),
    ("too large", houses().assign(price=np.arange(120) * 1e200), [], "beyond 1e\\+30"),
    ("little to test", houses(), ["--test", "0.001"], "the test part gets 0; raise"),
    ("no such drop", houses(), ["--drop", "twn"], "lacks column 'twn'.*'town'"),
    ("target dropped", houses(), ["--drop", "price"], "among the columns to drop"),
    ("no such time", houses(), ["--time", "when"], "lacks column 'when'"),
    ("shares", houses(), ["--test", "0.8"], "leave a tenth"),
    ("astray", houses(), ["--lr", "1e30"], "went astray: the loss is .*smaller learning rate"),
    ("no folder", houses(), ["-o", "nowhere/x.steep"], "no such folder to write to"),
    ("own place", houses(), ["-o", "table.csv"], "different files"),
    ("a folder", houses(), ["-o", "."], "is a folder"),
]


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [row[1:] for row in WRONG_TABLES],
    ids=[row[0] for row in WRONG_TABLES],
)
def test_a_wrong_table_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    table: Any,
    options: list[str],
    message: str,
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    Path("table.steep").write_bytes(b"what was there")
    name = "tabel.csv" if table is None else "table.csv"
    if isinstance(table, str):
        Path("table.csv").write_text(table)
    else:
        (houses() if table is None else table).to_csv("table.csv", index=False)
    before = Path("table.csv").read_bytes()
    target = [] if "--target" in options else ["--target", "price"]
    status = main(["train", name, *target, *QUICK, *options])
    said = capsys.readouterr().err
    assert status == 1
    assert re.search(message, said.replace("\n", " ")), said
    assert all(line.startswith("steep train: ") for line in said.splitlines())
    assert "Traceback" not in said
    assert Path("table.steep").read_bytes() == b"what was there"
    assert Path("table.csv").read_bytes() == before


def newer(path: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steep.models.file.FORMAT_VERSION", 9)
        models.save(path, nn.Linear(1, 1))


def spoil(path: str) -> None:
    content = bytearray(Path(path).read_bytes())
    content[-5] ^= 1
    Path(path).write_bytes(bytes(content))


WRONG_PREDICTIONS: list[tuple[str, Any, list[str], str]] = [
    ("no model", lambda: Path("houses.steep").unlink(), [], "no such file"),
    ("newer", lambda: newer("houses.steep"), [], "upgrade steep"),
    ("damaged", lambda: spoil("houses.steep"), [], "damaged"),
    ("cut off", lambda: Path("houses.steep").write_bytes(b"\x10\0\0\0"), [], "truncated"),
    ("another file", lambda: Path("houses.steep").write_text("a,b\n" * 9), [], "safetensors"),
    ("weights alone", lambda: steep.save({"a": steep.ones(1)}, "houses.steep"), [],
     "without an architecture"),
    ("no transforms", lambda: models.save("houses.steep", nn.Linear(1, 1)), [], "steep.models"),
    ("lacking", lambda: houses().drop(columns="size").to_csv("houses.csv"), [], "'size'"),
    ("renamed", lambda: houses().rename(columns={"size": "sise"}).to_csv("houses.csv"), [],
     "lacks column 'size'.*'sise'"),
    ("text", lambda: houses().assign(size="large").to_csv("houses.csv"), [],
     "column 'size': expected numbers, got text in 120 of 120 rows, the first 'large'"),
    ("infinite", lambda: houses().assign(size=np.inf).to_csv("houses.csv"), [], "inf"),
    ("no rows", lambda: houses().iloc[:0].to_csv("houses.csv"), [], "at least one row"),
    ("probabilities", lambda: None, ["--probabilities"], "predicts numbers"),
    ("own place", lambda: None, ["-o", "houses.csv"], "take the place"),
    ("no folder", lambda: None, ["-o", "nowhere/out.csv"], "no such folder"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoiling", "options", "message"),
    [row[1:] for row in WRONG_PREDICTIONS],
    ids=[row[0] for row in WRONG_PREDICTIONS],
)
def test_wrong_predictions_are_explained(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    spoiling: Any,
    options: list[str],
    message: str,
) -> None:
    import re

    trained()
    Path("out.csv").write_text("what was there")
    spoiling()
    status = main(["predict", "houses.steep", "houses.csv", "-o", "out.csv", *options])
    said = capsys.readouterr().err
    assert status == 1
    assert re.search(message, said.replace("\n", " ")), said
    assert "Traceback" not in said
    assert Path("out.csv").read_text() == "what was there"


def run_limited(arguments: list[str], size: int) -> subprocess.CompletedProcess[str]:
    """A command that may not write files larger than `size` bytes, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-m", "steep", *arguments],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_leaves_what_was_there(folder: Path) -> None:
    trained()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    wanted = ["train", "houses.csv", "--target", "price", "--drop", "dear", *QUICK, "--seed", "1"]
    found = run_limited(wanted, 4096)
    assert found.returncode == 1
    assert "steep train: houses.steep: file too large" in found.stderr
    assert "Traceback" not in found.stderr
    found = run_limited(["predict", "houses.steep", "houses.csv", "-o", "houses-report.html"], 4096)
    assert found.returncode == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# ---- interrupts, and the page ----------------------------------------------------------------


def test_an_interrupt_is_no_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("steep.cli.tables.learning.fit_network", interrupted)
    assert main(["train", "houses.csv", "--target", "price", *QUICK]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["houses.csv"]


def test_the_page_in_a_browser(folder: Path) -> None:
    import shutil

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    trained("dear")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url))
        page.goto((folder / "houses-report.html").as_uri())
        assert page.title() == "Classification of dear"
        assert page.locator("#scores tr").count() == 5
        assert page.locator("#importances tr").count() == 4
        assert page.locator("#confusion tr").count() == 3
        box = page.locator("#curve").bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 100
        assert page.locator("#curve polyline").count() == 2
        wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wide
        browser.close()
    assert said == [(folder / "houses-report.html").as_uri()]


def test_tables_in_other_encodings_are_read_when_it_is_said(tmp_path: Path, capsys: Any) -> None:
    table = tmp_path / "houses.csv"
    frame = houses().rename(columns={"size": "Größe"})
    frame["price"] = 3 * frame["Größe"]
    frame.to_csv(table, index=False, encoding="latin-1")
    model, out = str(tmp_path / "houses.steep"), str(tmp_path / "out.csv")
    given = ["train", str(table), "--target", "price", "-o", model, *QUICK]
    assert main(given) == 1
    assert "say --encoding latin-1 or another" in capsys.readouterr().err
    assert main([*given, "--encoding", "latin-1"]) == 0
    assert main(["predict", model, str(table), "-o", out, "--encoding", "latin-1"]) == 0
    assert "Größe" in Path(out).read_text(encoding="utf-8")


def test_a_class_without_a_training_row_is_no_mistake_of_counting(
    tmp_path: Path, capsys: Any
) -> None:
    table = tmp_path / "houses.csv"
    frame = houses(300)
    frame["dear"] = np.where(frame["size"] > 50, "yes", "no")
    frame.loc[0, "dear"] = "maybe"
    frame.to_csv(table, index=False)
    for seed in range(4):
        given = ["train", str(table), "--target", "dear", "--seed", str(seed), *QUICK]
        assert main([*given, "-o", str(tmp_path / "houses.steep")]) == 0
    assert "labels-from-one" not in capsys.readouterr().err


def test_times_that_are_no_dates_name_their_column(tmp_path: Path, capsys: Any) -> None:
    table = tmp_path / "houses.csv"
    houses().assign(day="31/12/2024", price=range(120)).to_csv(table, index=False)
    assert main(["train", str(table), "--target", "price", "--time", "day", *QUICK]) == 1
    assert "--time day: expected dates such as 2024-05-31" in capsys.readouterr().err
