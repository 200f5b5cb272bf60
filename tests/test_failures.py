"""Failed allocations and interrupts leave the old state or the new one, and a killed save a file.

The tools try every point; here some of each, in the same way.
"""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import time
import warnings
from typing import Any

import numpy as np
import pytest

import steep
from steep import _core, nn, optim

TOOLS = pathlib.Path(__file__).parent.parent / "tools"


def tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(TOOLS))  # where the tool finds its trials
inject = tool("inject_failures")


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger traces already")
@pytest.mark.parametrize("name", [name for name in inject.TRIALS if name != "save"])
def test_an_interrupt_leaves_the_old_or_the_new_state(name):
    # Every line where there are few; of compiled steps, which have thousands, one in 23.
    step = 23 if name.startswith("compiled") else 3
    tried, _ = inject.try_all(name, "lines", iter(range(1, 5000, step)), time.monotonic() + 600)
    assert tried > 20


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
def test_an_interrupted_save_leaves_the_old_or_the_new_file():
    tried, _ = inject.try_all("save", "lines", iter(range(1, 400, 9)), time.monotonic() + 600)
    assert tried > 20


@pytest.mark.parametrize("name", [*inject.TRIALS])
def test_a_failed_allocation_leaves_the_old_or_the_new_state(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compile says that there was no memory for a program
        tried, complete = inject.try_all(
            name, "memory", iter(range(1, 5000)), time.monotonic() + 600
        )
    assert complete
    assert tried > 0 or name in ("load", "assign", "gradients", "groups", "modes", "members")


@pytest.mark.skipif(
    importlib.util.find_spec("_testcapi") is None or "objects" not in inject.KINDS,
    reason="this interpreter lacks _testcapi, or crashes by itself",
)
@pytest.mark.parametrize("name", ["Adam", "compiled SGD", "load optimizer", "members", "loader"])
def test_a_failed_allocation_of_an_object_leaves_the_old_or_the_new_state(name):
    assert inject.in_a_process(name, "objects", 1, 5, 5000, 600) > 5


def test_a_killed_save_leaves_a_whole_file():
    kill = tool("kill_while_saving")
    for way in ("any", "named"):
        kills, _ = kill.kill_repeatedly(60, times=2, way=way)
        assert kills == 2


# ---- single cases --------------------------------------------------------------------------------


def interrupted(at: int, function: Any) -> bool:
    failure = inject.Interrupt(at)
    try:
        failure.run(function)
    except KeyboardInterrupt:
        return True
    return False


def test_the_first_step_of_adam_can_be_interrupted_anywhere():
    def trained(at: int) -> list[Any]:
        w = steep.ones(2, requires_grad=True)
        v = steep.ones(3, requires_grad=True)
        optimizer = optim.Adam([{"params": [w]}, {"params": [v]}], lr=0.1)
        (w.sum() * 2 + (v * v).sum()).backward()
        if at and interrupted(at, optimizer.step) and not optimizer.state:
            assert w.tolist() == [1.0, 1.0]
            optimizer.step()
        optimizer.state[w]["step"].item()
        if not at:
            optimizer.step()
        return [w.tolist(), v.tolist(), optimizer.state[v]["exp_avg"].tolist()]

    w = steep.ones(2, requires_grad=True)
    v = steep.ones(3, requires_grad=True)
    twin = optim.Adam([{"params": [w]}, {"params": [v]}], lr=0.1)
    (w.sum() * 2 + (v * v).sum()).backward()
    twin.step()
    expected = [w.tolist(), v.tolist(), twin.state[v]["exp_avg"].tolist()]
    for at in range(1, 120, 4):
        assert trained(at) == expected


def test_no_memory_to_plan_a_program_is_not_the_steps_failure():
    """The recorded call has been made: it returns its result, and says why it stays eager."""
    seen = set()
    for at in range(400):
        w = steep.ones(3, requires_grad=True)
        optimizer = optim.SGD([w], lr=0.5)

        @steep.compile
        def step(w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            optimizer.step()
            return loss

        step()
        step()
        before = w.tolist()
        _core.fail_allocation(at)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                loss = step()
            except MemoryError:
                assert w.tolist() == before
                continue
            finally:
                failed = _core.allocations_until_failure() < 0
                _core.fail_allocation(-1)
        np.testing.assert_array_equal(w.detach().numpy(), [0.0] * 3)
        assert loss.shape == ()
        if not failed:
            break
        texts = [str(warning.message) for warning in said]
        seen.update(texts)
        assert len(texts) == 1
        assert "runs eagerly: there was not enough memory" in texts[0]
        step()  # and says it once
    assert seen


def test_a_full_graph_without_memory_says_so_at_the_next_call():
    x = steep.ones(3, 3)
    for at in range(100):
        double = steep.compile(lambda x: (x @ x).exp() @ x, fullgraph=True)
        double(x)
        double(x)
        _core.fail_allocation(at)
        try:
            double(x)
        except MemoryError:
            continue
        finally:
            failed = _core.allocations_until_failure() < 0
            _core.fail_allocation(-1)
        assert failed
        with pytest.raises(RuntimeError, match="there was not enough memory"):
            double(x)
        return
    pytest.fail("no allocation failed while the program was planned")


def test_a_backward_pass_that_fails_adds_to_no_gradient():
    a, b = steep.ones(2, requires_grad=True), steep.ones(2, requires_grad=True)
    (a * b).sum().backward()
    before = a.grad.tolist(), b.grad.tolist()

    def fail(grad):
        raise RuntimeError("a hook that fails")

    for leaf in (a, b):
        handle = leaf.register_hook(fail)
        with pytest.raises(RuntimeError, match="a hook that fails"):
            (a * b).sum().backward()
        handle.remove()
        assert (a.grad.tolist(), b.grad.tolist()) == before


def test_a_parameter_that_is_refused_leaves_what_was_there():
    layer = nn.Linear(2, 2)
    layer.extra = nn.ReLU()
    made = nn.Parameter(steep.ones(2)) * 2
    with pytest.raises(TypeError, match="cannot assign"):
        layer.extra = made
    assert isinstance(layer.extra, nn.ReLU)
    modules = nn.ModuleList([nn.ReLU()])
    with pytest.raises(TypeError, match="not a Module"):
        modules.extend([nn.Tanh(), 3])
    assert len(modules) == 1


def test_extra_state_that_cannot_be_set_leaves_the_values():
    class Counting(nn.Linear):
        def get_extra_state(self):
            return 1

        def set_extra_state(self, state):
            raise RuntimeError("not this one")

    layer, other = Counting(2, 2), Counting(2, 2)
    before = layer.weight.tolist()
    for assign in (False, True):
        with pytest.raises(RuntimeError, match="not this one"):
            layer.load_state_dict(other.state_dict(), assign=assign)
        assert layer.weight.tolist() == before


def test_train_goes_by_way_of_a_modules_own_train():
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(nn.Dropout(), Frozen(nn.Dropout()))
    assert net.train() is net
    assert [m.training for m in net.modules()] == [True, True, False, False]
