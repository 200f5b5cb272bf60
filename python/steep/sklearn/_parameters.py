"""What the estimators' parameters may be."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from steep.sklearn._optimizers import SCHEDULES, SOLVERS, is_stochastic

__all__ = ["check_parameters", "hidden_sizes", "keep"]


def keep(estimator: Any, given: dict[str, Any]) -> None:
    """Store a constructor's arguments as they are, under their names: scikit-learn's contract."""
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


def hidden_sizes(given: Any) -> list[int]:
    """Widths of the hidden layers: one number, or a sequence of them.

    Raises:
        ValueError: if one is not a whole number above 0.
    """
    sizes = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if not all(_is_int(size) and size > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0 and whole numbers, got {given!r}.")
    return [int(size) for size in sizes]


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def _number(low: float, high: float = np.inf, *, open_low: bool = False,
            open_high: bool = False) -> Callable[[Any], bool]:  # fmt: skip
    def holds(x: Any) -> bool:
        if not _is_real(x):
            return False
        above = bool(low < x if open_low else low <= x)
        return above and bool(x < high if open_high else x <= high)

    return holds


def _whole(value: Any) -> bool:
    return _is_int(value) and value >= 1


def _flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _rates(value: Any) -> bool:
    if isinstance(value, (list, tuple, np.ndarray)):
        return all(_number(0, 1, open_high=True)(x) for x in value)
    return _number(0, 1, open_high=True)(value)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "alpha": (_number(0), "a number of at least 0"),
    "batch_size": (lambda x: x == "auto" if isinstance(x, str) else _whole(x),
                   "'auto' or a whole number of at least 1"),
    "learning_rate_init": (_number(0, open_low=True), "a number above 0"),
    "power_t": (_number(0), "a number of at least 0"),
    "max_iter": (_whole, "a whole number of at least 1"),
    "shuffle": (_flag, "True or False"),
    "tol": (_number(0), "a number of at least 0"),
    "warm_start": (_flag, "True or False"),
    "momentum": (_number(0, 1), "a number from 0 to 1"),
    "nesterovs_momentum": (_flag, "True or False"),
    "early_stopping": (_flag, "True or False"),
    "validation_fraction": (_number(0, 1, open_high=True), "a number from 0, below 1"),
    "beta_1": (_number(0, 1, open_high=True), "a number from 0, below 1"),
    "beta_2": (_number(0, 1, open_high=True), "a number from 0, below 1"),
    "epsilon": (_number(0, open_low=True), "a number above 0"),
    "n_iter_no_change": (lambda x: _whole(x) or x == np.inf,
                         "a whole number of at least 1, or infinity"),
    "max_fun": (_whole, "a whole number of at least 1"),
    "solver": (lambda x: x in SOLVERS if isinstance(x, str) else callable(x),
               f"one of {', '.join(SOLVERS)}, or a function of the parameters"),
    "learning_rate": (lambda x: x in SCHEDULES if isinstance(x, str) else callable(x),
                      f"one of {', '.join(SCHEDULES)}, or a function of the optimizer"),
    "dropout": (_rates, "a number from 0, below 1, or one for each hidden layer"),
    "batch_norm": (_flag, "True or False"),
    "clip_norm": (lambda x: x is None or _number(0, open_low=True)(x), "None or a number above 0"),
    "embedding_dim": (lambda x: x == "auto" if isinstance(x, str) else _whole(x),
                      "'auto' or a whole number of at least 1"),
    "dtype": (lambda x: isinstance(x, str) and x in ("auto", "float32", "float64"),
              "'auto', 'float32' or 'float64'"),
    "callbacks": (lambda x: isinstance(x, (list, tuple)) and all(map(callable, x)),
                  "a list of functions of the estimator"),
}  # fmt: skip


def check_parameters(estimator: Any) -> None:
    """Check all parameters before anything is done.

    Raises:
        ValueError: if one is not what it may be.
    """
    name = type(estimator).__name__
    hidden_sizes(estimator.hidden_layer_sizes)
    for parameter, (holds, expected) in _RULES.items():
        value = getattr(estimator, parameter)
        if not holds(value):
            raise ValueError(
                f"{name}: expected the {parameter!r} parameter to be {expected}, got {value!r}"
            )
    if not is_stochastic(estimator.solver) and np.any(np.asarray(estimator.dropout) > 0):
        raise ValueError(
            f"{name}: dropout changes the loss from one evaluation to the next, which solver="
            "'lbfgs' cannot follow; use another solver, or dropout=0"
        )
    if estimator.batch_norm and estimator.batch_size == 1 and is_stochastic(estimator.solver):
        raise ValueError(
            f"{name}: expected batch_size to be at least 2 with batch_norm=True, got 1: a single "
            "sample has no variance; use batch_size=32, say, or batch_norm=False"
        )
