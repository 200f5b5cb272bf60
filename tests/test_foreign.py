"""Programs written for PyTorch, as they are: `tests/foreign` under `python -m steep.compat`.

Each prints numbers; what PyTorch 2.13 printed is in `expected.json`. To make that anew, run this
file with a Python that has PyTorch: ``python tests/test_foreign.py``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "foreign"
EXPECTED = FOLDER / "expected.json"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")

# All in one process, which is quicker; each begins with a seed of its own.
RUNNER = """
import runpy, sys, warnings
warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    print("#", path, flush=True)
    try:
        runpy.run_path(path, run_name="__main__")
    except Exception as error:
        print(type(error).__name__, error)
"""


def printed(start: str) -> dict[str, str]:
    """What each program prints, after these lines."""
    paths = [str(FOLDER / f"{name}.py") for name in PROGRAMS]
    command = [sys.executable, "-c", start + RUNNER, *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    parts = done.stdout.split("# ")[1:] + ["" for _ in PROGRAMS]
    texts = dict(zip(PROGRAMS, (part.partition("\n")[2] for part in parts), strict=False))
    if done.returncode:
        texts[PROGRAMS[0]] = done.stderr
    return texts


@pytest.fixture(scope="module")
def results() -> dict[str, str]:
    return printed("import steep.compat; steep.compat.install()\n")


def test_every_program_has_its_numbers() -> None:
    assert sorted(json.loads(EXPECTED.read_text())) == PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_are_those_of_pytorch(name: str, results: dict[str, str]) -> None:
    expected = json.loads(EXPECTED.read_text())[name]
    got, text = results[name], NUMBER.sub("#", expected)
    assert NUMBER.sub("#", got) == text
    numbers = [float(x) for x in NUMBER.findall(got)]
    assert numbers == pytest.approx([float(x) for x in NUMBER.findall(expected)], 1e-4, 1e-6)


if __name__ == "__main__":
    EXPECTED.write_text(json.dumps(printed(""), indent=1) + "\n")
