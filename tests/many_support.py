"""What the tests of `steep.train.fit_many` share: small networks, and each trained alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import steep
from steep import nn
from steep.train import fit
from tolerances import same_bits

Adam = steep.optim.Adam


def table(rows: int = 70, seed: int = 0) -> tuple[Any, Any]:
    """Inputs (rows, 6) and classes of three."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6)).astype(np.float32)
    return steep.from_numpy(x), steep.from_numpy(np.argmax(x[:, :3], axis=1))


def mlp(*middle: Callable[[], Any]) -> Callable[[], Any]:
    """Makes a network for the table."""
    return lambda: nn.Sequential(
        nn.Linear(6, 16), nn.Tanh(), *(make() for make in middle), nn.Linear(16, 3)
    )


def alone(
    make: Callable[[], Any], loss: Any, optimizer: Any, seed: int, *data: Any, **settings: Any
) -> Any:
    """What `fit` makes of one network: model, optimiser, history."""
    steep.manual_seed(seed)
    model = make()
    made = optimizer(model.parameters())
    if settings.get("scheduler") is not None:
        settings = {**settings, "scheduler": settings["scheduler"](made)}
    return model, made, fit(model, loss, made, *data, **settings)


def same_state(got: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(got) == list(expected)
    for name, value in got.items():
        same_bits(value.numpy(), expected[name].numpy())


def same_training(trained: Any, expected: Any) -> None:
    model, optimizer, history = expected
    same_state(trained.model.state_dict(), model.state_dict())
    mine, others = trained.optimizer.state_dict()["state"], optimizer.state_dict()["state"]
    assert list(mine) == list(others)
    for key, entry in mine.items():
        for name, value in entry.items():
            same_bits(np.asarray(value), np.asarray(others[key][name]))
    left_out = {"seconds"}
    for name in set(history.columns) - left_out:
        assert trained.history[name] == history[name], name
    assert trained.history.columns == history.columns
    for name in ("stopped", "best_epoch", "monitor", "restored"):
        assert getattr(trained.history, name) == getattr(history, name)
