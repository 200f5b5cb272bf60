"""Networks of recent years: flows, diffusion, contrasts, code books, gates and experts."""

from __future__ import annotations

import itertools

import steep
from programs.data import inputs, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_realnvp_flow(run):
    class Coupling(nn.Module):
        def __init__(self, flip):
            super().__init__()
            self.flip = flip
            self.net = mlp(2, 4)

        def forward(self, x):
            a, b = x.chunk(2, dim=1)
            if self.flip:
                a, b = b, a
            log_scale, shift = self.net(a).chunk(2, dim=1)
            log_scale = log_scale.tanh()
            b = b * log_scale.exp() + shift
            return steep.cat([b, a] if self.flip else [a, b], dim=1), log_scale.sum(1)

    layers = nn.ModuleList([Coupling(False), Coupling(True), Coupling(False)])
    optimizer = steep.optim.Adam(layers.parameters(), lr=0.01)

    @run.compile
    def step(x):
        log_det = 0
        for layer in layers:
            x, part = layer(x)
            log_det = log_det + part
        loss = (0.5 * x.square().sum(1) - log_det).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            layers[1].flip = False
        run.saw(step(inputs(i)))
    run.saw(layers)


@program(replays=True)
def diffusion(run):
    steps = 8
    alphas = steep.linspace(0.99, 0.8, steps)
    products = steep.stack([alphas[: k + 1].prod() for k in range(steps)])
    net = mlp(5, 4)
    optimizer = steep.optim.Adam(net.parameters(), lr=0.01)

    @run.compile
    def step(x):
        t = steep.randint(0, steps, (len(x),))
        a = products[t][:, None]
        noise = steep.randn_like(x)
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        loss = F.mse_loss(net(steep.cat([noisy, t[:, None] / steps], dim=1)), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    @run.compile
    @steep.no_grad()
    def denoise(x, t, a, product):
        time = t.expand(len(x), 1)
        x = (x - (1 - a) / (1 - product).sqrt() * net(steep.cat([x, time], 1))) / a.sqrt()
        return x + (1 - a).sqrt() * steep.randn_like(x)

    for i in range(10):
        run.saw(step(inputs(i)))
    x = steep.randn(3, 4)
    for k in reversed(range(steps)):
        x = denoise(x, steep.tensor(k / steps), alphas[k], products[k])
        run.saw(x)


@program(replays=True)
def contrastive_learning(run):
    encoder = nn.Sequential(mlp(4, 6), nn.ReLU(), nn.Linear(6, 3))
    optimizer = steep.optim.AdamW(encoder.parameters(), lr=0.01)
    temperature = 0.5

    @run.compile
    def step(x):
        views = steep.cat([x + 0.1 * steep.randn_like(x) for _ in range(2)])
        z = encoder(views)
        z = z / z.norm(dim=1, keepdim=True)
        n = len(x)
        scores = (z @ z.T / temperature).masked_fill(steep.eye(2 * n).bool(), -1e9)
        partner = steep.cat([steep.arange(n, 2 * n), steep.arange(n)])
        loss = F.cross_entropy(scores, partner)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            temperature = 0.1
        run.saw(step(inputs(i)))
    run.saw(encoder)


@program(replays=True)
def triplets(run):
    class TripletLoss(nn.Module):
        def __init__(self, margin):
            super().__init__()
            self.margin = margin

        def forward(self, anchor, positive, negative):
            near = (anchor - positive).norm(dim=1)
            far = (anchor - negative).norm(dim=1)
            return (near - far + self.margin).relu().mean()

    encoder, criterion = mlp(4, 2), TripletLoss(0.5)
    optimizer = steep.optim.SGD(encoder.parameters(), lr=0.1)

    @run.compile
    def step(a, p, n):
        optimizer.zero_grad()
        loss = criterion(encoder(a), encoder(p), encoder(n))
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            criterion.margin = 2.0
        x = inputs(i)
        run.saw(step(x, x * 1.1, inputs(50 + i)))
    run.saw(encoder)


@program(replays=True)
def vector_quantisation(run):
    """A straight-through code book."""
    encoder, decoder = mlp(4, 2), mlp(2, 4)
    codes = nn.Parameter(steep.randn(5, 2))
    params = [*encoder.parameters(), *decoder.parameters(), codes]
    optimizer = steep.optim.Adam(params, lr=0.02)
    commitment = {"beta": 0.25}

    @run.compile
    def step(x):
        z = encoder(x)
        nearest = (z[:, None] - codes).square().sum(2).argmin(1)
        q = codes[nearest]
        through = z + (q - z).detach()
        loss = F.mse_loss(decoder(through), x) + F.mse_loss(q, z.detach())
        loss = loss + commitment["beta"] * F.mse_loss(z, q.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, nearest

    for i in range(13):
        if i == 6:
            commitment["beta"] = 1.0
        run.saw(step(inputs(i)))
    run.saw(codes)


@program(replays=True)
def a_gru_over_time(run):
    class GRUCell(nn.Module):
        def __init__(self, inputs, hidden):
            super().__init__()
            self.gates = nn.Linear(inputs + hidden, 2 * hidden)
            self.new = nn.Linear(inputs + hidden, hidden)

        def forward(self, x, h):
            reset, update = steep.sigmoid(self.gates(steep.cat([x, h], 1))).chunk(2, 1)
            new = self.new(steep.cat([x, reset * h], 1)).tanh()
            return update * h + (1 - update) * new

    cell, head = GRUCell(2, 3), nn.Linear(3, 2)
    optimizer = steep.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)

    @run.compile
    def step(sequence, hidden):
        loss = 0
        for now, after in itertools.pairwise(sequence):
            hidden = cell(now, hidden)
            loss = loss + F.mse_loss(head(hidden), after)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(cell.parameters(), 1.0)
        optimizer.step()
        return loss, hidden.detach()

    hidden = steep.zeros(3, 3)
    for i in range(11):
        loss, hidden = step(inputs(i, rows=12, columns=2).reshape(4, 3, 2), hidden)
        run.saw(loss, hidden)


@program(replays=True)
def a_neural_ode_by_euler(run):
    field = mlp(4, 4)
    optimizer = steep.optim.Adam(field.parameters(), lr=0.01)
    solver = {"steps": 3}

    @run.compile
    def step(x, y):
        state, h = x, 1.0 / solver["steps"]
        for _ in range(solver["steps"]):
            middle = state + 0.5 * h * field(state)
            state = state + h * field(middle)
        optimizer.zero_grad()
        loss = F.mse_loss(state, y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            solver["steps"] = 2
        run.saw(step(inputs(i), inputs(i) * 0.5))
    run.saw(field)


@program(replays=True)
def a_mixture_of_experts(run):
    experts, gate = nn.ModuleList(mlp() for _ in range(3)), nn.Linear(4, 3)
    optimizer = steep.optim.Adam([*experts.parameters(), *gate.parameters()], lr=0.02)

    @run.compile
    def step(x, y):
        share = gate(x).softmax(-1)
        outs = steep.cat([expert(x) for expert in experts], dim=1)
        balance = share.mean(0).square().sum()
        loss = F.mse_loss((share * outs).sum(1, keepdim=True), y) + 0.1 * balance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, share.mean(0).detach()

    for i in range(10):
        run.saw(step(*regression(i)))
    run.saw(experts, gate)
