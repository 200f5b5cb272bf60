"""Optimisers: state, copies, hooks, display."""

from __future__ import annotations

import copy
import pickle

import pytest

import steep
from optim_support import CASES, gradients, make_params, run
from steep import nn, optim

# ---- state ------------------------------------------------------------------------------------


def test_state_has_pytorchs_structure():
    params = make_params(steep.float32)
    optimizer = optim.Adam(params, amsgrad=True)
    run(optimizer, params, 3)
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert saved["param_groups"][0]["params"] == [0, 1, 2]
    assert list(saved["state"]) == [0, 1, 2]
    entry = saved["state"][0]
    assert set(entry) == {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
    assert entry["step"].dtype == steep.float32
    assert entry["step"].dim() == 0
    assert entry["step"].item() == 3.0
    assert tuple(entry["exp_avg"].shape) == (3, 4)
    momentum = optim.SGD(params, momentum=0.5)
    run(momentum, params, 1)
    assert list(momentum.state_dict()["state"][1]) == ["momentum_buffer"]
    plain = optim.SGD(params)
    run(plain, params, 1)
    assert plain.state_dict()["state"] == {}


@pytest.mark.parametrize(("kind", "rule", "settings"), CASES)
@pytest.mark.parametrize("through", ["memory", "pickled settings"])
def test_resumed_training_is_the_same_training(kind, rule, settings, through):
    straight, resumed = make_params(), make_params()
    run(kind(straight, **settings), straight, 10)
    first = kind(resumed, **settings)
    run(first, resumed, 4)
    saved = first.state_dict()
    if through == "pickled settings":
        saved = {**saved, "param_groups": pickle.loads(pickle.dumps(saved["param_groups"]))}
    second = kind(resumed, lr=9.0)
    second.load_state_dict(saved)
    for step in range(4, 10):
        for p, g in zip(resumed, gradients(step), strict=True):
            p.grad = steep.tensor(g.tolist(), dtype=p.dtype)
        second.step()
    for a, b in zip(straight, resumed, strict=True):
        assert a.tolist() == b.tolist()


def test_loaded_state_is_a_copy_in_the_parameters_dtype():
    params = make_params(steep.float64)
    source = optim.Adam(params)
    run(source, params, 1)
    saved = source.state_dict()
    target = optim.Adam(make_params(steep.float32))
    target.load_state_dict(saved)
    loaded = target.state_dict()["state"][0]
    assert loaded["exp_avg"].dtype == steep.float32
    assert loaded["step"].item() == 1.0
    before = saved["state"][0]["exp_avg"].tolist()
    run(target, target.param_groups[0]["params"], 1)
    assert saved["state"][0]["exp_avg"].tolist() == before


def test_failed_load_changes_nothing():
    params = make_params()
    optimizer = optim.Adam(params)
    run(optimizer, params, 1)
    before = optimizer.state_dict()
    other = make_params()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(
            optim.Adam([{"params": other[:1]}, {"params": other[1:]}]).state_dict()
        )
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optimizer.load_state_dict(optim.Adam(other[:2]).state_dict())
    broken = copy.copy(before)
    broken["state"] = {0: {"step": 1.0, "exp_avg": steep.zeros(7)}}
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 to have shape \(3, 4\)"):
        optimizer.load_state_dict(broken)
    assert optimizer.state_dict()["param_groups"] == before["param_groups"]
    assert optimizer.state[params[0]]["step"].item() == 1.0


def test_copies_and_pickles():
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.5)
    model(steep.ones(1, 2)).sum().backward()
    optimizer.step()
    twin_model, twin = copy.deepcopy((model, optimizer))
    assert twin.param_groups[0]["params"][0] is twin_model.weight
    twin_model.weight.grad = steep.ones(1, 2)
    twin.step()
    assert twin.state[twin_model.weight]["step"].item() == 2.0
    assert optimizer.state[model.weight]["step"].item() == 1.0


def test_adamw_stays_decoupled():
    params = make_params()
    adamw = optim.AdamW(params)
    adamw.load_state_dict(optim.Adam(make_params()).state_dict())
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True


# ---- hooks, subclasses, display ---------------------------------------------------------------


def test_step_hooks():
    params = make_params()
    optimizer = optim.SGD(params)
    log = []
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
    optimizer.step(lambda: log.append("closure"))
    assert log == ["pre", "closure", "post"]
    pre.remove()
    optimizer.step()
    assert log[3:] == ["post"]


def test_pre_hook_replaces_arguments():
    optimizer = optim.SGD(make_params())
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 7,), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_own_optimizer():
    class Signed(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @steep.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * p.grad.sign())
                    self.state[p]["seen"] = self.state[p].get("seen", 0) + 1

    w = steep.zeros(2, requires_grad=True)
    optimizer = Signed([w], lr=0.5)
    log = []
    optimizer.register_step_post_hook(lambda *_: log.append(1))
    w.grad = steep.tensor([3.0, -2.0])
    optimizer.step()
    assert w.tolist() == [-0.5, 0.5]
    assert log == [1]
    assert optimizer.state_dict()["state"] == {0: {"seen": 1}}


def test_hooks_run_once_through_super():
    class Counting(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    optimizer = Counting(make_params())
    log = []
    optimizer.register_step_post_hook(lambda *_: log.append(1))
    optimizer.step()
    assert log == [1]


def test_optimizer_without_a_step():
    params = make_params()
    params[0].grad = steep.zeros(3, 4, dtype=steep.float64)
    optimizer = optim.Optimizer(params, {})
    with pytest.raises(NotImplementedError, match=r"defines neither step\(\)"):
        optimizer.step()


def test_repr():
    assert repr(optim.SGD(make_params(), lr=0.1)) == (
        "SGD (\n"
        "Parameter Group 0\n"
        "    dampening: 0\n"
        "    differentiable: False\n"
        "    foreach: None\n"
        "    fused: None\n"
        "    lr: 0.1\n"
        "    maximize: False\n"
        "    momentum: 0\n"
        "    nesterov: False\n"
        "    weight_decay: 0\n"
        ")"
    )
