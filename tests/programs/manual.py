"""Updates by hand, optimisers of one's own, several at once, and gradients added up."""

from __future__ import annotations

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def through_data(run):
    w, b = steep.randn(4, 1).requires_grad_(), steep.zeros(1, requires_grad=True)
    lr = 0.1

    @run.compile
    def step(x, y):
        loss = F.mse_loss(x @ w + b, y)
        loss.backward()
        for p in (w, b):
            p.data -= lr * p.grad
            p.grad = None
        return loss

    for i in range(13):
        if i == 6:
            lr = 0.01
        run.saw(step(*regression(i)))
    run.saw(w, b)


@program(replays=True)
def gradients_zeroed_in_place(run):
    w = steep.randn(4, 1).requires_grad_()

    @run.compile
    def step(x, y):
        loss = F.mse_loss(x @ w, y)
        loss.backward()
        with steep.no_grad():
            w.sub_(w.grad, alpha=0.1)
            w.grad.zero_()
        return loss

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(w, w.grad)


@program(replays=None)
def weights_made_anew(run):
    """The weight is another tensor after every step, as in the first lesson of many courses."""
    w = steep.randn(4, 1).requires_grad_()

    @run.compile
    def step(x, y):
        nonlocal w
        loss = F.mse_loss(x @ w, y)
        loss.backward()
        w = (w - 0.1 * w.grad).detach().requires_grad_()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(w)


@program(replays=True)
def weights_passed_and_returned(run):
    """In the functional style: parameters in, parameters out."""

    @run.compile
    def step(w, b, x, y):
        w, b = w.detach().requires_grad_(), b.detach().requires_grad_()
        loss = F.mse_loss((x @ w + b).tanh(), y)
        gw, gb = steep.autograd.grad(loss, (w, b))
        return (w - 0.1 * gw).detach(), (b - 0.1 * gb).detach(), loss

    w, b = steep.randn(4, 1), steep.zeros(1)
    for i in range(12):
        w, b, loss = step(w, b, *regression(i))
        run.saw(w, b, loss)


class Momentum:
    """An optimiser of a user's, whose state is in tensors that it changes in place."""

    def __init__(self, params, lr=0.05, beta=0.9):
        self.params, self.lr, self.beta = list(params), lr, beta
        self.velocity = [steep.zeros_like(p) for p in self.params]

    @steep.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocity, strict=True):
            v.mul_(self.beta).add_(p.grad)
            p.sub_(self.lr * v)

    def zero_grad(self):
        for p in self.params:
            p.grad = None


@program(replays=True)
def momentum_by_hand(run):
    model = mlp()
    optimizer = Momentum(model.parameters())

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(16):
        if i == 5:
            optimizer.lr = 0.01
        if i == 10:
            optimizer.beta = 0.5
        run.saw(step(*regression(i)))
    run.saw(model, optimizer.velocity)


@program(replays=True)
def adam_by_hand(run):
    """It counts its steps in a Python number, which the bias correction needs."""

    class Adam:
        def __init__(self, params):
            self.params, self.t = list(params), 0
            self.m = [steep.zeros_like(p) for p in self.params]
            self.v = [steep.zeros_like(p) for p in self.params]

        @steep.no_grad()
        def step(self):
            self.t += 1
            for p, m, v in zip(self.params, self.m, self.v, strict=True):
                m.mul_(0.9).add_(p.grad, alpha=0.1)
                v.mul_(0.99).add_(p.grad**2, alpha=0.01)
                p.sub_(0.05 * (m / (1 - 0.9**self.t)) / ((v / (1 - 0.99**self.t)).sqrt() + 1e-8))

    model = mlp()
    optimizer = Adam(model.parameters())

    @run.compile
    def step(x, y):
        model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=None)
def a_subclass_of_optimizer(run):
    class Lion(steep.optim.Optimizer):
        def __init__(self, params, lr=0.01, beta=0.9):
            super().__init__(params, {"lr": lr, "beta": beta})

        @steep.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if "m" not in state:
                        state["m"] = steep.zeros_like(p)
                    m = state["m"]
                    p.sub_(group["lr"] * (m * group["beta"] + p.grad).sign())
                    m.mul_(group["beta"]).add_(p.grad, alpha=1 - group["beta"])

    model = mlp()
    optimizer = Lion(model.parameters())

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(15):
        if i == 6:
            optimizer.param_groups[0]["lr"] = 0.001
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def two_optimizers(run):
    trunk, head = nn.Linear(4, 5), nn.Linear(5, 3)
    slow = steep.optim.SGD(trunk.parameters(), lr=0.01, momentum=0.9)
    fast = steep.optim.AdamW(head.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        slow.zero_grad()
        fast.zero_grad()
        loss = F.cross_entropy(head(trunk(x).relu()), y)
        loss.backward()
        slow.step()
        fast.step()
        return loss

    for i in range(12):
        run.saw(step(*labelled(i)))
        slow.param_groups[0]["lr"] *= 0.9
    run.saw(trunk, head, slow, fast)


@program(replays=True)
def optimizers_in_a_list(run):
    """One for each layer; the last is left out after a while."""
    model = mlp()
    optimizers = [
        steep.optim.SGD(layer.parameters(), lr=0.1)
        for layer in model
        if any(True for _ in layer.parameters())
    ]

    @run.compile
    def step(x, y):
        model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    for i in range(14):
        if i == 7:
            optimizers.pop()
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def accumulation_inside(run):
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)
    parts = 3

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        total = 0
        for xs, ys in zip(x.chunk(parts), y.chunk(parts), strict=True):
            loss = F.mse_loss(model(xs), ys) / parts
            loss.backward()
            total = total + loss.detach()
        optimizer.step()
        return total

    for i in range(14):
        if i == 7:
            parts = 2
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def accumulation_over_calls(run):
    """Every other batch the caller takes the step."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def backward(x, y):
        loss = F.mse_loss(model(x), y) / 2
        loss.backward()
        return loss

    for i in range(16):
        run.saw(backward(*regression(i)))
        if i % 2:
            optimizer.step()
            optimizer.zero_grad()
    run.saw(model)


@program(replays=False, says="count")
def accumulation_counted_inside(run):
    """The function itself counts the batches, and steps at every third."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    count = 0

    @run.compile
    def step(x, y):
        nonlocal count
        loss = F.mse_loss(model(x), y) / 3
        loss.backward()
        count += 1
        if count % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    for i in range(13):
        run.saw(step(*regression(i)))
    run.saw(model, count)


@program(replays=True)
def a_flag_that_says_when_to_step(run):
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    @run.compile
    def step(x, y, last):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    for i in range(18):
        run.saw(step(*regression(i), i % 3 == 2))
    run.saw(model)


@program(replays=None)
def a_closure_for_the_optimizer(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def gradients_changed_before_the_step(run):
    """Noise and weight decay go into .grad by hand."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    decay = {"weight": 0.01}

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        for p in model.parameters():
            p.grad.add_(p.detach(), alpha=decay["weight"])
            p.grad += 0.01 * steep.randn_like(p)
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            decay["weight"] = 0.1
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def coordinates_updated_by_index(run):
    table = steep.randn(5, 2).requires_grad_()

    @run.compile
    def step(rows, wanted):
        loss = F.mse_loss(table[rows], wanted)
        (g,) = steep.autograd.grad(loss, table)
        with steep.no_grad():
            table.sub_(0.5 * g)
        return loss

    for i in range(11):
        rows = steep.tensor([i % 5, (2 * i) % 5, 3])
        run.saw(step(rows, inputs(i, 3, 2)))
    run.saw(table)
