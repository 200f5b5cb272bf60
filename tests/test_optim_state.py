"""Optimisers: state, and copies."""

from __future__ import annotations

import copy
import pickle

import pytest

import steep
from cases import OPTIMIZERS
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


@pytest.mark.parametrize(("kind", "settings"), CASES)
@pytest.mark.parametrize("through", ["memory", "pickled settings"])
def test_resumed_training_is_the_same_training(kind, settings, through):
    straight, resumed = make_params(kind=kind), make_params(kind=kind)
    run(kind(straight, **settings), straight, 10)
    first = kind(resumed, **settings)
    run(first, resumed, 4)
    saved = first.state_dict()
    if through == "pickled settings":
        saved = {**saved, "param_groups": pickle.loads(pickle.dumps(saved["param_groups"]))}
    second = kind(resumed, lr=9.0)
    second.load_state_dict(saved)
    for step in range(4, 10):
        for p, g in zip(resumed, gradients(step, resumed), strict=True):
            p.grad = steep.tensor(g.tolist(), dtype=p.dtype)
        second.step()
    for a, b in zip(straight, resumed, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_a_parameter_s_shape_is_what_the_row_says(name):
    """With every setting that any state is kept with."""
    params = make_params(kind=getattr(optim, name))
    settings = {}
    for needed in OPTIMIZERS[name].state.values():
        settings |= needed
    optimizer = getattr(optim, name)(params, **settings)
    run(optimizer, params, 1)
    for p in params:
        others = {"step", *OPTIMIZERS[name].others}
        kept = {key for key, x in optimizer.state[p].items() if key not in others and x is not None}
        assert kept == set(OPTIMIZERS[name].state)
        assert all(optimizer.state[p][key].shape == p.shape for key in kept)


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


def test_state_of_any_shape_is_loaded():
    """Factored second moments, counts, flags: as PyTorch, which looks at none of it."""

    class Factored(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        def step(self, closure=None):
            pass

    p = steep.zeros(2, 3, requires_grad=True)
    entry = {
        "step": 7,
        "rows": steep.ones(2, dtype=steep.float64),
        "columns": steep.ones(3),
        "count": steep.tensor(4, dtype=steep.int64),
        "parts": [steep.ones(4, dtype=steep.float64), None, (1, 2.5)],
        "nested": {"step": steep.tensor(3, dtype=steep.int64), "name": "x"},
    }
    optimizer = Factored([p])
    optimizer.load_state_dict({"state": {0: entry}, "param_groups": [{"params": [0]}]})
    loaded = optimizer.state[p]
    assert loaded["step"] == 7
    assert type(loaded["step"]) is int
    assert loaded["rows"].dtype == steep.float32
    assert tuple(loaded["rows"].shape) == (2,)
    assert loaded["count"].dtype == steep.float32  # cast, as PyTorch casts whatever is no step
    assert loaded["parts"][0].dtype == steep.float32
    assert loaded["parts"][1:] == [None, (1, 2.5)]
    assert loaded["nested"]["step"].dtype == steep.int64
    assert loaded["nested"]["name"] == "x"


@pytest.mark.parametrize(
    ("kind", "entry", "text"),
    [
        (optim.SGD, {"momentum_buffer": steep.zeros(2)}, "momentum_buffer of parameter 1"),
        (optim.Adam, {"step": 1, "exp_avg_sq": steep.zeros(2)}, "exp_avg_sq of parameter 1"),
        (optim.Adam, {"step": 1, "exp_avg": 3.0}, "exp_avg of parameter 1 .* got float"),
        (optim.AdamW, {"step": "two"}, "step of parameter 1 to be one number"),
        (optim.AdamW, {"step": steep.zeros(2)}, "step of parameter 1 to be one number"),
    ],
)
def test_fused_steps_refuse_state_that_they_cannot_use(kind, entry, text):
    params = make_params()
    optimizer = kind(params, lr=0.5)
    saved = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 9.0
    with pytest.raises(ValueError, match=text):
        optimizer.load_state_dict({**saved, "state": {1: entry}})
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert not optimizer.state


def test_a_whole_number_of_steps_is_loaded_by_adam():
    params = make_params()
    optimizer = optim.Adam(params)
    entry = {"step": 5, "exp_avg": steep.zeros(3, 4), "exp_avg_sq": steep.zeros(3, 4)}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: entry}})
    run(optimizer, params, 1)
    assert optimizer.state[params[0]]["step"].item() == 6.0
    assert optimizer.state[params[1]]["step"].item() == 1.0


def test_a_setting_saved_before_it_existed_keeps_its_default():
    params = make_params()
    optimizer = optim.Adam(params)
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["decoupled_weight_decay"]
    optimizer.load_state_dict(saved)
    run(optimizer, params, 1)


# ---- replaced state ---------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("kind", "name", "settings"),
    [(k, n, settings) for k, row in OPTIMIZERS.items() for n, settings in row.state.items()],
)
def test_replaced_state_counts(kind, name, settings, compiled, whole, at):
    def train(replace):
        params = make_params(kind=getattr(optim, kind))
        optimizer = getattr(optim, kind)(params, lr=0.1, **settings)

        def step():
            optimizer.zero_grad()
            sum((p * p).sum() for p in params).backward()
            optimizer.step()

        taken = steep.compile(step) if compiled else step
        for _ in range(6):
            taken()
        replace(optimizer, params[at])
        for _ in range(5):
            taken()
        return params, optimizer

    def assign(optimizer, p):
        value = optimizer.state[p][name] / 2
        if whole:
            optimizer.state[p] = {**optimizer.state[p], name: value}
        else:
            optimizer.state[p][name] = value

    def write(optimizer, p):
        optimizer.state[p][name].div_(2)

    params, optimizer = train(assign)
    twins, twin = train(write)
    for p, q in zip(params, twins, strict=True):
        assert p.tolist() == q.tolist()
        for key, value in optimizer.state[p].items():
            assert value.tolist() == twin.state[q][key].tolist()
    saved = optimizer.state_dict()["state"][at][name]
    assert saved.tolist() == twin.state[twins[at]][name].tolist()


def test_a_count_that_was_assigned_is_gone_on_with():
    params = make_params()
    optimizer = optim.Adam(params)
    run(optimizer, params, 1)
    optimizer.state[params[2]]["step"] = 10
    run(optimizer, params, 1)
    assert optimizer.state[params[2]]["step"].item() == 11.0
    assert optimizer.state[params[1]]["step"].item() == 2.0


def test_replaced_parameters_and_groups_are_followed_by_replays():
    w = steep.ones(2, requires_grad=True)
    v = steep.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    @steep.compile
    def step():
        optimizer.zero_grad()
        (w.sum() + v.sum()).backward()
        optimizer.step()

    for _ in range(5):
        step()
    assert w.tolist() == [-1.5, -1.5]
    optimizer.param_groups[0]["params"][0] = v
    w.grad = v.grad = None
    step()
    assert w.tolist() == [-1.5, -1.5]
    assert v.tolist() == [0.5, 0.5]
    optimizer.param_groups.append({**optimizer.param_groups[0], "params": [w]})
    w.grad = v.grad = None
    step()
    assert w.tolist() == [-2.0, -2.0]
    assert v.tolist() == [0.0, 0.0]


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


def test_settings_of_another_optimizer_are_refused_and_missing_switches_are_off() -> None:
    layer = nn.Linear(2, 1)
    adam, sgd = optim.Adam(layer.parameters()), optim.SGD(layer.parameters(), lr=0.1)
    before = sgd.state_dict()
    with pytest.raises(ValueError, match=r"settings of SGD, group 0 lacks 'momentum', 'dampening'"):
        sgd.load_state_dict(adam.state_dict())
    assert sgd.state_dict() == before
    older = sgd.state_dict()
    for switch in ("nesterov", "maximize"):
        del older["param_groups"][0][switch]
    sgd.load_state_dict(older)
    assert sgd.state_dict() == before
