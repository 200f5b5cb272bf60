"""What goes on around an optimiser's step: learning rates that are tensors, and hooks of steps."""

from __future__ import annotations

import numpy as np

import steep
from programs.data import mlp, nn, regression
from programs.hooks import trained
from programs.runner import program

F = steep.nn.functional


# ---- learning rates ------------------------------------------------------------------------------


@program(replays=True)
def a_rate_that_decays_in_its_tensor(run):
    model, rate = mlp(), steep.tensor(0.1)
    for _ in trained(run, model, steep.optim.Adam(model.parameters(), lr=rate)):
        rate.mul_(0.9)


@program(replays=True)
def a_warm_up_in_a_tensor(run):
    """One tensor for two groups, another put in its place after the warm-up."""
    model, rate = mlp(), steep.tensor(0.0, dtype=steep.float64)
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters()}]
    optimizer = steep.optim.SGD(groups, lr=0.1, momentum=0.9)
    for group in optimizer.param_groups:
        group["lr"] = rate
    for i in trained(run, model, optimizer, 20):
        rate.fill_(0.01 * i)
        if i == 10:
            optimizer.param_groups[0]["lr"] = steep.tensor([0.05])
        if i == 15:
            optimizer.param_groups[1]["lr"] = 0.02


@program(replays=True)
def a_rate_that_the_step_decays_itself(run):
    """Written after the step that has read it: the next one reads it before it begins."""
    model, rate = mlp(), steep.tensor(0.2)
    optimizer = steep.optim.SGD(model.parameters(), lr=rate)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        rate.mul_(0.9)
        return loss

    for i in range(12):
        run.saw(step(*regression(i)), rate)
    run.saw(model)


@program(replays=False, says="setting")
def a_rate_computed_by_the_step(run):
    """Written before the step that reads it."""
    model, rate = mlp(), steep.tensor(0.2)
    optimizer = steep.optim.SGD(model.parameters(), lr=rate)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        rate[...] = 0.1 * loss.detach()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(*regression(i)), rate)
    run.saw(model)


@program(replays=False, says="setting")
def a_rate_decayed_between_two_steps(run):
    model, rate = mlp(), steep.tensor(0.2)
    optimizer = steep.optim.SGD(model.parameters(), lr=rate)

    @run.compile
    def steps(x, y):
        for _ in range(2):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
            rate.mul_(0.95)
        return rate * 1

    for i in range(10):
        run.saw(steps(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_rate_whose_memory_is_an_array(run):
    """NumPy writes the rate, outside."""
    model, rates = mlp(), np.array([0.1, 0.01], dtype=np.float32)
    optimizer = steep.optim.SGD(model.parameters(), lr=steep.from_numpy(rates)[0])
    for i in trained(run, model, optimizer):
        rates[0] = 0.1 / (i + 1)


# ---- hooks of steps ------------------------------------------------------------------------------


@program(replays=True)
def clipping_by_a_pre_hook(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.5)
    optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: clip(model))
    for _ in trained(run, model, optimizer):
        pass


def clip(model):
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)


@program(replays=True)
def an_average_kept_by_a_post_hook(run):
    """Exponential moving averages of the weights, by a hook whose rate changes."""
    model, average = mlp(), mlp()
    average.load_state_dict(model.state_dict())
    optimizer = steep.optim.Adam(model.parameters(), lr=0.05)
    settings = {"decay": 0.9}

    @steep.no_grad()
    def follow(optimizer, args, kwargs):
        for kept, p in zip(average.parameters(), model.parameters(), strict=True):
            kept.mul_(settings["decay"]).add_(p, alpha=1 - settings["decay"])

    optimizer.register_step_post_hook(follow)
    for i in trained(run, model, optimizer, 16):
        if i == 7:
            settings["decay"] = 0.99
        run.saw(average)


@program(replays=True)
def a_hook_of_all_optimizers(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def decay(optimizer, args, kwargs):
        with steep.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.mul_(1 - 0.1 * group["lr"])

    handle = steep.optim.optimizer.register_optimizer_step_pre_hook(decay)
    try:
        for i in trained(run, model, optimizer, 18):
            if i == 6:
                optimizer.param_groups[0]["lr"] = 0.05
            if i == 12:
                handle.remove()
    finally:
        handle.remove()


@program(replays=True)
def hooks_of_a_step_that_come_and_go(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def halved(optimizer, args, kwargs):
        for p in model.parameters():
            p.grad.mul_(0.5)

    for i in trained(run, model, optimizer, 30):
        if i == 5:
            first = optimizer.register_step_pre_hook(halved)
        if i == 11:
            second = optimizer.register_step_pre_hook(halved)
        if i == 17:
            first.remove()
        if i == 23:
            second.remove()


@program(replays=True)
def steps_counted_by_a_hook(run):
    model, counted = mlp(), {"steps": 0}
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def count(optimizer, args, kwargs):
        counted["steps"] += 1

    optimizer.register_step_post_hook(count)
    for _ in trained(run, model, optimizer, 10):
        pass
    run.saw(counted["steps"])


@program(replays=False, says="changes|log")
def a_hook_that_is_a_method_of_a_list(run):
    model, log = mlp(), []
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *given: log.append(1))
    optimizer.register_step_pre_hook(lambda *given: None)
    for _ in trained(run, model, optimizer, 10):
        pass
    run.saw(len(log))


@program(replays=False, says="param_groups")
def a_hook_that_sets_the_rate(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def decay(optimizer, args, kwargs):
        optimizer.param_groups[0]["lr"] *= 0.9

    optimizer.register_step_post_hook(decay)
    for _ in trained(run, model, optimizer, 10):
        pass


@program(replays=False, says="registers a hook of an optimizer")
def a_hook_registered_by_the_step(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        handle = optimizer.register_step_pre_hook(lambda *given: clip(model))
        optimizer.step()
        handle.remove()
        return model(x).detach()

    for i in range(8):
        run.saw(step(*regression(i)))
