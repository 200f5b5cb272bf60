"""What hooks read may change between the calls, as what any code reads may."""

from __future__ import annotations

import functools

import steep
from programs import helpers
from programs.data import inputs, mlp, nn, regression
from programs.hooks import trained
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_variable_of_a_hook_assigned_anew(run):
    """The hook's closure, a global of its file, and a class attribute, one after the other."""
    model, factor = mlp(), 2.0

    def scaled(grad):
        return grad * factor * helpers.SCALE + helpers.Settings.margin

    model[0].weight.register_hook(scaled)
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.01), 30):
        if i == 6:
            factor = 0.5
        if i == 13:
            helpers.SCALE = 1.0
        if i == 20:
            helpers.Settings.margin = 0.0


@program(replays=True)
def a_function_that_a_hook_looks_up(run):
    model, table = mlp(), {"change": lambda grad: grad * 2}
    model[0].weight.register_hook(lambda grad: table["change"](grad))
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.01), 20):
        if i == 8:
            table["change"] = helpers.activation


@program(replays=True)
def hooks_of_partial_functions(run):
    model, bounds = mlp(), {"low": -0.1}

    def clamped(grad, high, bounds):
        return grad.clamp(bounds["low"], high)

    model[0].weight.register_hook(functools.partial(clamped, high=0.1, bounds=bounds))
    model[1].register_forward_hook(
        functools.partial(lambda scale, module, args, out: out * scale[0], [1.5])
    )
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 20):
        if i == 8:
            bounds["low"] = 0.0


@program(replays=True)
def noise_on_gradients(run):
    """Langevin dynamics by hooks, from a generator of their own."""
    model, noise = mlp(), steep.Generator().manual_seed(11)
    for p in model.parameters():
        p.register_hook(lambda grad: grad + 0.01 * steep.randn(grad.shape, generator=noise))
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 14):
        if i == 9:
            noise.manual_seed(12)
    run.saw(noise)


@program(replays=True)
def a_hook_with_a_schedule_of_its_own(run):
    """An object whose method is the hook of a step, and whose attribute changes."""

    class Decay:
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, optimizer, args, kwargs):
            with steep.no_grad():
                for group in optimizer.param_groups:
                    for p in group["params"]:
                        p.mul_(1 - self.rate)

        def after(self, optimizer, args, kwargs):
            with steep.no_grad():
                for p in optimizer.param_groups[0]["params"]:
                    p.add_(self.rate)

    model, decay = mlp(), Decay(0.1)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)
    optimizer.register_step_pre_hook(decay)
    optimizer.register_step_post_hook(decay.after)
    for i in trained(run, model, optimizer, 18):
        if i == 8:
            decay.rate = 0.01


@program(replays=True)
def masks_kept_by_hooks(run):
    """Pruned weights stay pruned: their gradients are masked; the masks are buffers."""
    model = mlp()
    for layer in (model[0], model[2]):
        layer.register_buffer("mask", (layer.weight.detach().abs() > 0.2).float())
        with steep.no_grad():
            layer.weight.mul_(layer.mask)
        layer.weight.register_hook(lambda grad, layer=layer: grad * layer.mask)
    for i in trained(run, model, steep.optim.Adam(model.parameters(), lr=0.01), 20):
        if i == 6:
            model[0].mask.fill_(1.0)
        if i == 12:
            model[2].mask = steep.zeros_like(model[2].mask)


@program(replays=True)
def a_hook_with_gradients_of_its_own(run):
    """A graph within the graph: the hook computes a gradient itself."""
    model = mlp()

    def corrected(grad):
        with steep.enable_grad():
            point = grad.detach().requires_grad_()
            (slope,) = steep.autograd.grad((point**3).sum(), point)
        return grad - 0.1 * slope

    model[0].weight.register_hook(corrected)
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1)):
        pass


@program(replays=True)
def a_hook_that_takes_itself_off(run):
    model, handles = mlp(), {}

    def once(grad):
        handles["weight"].remove()
        return grad * 10

    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.01), 20):
        if i == 6:
            handles["weight"] = model[0].weight.register_hook(once)


@program(replays=True)
def a_flag_that_decides_about_a_hook(run):
    model, settings = mlp(), {"clip": False}
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        hidden = model[1](model[0](x))
        if settings["clip"]:
            hidden.register_hook(lambda grad: grad.clamp(-0.01, 0.01))
        loss = F.mse_loss(model[2](hidden), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(24):
        settings["clip"] = 7 < i < 16
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=False, says="still held after the call")
def a_hook_that_reads_what_it_hangs_on(run):
    """Guided backpropagation: tensor, graph and hook hold each other until the collector comes."""
    model = mlp()

    @run.compile
    def step(x, y):
        model.zero_grad()
        hidden = model[1](model[0](x))
        hidden.register_hook(lambda grad: grad * (hidden > 0))
        F.mse_loss(model[2](hidden), y).backward()
        return model[0].weight.grad * 1

    for i in range(8):
        run.saw(step(*regression(i)))


@program(replays=True)
def a_hook_that_reads_a_copy_of_it(run):
    model = mlp()

    @run.compile
    def step(x, y):
        model.zero_grad()
        hidden = model[1](model[0](x))
        positive = hidden.detach() > 0
        hidden.register_hook(lambda grad: grad * positive)
        F.mse_loss(model[2](hidden), y).backward()
        return model[0].weight.grad * 1

    for i in range(8):
        run.saw(step(*regression(i)))


@program(replays=True)
def modules_shared_by_two_functions(run):
    """One function is replayed with the hook, the other had no part in it."""
    model, other = mlp(), nn.Linear(4, 4)
    first = run.compile(lambda x: model(x).detach())
    second = run.compile(lambda x: other(x).detach())
    for i in range(22):
        if i == 7:
            handle = model[0].register_forward_hook(lambda module, args, out: out + 1)
        if i == 14:
            handle.remove()
            other.register_forward_pre_hook(lambda module, args: args[0] * 2)
        run.saw(first(inputs(i)), second(inputs(i)))
