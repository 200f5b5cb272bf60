"""Optimisers against their formulas in NumPy; groups, state, hooks and errors."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import steep
import steep._core as core
from steep import nn, optim

SHAPES = [(3, 4), (5,), ()]


def make_params(dtype=steep.float64):
    rng = np.random.default_rng(0)
    return [
        steep.tensor(rng.standard_normal(s).tolist(), dtype=dtype, requires_grad=True)
        for s in SHAPES
    ]


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [np.asarray(rng.standard_normal(s)) for s in SHAPES]


def array(t):
    return np.asarray(t.tolist())


def run(optimizer, params, steps, skip=lambda step, i: False):
    for step in range(steps):
        for i, (p, g) in enumerate(zip(params, gradients(step), strict=True)):
            p.grad = None if skip(step, i) else steep.tensor(g.tolist(), dtype=p.dtype)
        optimizer.step()


class Reference:
    """The update formulas of the optimisers' docstrings, one parameter at a time."""

    def __init__(self, params):
        self.params = [array(p) for p in params]
        self.state = [{} for _ in params]

    def run(self, update, steps, skip=lambda step, i: False):
        for step in range(steps):
            for i, g in enumerate(gradients(step)):
                if not skip(step, i):
                    self.params[i] = update(self.params[i], g, self.state[i])
        return self.params


def sgd(lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    def update(p, g, state):
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = state.get("b")
            state["b"] = b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        return p - lr * g

    return update


def adam(
    lr,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    maximize=False,
    decoupled=False,
):
    def update(p, g, state):
        g = -g if maximize else g
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
        if amsgrad:
            v = state["top"] = np.maximum(state.get("top", 0), v)
        denominator = np.sqrt(v) / math.sqrt(1 - betas[1] ** t) + eps
        return p - lr / (1 - betas[0] ** t) * m / denominator

    return update


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    (optim.Adam, adam, {"lr": 0.01}),
    (optim.Adam, adam, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adam, adam, {"lr": 0.01, "amsgrad": True, "maximize": True}),
    (optim.AdamW, adam, {"lr": 0.01, "weight_decay": 0.3}),
    (optim.AdamW, adam, {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
]


def formula(kind, rule, settings):
    return rule(**settings, **({"decoupled": True} if kind is optim.AdamW else {}))


@pytest.mark.parametrize(("kind", "rule", "settings"), CASES)
def test_follows_the_formula(kind, rule, settings):
    params = make_params()
    reference = Reference(params)
    run(kind(params, **settings), params, 20)
    expected = reference.run(formula(kind, rule, settings), 20)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(array(p), e, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "rule", "settings"), CASES)
def test_float32_stays_near(kind, rule, settings):
    params = make_params(steep.float32)
    reference = Reference(params)
    run(kind(params, **settings), params, 20)
    expected = reference.run(formula(kind, rule, settings), 20)
    for p, e in zip(params, expected, strict=True):
        assert p.dtype == steep.float32
        np.testing.assert_allclose(array(p), e, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "rule", "settings"), CASES)
def test_parameters_without_gradient_wait(kind, rule, settings):
    def skip(step, i):
        return (step + i) % 3 == 0 or (i == 1 and step < 5)

    params = make_params()
    reference = Reference(params)
    run(kind(params, **settings), params, 15, skip)
    expected = reference.run(formula(kind, rule, settings), 15, skip)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(array(p), e, rtol=1e-10, atol=1e-12)


def test_step_without_any_gradient_does_nothing():
    params = make_params()
    optimizer = optim.Adam(params)
    before = [array(p) for p in params]
    optimizer.step()
    assert all(np.array_equal(array(p), b) for p, b in zip(params, before, strict=True))
    assert not optimizer.state


def test_a_changed_learning_rate_counts_at_once():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0)
    w.grad = steep.ones(1)
    for lr, expected in [(1.0, -1.0), (0.5, -1.5), (0.5, -2.0), (steep.tensor(0.25), -2.25)]:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        assert w.item() == expected


def test_groups_have_settings_of_their_own():
    a, b = steep.zeros(1, requires_grad=True), steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([{"params": a, "lr": 1.0}, {"params": [b]}], lr=0.5)
    c = steep.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": [("c", c)], "lr": 0.25})
    for p in (a, b, c):
        p.grad = steep.ones(1)
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == [-1.0, -0.5, -0.25]
    assert optimizer.param_groups[2]["param_names"] == ["c"]


def test_clearing_the_state_starts_anew():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0, momentum=1.0)
    w.grad = steep.ones(1)
    optimizer.step()
    optimizer.step()
    assert w.item() == -3.0
    optimizer.state.clear()
    optimizer.step()
    assert w.item() == -4.0
    optimizer.state[w]["momentum_buffer"] = steep.tensor([10.0])
    optimizer.step()
    assert w.item() == -15.0


def test_switching_amsgrad_on():
    w = steep.zeros(1, requires_grad=True)
    optimizer = optim.Adam([w])
    w.grad = steep.ones(1)
    optimizer.step()
    before = core.structure_version()
    optimizer.param_groups[0]["amsgrad"] = True
    optimizer.step()
    assert "max_exp_avg_sq" in optimizer.state[w]
    assert core.structure_version() != before


def test_closure():
    w = steep.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with steep.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert w.item() == 0.0


def test_zero_grad():
    params = make_params()
    optimizer = optim.SGD(params)
    run(optimizer, params, 1)
    optimizer.zero_grad(set_to_none=False)
    assert array(params[0].grad).tolist() == np.zeros((3, 4)).tolist()
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


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


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        (optim.SGD, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.SGD, {"lr": math.nan}, "Invalid learning rate: nan"),
        (optim.SGD, {"momentum": -1.0}, "Invalid momentum value: -1.0"),
        (optim.SGD, {"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
        (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum"),
        (optim.SGD, {"differentiable": True}, "SGD: expected differentiable=False"),
        (optim.Adam, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.Adam, {"eps": -1.0}, "Invalid epsilon value: -1.0"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        (optim.Adam, {"betas": (0.9, 1.5)}, "Invalid beta parameter at index 1: 1.5"),
        (optim.AdamW, {"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ],
)
def test_settings_out_of_range(kind, settings, text):
    with pytest.raises(ValueError, match=text):
        kind(make_params(), **settings)


def test_settings_that_change_nothing_are_accepted():
    optim.SGD(make_params(), foreach=True, fused=False)
    optim.Adam(make_params(), foreach=False, fused=True, capturable=True)
    optim.AdamW(make_params(), fused=True)


def test_parameters_that_are_none():
    leaf = steep.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="params argument given to the optimizer"):
        optim.SGD(leaf)
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([leaf * 2])
    with pytest.raises(TypeError, match="one of the params is int"):
        optim.SGD([1])
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {leaf}}])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": leaf}, {"params": leaf}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([leaf, leaf])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([{"params": leaf}, [leaf]])
    with pytest.raises(ValueError, match="with/without names"):
        optim.SGD([("a", leaf), leaf])
