"""Optimisers in compiled steps: whatever decides their step may change between calls."""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Callable
from typing import Any

import pytest

import steep
from compiling import replays
from steep import nn
from steep.optim import _group, _recorded


def training(compiled: bool = True) -> tuple[Any, Any, list[Any]]:
    steep.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = steep.optim.Adam(net.parameters(), lr=0.01)
    optimizer.param_groups[0]["betas"] = [0.9, 0.999]
    x, y = steep.randn(8, 3), steep.randn(8, 1)

    def step() -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return (steep.compile(step) if compiled else step), optimizer, list(net.parameters())


def set_rate(optimizer: Any, params: list[Any]) -> None:
    optimizer.param_groups[0]["lr"] = 0.1


def set_rate_behind_its_back(optimizer: Any, params: list[Any]) -> None:
    dict.__setitem__(optimizer.param_groups[0], "lr", 0.1)


def change_list_of_betas(optimizer: Any, params: list[Any]) -> None:
    optimizer.param_groups[0]["betas"][0] = 0.1


def replace_group(optimizer: Any, params: list[Any]) -> None:
    optimizer.param_groups[0] = {**optimizer.param_groups[0], "lr": 0.2}


def replace_groups(optimizer: Any, params: list[Any]) -> None:
    optimizer.param_groups = [{**optimizer.param_groups[0], "lr": 0.2}]


def replace_group_and_change_it(optimizer: Any, params: list[Any]) -> None:
    if type(optimizer.param_groups[0]) is not dict:
        optimizer.param_groups[0] = dict(optimizer.param_groups[0], betas=(0.9, 0.999))
    else:
        optimizer.param_groups[0]["lr"] = 0.2


def replace_groups_and_change_them(optimizer: Any, params: list[Any]) -> None:
    if type(optimizer.param_groups) is list:
        optimizer.param_groups[0]["betas"] = (0.9, 0.999)  # as long as it is a list it is looked at
        optimizer.param_groups = OtherList(optimizer.param_groups)
    else:
        optimizer.param_groups[0] = dict(optimizer.param_groups[0], lr=0.2)


def replace_parameters_and_take_one_out(optimizer: Any, params: list[Any]) -> None:
    group = optimizer.param_groups[0]
    if type(group["params"]) is list:
        group["betas"], group["params"] = (0.9, 0.999), OtherList(group["params"])
    else:
        group["params"].pop()


def take_parameter_out(optimizer: Any, params: list[Any]) -> None:
    optimizer.param_groups[0]["params"].pop()


def clear_state(optimizer: Any, params: list[Any]) -> None:
    optimizer.state.clear()


def reset_average(optimizer: Any, params: list[Any]) -> None:
    optimizer.state[params[0]]["exp_avg"] = steep.zeros_like(params[0])


def load_state(optimizer: Any, params: list[Any]) -> None:
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def replace_state_and_change_it(optimizer: Any, params: list[Any]) -> None:
    if not isinstance(optimizer.state, Other):
        optimizer.state = Other({p: dict(entry) for p, entry in optimizer.state.items()})
    else:
        reset_average(optimizer, params)


class Other(dict[Any, Any]):
    pass


class OtherList(list[Any]):
    pass


def triple(params: list[Any]) -> None:
    params[0].grad.mul_(3)


def scale_gradients(optimizer: Any, params: list[Any]) -> None:
    optimizer.register_step_pre_hook(lambda *given: triple(params))


def scale_gradients_of_all(optimizer: Any, params: list[Any]) -> Callable[[], None]:
    register = steep.optim.optimizer.register_optimizer_step_pre_hook
    handle = register(lambda *given: triple(params))
    return lambda: handle.remove()


CHANGES = [set_rate, set_rate_behind_its_back, change_list_of_betas, replace_group]
CHANGES += [replace_groups, take_parameter_out, clear_state, reset_average, load_state]
CHANGES += [replace_group_and_change_it, replace_groups_and_change_them]
CHANGES += [replace_parameters_and_take_one_out]
CHANGES += [replace_state_and_change_it, scale_gradients, scale_gradients_of_all]


@pytest.mark.filterwarnings("ignore:compile. .*runs eagerly")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_compiled_step_follows(change: Any) -> None:
    runs = []
    for compiled in (False, True):
        step, optimizer, params = training(compiled)
        losses = [step().item() for _ in range(6)]
        assert not compiled or step.programs()[0].runs > 0
        for _ in range(2):
            undo = change(optimizer, params)
            losses += [step().item() for _ in range(6)]
            if undo is not None:
                undo()
                losses += [step().item() for _ in range(6)]
        runs.append((losses, [p.tolist() for p in params]))
    assert runs[0] == runs[1]


def test_a_tensor_for_a_rate_is_read_at_each_step() -> None:
    runs = []
    for compiled in (False, True):
        step, optimizer, params = training(compiled)
        rate = steep.tensor(0.01)
        for i in range(12):
            if i == 5:
                assert not compiled or step.programs()[0].runs > 0
                optimizer.param_groups[0]["lr"] = rate
            step()
            rate.mul_(0.7)
        runs.append([p.tolist() for p in params])
    assert runs[0] == runs[1]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="dicts do not say when they have changed")
def test_an_optimizer_whose_settings_stay_is_not_asked_again(monkeypatch: Any) -> None:
    step, optimizer, _ = training()
    optimizer.param_groups[0]["betas"] = (0.9, 0.999)  # a list may be changed by itself
    asked = []
    write = steep.optim.Optimizer.write_hyperparameters
    monkeypatch.setattr(
        steep.optim.Optimizer,
        "write_hyperparameters",
        lambda self, plans: asked.append(plans) or write(self, plans),
    )
    for _ in range(10):
        step()
    asked.clear()
    for _ in range(10):
        step()
    assert step.programs()[0].runs >= 10
    assert not asked
    optimizer.param_groups[0]["lr"] = 0.1
    for _ in range(10):
        step()
    assert len(asked) == 1


BAD = {"betas": (0.9,), "lr": "x", "eps": None}


@pytest.mark.parametrize("name", BAD)
def test_settings_that_are_refused_are_when_the_step_comes_to_them(name: str) -> None:
    left = []
    for compiled in (False, True):
        steep.manual_seed(0)
        w, count = steep.ones(2, requires_grad=True), steep.zeros(())
        optimizer = steep.optim.Adam([w], 0.1)

        def step(x: Any, w: Any = w, count: Any = count, optimizer: Any = optimizer) -> None:
            count.add_(1)
            optimizer.zero_grad()
            (nn.functional.dropout(w, 0.5) * x).sum().backward()
            optimizer.step()

        function = steep.compile(step) if compiled else step
        for i in range(8):
            if i == 6:
                assert not compiled or function.programs()[0].runs > 0
                optimizer.param_groups[0][name] = BAD[name]
            try:
                function(steep.full((2,), float(i)))
            except Exception as error:
                left.append((type(error), str(error)))
        left.append((count.item(), w.grad.tolist(), w.tolist(), steep.rand(1).item()))
    assert left[:3] == left[3:]
    assert left[2][0] == 8


def test_an_optimizer_made_inside_is_given_up_with_a_word() -> None:
    def step(x: Any) -> Any:
        w = steep.zeros(2, requires_grad=True)
        optimizer = steep.optim.SGD([w], 0.1)
        (w * x).sum().backward()
        optimizer.step()
        return w.detach().clone()

    compiled = steep.compile(step)
    with pytest.warns(UserWarning, match="creates its state at every call; create the optimizer"):  # noqa: PT031
        for i in range(24):
            assert compiled(steep.ones(2) * i).tolist() == step(steep.ones(2) * i).tolist()


def test_heads_that_take_turns_are_no_reason_to_give_up() -> None:
    heads = [nn.Linear(2, 1) for _ in range(8)]
    optimizer = steep.optim.Adam([p for head in heads for p in head.parameters()], lr=0.1)
    turn = [0]

    @steep.compile(fullgraph=True)
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = heads[turn[0]](x).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for i in range(8):
        turn[0] = i
        step(steep.ones(3, 2))
    turn[0] = 0
    for _ in range(6):
        step(steep.ones(3, 2))
    assert step.programs()[0].runs > 0


class Scheduled(steep.optim.SGD):
    """Whose rate is what a schedule of its own says."""

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        rate, *others = super()._hyper(group)
        return (rate * 1.0, *others)


@pytest.mark.parametrize(("kind", "fixed"), [(steep.optim.SGD, True), (Scheduled, None)])
def test_settings_that_a_users_code_works_out_are_asked_for_each_time(
    kind: Any, fixed: bool | None
) -> None:
    """The dicts that a step depends on do not say what such code makes of them."""
    w = steep.zeros(1, requires_grad=True)
    optimizer = kind([w], lr=1.0)
    w.sum().backward()
    optimizer.step()
    ask, _ = _recorded.precondition(optimizer, optimizer.step_hooks())
    assert ask() is fixed
    optimizer._hyper = optimizer._hyper
    ask, _ = _recorded.precondition(optimizer, optimizer.step_hooks())
    assert ask() is None


GROUP_CHANGES: dict[str, Any] = {
    "set": lambda group: group.__setitem__("lr", 0.2),
    "delete": lambda group: group.__delitem__("lr"),
    "update": lambda group: group.update(lr=0.2),
    "setdefault": lambda group: group.setdefault("new", 0.2),
    "pop": lambda group: group.pop("lr"),
    "popitem": lambda group: group.popitem(),
    "clear": lambda group: group.clear(),
    "or": lambda group: group.__ior__({"lr": 0.2}),
}


@pytest.mark.parametrize("name", GROUP_CHANGES)
def test_whatever_changes_a_group_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (group,) = steep.optim.SGD([steep.ones(2, requires_grad=True)], lr=0.1).param_groups
    noticed: list[Any] = []
    monkeypatch.setattr(_group, "note_change", noticed.append)
    before = dict(group)
    GROUP_CHANGES[name](group)
    assert dict(group) != before
    assert len(noticed) == 1
    assert noticed[0] is group


def test_changes_of_a_group_are_all_known() -> None:
    reading = {"copy", "fromkeys", "get", "items", "keys", "values"}
    changing = {name for name in vars(dict) if not name.startswith("_")} - reading
    changing |= {"__setitem__", "__delitem__", "__ior__"}
    assert changing <= {*vars(_group.ParamGroup)}


@pytest.mark.parametrize("name", ["Adamax", "Rprop", "SGD"])
def test_a_step_that_looks_up_names_is_replayed(name: str) -> None:
    model = nn.Linear(3, 2)
    optimizer = getattr(steep.optim, name)(model.parameters(), lr=0.01)

    @steep.compile(fullgraph=True)
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = getattr(nn.functional, "relu")(model(x)).pow(2).mean()  # noqa: B009
        loss.backward()
        optimizer.step()
        return loss

    x = steep.rand(4, 3)
    for _ in range(6):
        step(x)
    assert replays(step) > 0


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("kind", ["SGD", "Adam", "RAdam"])
@pytest.mark.parametrize("sizes", [(4, 0), (0, 4), (3, 0, 2)])
def test_parameters_without_elements_are_replayed(kind: str, sizes: tuple[int, ...]) -> None:
    """Their gradients are written by no launch."""
    found = []
    for compiled in (False, True):
        steep.manual_seed(0)
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        net = nn.Sequential(*layers, nn.Tanh())
        optimizer = getattr(steep.optim, kind)(net.parameters(), lr=0.1)

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = net(x).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        function = steep.compile(step, fullgraph=True) if compiled else step
        losses = [function(steep.ones(2, sizes[0])).item() for _ in range(6)]
        grads = [p.grad.tolist() for p in net.parameters()]
        found.append((losses, grads, [p.tolist() for p in net.parameters()]))
        assert not compiled or replays(function) > 0
    assert found[0] == found[1]


def test_a_function_that_adds_parameter_groups_is_run_as_it_is() -> None:
    """Also if it takes no step; a replay would add none."""
    optimizer = steep.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.5)

    @steep.compile
    def unfreeze(x: Any) -> Any:
        optimizer.add_param_group({"params": [steep.ones(2, requires_grad=True)]})
        return x * 2

    x = steep.ones(3)
    unfreeze(x)
    with pytest.warns(UserWarning, match="it changes param_groups; change them outside"):
        unfreeze(x)
    for _ in range(4):
        unfreeze(x)
    assert len(optimizer.param_groups) == 7


def test_an_optimizer_made_in_the_call_may_add_groups() -> None:
    @steep.compile
    def made(x: Any) -> Any:
        w = (x * 2).requires_grad_()
        optimizer = steep.optim.SGD([w], lr=0.5)
        optimizer.add_param_group({"params": [steep.ones(2, requires_grad=True)]})
        (w**2).sum().backward()
        optimizer.step()
        return w.detach()

    results = [made(steep.ones(3)).tolist() for _ in range(6)]
    assert results == [[0.0, 0.0, 0.0]] * 6
