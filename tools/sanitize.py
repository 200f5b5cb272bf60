"""Run the tests and the fuzzer in a build that a sanitizer watches.

    python tools/sanitize.py address [--seconds N] [--levels L ...] [pytest arguments]
    python tools/sanitize.py thread  [--seconds N] [--levels L ...] [pytest arguments]

`address` finds reads and writes outside of memory, use after free, and undefined behaviour;
`thread` finds data races and locks taken in different orders (its build has a team of std::thread,
for the sanitizer cannot see into OpenMP's). The build is made in build/asan or build/tsan, by GCC.

Without pytest arguments every test file runs in a process of its own, so that a finding ends that
file alone, and the fuzzer runs for N seconds afterwards (300 by default; with arguments, 0). The
exit status is 1 when anything was found or failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPRESSIONS = ROOT / "tools" / "thread_suppressions.txt"
FOLDERS = {"address": "asan", "thread": "tsan"}
RUNTIMES = {"address": ["libasan.so", "libubsan.so"], "thread": ["libtsan.so"]}
# One level is enough to see the C++ around the kernels; --levels for the others.
LEVELS = ["avx2"] if platform.machine() in ("x86_64", "AMD64") else []

FOUND = re.compile(r"ERROR: |runtime error: |WARNING: ThreadSanitizer: |CHECK failed")

# What a sanitized build cannot run, or what has no meaning in it.
NOT_RUN = {
    "tests/test_instruction_sets.py": "compares levels that this build does not have",
    "tests/test_benchmarks.py": "measures",
    "tests/test_stubs.py": "runs no code of the engine",
}

# An editable installation finds its own copy of steep first, whatever PYTHONPATH says.
SITE = """import sys
sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__name__.startswith("ScikitBuild")]
"""


# A mistake made on purpose, by which each run makes sure that mistakes are reported.
CONTROLS = {
    "address": """
import numpy, steep
four = numpy.zeros(4)
steep.from_numpy(numpy.lib.stride_tricks.as_strided(four, (5,), (8,))).sum()
""",
    "thread": """
import threading, steep
x = steep.ones(40_000)
gate = threading.Barrier(2)
def write():
    gate.wait()
    for _ in range(200):
        x.mul_(1.0)
threads = [threading.Thread(target=write) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""",
}


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(kind: str, levels: list[str]) -> Path:
    """Configures and compiles; returns the build folder."""
    folder = ROOT / "build" / FOLDERS[kind]
    cython_cmake = "import cython_cmake, pathlib; print(pathlib.Path(cython_cmake.__file__).parent)"
    command = ["cmake", "-G", "Ninja", "-S", str(ROOT), "-B", str(folder)]
    command += ["-DCMAKE_BUILD_TYPE=Debug", f"-DSTEEP_SANITIZE={kind}"]
    command += [f"-DSTEEP_LEVELS={';'.join(levels)}", f"-DPython_EXECUTABLE={sys.executable}"]
    command += [f"-Dpybind11_DIR={output_of(sys.executable, '-m', 'pybind11', '--cmakedir')}"]
    modules = Path(output_of(sys.executable, "-c", cython_cmake)) / "cmake"
    command += [f"-DCMAKE_MODULE_PATH={modules}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder)], check=True)
    return folder


def assemble(folder: Path) -> Path:
    """The package with the watched modules in it; returns what PYTHONPATH must hold."""
    top = folder / "python"
    package = top / "steep"
    shutil.rmtree(top, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.pyx", "*.pxd", "*.pxi")
    shutil.copytree(ROOT / "python" / "steep", package, ignore=ignored)
    for module, place in (
        ("_core", package),
        ("_pipeline", package / "data"),
        ("_augment", package / "data"),
    ):
        (built,) = folder.glob(f"{module}*.so")
        shutil.copy2(built, place)
    (top / "sitecustomize.py").write_text(SITE)
    return top


def environment(kind: str, folder: Path, top: Path) -> dict[str, str]:
    """What makes the sanitizer see everything, and a finding end the process."""
    compiler = cached(folder, "CMAKE_CXX_COMPILER")
    # The C++ library too: the sanitizer looks for __cxa_throw when it starts.
    runtimes = [*RUNTIMES[kind], "libstdc++.so"]
    found = [output_of(compiler, f"-print-file-name={name}") for name in runtimes]
    missing = [path for path in found if not Path(path).is_absolute()]
    if missing:
        raise SystemExit(f"{compiler} has no {', '.join(missing)}: install GCC's sanitizers")
    reports = folder / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    log = f"log_path={reports / 'report'}"
    set_here = {
        "LD_PRELOAD": ":".join(found),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(top),
        "PYTHONMALLOC": "malloc",
        "STEEP_ALLOC": "system",
        "STEEP_SANITIZER": kind,
        # CPython frees little of what it holds when it ends, so leaks are not looked for here.
        "ASAN_OPTIONS": f"{log}:detect_leaks=0:allocator_may_return_null=1:exitcode=99"
        ":max_allocation_size_mb=8000:detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": f"{log}:print_stacktrace=1:exitcode=99",
        "TSAN_OPTIONS": f"{log}:suppressions={SUPPRESSIONS}:ignore_noninstrumented_modules=1"
        ":allocator_may_return_null=1:max_allocation_size_mb=4000"
        ":die_after_fork=0:second_deadlock_stack=1:history_size=5:exitcode=66",
    }
    return os.environ | set_here


def cached(folder: Path, name: str) -> str:
    """A variable of CMake's cache."""
    for line in (folder / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition("=")[2]
    raise SystemExit(f"{folder}: CMake's cache has no {name}")


def run(command: list[str], variables: dict[str, str], what: str) -> bool:
    """Runs one process and says how it went."""
    print(f"\n== {what}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=variables).returncode
    good = status in (0, 5)  # 5: pytest found no test
    ending = "good" if good else f"exit status {status}"
    print(f"== {what}: {ending}, {time.monotonic() - started:.0f} s", flush=True)
    return good


def findings(folder: Path) -> dict[str, str]:
    """What the sanitizers wrote, by the name of the file, but for warnings about large blocks."""
    reports = sorted((folder / "reports").iterdir())
    texts = {report.name: report.read_text(errors="replace") for report in reports}
    return {name: text for name, text in texts.items() if FOUND.search(text)}


def control(kind: str, folder: Path, variables: dict[str, str]) -> None:
    """Ends the run where a mistake is not found."""
    where = "import steep._core as core; print(core.__file__)"
    taken = subprocess.run(
        [sys.executable, "-c", where], env=variables, capture_output=True, text=True
    )
    if not taken.stdout.startswith(str(folder)):
        raise SystemExit(
            f"expected steep from {folder}, got {taken.stdout or taken.stderr}".rstrip()
        )
    command = [sys.executable, "-c", CONTROLS[kind]]
    # The first race is enough; a second for each element takes the sanitizer minutes.
    once = variables | {"TSAN_OPTIONS": variables["TSAN_OPTIONS"] + ":halt_on_error=1"}
    done = subprocess.run(command, env=once, capture_output=True, text=True)
    found = findings(folder)
    if done.returncode == 0 or not found:
        raise SystemExit(f"a mistake made on purpose was not found:\n{done.stdout}{done.stderr}")
    for name in found:
        (folder / "reports" / name).unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=sorted(RUNTIMES))
    parser.add_argument("--seconds", type=int, help="of the fuzzer, afterwards")
    parser.add_argument("--levels", nargs="+", default=LEVELS)
    options, chosen = parser.parse_known_args()

    folder = build(options.kind, options.levels)
    variables = environment(options.kind, folder, assemble(folder))
    control(options.kind, folder, variables)

    pytest = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    if chosen:
        runs = [chosen]
    else:
        files = [f"tests/{path.name}" for path in sorted((ROOT / "tests").glob("test_*.py"))]
        runs = [[file] for file in files if file not in NOT_RUN]
    failed = [" ".join(args) for args in runs if not run(pytest + args, variables, " ".join(args))]

    seconds = options.seconds if options.seconds is not None else (0 if chosen else 300)
    if seconds:
        command = [sys.executable, "tools/fuzz.py", "--seconds", str(seconds)]
        failed += [] if run(command, variables, f"{seconds} s of the fuzzer") else ["fuzzer"]
    reports = findings(folder)
    for name, text in reports.items():
        print(f"\n== {name}\n{text[:20_000]}")
    print(f"\n{len(reports)} processes with reports; failed: {', '.join(failed) or 'nothing'}")
    return 1 if failed or reports else 0


if __name__ == "__main__":
    sys.exit(main())
