"""Compiled functions whose results are differentiated outside: the same bits, and replayed."""

from __future__ import annotations

from typing import Any

import pytest

import steep
from outside import CALLS, Side, both, clear, data, mlp

nn = steep.nn
F = steep.nn.functional


# ---- the plain case -------------------------------------------------------------------------


def test_a_training_loop_with_the_loss_outside() -> None:
    def case(side: Side) -> None:
        model = mlp(nn.Dropout(0.4))
        net = side.compile(model)
        optimizer = steep.optim.Adam(model.parameters(), lr=0.01)
        for i in range(CALLS):
            x, y = data(i)
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            side.saw(loss)
            side.saw_gradients(model)
        side.saw(*model.parameters())

    (made,) = both(case)
    forward, backward = made.programs()
    assert forward.runs == backward.runs == CALLS - 3
    text = made.explain()
    assert text.count("replayed 7 times") == 2
    assert "backward, replayed 7 times" in text
    assert "gemm" in text.partition("backward, replayed")[2]


def test_a_replayed_call_makes_one_node_and_launches_programs_alone() -> None:
    model = mlp()
    net = steep.compile(model)
    x, _ = data(0)
    for _ in range(6):
        clear(model)
        net(x).sum().backward()
    clear(model)
    before = steep._core.counters()
    y = net(x)
    made = steep._core.counters()
    nodes = made["nodes"] - before["nodes"]
    assert nodes == 1 + len(list(model.parameters()))  # and one for each leaf
    launches = made["launches"] - before["launches"]
    assert launches <= 3
    grad = steep.ones(6, 3)
    before = steep._core.counters()
    y.backward(grad)
    after = steep._core.counters()
    assert after["launches"] - before["launches"] == steps_of(net._compiled.programs()[1])


def steps_of(program: Any) -> int:
    return sum("->" in line for line in program.listing().splitlines())


def test_gradients_go_into_grad_without_a_copy() -> None:
    model = mlp()
    net = steep.compile(model)
    x, _ = data(0)
    for _ in range(6):
        clear(model)
        net(x).sum().backward()
    clear(model)
    y = net(x).sum()
    before = steep._core.counters()["launches"]
    y.backward()
    steps = steps_of(net._compiled.programs()[2])  # of gradients that a sum has expanded
    assert steep._core.counters()["launches"] - before == steps + 1  # and the first gradient


# ---- ways of asking for gradients ------------------------------------------------------------


def test_autograd_grad_of_all_and_of_some_parameters() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        parameters = list(model.parameters())
        for i in range(CALLS):
            x, y = data(i)
            loss = F.mse_loss(net(x), y)
            side.saw(*steep.autograd.grad(loss, parameters, retain_graph=True))
            side.saw(*steep.autograd.grad(loss, parameters[2:]))
            assert all(p.grad is None for p in parameters)

    both(case)


def test_backward_with_inputs_alone() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for x, y in side.steps(model):
            F.mse_loss(net(x), y).backward(inputs=[model[0].weight])

    (made,) = both(case, backward=False)
    assert made.programs()[2].runs > 0  # of the kind of pass that came


class Heads(nn.Module):
    def __init__(self, shared: bool) -> None:
        super().__init__()
        self.trunk = nn.Linear(8, 8) if shared else nn.Identity()
        self.one = nn.Linear(8, 3)
        self.two = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        h = self.trunk(x).tanh()
        return {"one": self.one(h), "two": (self.two(h), "name", None)}


@pytest.mark.parametrize("shared", [False, True])
def test_several_backwards_into_several_results(shared: bool) -> None:
    def case(side: Side) -> None:
        model = Heads(shared)
        net = side.compile(model)
        for x, y in side.steps(model, calls=CALLS + 2):
            result = net(x)
            one, two = F.mse_loss(result["one"], y), F.l1_loss(result["two"][0], y)
            (one + two).backward(retain_graph=True)
            side.saw_gradients(model)
            one.backward(retain_graph=shared)
            side.saw_gradients(model)
            two.backward()

    (made,) = both(case)
    assert [program.runs > 0 for program in made.programs()] == [True] * 4


def test_results_that_are_made_of_each_other() -> None:
    """Hooks on the first, and gradients of it, are those of all that was made of it."""

    def case(side: Side) -> None:
        trunk, head = nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(x: Any) -> Any:
            h = trunk(x).tanh()
            return h, head(h)

        net = side.compile(forward)
        for i in range(CALLS):
            x, y = data(i)
            h, out = net(x)
            h.register_hook(lambda grad: grad * 2)
            h.retain_grad()
            loss = F.mse_loss(out, y) + 0.1 * h.square().mean()
            side.saw(*steep.autograd.grad(loss, [h, trunk.weight], retain_graph=True))
            loss.backward()
            side.saw(h.grad, trunk.weight.grad, head.weight.grad)
            trunk.weight.grad = head.weight.grad = None
            side.error_of(loss.backward)

    both(case, backward=False)


def test_a_graph_that_is_used_up_in_part_is_so_after_a_replay() -> None:
    def case(side: Side) -> None:
        model = Heads(True)
        net = side.compile(model)
        for x, y in side.steps(model):
            result = net(x)
            F.mse_loss(result["one"], y).backward()
            side.error_of(F.l1_loss(result["two"][0], y).backward)

    both(case, backward=False)


def test_results_that_no_loss_is_made_of() -> None:
    def case(side: Side) -> None:
        model = Heads(True)
        net = side.compile(model)
        for x, y in side.steps(model):
            F.mse_loss(net(x)["one"], y).backward()

    (made,) = both(case, backward=False)
    assert made.programs()[2].runs > 0


def test_a_second_backward_with_and_without_retain_graph() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for i in range(CALLS):
            x, y = data(i)
            clear(model)
            out = net(x)
            out.backward(y, retain_graph=True)
            out.backward(y)
            side.saw_gradients(model)
            with pytest.raises(RuntimeError, match="backward through the graph a second time"):
                out.backward(y)
            loss = F.mse_loss(net(x), y)
            loss.backward()
            side.error_of(loss.backward)

    both(case)


def test_backward_that_never_comes() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for i in range(CALLS):
            x, y = data(i)
            out = net(x)
            side.saw(out)
            if i % 3 == 2:
                clear(model)
                F.mse_loss(out, y).backward()
                side.saw_gradients(model)

    both(case)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_backwards_after_other_calls_in_any_order(order: list[int]) -> None:
    def case(side: Side) -> None:
        model = mlp(nn.Dropout(0.5))
        net = side.compile(model)
        for i in range(CALLS):
            clear(model)
            losses = [F.mse_loss(net(data(i + k)[0]), data(i + k)[1]) for k in range(3)]
            for k in order:
                losses[k].backward()
                side.saw_gradients(model)
            clear(model)
            sum(F.mse_loss(net(data(i + k)[0]), data(i)[1]) for k in range(2)).backward()
            side.saw_gradients(model)

    both(case)


def test_gradients_accumulate() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        optimizer = steep.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for i in range(3 * CALLS):
            x, y = data(i)
            (F.mse_loss(net(x), y) / 3).backward()
            side.saw_gradients(model)
            if i % 3 == 2:
                optimizer.step()
                optimizer.zero_grad(set_to_none=i % 2 == 0)
        side.saw(*model.parameters())

    both(case)


def test_gradients_given_in_other_orders_of_memory() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        grads = [
            steep.ones(6, 3),
            steep.ones(1).expand(6, 3),
            steep.ones(3, 6).t() * 0.5,
            data(1, columns=6)[0].narrow(1, 1, 3),
        ]
        for i in range(4 * CALLS):
            clear(model)
            net(data(i)[0]).backward(grads[i % 4])
            side.saw_gradients(model)
            side.saw(model[2].bias.grad.stride())

    (made,) = both(case)
    assert all(program.runs > 0 for program in made.programs())


# ---- where gradients go ----------------------------------------------------------------------


def test_hooks_of_parameters_and_of_results() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        weight = model[0].weight
        weight.register_hook(lambda grad: grad * 2)
        weight.register_post_accumulate_grad_hook(lambda p: side.saw("post", p.grad))
        for x, y in side.steps(model):
            out = net(x)
            out.register_hook(lambda grad: grad + 1)
            out.retain_grad()
            F.mse_loss(out, y).backward()
            side.saw(out.grad)

    both(case)


def test_gradients_of_arguments_that_are_leaves() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for i in range(CALLS):
            x, y = data(i)
            x = x.clone().requires_grad_()
            F.mse_loss(net(x), y).backward()
            side.saw(x.grad)
            (grad,) = steep.autograd.grad(net(x).sum(), x)
            side.saw(grad)
            assert x.grad is not grad
        side.saw_gradients(model)

    both(case)


def test_gradients_of_arguments_with_a_graph_of_their_own() -> None:
    def case(side: Side) -> None:
        first, second = nn.Linear(8, 8), mlp()
        net = side.compile(second)
        for x, y in side.steps(first, second):
            h = first(x).relu()
            h.register_hook(lambda grad: grad * 3)
            (F.mse_loss(net(h), y) + h.square().mean()).backward()

    both(case)


def test_two_compiled_modules_in_a_row_and_one_twice() -> None:
    def case(side: Side) -> None:
        encoder, decoder = nn.Linear(8, 8), mlp()
        encode, decode = side.compile(encoder), side.compile(decoder)
        for x, y in side.steps(encoder, decoder):
            F.mse_loss(decode(encode(encode(x)).tanh()), y).backward()

    both(case)


def test_a_compiled_loss_of_what_a_compiled_module_returns() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net, loss_of = side.compile(model), side.compile(lambda y, t: F.mse_loss(y, t) * 2)
        for x, y in side.steps(model):
            loss = loss_of(net(x), y)
            loss.backward()
            side.saw(loss)

    both(case)
