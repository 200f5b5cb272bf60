"""Trainings of the textbooks: Newton, means, mixtures, factorisations, folds, fine-tuning."""

from __future__ import annotations

import math

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def logistic_regression_by_newton(run):
    w = steep.zeros(4, 1)

    @run.compile
    def newton(x, y):
        p = steep.sigmoid(x @ w)
        gradient = x.T @ (p - y) + 0.1 * w
        curvature = (x * (p * (1 - p))).T @ x + 0.1 * steep.eye(4)
        for _ in range(4):  # the inverse, by Jacobi steps
            w.sub_(0.5 * gradient / curvature.sum(1, keepdim=True).abs())
        return F.binary_cross_entropy_with_logits(x @ w, y)

    for i in range(11):
        x, y = labelled(i, classes=2)
        run.saw(newton(x, y[:, None].float()))
    run.saw(w)


@program(replays=True)
def k_means(run):
    points, centres = inputs(0, rows=20, columns=2), inputs(1, rows=3, columns=2)

    @run.compile
    def assign():
        distance = (points[:, None] - centres).square().sum(2)
        hot = (distance.argmin(1, keepdim=True) == steep.arange(3)).float()
        centres.copy_((hot.T @ points) / (hot.sum(0)[:, None] + 1e-6))
        return distance.amin(1).mean()

    for _ in range(10):
        run.saw(assign())
    run.saw(centres)


@program(replays=True)
def a_gaussian_mixture_by_em(run):
    points = inputs(0, rows=20, columns=1)
    mean, log_var, weight = steep.tensor([-1.0, 1.0]), steep.zeros(2), steep.full((2,), 0.5)

    @run.compile
    def em():
        log_p = -0.5 * ((points - mean) ** 2 / log_var.exp() + log_var) + weight.log()
        total = log_p.logsumexp(1, keepdim=True)
        share = (log_p - total).exp()
        count = share.sum(0)
        mean.copy_((share * points).sum(0) / count)
        log_var.copy_(((share * (points - mean) ** 2).sum(0) / count + 1e-4).log())
        weight.copy_(count / len(points))
        return total.mean()

    for _ in range(10):
        run.saw(em())
    run.saw(mean, log_var, weight)


@program(replays=True)
def matrix_factorisation(run):
    users, items = nn.Parameter(steep.randn(5, 2)), nn.Parameter(steep.randn(4, 2))
    optimizer = steep.optim.Adam([users, items], lr=0.05)
    settings = {"decay": 0.01}

    @run.compile
    def step(user, item, rating):
        got = (users[user] * items[item]).sum(1)
        loss = F.mse_loss(got, rating) + settings["decay"] * (users**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            settings["decay"] = 0.5
        user, item = labelled(i, classes=5)[1], labelled(50 + i, classes=4)[1]
        run.saw(step(user, item, inputs(i)[:, 0]))
    run.saw(users, items)


@program(replays=True)
def cross_validation(run):
    """A model for each fold, each with a compiled step of its own, and one evaluation for all."""
    x, y = regression(0, rows=18)
    folds = steep.arange(18).chunk(3)

    @run.compile
    @steep.no_grad()
    def evaluate(model, x, y):
        return F.mse_loss(model(x), y)

    for k, fold in enumerate(folds):
        rest = steep.cat([other for j, other in enumerate(folds) if j != k])
        model = mlp()
        optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = run.compile(step)
        for _ in range(6):
            run.saw(step(x[rest], y[rest]))
            run.saw(evaluate(model, x[fold], y[fold]))


@program(replays=True)
def pretrained_and_fine_tuned(run):
    trunk, head = nn.Linear(4, 5), nn.Linear(5, 4)
    optimizer = steep.optim.Adam([*trunk.parameters(), *head.parameters()], lr=0.02)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(head(trunk(x).relu()), y)
        loss.backward()
        optimizer.step()
        return loss

    step = run.compile(step)
    for i in range(7):
        run.saw(step(inputs(i), inputs(i)))
    trunk.requires_grad_(False)
    head = nn.Linear(5, 1)
    optimizer = steep.optim.SGD(head.parameters(), lr=0.1)
    for i in range(7):
        run.saw(step(*regression(i)))
    run.saw(trunk, head)


@program(replays=True)
def an_image_optimised(run):
    """The statistics of features are matched by gradient descent on the input."""
    features = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5)).requires_grad_(False)
    image = inputs(0).requires_grad_()
    style = features(inputs(1))
    optimizer = steep.optim.Adam([image], lr=0.05)
    weights = {"content": 1.0, "style": 10.0}

    def gram(f):
        return f.T @ f / math.prod(f.shape)

    @run.compile
    def step():
        f = features(image)
        loss = weights["style"] * F.mse_loss(gram(f), gram(style))
        loss = loss + weights["content"] * F.mse_loss(image, inputs_of_content)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    inputs_of_content = inputs(0)
    for i in range(13):
        if i == 6:
            weights["style"] = 1.0
        run.saw(step())
    run.saw(image)


@program(replays=True)
def power_iteration_for_a_spectral_norm(run):
    layer = nn.Linear(4, 4)
    u = F.softmax(steep.randn(4), 0)
    optimizer = steep.optim.SGD(layer.parameters(), lr=0.1)

    @run.compile
    def step(x):
        with steep.no_grad():
            v = layer.weight.T @ u
            v = v / v.norm()
            u.copy_(layer.weight @ v)
            u.div_(u.norm())
        sigma = u.dot(layer.weight @ v)
        optimizer.zero_grad()
        loss = F.mse_loss(F.linear(x, layer.weight / sigma, layer.bias), x)
        loss.backward()
        optimizer.step()
        return loss, sigma

    for i in range(11):
        run.saw(step(inputs(i)))
    run.saw(layer, u)
