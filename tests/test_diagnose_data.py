"""`check_data` and leaks between splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from diagnose_support import adam, codes, mlp
from steep import nn
from steep.diagnose import Finding, Sanitizer, TrainingError, TrainingWarning, check_data
from steep.train import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


def only(*arguments: Any) -> Finding:
    (finding,) = check_data(*arguments)
    return finding


def changed(place: tuple[Any, ...], value: float) -> np.ndarray[Any, Any]:
    x = X.copy()
    x[place] = value
    return x


WRONG: list[tuple[tuple[Any, ...], str, str]] = [
    ((changed((3, 2), np.nan), Y), "non-finite", "1 NaN or infinite values in 1 of 900 rows"),
    ((X * [1, 1, 1, 1000, 1, 1], Y), "inputs-not-normalised", "column 3 of x has mean"),
    ((np.c_[X, Y].astype(np.float32), Y), "target-among-inputs", "column 6 of x is the target"),
    ((X, RNG.permutation(Y)), "labels-unrelated-to-inputs", "standard errors above chance"),
    ((X, (X[:, 0] > 1.8).astype(np.int64)), "class-imbalance", "of class 0"),
    ((X, Y, (X[100:200], Y[100:200])), "rows-in-both-splits", "100 of 100 rows"),
    ((X[:600], Y[:600], (X[600:], Y[600:] + 1)), "classes-only-in-validation", "classes 3 are in"),
    ((X, X[:, :1] * np.nan), "non-finite", "900 NaN or infinite values in y"),
]


@pytest.mark.parametrize(("arguments", "code", "evidence"), WRONG, ids=[w[1] for w in WRONG])
def test_what_is_wrong_is_found(arguments: tuple[Any, ...], code: str, evidence: str) -> None:
    finding = only(*arguments)
    assert finding.code == code
    assert evidence in finding.evidence


def xor(count: int) -> tuple[Any, Any]:
    x = RNG.integers(0, 2, (count, 2)).astype(np.float32)
    return x, (x[:, 0] != x[:, 1]).astype(np.int64)


RIGHT: dict[str, Callable[[], tuple[Any, ...]]] = {
    "splits": lambda: (X[:600], Y[:600], (X[600:], Y[600:])),
    "tensors": lambda: (steep.tensor(X), steep.tensor(Y)),
    "a regression": lambda: (X, X @ X[0] + 1000.0),
    "exclusive or, four rows again and again": lambda: (*xor(400), xor(100)),
    "pictures in 0..1": lambda: (RNG.random((50, 3, 8, 8)), RNG.integers(0, 10, 50)),
    "tokens": lambda: (RNG.integers(0, 5, (200, 4)), None, (RNG.integers(0, 5, (99, 4)), None)),
    "an autoencoder": lambda: (X, X),
    "one feature that is the target": lambda: (X[:, :1], X[:, 0]),
    "noise beside the signal": lambda: (X, Y ^ (RNG.random(900) < 0.2)),
    "a few rows": lambda: (X[:20], Y[:20], (X[20:30], Y[20:30])),
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_found_in_what_is_right(name: str) -> None:
    assert check_data(*RIGHT[name]()) == []


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="expected x and y of one length, got 900, 3"):
        check_data(X, Y[:3])
    with pytest.raises(TypeError, match="array of numbers, got <U1"):
        check_data(np.array(["a", "b"]))
    with pytest.raises(TypeError, match=r"expected validation to be a tuple \(x, y\)"):
        check_data(X, Y, X)


def test_fit_tells_of_rows_in_both_splits() -> None:
    x, y = steep.tensor(X), steep.tensor(Y)
    net = mlp(6, 8, 3)
    with pytest.warns(TrainingWarning, match="rows-in-both-splits: 20 of 100 rows"):
        fit(
            net,
            nn.CrossEntropyLoss(),
            adam(net),
            (x[:600], y[:600]),
            (x[580:680], y[580:680]),
            epochs=1,
        )
    before = net.state_dict()["0.weight"].numpy().copy()
    with pytest.raises(TrainingError):
        fit(net, nn.CrossEntropyLoss(), adam(net), (x, y), (x[:99], y[:99]), sanitize="strict")
    assert (net.state_dict()["0.weight"].numpy() == before).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, nn.CrossEntropyLoss(), adam(net), (x[:600], y[:600]), (x[600:], y[600:]), epochs=1)


@pytest.mark.parametrize("leaked", [True, False])
def test_a_loop_may_tell_of_its_validation(leaked: bool) -> None:
    net, loss = mlp(6, 8, 3), nn.CrossEntropyLoss()
    optimizer = adam(net)
    x, y = steep.tensor(X), steep.tensor(Y)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(2):
            for i in range(0, 320, 32):
                optimizer.zero_grad()
                loss(net(x[i : i + 32]), y[i : i + 32]).backward()
                optimizer.step()
            net.eval()
            with steep.no_grad():
                rows = slice(300, 340) if leaked else slice(320, 360)
                output = net(x[rows])
                watch.evaluate(x[rows], y[rows], output, loss(output, y[rows]))
            net.train()
    assert codes(watch.findings) == ({"rows-in-both-splits"} if leaked else set())
