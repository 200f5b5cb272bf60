"""LBFGS: beside the reference, resumed, with a compiled closure, and stopped in the middle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from cases import SEARCHES
from compiling import reason, replays
from steep import optim, reference
from tolerances import same_bits

SETTINGS = [pytest.param(s, id=str(i)) for i, s in enumerate(SEARCHES["LBFGS"].settings)]
SHAPES = [(2, 3), (4,), ()]
SIZE = 11


def problem() -> tuple[Any, list[Any]]:
    """A matrix that is not far from 1, and where to begin."""
    rng = np.random.default_rng(4)
    matrix = np.eye(SIZE) + 0.1 * rng.standard_normal((SIZE, SIZE))
    return matrix, [np.asarray(rng.standard_normal(shape)) for shape in SHAPES]


class Training:
    """``sum((A x) ** 2 + x ** 4 / 10) / 2`` over the parameters as one vector x."""

    def __init__(self, settings: dict[str, Any], dtype: Any = steep.float64) -> None:
        matrix, begin = problem()
        self.matrix = steep.tensor(matrix, dtype=dtype)
        self.params = [steep.tensor(p, dtype=dtype, requires_grad=True) for p in begin]
        self.optimizer = optim.LBFGS(self.params, **settings)
        self.call: Callable[[], Any] = self.closure
        self.calls = 0

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        x = steep.cat([p.reshape(-1) for p in self.params])
        loss = ((self.matrix @ x) ** 2 + x**4 / 10).sum() / 2
        loss.backward()
        return loss

    def counted(self) -> Any:
        self.calls += 1
        return self.closure()

    def step(self) -> Any:
        return self.optimizer.step(self.call)


class Formula:
    """The same by the reference."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.matrix, self.params = problem()
        self.stepper = reference.optim.LBFGS(self.params, **settings)

    def closure(self) -> tuple[float, list[Any]]:
        x = np.concatenate([p.ravel() for p in self.params])
        z = self.matrix @ x
        g = self.matrix.T @ z + x**3 / 5
        parts = np.split(g, np.cumsum([p.size for p in self.params])[:-1])
        return float((z**2 + x**4 / 10).sum() / 2), parts

    def step(self) -> float:
        return self.stepper.step(self.closure)


def tensors(value: Any) -> list[Any]:
    """All tensors inside dicts and lists, in their order."""
    if isinstance(value, dict):
        return [x for key in sorted(value, key=str) for x in tensors(value[key])]
    if isinstance(value, list | tuple):
        return [x for item in value for x in tensors(item)]
    return [value] if isinstance(value, steep.Tensor) else []


def assert_alike(one: Training, other: Training) -> None:
    for got, expected in zip(one.params, other.params, strict=True):
        same_bits(got.detach().numpy(), expected.detach().numpy())
    mine, yours = (tensors(t.optimizer.state_dict()["state"]) for t in (one, other))
    for got, expected in zip(mine, yours, strict=True):
        same_bits(got.numpy(), expected.numpy())


@pytest.mark.parametrize("settings", SETTINGS)
def test_follows_the_formula(settings: dict[str, Any]) -> None:
    ours, theirs = Training(settings), Formula(settings)
    for _ in range(6):
        np.testing.assert_allclose(ours.step().item(), theirs.step(), rtol=1e-8, atol=1e-12)
        for p, e in zip(ours.params, theirs.params, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), e, rtol=1e-7, atol=1e-9)
    assert max(float(p.abs().max()) for p in ours.params) < 1e-3  # the minimum is at 0


@pytest.mark.parametrize("settings", SETTINGS)
def test_float32_gets_there_too(settings: dict[str, Any]) -> None:
    training = Training(settings, steep.float32)
    for _ in range(8):
        training.step()
    assert max(float(p.abs().max()) for p in training.params) < 1e-2


def test_calls_are_bounded_and_counted() -> None:
    for most in (1, 3, 6):
        settings = {"max_eval": most, "max_iter": 50, "line_search_fn": "strong_wolfe"}
        training = Training(settings)
        training.call = training.counted
        training.step()
        # One call for where it begins, and the first trial of a search is always made.
        assert training.calls <= max(most, 2)
        state = training.optimizer.state[training.params[0]]
        assert state["func_evals"] == training.calls


def test_a_minimum_is_left_alone() -> None:
    training = Training({})
    for p in training.params:
        p.data.zero_()
    assert training.step().item() == 0.0
    assert training.optimizer.state[training.params[0]] == {"func_evals": 1, "n_iter": 0}
    empty = steep.zeros(0, requires_grad=True)
    assert optim.LBFGS([empty]).step(lambda: 3.0) == 3.0


def test_parameters_without_gradient_stay() -> None:
    used, unused = steep.ones(2, requires_grad=True), steep.ones(3, requires_grad=True)
    lbfgs = optim.LBFGS([used, unused], max_iter=3)

    def closure() -> Any:
        lbfgs.zero_grad()
        loss = (used * used).sum()
        loss.backward()
        return loss

    lbfgs.step(closure)
    assert used.tolist() != [1.0, 1.0]
    assert unused.tolist() == [1.0, 1.0, 1.0]


# ---- state ------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS)
def test_resumed_descents_are_the_same(settings: dict[str, Any]) -> None:
    straight, resumed = Training(settings), Training(settings)
    for _ in range(4):
        straight.step()
    for _ in range(2):
        resumed.step()
    saved = resumed.optimizer.state_dict()
    resumed.optimizer = optim.LBFGS(resumed.params, lr=9.0)
    resumed.optimizer.load_state_dict(saved)
    for _ in range(2):
        resumed.step()
    assert_alike(resumed, straight)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_go_on_alike(clone: Callable[[Any], Any]) -> None:
    first = Training({"max_iter": 3})
    first.step()
    second = Training({"max_iter": 3})
    second.params, second.optimizer = clone((first.params, first.optimizer))
    for training in (second, first):
        training.step()
    assert_alike(second, first)


def test_state_has_pytorchs_structure() -> None:
    training = Training({"history_size": 3, "max_iter": 6})
    training.step()
    saved = training.optimizer.state_dict()
    assert list(saved["state"]) == [0]
    entry = saved["state"][0]
    assert set(entry) == {
        *("func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag"),
        *("prev_flat_grad", "prev_loss", "al"),
    }
    assert [len(entry[name]) for name in ("old_dirs", "old_stps", "ro", "al")] == [3] * 4
    assert tuple(entry["d"].shape) == (SIZE,)
    assert tuple(entry["ro"][0].shape) == ()
    assert isinstance(entry["prev_loss"], float)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"d": steep.zeros(3)}, r"d to have shape \(11,\), got \(3,\)"),
        ({"old_dirs": [1.0]}, r"old_dirs to have shape \(11,\), got float"),
        ({"ro": [1.0]}, "to be of one length"),
    ],
)
def test_state_that_does_not_fit_is_refused(broken: dict[str, Any], text: str) -> None:
    optimizer = Training({}).optimizer
    saved = optimizer.state_dict()
    with pytest.raises(ValueError, match=text):
        optimizer.load_state_dict({**saved, "state": {0: broken}})
    assert not optimizer.state


# ---- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("at", range(1, 5))
def test_a_closure_that_fails_changes_nothing(at: int, search: str | None) -> None:
    training = Training({"line_search_fn": search, "lr": 0.3})
    training.step()
    before = copy.deepcopy((training.params, training.optimizer.state_dict()["state"]))
    calls = 0

    def closure() -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        return training.closure() + 1.0

    with pytest.raises(KeyboardInterrupt):
        training.optimizer.step(closure)
    after = (training.params, training.optimizer.state_dict()["state"])
    for now, old in zip(tensors(after), tensors(before), strict=True):
        same_bits(now.detach().numpy(), old.detach().numpy())
    assert after[1][0]["n_iter"] == before[1][0]["n_iter"]


def test_errors() -> None:
    training = Training({})
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optim.LBFGS(training.params, lr=-1)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [p]} for p in training.params])
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        training.optimizer.add_param_group({"params": [steep.zeros(2)]})
    with pytest.raises(TypeError, match="closure to return the loss"):
        training.optimizer.step(lambda: None)
    with pytest.raises(TypeError, match="closure"):
        training.optimizer.step()
    training.optimizer.param_groups[0]["line_search_fn"] = "exact"
    with pytest.raises(RuntimeError, match=r"only 'strong_wolfe' is supported, got .*'exact'"):
        training.step()


# ---- compiled ---------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_compiled_closure_has_the_same_bits(settings: dict[str, Any]) -> None:
    plain, compiled = Training(settings), Training(settings)
    compiled.call = steep.compile(compiled.closure)
    for _ in range(5):
        same_bits(compiled.step().detach().numpy(), plain.step().detach().numpy())
        assert_alike(compiled, plain)
    assert replays(compiled.call) > 0


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
def test_a_compiled_step_is_eager_and_says_what_to_compile() -> None:
    plain, compiled = Training({"max_iter": 3}), Training({"max_iter": 3})
    step = steep.compile(compiled.step)
    for _ in range(4):
        same_bits(step().detach().numpy(), plain.step().detach().numpy())
        assert_alike(compiled, plain)
    assert replays(step) == 0
    assert "compile the closure, and call step outside the function" in reason(step)
