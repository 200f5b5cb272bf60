"""What a function changes and puts back before it ends, or sets to what it was."""

from __future__ import annotations

import contextlib

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def the_same_value_set_again(run):
    """An assignment at every call that changes nothing."""

    class Agent:
        def __init__(self):
            self.model, self.phase = mlp(), "train"

        def step(self, x):
            self.phase = "train"
            return self.model(x).detach()

    agent = Agent()
    step = run.compile(agent.step)
    for i in range(11):
        run.saw(step(inputs(i)), agent.phase)


@program(replays=None)
def a_flag_set_and_put_back(run):
    """Changes an attribute of its own object, and restores it."""

    class Net:
        def __init__(self):
            self.layer, self.stochastic = nn.Linear(4, 2), True

        def __call__(self, x):
            out = self.layer(x)
            return out + steep.rand_like(out) if self.stochastic else out

        def mean(self, x):
            before, self.stochastic = self.stochastic, False
            try:
                return self(x).detach()
            finally:
                self.stochastic = before

    net = Net()
    forward = run.compile(lambda x: (net.mean(x), net(x).detach()))
    for i in range(12):
        run.saw(forward(inputs(i)), net.stochastic)


@program(replays=None)
def a_dict_set_and_deleted_again(run):
    scratch = {}

    @run.compile
    def forward(x):
        scratch["x"] = x * 2
        out = scratch["x"] + 1
        del scratch["x"]
        return out

    for i in range(11):
        run.saw(forward(inputs(i)), len(scratch))


@program(replays=True)
def evaluated_with_the_average(run):
    """The weights are exchanged for their average and put back, in place."""
    model = mlp()
    average = [p.detach().clone() for p in model.parameters()]
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @contextlib.contextmanager
    def averaged():
        saved = [p.detach().clone() for p in model.parameters()]
        with steep.no_grad():
            for p, a in zip(model.parameters(), average, strict=True):
                p.copy_(a)
        yield
        with steep.no_grad():
            for p, s in zip(model.parameters(), saved, strict=True):
                p.copy_(s)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        with steep.no_grad():
            for p, a in zip(model.parameters(), average, strict=True):
                a.mul_(0.8).add_(p, alpha=0.2)
        with averaged(), steep.no_grad():
            return loss, F.mse_loss(model(x), y)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model, average)


@program(replays=None)
def memory_exchanged_through_data(run):
    """The same by assigning `.data`, which gives the tensors other memory for a while."""
    model = mlp()
    average = [p.detach().clone() for p in model.parameters()]

    @run.compile
    @steep.no_grad()
    def evaluate(x):
        params = list(model.parameters())
        saved = [p.data for p in params]
        for p, a in zip(params, average, strict=True):
            p.data = a
        out = model(x)
        for p, s in zip(params, saved, strict=True):
            p.data = s
        return out, model(x)

    for i in range(11):
        run.saw(evaluate(inputs(i)))
        for a in average:
            a.mul_(0.9)
    run.saw(model)


@program(replays=None)
def a_rate_raised_for_one_step(run):
    """Within the function the rate is ten times as high, and then as it was."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.param_groups[0]["lr"] *= 10
        optimizer.step()
        optimizer.param_groups[0]["lr"] /= 10
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=None)
def a_function_patched_for_a_while(run):
    """Inside, an activation is exchanged for another, as mocks do it."""

    class Ops:
        activation = staticmethod(steep.relu)

    layer = nn.Linear(4, 3)

    def forward(x):
        return Ops.activation(layer(x))

    @run.compile
    @steep.no_grad()
    def both(x):
        plain = forward(x)
        before, Ops.activation = Ops.activation, staticmethod(steep.tanh)
        try:
            return plain, forward(x)
        finally:
            Ops.activation = staticmethod(before)

    for i in range(11):
        run.saw(both(inputs(i)))


@program(replays=None)
def a_hook_registered_and_removed_inside(run):
    """Features are taken by a hook that lives as long as the call."""
    model = mlp(outputs=3)

    @run.compile
    @steep.no_grad()
    def features(x):
        kept = []
        handle = model[1].register_forward_hook(lambda module, args, out: kept.append(out))
        out = model(x)
        handle.remove()
        return out, kept

    for i in range(11):
        run.saw(features(inputs(i)))


@program(replays=None)
def logits_kept_on_the_module(run):
    """The module remembers its last output, which the step reads and deletes."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(outputs=3)

        def forward(self, x):
            self.last = self.body(x)
            return F.log_softmax(self.last, -1)

    net = Net()
    optimizer = steep.optim.SGD(net.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.nll_loss(net(x), y) + 0.01 * net.last.square().mean()
        del net.last
        loss.backward()
        optimizer.step()
        return loss

    for i in range(11):
        run.saw(step(*labelled(i)))
    run.saw(net.body)
