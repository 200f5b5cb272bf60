"""The element types: one list of them, and what differs by type is written as a function of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import steep

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
THE_LIST = "tensor/element.h"
# A number for each type in turn, as a second list would have them.
NUMBERED = re.compile(r"<(?:bool|u?int\d+_t|float|double)> = \d")

# What would have to be found and mended by hand for one more type.
FORBIDDEN = {
    "a switch over dtypes": r"case DType::",
    "an index made of a dtype": r"static_cast<[\w:]+>\([^()]*(?:type|compute)_?(?:\(\))?\)",
    "a dtype made of a number": r"static_cast<DType>|\bDType\(",
    "an order of dtypes": r"[^<>-] [<>]=? DType::|DType::\w+ [<>]=? |dtype\(\) [<>]=? ",
    "one type, or else the other": r"[!=]= DType::float\d+\s*\?",
}

DTYPES = [steep.bool, steep.uint8, steep.int32, steep.int64, steep.float32, steep.float64]
FLOATING = [steep.float32, steep.float64]


def findings(text: str) -> Iterator[tuple[str, str]]:
    """What of the forbidden a source has, and the line of each."""
    code = re.sub(r"//.*", "", text)
    for what, pattern in FORBIDDEN.items():
        for match in re.finditer(pattern, code):
            begin = code.rfind("\n", 0, match.start()) + 1
            line = code[begin : code.find("\n", match.end())].strip()
            yield what, line


@pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")
def test_types_are_told_apart_in_one_header() -> None:
    files = [path for path in CSRC.rglob("*") if path.suffix in (".h", ".cpp", ".in")]
    wrong = {}
    for path in files:
        name = path.relative_to(CSRC).as_posix()
        if name == THE_LIST or name.startswith("kernels/"):  # kernels know no DType
            continue
        if found := list(findings(path.read_text())):
            wrong[name] = found
    assert wrong == {}
    assert dict(findings((CSRC / THE_LIST).read_text())).keys() >= {"a switch over dtypes"}


@pytest.mark.skipif(not CSRC.is_dir(), reason="the source is not there")
def test_types_are_numbered_by_the_one_list() -> None:
    files = [path for path in CSRC.rglob("*") if path.suffix in (".h", ".cpp", ".in")]
    assert [path.name for path in files if NUMBERED.search(path.read_text())] == []
    assert NUMBERED.search("constexpr int kTypeIndex<int64_t> = 2;")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("    case DType::int32:", "a switch over dtypes"),
        (
            "launch(kFinite[static_cast<int>(values.dtype())], {values});",
            "an index made of a dtype",
        ),
        ("const int type = static_cast<int>(type_);", "an index made of a dtype"),
        ("return static_cast<DType>(place);", "a dtype made of a number"),
        ("return dtype <= DType::float64;", "an order of dtypes"),
        ("if (x.dtype() < y.dtype()) return y;", "an order of dtypes"),
        ("x.dtype() == DType::float64 ? 1e-14 : 1e-6;", "one type, or else the other"),
    ],
)
def test_what_tells_types_apart_is_found(line: str, what: str) -> None:
    assert [found for found, _ in findings(line)] == [what]


def test_what_asks_for_a_type_is_none_of_it() -> None:
    text = """
      if (index.dtype() != DType::int64) fail(op);
      {"float", cast<DType::float32>, METH_NOARGS, "The same as to(float32)."},
      static_cast<int>(kernels::RoutineId::gemm); const ByType<Kernel>& kernels;
    """
    assert list(findings(text)) == []


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_known_of_a_type_agrees_with_numpy(dtype: steep.dtype) -> None:
    array = steep.zeros(1, dtype=dtype).numpy()
    assert array.dtype.name == str(dtype).removeprefix("steep.")
    assert dtype.itemsize == array.dtype.itemsize
    assert dtype.is_floating_point == (array.dtype.kind == "f")
    assert dtype.is_signed == (array.dtype.kind in "if")
    assert steep.from_numpy(array).dtype is dtype
    assert memoryview(steep.zeros(1, dtype=dtype)).format == memoryview(array).format


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_elements_go_into_python_and_back(dtype: steep.dtype) -> None:
    values = {"f": [-1.5, 0.0], "i": [-7, 3], "u": [0, 255], "b": [True, False]}
    numbers = values[steep.zeros(0, dtype=dtype).numpy().dtype.kind]
    x = steep.tensor(numbers, dtype=dtype)
    assert x.tolist() == numbers
    assert [type(n) for n in x.tolist()] == [type(n) for n in numbers]
    assert [x[i].item() for i in range(2)] == numbers
    assert steep.equal(steep.full((2,), numbers[0], dtype=dtype), x[:1].expand(2))


@pytest.mark.parametrize("byte", [0, 1, 2, 255])
def test_every_byte_but_zero_is_true(byte: int) -> None:
    foreign = steep.from_numpy(np.array([byte], dtype=np.uint8).view(np.bool_))
    assert foreign.tolist() == [byte != 0]
    assert foreign.item() is (byte != 0)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_limits_of_floating_types_are_numpys(dtype: steep.dtype) -> None:
    mine, theirs = steep.finfo(dtype), np.finfo(str(dtype).removeprefix("steep."))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
        want = getattr(theirs, name)
        assert getattr(mine, name) == (pytest.approx(want) if name == "resolution" else want), name


@pytest.mark.parametrize("dtype", [steep.uint8, steep.int32, steep.int64], ids=str)
def test_limits_of_integer_types_fit_and_the_next_do_not(dtype: steep.dtype) -> None:
    limits = np.iinfo(str(dtype).removeprefix("steep."))
    for most in (limits.min, limits.max):
        assert steep.tensor([most], dtype=dtype).item() == most
        assert steep.full((1,), most, dtype=dtype).item() == most
    for beyond in (limits.min - 1, limits.max + 1):
        for number in (beyond, float(limits.max) * 2 + 2):
            with pytest.raises((RuntimeError, OverflowError)):  # the latter from Python's int
                steep.full((1,), number, dtype=dtype)


def test_sums_of_types_too_small_for_them_are_counted_in_int64() -> None:
    for dtype in DTYPES:
        wide = dtype if dtype.is_floating_point else steep.int64
        x = steep.ones(300, dtype=dtype)
        assert (x.sum().dtype, x.sum().item()) == (wide, 300)
        assert (x.cumsum(0).dtype, x.cumsum(0)[-1].item()) == (wide, 300)
    wrapped = steep.ones(300, dtype=steep.int32).cumsum(0, dtype=steep.uint8)
    assert wrapped[-1].item() == 300 - 256
