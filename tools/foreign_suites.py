"""Runs the test suites of libraries that were written for PyTorch, with steep in its place.

Usage: ``python tools/foreign_suites.py [--only NAME ...] [--beside-torch [PYTHON]] [--failures]``

An environment without PyTorch gets the libraries (from PyPI; the folder is kept and used again),
and their own tests run by ``python -m steep.compat -m pytest`` with the steep that runs this
script. The table says for each library how many of its tests

- are right,
- are refused: by an error of steep's that says what it leaves out (half, complex, sparse, GPUs,
  several processes, a module of PyTorch's),
- are wrong: all other failures.

``--beside-torch`` runs them with PyTorch as well, which is installed into a second environment, or
in PYTHON, which has it; what fails there too is counted apart. ``--failures`` lists what was wrong.
The exit status is 1 where anything was wrong.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import steep

__all__ = ["Outcomes", "Suite", "read_outcomes"]

# What the libraries need besides PyTorch.
SUPPORT = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "tabulate",
    "tqdm",
    "pytest",
    "flaky",
    "pytest-timeout",
    "safetensors",
)


@dataclass(frozen=True)
class Suite:
    """A library and its tests.

    Attributes:
        name, version: on PyPI.
        tests: what pytest is given; a module after ``--pyargs`` where the tests are installed.
        source: where the tests are: ``'wheel'``, ``'sdist'``, or the address of a repository.
        more: other packages that it needs, without their requirements.
        options: of pytest.
        edits: by file, texts to replace where the suite asks what PyTorch is, not what it does.
    """

    name: str
    version: str
    tests: str
    source: str = "sdist"
    more: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    edits: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


SUITES = (
    Suite("entmax", "1.3", "--pyargs entmax", "wheel"),
    Suite("torch-optimizer", "0.3.0", "tests", more=("pytorch_ranger",)),
    Suite(
        "pytorch_optimizer",
        "4.1.0",
        "tests",
        options=("--ignore=tests/test_create_optimizer.py",),  # tests torch.compile's own counters
        # Which optimisers take complex parameters is found out by making some, on import; which
        # are PyTorch's own, and so have errors of their own, by the name of their module.
        edits={
            "tests/optimizer_cases.py": (
                ("    if optimizer_name in SKIP_CAPABILITY_PROBE:", "    if True:"),
                (".startswith('torch.optim')", ".startswith(('torch.optim', 'steep.optim'))"),
            )
        },
    ),
    Suite(
        "torchdiffeq",
        "0.2.5",
        "tests",
        "https://github.com/rtqichen/torchdiffeq",
        options=("-o", "python_files=*_tests.py"),
    ),
    Suite(
        "skorch",
        "1.4.0",
        "--pyargs skorch.tests",
        "wheel",
        # Those need further libraries, which need PyTorch.
        options=("--ignore-glob=*/test_hf.py", "--ignore-glob=*/llm/*"),
    ),
)

# What steep says where it leaves something out.
REFUSALS = re.compile(
    "|".join(
        (
            r"which steep does not have",
            r"expected a dtype that steep has",
            r"expected one of the dtypes float32",
            r"there are no (sparse|complex)",
            r"for steep has no sparse ones",
            r"numbers are real",
            r"the only one there is",
            r"there is no CUDA here",
            r"steep trains in one process",
            r"save: expected (keys|tensors)",
            r"steep stands in for PyTorch here, and has no",
            r"'torch\.\w+' is not a package",
            r"has no attribute '(sparse_\w+|complex|view_as_\w+|polar|vmap|_dynamo)'",
        )
    )
)


@dataclass
class Outcomes:
    """The tests of a run: names of those that were right, and what was said of the others."""

    right: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)


def read_outcomes(report: str) -> Outcomes:
    """What pytest's JUnit report says.

    Args:
        report: the file's text.
    """
    outcomes = Outcomes()
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        bad = [part for part in case if part.tag in ("failure", "error")]
        if bad:
            text = f"{bad[0].get('message', '')}\n{bad[0].text or ''}"
            kind = outcomes.refused if REFUSALS.search(text) else outcomes.wrong
            kind[name] = _last_word(text)
        elif any(part.tag == "skipped" for part in case):
            outcomes.skipped.add(name)
        else:
            outcomes.right.add(name)
    return outcomes


def _last_word(text: str) -> str:
    said = re.findall(r"^E  +(\S.*)", text, re.MULTILINE) or text.split("\n")
    return str(said[0])


# ---- environments -------------------------------------------------------------------------------


def _call(*command: object, cwd: Path | None = None) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{said}")


def make_environment(folder: Path, suites: list[Suite], torch: bool) -> Path:
    """The interpreter of an environment with the libraries, made unless it is there."""
    python = folder / "bin" / "python"
    if not python.exists():
        _call(sys.executable, "-m", "venv", folder)
    install = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    _call(*install, *SUPPORT, *(("torch",) if torch else ()))
    wanted = [f"{suite.name}=={suite.version}" for suite in suites]
    _call(*install, "--no-deps", *wanted, *(name for suite in suites for name in suite.more))
    return python


def fetch_tests(suite: Suite, folder: Path) -> Path | None:
    """Where its tests are run, or None if they cannot be had."""
    if suite.source == "wheel":
        return folder
    place = folder / f"{suite.name}-{suite.version}"
    if place.exists():
        return place
    if suite.source != "sdist":
        clone = ("git", "clone", "-q", "--depth", "1", suite.source, str(place))
        return place if subprocess.run(clone, capture_output=True).returncode == 0 else None
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        get = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary")
        _call(*get, suite.name, "-d", scratch, f"{suite.name}=={suite.version}")
        for archive in Path(scratch).glob("*.tar.gz"):
            with tarfile.open(archive) as packed:
                packed.extractall(scratch, filter="data")
                (Path(scratch) / packed.getnames()[0].split("/")[0]).replace(place)
    return place


# ---- runs ---------------------------------------------------------------------------------------


def run(suite: Suite, python: Path, place: Path, with_steep: bool, paths: list[Path]) -> Outcomes:
    """The outcomes of its tests in this interpreter."""
    edits = suite.edits if with_steep else {}
    originals = {place / file: (place / file).read_text() for file in edits}
    report = place / f"{suite.name}-{'steep' if with_steep else 'torch'}.xml"
    report.unlink(missing_ok=True)
    command = [str(python), *(("-m", "steep.compat") if with_steep else ()), "-m", "pytest", "-q"]
    command += [
        "--timeout=120",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "--continue-on-collection-errors",
    ]
    command += [f"--junitxml={report}", *suite.options, *suite.tests.split()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    try:
        for file, replacements in edits.items():
            text = originals[place / file]
            for old, new in replacements:
                text = text.replace(old, new)
            (place / file).write_text(text)
        done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment)
    finally:
        for file, text in originals.items():
            file.write_text(text)
    if not report.exists():
        said = (done.stdout + done.stderr)[-2000:]
        raise SystemExit(f"{suite.name}: pytest gave no report:\n{said}")
    return read_outcomes(report.read_text())


def show(suite: Suite, outcomes: Outcomes, beside: Outcomes | None, seconds: float) -> int:
    """Print a line of the table; how many tests were wrong."""
    failed_beside = {*beside.wrong, *beside.refused} if beside else set()
    wrong = {name: text for name, text in outcomes.wrong.items() if name not in failed_beside}
    counts = [len(outcomes.right), len(wrong), len(outcomes.refused), len(outcomes.skipped)]
    line = f"{suite.name:18} {suite.version:8}" + "".join(f"{n:9}" for n in counts)
    if beside:
        line += f"{len(outcomes.wrong) - len(wrong):15}{len(beside.right):16}"
    print(f"{line}{seconds:10.0f}", flush=True)
    return len(wrong)


def main() -> int:
    """Run the suites and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[suite.name for suite in SUITES])
    parser.add_argument("--beside-torch", nargs="?", const="", metavar="PYTHON")
    parser.add_argument("--failures", action="store_true", help="list what was wrong")
    default = Path(tempfile.gettempdir()) / "steep-foreign-suites"
    parser.add_argument("--folder", type=Path, default=default, help="default: %(default)s")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    suites = [suite for suite in SUITES if not options.only or suite.name in options.only]
    python = make_environment(folder / "environment", suites, torch=False)
    packages = next((folder / "environment" / "lib").glob("python*/site-packages"))
    rival: Path | None = None
    if options.beside_torch is not None:
        rival = Path(options.beside_torch or make_environment(folder / "torch", suites, torch=True))
    heads = f"{'library':18} {'version':8}{'right':>9}{'wrong':>9}{'refused':>9}{'skipped':>9}"
    heads += f"{'wrong in both':>15}{'right in torch':>16}" if rival else ""
    print(f"{heads}{'seconds':>10}")
    wrong = 0
    for suite in suites:
        place = fetch_tests(suite, folder)
        if place is None:
            print(f"{suite.name:18} {suite.version:8} its tests cannot be had from {suite.source}")
            continue
        start = time.monotonic()
        outcomes = run(suite, python, place, True, [Path(steep.__file__).parents[1]])
        seconds = time.monotonic() - start
        beside = run(suite, rival, place, False, [packages]) if rival else None
        wrong += show(suite, outcomes, beside, seconds)
        if options.failures:
            for text, count in collections.Counter(outcomes.wrong.values()).most_common():
                print(f"    {count:4} {text[:140]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
