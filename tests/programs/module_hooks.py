"""Hooks of modules: such that only compute, and such that keep something."""

from __future__ import annotations

import steep
from programs.data import inputs, mlp, nn, regression
from programs.hooks import trained
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def inputs_normalised_by_a_pre_hook(run):
    model, mean = mlp(), steep.zeros(4)
    model.register_forward_pre_hook(lambda module, args: ((args[0] - mean) / 2,))
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1)):
        mean.fill_(0.1 * i)


@program(replays=True)
def outputs_changed_by_a_forward_hook(run):
    """Noise on the activations, while training."""
    model = mlp()
    model[1].register_forward_hook(
        lambda module, args, out: out + 0.1 * steep.randn_like(out) if module.training else None
    )
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 20):
        model.train(i < 6 or i > 12)


@program(replays=True)
def features_taken_and_given_away(run):
    """A hook lays features into a dict, which the function empties again."""
    model, features = mlp(), {}
    model[1].register_forward_hook(lambda module, args, out: features.update(hidden=out))
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = F.mse_loss(out, y) + 0.01 * features.pop("hidden").abs().mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def features_by_a_hook_of_the_call(run):
    """The hook, and what it fills, live as long as the call; the features are returned."""
    model = mlp()
    model[2].register_forward_pre_hook(lambda module, args: None)

    @run.compile
    @steep.no_grad()
    def extract(x):
        taken = []
        handle = model[1].register_forward_hook(lambda module, args, out: taken.append(out))
        try:
            model(x)
        finally:
            handle.remove()
        return taken[0], taken[0].mean(0)

    for i in range(10):
        run.saw(*extract(inputs(i)))


@program(replays=True)
def features_left_in_a_dict(run):
    model, features = mlp(), {}
    model[1].register_forward_hook(lambda module, args, out: features.update(hidden=out.detach()))

    @run.compile
    @steep.no_grad()
    def forward(x):
        return model(x)

    for i in range(10):
        run.saw(forward(inputs(i)), features["hidden"])


@program(replays=True)
def a_hook_of_a_module_replaced(run):
    model = mlp()
    factor = {"scale": 2.0}
    handle = model[0].register_forward_hook(lambda module, args, out: out * factor["scale"])
    for i in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.05), 30):
        if i == 5:
            factor["scale"] = 0.5
        if i == 11:
            handle.remove()
            model[0].register_forward_hook(lambda module, args, out: out.tanh())
        if i == 18:
            model[0].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
        if i == 24:
            model[2].register_forward_hook(lambda module, args, out: out * 1.5)


@program(replays=True)
def hooks_with_keywords(run):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x, scale=1.0):
            return self.layer(x) * scale

    model = Scaled()
    model.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "scale": 2 * kwargs["scale"]}),
        with_kwargs=True,
    )
    model.register_forward_hook(
        lambda module, args, kwargs, out: out + kwargs["scale"], with_kwargs=True
    )
    forward = run.compile(lambda x: model(x, scale=0.25).detach())
    for i in range(8):
        run.saw(forward(inputs(i)))


@program(replays=True)
def gradients_scaled_at_the_border(run):
    """Full backward hooks: what comes in is halved, what goes out is clipped."""
    model = mlp()
    model[1].register_full_backward_pre_hook(lambda module, grads: (grads[0] * 0.5,))
    model[2].register_full_backward_hook(lambda module, grads, outer: (grads[0].clamp(-0.1, 0.1),))
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1)):
        pass


@program(replays=True)
def the_border_of_several_tensors(run):
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b, a * b

    left, right, both = nn.Linear(4, 3), nn.Linear(4, 3), Sum()
    both.register_full_backward_hook(lambda module, grads, outer: tuple(2 * g for g in grads))
    optimizer = steep.optim.SGD([*left.parameters(), *right.parameters()], lr=0.1)

    @run.compile
    def step(x):
        optimizer.zero_grad()
        total, product = both(left(x), right(x))
        loss = (total**2).mean() + product.mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(inputs(i)))
    run.saw(left, right)


@program(replays=False, says="changes|norms")
def norms_kept_by_a_backward_hook(run):
    model, norms = mlp(), []
    model[2].register_full_backward_hook(
        lambda module, grads, outer: norms.append(outer[0].norm().detach())
    )
    for _ in trained(run, model, steep.optim.SGD(model.parameters(), lr=0.1), 10):
        pass
    run.saw(norms)


@program(replays=False, says="hook")
def a_hook_called_after_errors_too(run):
    """A replay that refuses its input would not call it."""
    model, closed = mlp(), []
    model.register_forward_hook(
        lambda module, args, out: closed.append(1) if out is None else None, always_call=True
    )

    @run.compile
    @steep.no_grad()
    def forward(x):
        return model(x)

    for i in range(8):
        run.saw(forward(inputs(i)))
    run.saw(closed)
