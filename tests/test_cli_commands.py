"""The command line of `steep`, and the commands that need no table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import steep
from steep.cli import main
from steep.cli.commands.doctor import cpu_quota, openmp_runtimes
from steep.cli.main import COMMANDS


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["frobnicate"], ["train"], ["train", "x.csv"], ["predict", "x.steep"]),
        ["train", "x.csv", "--target", "y", "--epochs", "0"],
        ["train", "x.csv", "--target", "y", "--dropout", "1"],
        ["train", "x.csv", "--target", "y", "--seed", "-1"],
        ["train", "x.csv", "--target", "y", "--lr", "fast"],
        ["train", "x.csv", "--target", "y", "--task", "guessing"],
        ["demo", "cats"],
    ],
)
def test_a_wrong_command_line_is_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: steep" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"example: steep {command}" in capsys.readouterr().out


def test_the_module_is_the_command_too() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "steep", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"steep {steep.__version__}\n"


def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    for data in ("digits", "spirals"):
        assert main(["demo", data, "--epochs", "8"]) == 0
        assert "not learned from: " in capsys.readouterr().out
    assert main(["demo", "spirals", "--epochs", "0"]) == 1


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", "0.001"]) == 0
    said = capsys.readouterr().out
    assert "limit: fused multiply-adds" in said
    assert "step 64-128-128-10, batch 32" in said
    assert main(["bench", "--seconds", "0"]) == 1


def test_descend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["descend", "bowl", "--optimizer", "sgd", "--lr", "0.25", "--steps", "3"]
    assert main([*arguments, "--start", "2", "0", "-o", "page.html"]) == 0
    assert "0.25" in capsys.readouterr().out
    assert Path("page.html").stat().st_size > 1000
    assert main([*arguments, "-o", "page.txt"]) == 1
    assert main(["descend", "bowel"]) == 1
    assert "'bowl'" in capsys.readouterr().err


def test_doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "instruction set: " in capsys.readouterr().out
    assert cpu_quota(str(tmp_path)) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cpu_quota(str(tmp_path)) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(str(tmp_path)) is None
    maps = "7f00-7f01 r-xp /usr/lib/libgomp.so.1\n7f02 r-xp /x/libiomp5.so\n7f03 /usr/lib/libm.so"
    assert openmp_runtimes(maps) == ["libgomp.so.1", "libiomp5.so"]
