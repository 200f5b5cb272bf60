"""The examples run, in a small form, and every compiled step in them is replayed bit for bit."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import steep
from steep.data import TensorDataset

FOLDER = Path(__file__).parent.parent / "examples"


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The functions that an example compiles: no way to run eagerly, each replay verified.

    By one thread, since a team waits for its slowest, which takes long where others test as well.
    """
    made: list[Any] = []
    compile_as_usual: Callable[..., Any] = steep.compile

    def compile_strictly(function: Any) -> Any:
        made.append(compile_as_usual(function, fullgraph=True, verify=True))
        return made[-1]

    monkeypatch.setattr(steep, "compile", compile_strictly)
    threads = steep.get_num_threads()
    steep.set_num_threads(1)
    yield made
    steep.set_num_threads(threads)


def assert_replayed(compiled: list[Any]) -> None:
    assert compiled
    for function in compiled:
        assert function.programs(), "recorded nothing: too few steps?"


# ---- fashion_mnist ------------------------------------------------------------------------------


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">i4").tobytes()
    content = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    """A folder like that of Fashion-MNIST: 300 images to train on and 40 to test."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 300), ("t10k", 40)):
        labels = np.arange(count) % 10
        images = draw.integers(0, 100, (count, 28, 28))
        images[np.arange(count), 2 * labels + 3] = 250
        ending = ".gz" if part == "train" else ""
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{ending}", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{ending}", labels)
    return tmp_path


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_fashion_mnist(
    model: str, clothes: Path, compiled: list[Any], monkeypatch: Any, capsys: Any
) -> None:
    example = load("fashion_mnist", monkeypatch)
    output = clothes / "output"
    options = ["--held-out", "40", "--epochs", "4", "--model", model]
    example.main([*options, "--data", str(clothes), "--output", str(output)])
    assert "300 images" in capsys.readouterr().out
    assert {path.name for path in output.iterdir()} == {"curve.png", "mistakes.png"}
    assert_replayed(compiled)


def test_fashion_mnist_says_which_file_is_missing_or_damaged(
    clothes: Path, monkeypatch: Any
) -> None:
    example = load("fashion_mnist", monkeypatch)
    labels = clothes / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-3])
    with pytest.raises(SystemExit, match="has 37 values where 40 belong"):
        example.load(clothes, "test")
    labels.write_bytes(b"<html>")
    with pytest.raises(SystemExit, match="is no IDX file of bytes"):
        example.load(clothes, "test")
    labels.unlink()
    with pytest.raises(SystemExit, match=r"no t10k-labels.* install .*dataset-fashion-mnist"):
        example.load(clothes, "test")


def test_confusions_are_counted(monkeypatch: Any) -> None:
    example = load("fashion_mnist", monkeypatch)
    counts = example.count_pairs(np.array([1, 1, 1, 9]), np.array([1, 4, 4, 0]))
    assert (counts[1, 1], counts[1, 4], counts[9, 0], counts.sum()) == (1, 2, 1, 4)


# ---- mnist1d_sequence ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["mlp", "cnn", "gru"])
def test_mnist1d(
    model: str, tmp_path: Path, compiled: list[Any], monkeypatch: Any, capsys: Any
) -> None:
    example = load("mnist1d_sequence", monkeypatch)

    def make_data(samples: int, seed: int) -> tuple[TensorDataset, TensorDataset]:
        draw = np.random.default_rng(seed)
        digits = np.arange(samples) % 10
        signals = draw.normal(size=(samples, 40)).astype(np.float32)
        signals[np.arange(samples), 3 * digits] += 5
        cut = samples * 4 // 5
        x, y = steep.from_numpy(signals), steep.from_numpy(digits)
        return TensorDataset(x[:cut], y[:cut]), TensorDataset(x[cut:], y[cut:])

    monkeypatch.setattr(example, "make_data", make_data)
    options = ["--epochs", "3", "--samples", "300", "--model", model]
    example.main([*options, "--output", str(tmp_path)])
    assert "trained 3 epochs" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"curve.png", "mistakes.png"}
    assert_replayed(compiled)


def test_the_data_of_mnist1d(monkeypatch: Any) -> None:
    pytest.importorskip("mnist1d")
    example = load("mnist1d_sequence", monkeypatch)
    training, test = example.make_data(50, 42)
    assert (len(training), len(test)) == (40, 10)
    signals, digits = training.tensors
    assert (signals.shape[1:], signals.dtype, digits.dtype) == ((40,), steep.float32, steep.int64)


# ---- diabetes -----------------------------------------------------------------------------------


def test_diabetes(tmp_path: Path, compiled: list[Any], monkeypatch: Any, capsys: Any) -> None:
    example = load("diabetes", monkeypatch)
    options = ["--epochs", "6", "--repeats", "1", "--members", "1"]
    example.main([*options, "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "trained 10 networks" in printed
    # What linear regression reaches in a ten-fold cross-validation of these data.
    assert "linear regression: mean squared error 29" in printed or "error 30" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"curve.png", "folds.png"}
    assert_replayed(compiled)


def test_standard_errors_of_folds_that_overlap(monkeypatch: Any) -> None:
    example = load("diabetes", monkeypatch)
    differences = np.array([1.0, 2.0, 3.0, 4.0])
    usual = differences.std(ddof=1) / 2
    assert example.standard_error(differences, 0.0) == pytest.approx(usual)
    assert example.standard_error(differences, 0.25) == pytest.approx(usual * 2**0.5)


# ---- forecast -----------------------------------------------------------------------------------


def test_forecast(tmp_path: Path, compiled: list[Any], monkeypatch: Any, capsys: Any) -> None:
    example = load("forecast", monkeypatch)
    example.main(["--epochs", "1", "--days", "35", "--output", str(tmp_path)])
    assert "as the week before: root mean squared error" in capsys.readouterr().out
    drawn = {"curve.png", "forecast.png", "horizon.png"}
    assert {path.name for path in tmp_path.iterdir()} == drawn
    assert_replayed(compiled)


def test_the_windows_of_the_forecast(monkeypatch: Any) -> None:
    """Pasts end where their days begin, and both stay within their part."""
    example = load("forecast", monkeypatch)
    series = np.arange(400.0)
    past, day = (tensor.numpy() for tensor in example.windows(series, 200, 300).tensors)
    assert (past.shape, day.shape) == ((77, 72, 5), (77, 24))
    assert (day[0, 0], day[-1, -1]) == (200, 299)
    assert np.array_equal(past[:, -1, 0] + 1, day[:, 0])
    for period in (24, 168):
        assert np.array_equal(example.seasonal(series, 200, 300, period).numpy(), day - period)


def test_no_forecast_is_better_than_the_best(monkeypatch: Any) -> None:
    """The bound is what is left to somebody who knows the formula and the weather until now."""
    example = load("forecast", monkeypatch)
    draw = np.random.default_rng(0)
    weather = np.zeros(20_000)
    for ahead in range(1, 25):
        weather = example.LASTING * weather + example.NEW_WEATHER * draw.normal(size=20_000)
        hour = 100 + ahead
        error = example.effect_of_weather(np.array(hour)) * weather
        error += example.NOISE * draw.normal(size=20_000)
        bound = example.least_errors(np.array([100]))[ahead - 1]
        assert error.std() == pytest.approx(bound, rel=0.03)


# ---- characters ---------------------------------------------------------------------------------


def test_characters(tmp_path: Path, compiled: list[Any], monkeypatch: Any, capsys: Any) -> None:
    example = load("characters", monkeypatch)
    monkeypatch.setattr(example, "STEPS", 5)
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. é\n" * 100, encoding="utf-8")
    output = tmp_path / "output"
    small = ["--width", "16", "--depth", "1", "--context", "16"]
    options = [*small, "--epochs", "1", "--write", "7", "--text", str(text)]
    example.main([*options, "--output", str(output)])
    assert "2,340 characters to train on, 13 different" in capsys.readouterr().out
    assert {path.name for path in output.iterdir()} == {"curve.png", "sample.txt"}
    assert len((output / "sample.txt").read_text(encoding="utf-8")) == 7
    assert_replayed(compiled)
    text.write_text("too short")
    with pytest.raises(SystemExit, match="has 9 characters, too few"):
        example.main(options)


def test_characters_do_not_see_what_follows(monkeypatch: Any) -> None:
    example = load("characters", monkeypatch)
    steep.manual_seed(0)
    model = example.GPT(11, context=8, width=8, depth=2, heads=2).eval()
    numbers = steep.randint(11, (3, 8))
    changed = numbers.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 11
    before, after = (model(x).detach().numpy() for x in (numbers, changed))
    assert np.array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any(axis=(0, 2)).all()


def test_characters_are_drawn_by_their_probabilities(monkeypatch: Any) -> None:
    example = load("characters", monkeypatch)

    class Always(steep.nn.Module):
        context = 4

        def forward(self, numbers: steep.Tensor) -> steep.Tensor:
            return steep.tensor([0.1, 0.2, 0.7]).log().expand(*numbers.shape, 3)

    steep.manual_seed(0)
    drawn = example.write(Always(), steep.tensor([0, 1]), 3000, temperature=1.0)
    shares = np.bincount(drawn, minlength=3) / 3000
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.03)


def test_pythons_reference_is_read_without_its_repetitions(monkeypatch: Any) -> None:
    example = load("characters", monkeypatch)
    paragraphs = example.read_text(None).split("\n\n")
    assert len(paragraphs) > 1000
    assert len(set(paragraphs)) == len(paragraphs)


def test_counting_what_follows(monkeypatch: Any) -> None:
    example = load("characters", monkeypatch)
    # a came 3 times, b once; each began with 1/2: so b has (1 + 2 / 2) / (4 + 2) = 1/3.
    assert example.counting_bits("aaab", "b", 0) == pytest.approx(np.log2(3))
    # After a came a twice and b once: so b has (1 + 2 / 3) / (3 + 2) = 1/3 again.
    assert example.counting_bits("baaab", "ab", 1) == pytest.approx(np.log2(3))
    # After c came a alone, once: so b has (0 + 1 * 1 / 3) / (1 + 1), by what it has after nothing.
    assert example.counting_bits("caab", "cb", 1) == pytest.approx(np.log2(6))
