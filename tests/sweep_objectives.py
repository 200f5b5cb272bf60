"""Objectives of sweeps, where the processes that run them can import them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import steep
from steep.train import sweep


def bowl(trial: Any) -> float:
    """The nearer to 2 the better."""
    return float((trial["x"] - 2.0) ** 2)


def drawn(trial: Any) -> float:
    """What the trial draws at random, and how many threads it has."""
    return float(steep.rand(1).item() + 10 * steep.get_num_threads())


def reporting(trial: Any) -> float:
    """Goes on as it begins, and tells so."""
    for step in range(4):
        trial.report(trial["x"], step)
    return float(trial["x"])


def fragile(trial: Any) -> Any:
    """Ends in as many ways as there are kinds."""
    kind = trial["kind"]
    if kind == "raises":
        raise ValueError("this one is bad")
    return {"none": None, "nan": float("nan"), "text": "3", "good": 1.5, "bool": True}[kind]


def trained(trial: Any) -> float:
    """A small network."""
    x = steep.linspace(-1, 1, 32).unsqueeze(1)
    model = steep.nn.Sequential(
        steep.nn.Linear(1, trial["hidden"][0]), steep.nn.Tanh(), steep.nn.Dropout(0.1),
        steep.nn.Linear(trial["hidden"][0], 1),
    )  # fmt: skip
    adam = steep.optim.Adam(model.parameters(), lr=trial["lr"])
    history = steep.train.fit(
        model, steep.nn.MSELoss(), adam, (x, x**2), (x, x**2), epochs=3,
        callbacks=[trial.callback()],
    )  # fmt: skip
    return float(history["val_loss"][-1])


def dying(trial: Any) -> float:
    """One of the trials takes its process with it."""
    if trial["x"] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return float(trial["x"])


def slow(trial: Any) -> float:
    """Notes that it has begun, in a file for each trial."""
    Path(os.environ["STEEP_TEST_FOLDER"], f"{trial.number}-{trial.seed}").touch()
    if trial.number >= 3:
        time.sleep(30)
    return float(trial["x"])


if __name__ == "__main__":
    sweep(slow, {"x": (0.0, 1.0)}, trials=8, storage=sys.argv[1], workers=int(sys.argv[2]))
