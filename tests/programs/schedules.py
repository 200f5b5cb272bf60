"""Learning rates and other numbers that change over the training, clipping and early stopping."""

from __future__ import annotations

import math

import numpy as np

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def regressor(kind="SGD", **settings):
    """A model, its optimiser, and the step of a regression."""
    model = mlp()
    optimizer = getattr(steep.optim, kind)(model.parameters(), **settings)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@program(replays=True)
def cosine_annealing(run):
    model, optimizer, step = regressor("Adam", lr=0.1)
    step = run.compile(step)
    for i in range(15):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 + math.cos(math.pi * i / 15))
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def warmup_by_a_scheduler_of_its_own(run):
    class Warmup:
        def __init__(self, optimizer, steps):
            self.optimizer, self.steps, self.count = optimizer, steps, 0
            self.base = [group["lr"] for group in optimizer.param_groups]

        def step(self):
            self.count += 1
            for base, group in zip(self.base, self.optimizer.param_groups, strict=True):
                group["lr"] = base * min(1.0, self.count / self.steps)

    model, optimizer, step = regressor(lr=0.1, momentum=0.9)
    scheduler = Warmup(optimizer, 8)
    step = run.compile(step)
    for i in range(12):
        run.saw(step(*regression(i)))
        scheduler.step()
    run.saw(model, optimizer)


@program(replays=False, says="lr|param_groups")
def a_rate_that_falls_inside(run):
    """The step itself lowers the rate: a number that it changes."""
    model, optimizer, inner = regressor(lr=0.1)

    @run.compile
    def step(x, y):
        loss = inner(x, y)
        optimizer.param_groups[0]["lr"] *= 0.9
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=False, says="count|param_groups|lr")
def a_scheduler_stepped_inside(run):
    """The scheduler counts, and sets the rate, at every call of the step."""

    class Exponential:
        def __init__(self, optimizer, gamma):
            self.optimizer, self.gamma, self.count = optimizer, gamma, 0
            self.base = optimizer.param_groups[0]["lr"]

        def step(self):
            self.count += 1
            self.optimizer.param_groups[0]["lr"] = self.base * self.gamma**self.count

    model, optimizer, inner = regressor("Adam", lr=0.1)
    scheduler = Exponential(optimizer, 0.8)

    @run.compile
    def step(x, y):
        loss = inner(x, y)
        scheduler.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model, optimizer, scheduler.count)


@program(replays=True)
def a_rate_read_inside(run):
    """A penalty is weighted by the rate that is in force; it changes once."""
    model, optimizer, _ = regressor(lr=0.1)

    @run.compile
    def step(x, y):
        lr = optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y) + lr * model[0].weight.square().sum()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            optimizer.param_groups[0]["lr"] = 0.02
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=None)
def a_rate_returned_for_the_log(run):
    """The rate falls at every call, and is one of the results."""
    model, optimizer, inner = regressor(lr=0.1)

    @run.compile
    def step(x, y):
        return {"loss": inner(x, y), "lr": optimizer.param_groups[0]["lr"]}

    for i in range(13):
        run.saw(step(*regression(i)))
        optimizer.param_groups[0]["lr"] *= 0.9
    run.saw(model)


@program(replays=None)
def a_float_argument_annealed(run):
    """A new number at every call; a program for each would never end."""
    model = mlp(outputs=2)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x, beta):
        mean, log_var = model(x).chunk(2, 1)
        loss = mean.square().mean() + beta * (log_var.exp() - log_var).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(15):
        run.saw(step(inputs(i), min(1.0, i / 20)))
    run.saw(model)


@program(replays=True)
def a_float_argument_that_saturates(run):
    model = mlp()

    @run.compile
    def forward(x, beta):
        return beta * model(x).detach()

    for i in range(14):
        run.saw(forward(inputs(i), min(1.0, i / 4)))


@program(replays=True)
def a_tensor_argument_annealed(run):
    model = mlp()

    @run.compile
    def forward(x, temperature):
        return F.softmax(model(x).detach() / temperature, dim=0)

    for i in range(12):
        run.saw(forward(inputs(i), steep.tensor(5.0 * 0.8**i)))


@program(replays=None)
def an_attribute_annealed(run):
    """Epsilon falls before every call, in an attribute that the method reads."""

    class Agent:
        def __init__(self):
            self.epsilon, self.model = 1.0, mlp(outputs=3)

        def act(self, x):
            p = F.softmax(self.model(x).detach(), -1)
            return (1 - self.epsilon) * p + self.epsilon / 3

    agent = Agent()
    act = run.compile(agent.act)
    for i in range(14):
        agent.epsilon = max(0.05, agent.epsilon * 0.8)
        run.saw(act(inputs(i)))


@program(replays=True)
def an_attribute_annealed_to_its_floor(run):
    class Agent:
        def __init__(self):
            self.epsilon, self.model = 1.0, mlp(outputs=3)

        def act(self, x):
            p = F.softmax(self.model(x).detach(), -1)
            return (1 - self.epsilon) * p + self.epsilon / 3

    agent = Agent()
    act = run.compile(agent.act)
    for i in range(15):
        agent.epsilon = max(0.1, agent.epsilon * 0.5)
        run.saw(act(inputs(i)))


@program(replays=True)
def early_stopping(run):
    model, _, step = regressor(lr=0.3)
    step = run.compile(step)
    best, patience = float("inf"), 0
    for i in range(15):
        loss = step(*regression(i % 5)).item()
        run.saw(loss)
        patience = 0 if loss < best else patience + 1
        best = min(best, loss)
        if patience == 6:
            break
    run.saw(best, patience, model)


@program(replays=True)
def the_rate_halved_on_a_plateau(run):
    model, optimizer, step = regressor(lr=0.5)
    step = run.compile(step)
    losses = []
    for i in range(14):
        losses.append(step(*regression(i)).item())
        if i > 2 and losses[-1] > np.mean(losses[-4:-1]):
            optimizer.param_groups[0]["lr"] /= 2
    run.saw(losses, optimizer, model)


@program(replays=True)
def gradients_clipped_by_norm(run):
    model, optimizer, _ = regressor(lr=0.5)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), 10 * y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        return loss, norm

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def gradients_clipped_by_value(run):
    model, optimizer, _ = regressor("Adam", lr=0.05)
    clip = {"value": 0.5}

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), 10 * y)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), clip["value"])
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            clip["value"] = 0.01
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def groups_with_rates_of_their_own(run):
    trunk, head = nn.Linear(4, 5), nn.Linear(5, 3)
    optimizer = steep.optim.SGD(
        [
            {"params": trunk.parameters(), "lr": 0.01, "weight_decay": 0.1},
            {"params": head.parameters()},
        ],
        lr=0.1,
        momentum=0.9,
    )

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(head(trunk(x).relu()), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        optimizer.param_groups[i % 2]["lr"] *= 0.7
        run.saw(step(*labelled(i)))
    run.saw(trunk, head, optimizer)


@program(replays=True)
def momentum_and_decay_changed(run):
    model, optimizer, step = regressor(lr=0.1, momentum=0.5)
    step = run.compile(step)
    for i in range(16):
        if i == 5:
            optimizer.param_groups[0]["momentum"] = 0.9
        if i == 10:
            optimizer.param_groups[0]["weight_decay"] = 0.01
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def betas_of_adam_changed(run):
    model, optimizer, step = regressor("Adam", lr=0.05)
    step = run.compile(step)
    for i in range(12):
        if i == 6:
            optimizer.param_groups[0]["betas"] = (0.5, 0.9)
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def a_curriculum_of_lengths(run):
    """Longer and longer sequences, several batches of each."""
    cell = nn.Linear(5, 4)

    @run.compile
    def unroll(x):
        hidden = steep.zeros(3, 4)
        for row in x.unbind():
            hidden = cell(steep.cat([row, hidden], 1)).tanh()
        return hidden.detach()

    for length in (1, 2, 3):
        for i in range(5):
            run.saw(unroll(inputs(i, 3 * length, 1).reshape(length, 3, 1)))


@program(replays=True)
def settings_in_a_dict_with_a_cosine_inside(run):
    model = mlp()

    def step(x, y, settings):
        for p in model.parameters():
            p.grad = None
        loss = F.mse_loss(model(x), y)
        loss.backward()
        part = settings["step"] / settings["steps"]
        rate = 0.5 * settings["lr"] * (1 + math.cos(math.pi * part))
        with steep.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=rate)
        return loss

    step = run.compile(step)
    for i in range(32):
        run.saw(step(*regression(i), {"lr": 0.05, "step": i + 4, "steps": 50}))
    run.saw(model)


@program(replays=True)
def betas_in_a_tuple_with_a_square_root(run):
    model = mlp()
    squares = [steep.zeros_like(p) for p in model.parameters()]

    def step(x, y, settings):
        lr, (beta, t) = settings
        for p in model.parameters():
            p.grad = None
        loss = F.mse_loss(model(x), y)
        loss.backward()
        with steep.no_grad():
            for p, square in zip(model.parameters(), squares, strict=True):
                square.mul_(beta).add_(p.grad * p.grad * (1 - beta))
                p -= lr / math.sqrt(1 - math.pow(beta, t)) * p.grad / (square.sqrt() + 0.01)
        return loss

    step = run.compile(step)
    for i in range(24):
        run.saw(step(*regression(i), (0.02 / (1 + 0.1 * i), (0.9, i + 4))))
    run.saw(model)
