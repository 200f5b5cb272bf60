"""Every public name of PyTorch's list is there, or left out for a reason that is said."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import steep
from steep.compat._left_out import PLANNED, REASONS, REFUSED, reason
from steep.operations import refused

TOOLS = Path(__file__).parents[1] / "tools"


def in_tools(code: str) -> str:
    """What code prints that imports the tools' modules."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOOLS, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_is_left_out_has_a_reason() -> None:
    assert in_tools("from made.torch_names import *; print(unexplained())") == "[]"


def test_a_name_without_a_reason_is_found() -> None:
    """The check itself, seen to fail."""
    code = (
        "import made.torch_names as t\n"
        "t.names_of_torch = lambda: {'torch': ['exp', 'no_such_name', 'stft']}\n"
        "print(t.unexplained())"
    )
    assert in_tools(code) == "['torch: no_such_name']"


def test_each_reason_is_one_of_some_name() -> None:
    """But for what is planned, which others may have added."""
    names: dict[str, list[str]] = {}
    for line in (TOOLS / "torch_names.txt").read_text().splitlines()[1:]:
        if line.startswith("["):
            names[line[1:-1]] = current = []
        else:
            current.append(line)
    assert set(names) == set(REASONS)
    for namespace, rows in REASONS.items():
        for why, pattern in rows:
            for part in pattern.split("|") if "(" not in pattern else [pattern]:
                found = [name for name in names[namespace] if re.fullmatch(part, name)]
                assert found or why == PLANNED, (namespace, part)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fft", "no attribute 'fft': complex numbers, which steep"),
        ("sparse_coo_tensor", "no attribute 'sparse_coo_tensor': sparse tensors"),
        ("no_such_name", r"no attribute 'no_such_name'\Z"),
    ],
)
def test_errors_say_why(name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=text):
        getattr(steep, name)
    assert reason("torch", "exp") == ""


@pytest.mark.parametrize("name", ["to_sparse_csr", "stft", "is_coalesced", "xpu", "chalf"])
def test_methods_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(
        NotImplementedError, match=f"Tensor.{name}: expected .*(has no|only device)"
    ):
        getattr(steep.ones(2), name)()


def test_names_of_other_homes() -> None:
    x = steep.tensor([1.0, -2.0])
    assert steep.abs_(x) is x
    assert x.tolist() == [1, 2]
    weight = steep.randn(2, 3, 3)
    assert (steep.conv1d(steep.ones(1, 3, 5), weight) ==
            steep.nn.functional.conv1d(steep.ones(1, 3, 5), weight)).all()  # fmt: skip
    rows = steep.embedding(steep.eye(3), steep.tensor([2, 0]))
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]
    image = steep.randn(4, 3, 5)
    normed = steep.batch_norm(image, None, None, None, None, True, 0.1, 1e-5, False)
    assert normed.allclose(steep.nn.functional.batch_norm(image, None, None, training=True))
    normed = steep.instance_norm(image, None, None, None, None, True, 0.1, 1e-5)
    assert normed.allclose(steep.nn.functional.instance_norm(image))


def test_refused_methods_are_counted_among_those_left_out() -> None:
    assert set(refused.REASONS) <= REFUSED
    for name in refused.REASONS:
        assert reason("Tensor", name)


def test_methods_are_imported_when_they_are_asked_for() -> None:
    code = (
        "import sys, steep\n"
        "early = [m for m in sys.modules if m.startswith(('steep.operations', 'steep.linalg'))]\n"
        "first = steep.Tensor.__dict__['logdet']\n"
        "out = steep.eye(2).logdet()\n"
        "print(early, type(first).__name__, steep.Tensor.__dict__['logdet'] is steep.logdet,\n"
        "      steep.nn.Parameter(steep.eye(2)).logdet().item() == out.item())"
    )
    assert in_tools(code) == "[] _Method True True"
