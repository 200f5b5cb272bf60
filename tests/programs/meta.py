"""Gradients of gradients: penalties, physics, inner steps, influence and sharpness."""

from __future__ import annotations

import steep
from programs.data import inputs, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional
grad = steep.autograd.grad


@program(replays=True)
def a_gradient_penalty(run):
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        x = x.clone().requires_grad_()
        out = model(x)
        (slope,) = grad(out.sum(), x, create_graph=True)
        loss = F.mse_loss(out, y) + 0.1 * ((slope.norm(dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_gradient_penalty_between_samples(run):
    critic = mlp()
    optimizer = steep.optim.Adam(critic.parameters(), lr=0.01)
    settings = {"lambda": 10.0}

    @run.compile
    def step(real, fake):
        mix = steep.rand(len(real), 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        (slope,) = grad(critic(between).sum(), between, create_graph=True)
        penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss = critic(fake).mean() - critic(real).mean() + settings["lambda"] * penalty
        loss.backward()
        optimizer.step()
        return loss, penalty

    for i in range(13):
        if i == 6:
            settings["lambda"] = 1.0
        run.saw(step(inputs(i), inputs(60 + i)))
    run.saw(critic)


@program(replays=True)
def a_pinn_of_an_oscillator(run):
    """u'' = -u with u(0) = 0 and u'(0) = 1."""
    model = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)
    points = steep.linspace(0, 3, 7).reshape(7, 1).requires_grad_()

    @run.compile
    def step():
        u = model(points)
        (du,) = grad(u.sum(), points, create_graph=True)
        (ddu,) = grad(du.sum(), points, create_graph=True)
        loss = (ddu + u).square().mean() + u[0, 0] ** 2 + (du[0, 0] - 1) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(10):
        run.saw(step())
    run.saw(model)


@program(replays=True)
def a_pinn_with_new_points(run):
    """Collocation points come as an argument; the weights of the terms change once."""
    model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)
    weights = {"equation": 1.0, "boundary": 1.0}

    @run.compile
    def step(points, boundary):
        points = points.clone().requires_grad_()
        u = model(points)
        (du,) = grad(u.sum(), points, create_graph=True)
        (dxx,) = grad(du[:, 0].sum(), points, create_graph=True)
        residual = du[:, 1] - dxx[:, 0]
        loss = weights["equation"] * residual.square().mean()
        loss = (
            loss
            + weights["boundary"] * (model(boundary)[:, 0] - boundary[:, 0].sin()).square().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            weights["boundary"] = 5.0
        run.saw(step(inputs(i, 5, 2), inputs(70 + i, 4, 2)))
    run.saw(model)


@program(replays=True)
def maml_with_inner_steps(run):
    params = [
        p.requires_grad_() for p in (steep.randn(4, 5) * 0.5, steep.zeros(5), steep.randn(5, 1))
    ]
    optimizer = steep.optim.Adam(params, lr=0.01)
    inner = {"lr": 0.1, "steps": 2}

    def forward(weights, x):
        return (x @ weights[0] + weights[1]).tanh() @ weights[2]

    @run.compile
    def meta_step(support, query):
        fast = list(params)
        for _ in range(inner["steps"]):
            loss = F.mse_loss(forward(fast, support[0]), support[1])
            grads = grad(loss, fast, create_graph=True)
            fast = [p - inner["lr"] * g for p, g in zip(fast, grads, strict=True)]
        outer = F.mse_loss(forward(fast, query[0]), query[1])
        optimizer.zero_grad()
        outer.backward()
        optimizer.step()
        return outer

    for i in range(16):
        if i == 5:
            inner["steps"] = 1
        if i == 10:
            inner["lr"] = 0.01
        run.saw(meta_step(regression(i), regression(60 + i)))
    run.saw(params)


@program(replays=True)
def first_order_maml(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def meta_step(x, y, xq, yq):
        start = [p.detach().clone() for p in model.parameters()]
        for _ in range(2):
            grads = grad(F.mse_loss(model(x), y), list(model.parameters()))
            with steep.no_grad():
                for p, g in zip(model.parameters(), grads, strict=True):
                    p.sub_(0.05 * g)
        optimizer.zero_grad()
        loss = F.mse_loss(model(xq), yq)
        loss.backward()
        with steep.no_grad():
            for p, s in zip(model.parameters(), start, strict=True):
                p.copy_(s)
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(meta_step(*regression(i), *regression(60 + i)))
    run.saw(model)


@program(replays=True)
def reptile(run):
    """The inner loop is compiled; what moves the slow weights is not."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def inner(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for task in range(4):
        slow = [p.detach().clone() for p in model.parameters()]
        for _ in range(3):
            run.saw(inner(*regression(task)))
        with steep.no_grad():
            for p, s in zip(model.parameters(), slow, strict=True):
                p.copy_(s + 0.5 * (p - s))
    run.saw(model)


@program(replays=True)
def sharpness_aware_minimisation(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    rho = 0.05

    @run.compile
    def step(x, y):
        params = list(model.parameters())
        grads = grad(F.mse_loss(model(x), y), params)
        norm = steep.stack([g.norm() for g in grads]).norm()
        with steep.no_grad():
            moves = [rho * g / (norm + 1e-12) for g in grads]
            for p, move in zip(params, moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        with steep.no_grad():
            for p, move in zip(params, moves, strict=True):
                p.sub_(move)
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            rho = 0.2
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def hessian_vector_products(run):
    model = mlp()
    params = list(model.parameters())

    @run.compile
    def product(x, y, *vectors):
        grads = grad(F.mse_loss(model(x), y), params, create_graph=True)
        dot = sum((g * v).sum() for g, v in zip(grads, vectors, strict=True))
        return [h.detach() for h in grad(dot, params)]

    vectors = [steep.ones_like(p) for p in params]
    for i in range(10):
        vectors = product(*regression(i), *(v / (v.norm() + 1e-6) for v in vectors))
        run.saw(vectors)


@program(replays=True)
def adversarial_examples(run):
    model = mlp(outputs=1)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)
    attack = {"epsilon": 0.1}

    @run.compile
    def step(x, y):
        worse = x.clone().requires_grad_()
        (slope,) = grad(F.mse_loss(model(worse), y), worse)
        worse = (x + attack["epsilon"] * slope.sign()).detach()
        optimizer.zero_grad()
        loss = F.mse_loss(model(worse), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            attack["epsilon"] = 0.3
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def learning_the_learning_rate(run):
    weight = steep.randn(4, 1).requires_grad_()
    log_rate = steep.tensor(-2.0, requires_grad=True)
    meta = steep.optim.SGD([log_rate], lr=0.1)

    @run.compile
    def step(x, y, xv, yv):
        (g,) = grad(F.mse_loss(x @ weight, y), weight, create_graph=True)
        moved = weight - log_rate.exp() * g
        meta.zero_grad()
        loss = F.mse_loss(xv @ moved, yv)
        loss.backward()
        meta.step()
        weight.grad = None
        with steep.no_grad():
            weight.copy_(moved)
        return loss

    for i in range(11):
        run.saw(step(*regression(i), *regression(60 + i)))
    run.saw(weight, log_rate)


@program(replays=True)
def a_function_with_its_own_backward(run):
    class Sign(steep.autograd.Function):
        """A straight-through estimator."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sign()

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x.abs() <= 1).float()

    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(Sign.apply(x)), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)
