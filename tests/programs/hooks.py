"""Hooks of tensors: such that only compute, and such that keep something."""

from __future__ import annotations

import collections

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def trained(run, model, optimizer, steps=12):
    """A step of regression, called so often."""

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(steps):
        run.saw(step(*regression(i)))
        yield i
    run.saw(model, optimizer)


@program(replays=True)
def gradients_clipped_by_hooks(run):
    """Each parameter clips its own gradient; the bound changes between the calls."""
    model = mlp()
    bound = {"value": 0.1}
    for p in model.parameters():
        p.register_hook(lambda grad: grad.clamp(-bound["value"], bound["value"]))
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 16):
        bound["value"] = 0.1 if i < 7 else 0.01


@program(replays=True)
def gradients_without_infinities(run):
    model = mlp()
    for p in model.parameters():
        p.register_hook(steep.nan_to_num if hasattr(steep, "nan_to_num") else lambda g: g * 1)
    for _ in trained(run, model, steep.optim.Adam(model.parameters(), lr=0.01)):
        pass


@program(replays=True)
def gradients_reversed_on_the_way(run):
    """A domain classifier behind a gradient that is turned round by a hook made in the function."""
    features, labels, domains = mlp(4, 4), mlp(4, 3), mlp(4, 2)
    parts = nn.ModuleList([features, labels, domains])
    optimizer = steep.optim.SGD(parts.parameters(), lr=0.05, momentum=0.9)
    strength = steep.tensor(0.0)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        hidden = features(x)
        turned = hidden * 1
        turned.register_hook(lambda grad: -strength * grad)
        loss = F.cross_entropy(labels(hidden), y) + F.cross_entropy(domains(turned), y % 2)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        strength.fill_(i / 14)
        run.saw(step(*labelled(i)))
    run.saw(parts)


@program(replays=True)
def a_hook_replaced_by_another(run):
    """Another hook on the same parameter, with the same code or with other code, or none."""
    model = mlp()
    weight = model[0].weight

    def scaled(factor):
        return lambda grad: grad * factor

    handle = weight.register_hook(scaled(0.5))
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 32):
        if i in (5, 11, 17, 23):
            handle.remove()
        if i == 5:
            handle = weight.register_hook(scaled(2.0))
        if i == 11:
            handle = weight.register_hook(lambda grad: grad.sign() * 0.01)
        if i == 17:
            handle = weight.register_hook(scaled(0.5))


@program(replays=True)
def one_hook_more(run):
    model = mlp()
    bias = model[2].bias
    first = bias.register_hook(lambda grad: grad + 1)
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 24):
        if i == 5:
            bias.register_hook(lambda grad: grad * 3)
        if i == 12:
            first.remove()


@program(replays=True)
def a_hook_registered_and_taken_off_inside(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    scales = [0.5, 2.0]

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        handles = [
            p.register_hook(lambda grad, scale=scale: grad * scale)
            for p, scale in zip(model[0].parameters(), scales, strict=True)
        ]
        loss = F.mse_loss(model(x), y)
        loss.backward()
        for handle in handles:
            handle.remove()
        optimizer.step()
        return loss

    for i in range(16):
        if i == 8:
            scales[0] = 0.25
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=False, says="changes")
def a_hook_left_behind(run):
    """The function puts a hook on a parameter at each call: there is one more each time."""
    model = mlp()

    @run.compile
    def step(x, y):
        model.zero_grad()
        model[0].weight.register_hook(lambda grad: grad * 0.9)
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    for i in range(10):
        run.saw(step(*regression(i)), model[0].weight.grad)


@program(replays=False, says="changes|norms")
def a_hook_that_appends(run):
    """`append` itself is the hook: no code of Python's runs."""
    model, norms = mlp(), []
    model[0].weight.register_hook(norms.append)
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 10):
        pass
    run.saw(norms)


@program(replays=True)
def a_hook_that_counts(run):
    model, calls = mlp(), collections.Counter()

    def count(grad):
        calls["weight"] += 1
        return grad * 2

    model[0].weight.register_hook(count)
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 10):
        pass
    run.saw(calls["weight"])


@program(replays=False, says="prints")
def a_hook_that_is_print(run):
    model = mlp()
    model[2].bias.register_hook(print)
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 8):
        pass


@program(replays=False, says="item")
def a_hook_that_decides(run):
    model = mlp()
    model[0].weight.register_hook(lambda grad: grad * (0.5 if grad.norm().item() > 0.01 else 1))
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 8):
        pass


@program(replays=False, says="hook of an argument")
def a_hook_of_an_argument(run):
    """Hooks of arguments are others at every call, of the same kind."""

    @run.compile
    def attack(x):
        (x**2).sum().backward()
        return x.detach() + x.grad.sign()

    for i in range(12):
        x = inputs(i).requires_grad_()
        x.register_hook(lambda grad, i=i: grad * (i - 5))
        run.saw(attack(x), x.grad)


class Clipped:
    """A hook with settings."""

    def __init__(self, bound):
        self.bound = bound

    def __call__(self, grad):
        return grad.clamp(-self.bound, self.bound)

    def scaled(self, grad):
        return grad * self.bound


@program(replays=True)
def hooks_that_are_objects_and_methods(run):
    model, clip = mlp(), Clipped(0.05)
    model[0].weight.register_hook(clip)
    model[2].weight.register_hook(clip.scaled)
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 18):
        if i == 8:
            clip.bound = 0.5


@program(replays=True)
def an_optimizer_within_backward(run):
    """Each parameter is updated as soon as its gradient is there, and the gradient dropped."""
    model = mlp()
    optimizers = {p: steep.optim.SGD([p], lr=0.1) for p in model.parameters()}

    def update(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(update)

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model, [p.grad for p in model.parameters()])


@program(replays=True)
def gradients_averaged_after_accumulation(run):
    """The hook sees the whole gradient, and writes into it."""
    model = mlp()

    def average(p):
        p.grad.mul_(0.5)

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(average)
    for _ in trained(run, model, steep.optim.Adam(model.parameters(), lr=0.01)):
        pass
    run.saw([p.grad for p in model.parameters()])


@program(replays=True)
def a_hook_on_a_graph_from_outside(run):
    """What the function goes through is computed once; later a hook is put on it."""
    weight = steep.ones(4, requires_grad=True)
    doubled = weight * 2

    @run.compile
    def step(x):
        weight.grad = None
        (doubled * x).sum().backward(retain_graph=True)
        return x * 1

    for i in range(20):
        if i == 6:
            handle = doubled.register_hook(lambda grad: grad * 100)
        if i == 13:
            handle.remove()
        run.saw(step(inputs(i)), weight.grad)


@program(replays=True)
def gradients_mixed_with_those_before(run):
    """A hook reads the `.grad` of the parameter it hangs on, if there is one."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.register_hook(lambda grad, p=p: grad if p.grad is None else grad - 0.5 * p.grad)

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(16):
        if i == 8:
            model.zero_grad()
        run.saw(step(*regression(i)), model[0].weight.grad)
    run.saw(model)
