"""What may change between the calls of a compiled function, and is followed."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from compiling import F, Run, Twins, batches, mlp, nn, reason, replays
from tolerances import same_bits


def test_a_schedule_is_followed() -> None:
    twins = Twins(lambda: Run(mlp(), "SGD", lr=0.1, momentum=0.9))
    for i, (x, y) in enumerate(batches(12)):
        for side in (twins.plain, twins.other):
            side.optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        twins.plain.step(x, y)
        twins.compiled(x, y)
        twins.compare()
    assert replays(twins.compiled) >= 7


class Accumulating(Run):
    """Gradients of two batches added up; cleared outside of the step."""

    def step(self, x: Any, y: Any) -> Any:
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        return loss


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_are_added_up_as_in_eager(to_none: bool) -> None:
    twins = Twins(lambda: Accumulating(mlp()))
    for i, (x, y) in enumerate(batches(24)):
        twins.plain.step(x, y)
        twins.compiled(x, y)
        twins.compare()
        if i % 2:
            for side in (twins.plain, twins.other):
                side.optimizer.step()
                side.optimizer.zero_grad(set_to_none=to_none)
    assert replays(twins.compiled) > 0


def test_modes_shapes_and_no_grad_have_programs_of_their_own() -> None:
    twins = Twins(lambda: Run(mlp(nn.Dropout(0.3))))
    for epoch in range(6):
        for side in (twins.plain, twins.other):
            side.model.train(epoch % 2 == 0)
        for x, y in batches(4) + batches(3, rows=7):
            state = steep.get_rng_state()
            twins.plain.step(x, y)
            steep.set_rng_state(state)
            twins.compiled(x, y)
            twins.compare()
    assert len(twins.compiled.programs()) == 4
    assert replays(twins.compiled) >= 20


def test_replaced_frozen_and_loaded_parameters_are_seen() -> None:
    twins = Twins(lambda: Run(mlp()))
    data = iter(batches(60))

    def train() -> None:
        for _ in range(6):
            x, y = next(data)
            twins.plain.step(x, y)
            twins.compiled(x, y)
            twins.compare()

    train()
    saved = {k: v.clone() for k, v in twins.plain.model.state_dict().items()}
    for side in (twins.plain, twins.other):
        side.model[0].weight.requires_grad_(False)
        side.model[0].weight.grad = None
    train()
    for side in (twins.plain, twins.other):
        side.model[0].weight.requires_grad_(True)
        side.model.load_state_dict(saved)
    train()
    for side in (twins.plain, twins.other):
        steep.manual_seed(4)
        side.model[2] = nn.Linear(32, 5)
        side.optimizer.add_param_group({"params": list(side.model[2].parameters()), "lr": 0.1})
    train()
    for side in (twins.plain, twins.other):
        side.model[0].weight.data = side.model[0].weight.detach() * 2
    train()
    assert replays(twins.compiled) >= 10  # of the programs that are still there


def test_bad_targets_are_refused_in_a_replay_and_change_nothing() -> None:
    run = Run(mlp())
    compiled = steep.compile(run.step)
    data = batches(6)
    for x, y in data:
        compiled(x, y)
    assert replays(compiled) > 0
    before = [p.detach().numpy().copy() for p in run.model.parameters()]
    x, y = data[0]
    bad = y.clone()
    bad[3] = 5
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        compiled(x, bad)
    for p, old in zip(run.model.parameters(), before, strict=True):
        same_bits(p.detach().numpy(), old)
    compiled(x, y)


def test_a_rebound_variable_is_seen() -> None:
    factor = 2.0
    compiled = steep.compile(lambda x: x * factor)
    for _ in range(5):
        assert compiled(steep.ones(1)).item() == 2.0
    factor = 3.0
    assert compiled(steep.ones(1)).item() == 3.0
    assert replays(compiled) > 0


def test_numbers_passed_as_arguments_have_programs_of_their_own() -> None:
    compiled = steep.compile(lambda x, scale, *, flag=True: x * scale if flag else x / scale)
    for i in range(5):
        for scale in (1, 2.5, True):
            for flag in (True, False):
                x = steep.full((3,), float(i))
                expected = x * scale if flag else x / scale
                same_bits(compiled(x, scale, flag=flag).numpy(), expected.numpy())
    assert len(compiled.programs()) == 6


def test_a_decorated_method_is_compiled_for_each_instance() -> None:
    class Model:
        def __init__(self, factor: float) -> None:
            self.factor = steep.full((1,), factor)

        @steep.compile
        def scale(self, x: Any) -> Any:
            return x * self.factor

    models = [Model(2.0), Model(3.0)]
    for _ in range(5):
        assert [m.scale(steep.ones(1)).item() for m in models] == [2.0, 3.0]
    assert all(replays(m.scale) for m in models)


def test_a_module_is_compiled_as_a_whole() -> None:
    model = mlp()
    compiled = steep.compile(model)
    with steep.no_grad():
        for x, _ in batches(6):
            same_bits(compiled(x).numpy(), model(x).numpy())
    assert next(iter(compiled.state_dict())) == "_orig_mod.0.weight"
    assert "replayed" in compiled.explain()
    compiled.eval()
    assert not model.training


def test_a_compiled_module_stands_for_its_original_in_errors() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(4, 1)))
    said = []
    for compiled in (False, True):
        if compiled:
            net[1] = steep.compile(net[1])
        with pytest.raises(RuntimeError) as caught:
            (steep.compile(net) if compiled else net)(steep.ones(1, 2))
        said.append(str(caught.value))
    assert said[0].endswith("(in Sequential.1.0: Linear(in_features=4, out_features=1, bias=True))")
    assert said[0] == said[1]


@pytest.mark.filterwarnings("ignore:compile")
def test_an_argument_with_a_graph_changes_nothing_of_what_comes_back() -> None:
    """A graph that is used up is let go at every call alike."""
    weight = steep.ones(2, requires_grad=True)

    @steep.compile
    def step(x: Any) -> Any:
        loss = (x * 2).sum()
        loss.backward()
        return loss

    assert [step(weight * 1).requires_grad for _ in range(4)] == [False] * 4
    assert "runs backward into the graph that an argument is part of" in reason(step)


def test_the_least_recently_used_signature_goes_first() -> None:
    compiled = steep.compile(lambda x: x + 1)
    for n in range(1, 100):
        for _ in range(4):
            compiled(steep.ones(n))
    assert len(compiled.programs()) == 64


def test_memory_given_anew_is_named_before_numbers_that_could_be_followed() -> None:
    """As in `target.data = target.data * decay + ...`, of other dtypes, beside such a decay."""

    class Average:
        def __init__(self) -> None:
            self.decay = 0.5
            self.mean = steep.zeros(3)

        def add(self, x: Any) -> Any:
            self.decay = self.decay * 0.9
            other = steep.float32 if self.mean.dtype == steep.float64 else steep.float64
            self.mean.data = (self.mean.data * self.decay + x * (1 - self.decay)).to(other)
            return self.mean * 1

    average = Average()
    add = steep.compile(average.add)
    with pytest.warns(UserWarning, match="runs eagerly") as told:
        assert [add(steep.ones(3)).shape for _ in range(20)] == [(3,)] * 20
    (message,) = [str(warning.message) for warning in told]
    assert "a tensor's memory or settings at every call" in message
    assert "write to its memory (copy_)" in message
    assert "self.mean.data = (self.mean.data * self.decay" in message  # the line
