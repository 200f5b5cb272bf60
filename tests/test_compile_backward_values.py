"""Results of compiled functions: derivatives of derivatives, what is changed, sums, and memory."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from outside import CALLS, Side, both, clear, data, mlp
from settled import settled

nn = steep.nn
F = steep.nn.functional


# ---- passes that are differentiated themselves ------------------------------------------------


def test_create_graph_through_a_replayed_result() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        parameters = list(model.parameters())
        for i, (x, y) in enumerate(side.steps(model)):
            x = x.clone().requires_grad_()
            loss = F.mse_loss(net(x), y)
            if i % 2:
                grads = steep.autograd.grad(loss, [x, *parameters], create_graph=True)
                penalty = sum(grad.square().sum() for grad in grads)
                side.saw(penalty)
                (loss + penalty).backward()
            else:
                loss.backward()
            side.saw(x.grad)

    both(case)


@pytest.mark.parametrize("end", [nn.Tanh, nn.Sigmoid, nn.Identity])
def test_second_derivatives_come_to_a_result_in_one_sum(end: Any) -> None:
    """Through what its own rule has saved as well; its hooks are called with all of it."""

    def case(side: Side) -> None:
        model = mlp(end())
        net = side.compile(nn.Sequential(model, nn.Linear(3, 3), end()))
        parameters = list(model.parameters())
        for x, y in side.steps(model):
            out = net(x)
            out.register_hook(lambda grad: side.saw(grad))
            loss = (out * out * y).sum()
            grads = steep.autograd.grad(loss, parameters, create_graph=True)
            second = sum(grad.square().sum() for grad in grads)
            side.saw(*steep.autograd.grad(second, [out, *parameters[:2]], retain_graph=True))
            (second + loss).backward()

    both(case, backward=False)


def test_third_derivatives_and_graphs_that_were_used_up() -> None:
    def case(side: Side) -> None:
        weight = steep.full((3,), 0.7, requires_grad=True)
        cube = side.compile(lambda x: (x * weight).sin() * x)
        for i in range(CALLS):
            x = (data(i)[0][0, :3]).clone().requires_grad_()
            weight.grad = None
            out = cube(x).sum()
            (one,) = steep.autograd.grad(out, x, create_graph=True)
            (two,) = steep.autograd.grad(one.sum(), x, create_graph=True)
            side.saw(one, two)
            (two.sum() + one.square().sum()).backward()
            side.saw(x.grad, weight.grad)
            out = cube(x).sum()
            (one,) = steep.autograd.grad(out, x, create_graph=True)
            out.backward()
            side.error_of(one.sum().backward)

    both(case, backward=False)


def test_a_gradient_penalty_of_a_compiled_critic() -> None:
    def case(side: Side) -> None:
        critic = nn.Sequential(nn.Linear(8, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1))
        net = side.compile(critic)
        optimizer = steep.optim.Adam(critic.parameters(), lr=0.01)
        for i in range(CALLS):
            real, fake = data(i)[0], data(i + 100)[0]
            mixed = (0.3 * real + 0.7 * fake).requires_grad_()
            (slope,) = steep.autograd.grad(net(mixed).sum(), mixed, create_graph=True)
            loss = (
                net(fake).mean() - net(real).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            side.saw(loss)
        side.saw(*critic.parameters())

    both(case)


# ---- changes between forward and backward -----------------------------------------------------


def change_parameter(model: Any, x: Any, out: Any) -> None:
    with steep.no_grad():
        model[2].weight.add_(1)


def change_bias(model: Any, x: Any, out: Any) -> None:
    with steep.no_grad():
        model[2].bias.add_(1)  # which nobody has saved


def change_argument(model: Any, x: Any, out: Any) -> None:
    x.mul_(2)


def change_result(model: Any, x: Any, out: Any) -> None:
    out.mul_(2)


def replace_data(model: Any, x: Any, out: Any) -> None:
    model[2].weight.data = model[2].weight.detach() * 2


def replace_data_of_argument(model: Any, x: Any, out: Any) -> None:
    x.data = x.detach() * 2


@pytest.mark.parametrize("end", [nn.Identity, nn.Tanh])
@pytest.mark.parametrize(
    "change",
    [
        change_parameter,
        change_bias,
        change_argument,
        change_result,
        replace_data,
        replace_data_of_argument,
    ],
)
def test_what_is_changed_before_backward(change: Any, end: Any) -> None:
    def case(side: Side) -> None:
        model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3), end())
        net = side.compile(model)
        for i, (x, y) in enumerate(side.steps(model, calls=3 * CALLS)):
            x = x.clone()
            out = net(x)
            if i % 10 == 6:
                change(model, x, out)
            try:
                out.backward(y)
            except RuntimeError as error:
                side.saw(str(error).partition("; it is at version")[0])

    both(case)


def test_a_result_written_to_outside() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for x, y in side.steps(model):
            out = net(x)
            out += 1
            out[0] = 0
            F.mse_loss(F.relu(out, inplace=True), y).backward()

    both(case)


def test_parameters_frozen_and_thawed() -> None:
    def case(side: Side) -> None:
        model = mlp()
        net = side.compile(model)
        for i, (x, y) in enumerate(side.steps(model, calls=3 * CALLS)):
            if i % CALLS == 0:
                model[0].requires_grad_(i == CALLS)
            F.mse_loss(net(x), y).backward()

    both(case)


# ---- sums of gradients ------------------------------------------------------------------------


class Recurrent(nn.Module):
    """One weight in many places: its gradients are added up in an order."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        h = x
        for _ in range(5):
            h = self.cell(h).tanh() + 0.1 * x
        return h


@pytest.mark.parametrize("penalty", ["none", "before", "after", "both"])
def test_gradients_of_one_weight_are_added_up_in_order(penalty: str) -> None:
    def case(side: Side) -> None:
        model = Recurrent()
        net = side.compile(model)
        for x, y in side.steps(model, outputs=8):
            terms = []
            if penalty in ("before", "both"):
                terms.append(0.3 * model.cell.weight.square().sum())
            terms.append(F.mse_loss(net(x), y))
            if penalty in ("after", "both"):
                terms.append(0.7 * model.cell.weight.abs().sum())
            sum(terms).backward()

    both(case, backward=penalty in ("none", "before"))


# ---- memory ----------------------------------------------------------------------------------


def test_what_an_earlier_call_has_saved_stays_as_it_is() -> None:
    def case(side: Side) -> None:
        model = mlp(nn.Dropout(0.5), nn.Sigmoid())
        net = side.compile(model)
        waiting: list[Any] = []
        for i in range(4 * CALLS):
            waiting.append(net(data(i)[0]))
            if len(waiting) == 5:
                clear(model)
                waiting.pop(i % 5).sum().backward()
                side.saw_gradients(model)

    both(case)


def test_what_is_saved_lives_as_long_as_the_graph() -> None:
    model = nn.Sequential(nn.Linear(8, 4096), nn.Tanh(), nn.Linear(4096, 3))
    net = steep.compile(model)
    x, _ = data(0, rows=64)
    for _ in range(6):
        clear(model)
        net(x).sum().backward()
    clear(model)
    before = settled()
    out = net(x)
    hidden = 64 * 4096 * 4
    assert settled() - before >= hidden
    out.sum().backward()
    clear(model)
    assert settled() - before < hidden
    out = net(x)
    del out
    assert settled() - before < hidden
    forward, _, backward = net._compiled.programs()  # of gradients that a sum has expanded
    assert forward.runs > 0 < backward.runs


def test_results_outlive_the_function() -> None:
    model = mlp()
    net = steep.compile(model)
    x, y = data(0)
    for _ in range(6):
        clear(model)
        net(x).backward(y)
    expected = [p.grad.clone() for p in model.parameters()]
    clear(model)
    out = net(x)
    assert replays(net) > 0
    del net
    gc.collect()
    out.backward(y)
    for p, grad in zip(model.parameters(), expected, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), grad.numpy())
