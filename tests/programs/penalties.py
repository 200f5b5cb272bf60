"""Updates by hand through `.data`, `requires_grad` to and fro, gradients of gradients."""

from __future__ import annotations

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def subtracted_from_data(run):
    model = mlp()

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def added_to_data(run):
    """With momentum by hand, and weights kept in bounds through `.data`."""
    model = mlp()
    moved = [steep.zeros_like(p) for p in model.parameters()]

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        for p, buffer in zip(model.parameters(), moved, strict=True):
            buffer.mul_(0.9).add_(p.grad)
            p.data.add_(buffer, alpha=-0.05)
            p.data.clamp_(-1, 1)
            p.grad = None
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model, moved)


@program(replays=True)
def a_critic_that_is_frozen_for_a_while(run):
    """`requires_grad_(False)` for the maker's step, and back again."""
    maker, judge = mlp(2, 4), mlp(4, 1)
    makers = steep.optim.Adam(maker.parameters(), lr=0.01)
    judges = steep.optim.Adam(judge.parameters(), lr=0.01)

    @run.compile
    def step(real, noise):
        made = maker(noise)
        judges.zero_grad()
        gap = judge(made.detach()).mean() - judge(real).mean()
        gap.backward()
        judges.step()
        for p in judge.parameters():
            p.requires_grad_(False)
        makers.zero_grad()
        loss = -judge(made).mean()
        loss.backward()
        makers.step()
        for p in judge.parameters():
            p.requires_grad = True
        return gap, loss

    for i in range(12):
        run.saw(*step(inputs(i), inputs(100 + i, columns=2)))
    run.saw(maker, judge)


@program(replays=True)
def an_attack_on_the_inputs(run):
    """The inputs' copy requires a gradient for a while; the weights do not."""
    model = mlp(4, 3)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        model.requires_grad_(False)
        attacked = x.clone().requires_grad_()
        F.cross_entropy(model(attacked), y).backward()
        attacked = (attacked + 0.1 * attacked.grad.sign()).detach()
        model.requires_grad_(True)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(attacked), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*labelled(i)))
    run.saw(model)


@program(replays=True)
def a_gradient_penalty(run):
    """Wasserstein distance with a penalty of second order; the loss is returned as it is."""
    judge = mlp(4, 1)
    optimizer = steep.optim.Adam(judge.parameters(), lr=0.01)

    @run.compile
    def step(real, made):
        weight = steep.rand(len(real), 1)
        mixed = (weight * real + (1 - weight) * made).requires_grad_()
        (grad,) = steep.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)
        penalty = ((grad.norm(dim=1) - 1) ** 2).mean()
        loss = judge(made).mean() - judge(real).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(inputs(i), inputs(50 + i)))
    run.saw(judge)


@program(replays=True)
def a_penalty_on_the_real_ones(run):
    """R1: the gradient of the scores by the images, squared; both are returned."""
    judge = mlp(4, 1)
    optimizer = steep.optim.SGD(judge.parameters(), lr=0.05)

    @run.compile
    def step(real):
        real = real.detach().requires_grad_()
        scores = judge(real)
        (grad,) = steep.autograd.grad(scores.sum(), real, create_graph=True)
        penalty = grad.pow(2).sum(1).mean()
        loss = F.softplus(-scores).mean() + 5 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss, "penalty": penalty, "scores": scores}

    for i in range(12):
        run.saw(step(inputs(i)))
    run.saw(judge)


@program(replays=True)
def backward_with_a_graph(run):
    """`backward(create_graph=True)`, whose gradients then have a graph themselves."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        grads = steep.autograd.grad(loss, list(model.parameters()), create_graph=True)
        total = loss + 0.01 * sum((g**2).sum() for g in grads)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return total, loss

    for i in range(12):
        run.saw(*step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_hessian_times_a_vector(run):
    weight = nn.Parameter(steep.ones(4))

    @run.compile
    def product(x, v):
        value = ((x @ weight).tanh() ** 2).sum()
        (grad,) = steep.autograd.grad(value, weight, create_graph=True)
        (result,) = steep.autograd.grad(grad, weight, v)
        return result, value.detach()

    for i in range(10):
        run.saw(*product(inputs(i), inputs(i)[0]))
