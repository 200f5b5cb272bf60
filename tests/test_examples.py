"""The examples run, in a small form, and every compiled step in them is replayed bit for bit."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from collections.abc import Callable
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
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The functions that an example compiles: no way to run eagerly, each replay verified."""
    made: list[Any] = []
    compile_as_usual: Callable[..., Any] = steep.compile

    def compile_strictly(function: Any) -> Any:
        made.append(compile_as_usual(function, fullgraph=True, verify=True))
        return made[-1]

    monkeypatch.setattr(steep, "compile", compile_strictly)
    return made


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
