"""Compiled models whose losses, backward passes and optimiser steps stand outside."""

from __future__ import annotations

import copy

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def the_loop_of_the_tutorials(run):
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    net, loss_of = run.compile(model), nn.CrossEntropyLoss()
    optimizer = steep.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(3):
        model.train()
        total = 0.0
        for i in range(5):
            x, y = labelled(i)
            loss = loss_of(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        optimizer.param_groups[0]["lr"] *= 0.5
        model.eval()
        with steep.no_grad():
            right = sum((net(x).argmax(1) == y).sum().item() for x, y in map(labelled, range(4)))
        run.saw(epoch, total, right)
    run.saw(model)


@program(replays=True)
def an_encoder_and_a_decoder(run):
    encoder, decoder = mlp(4, 2), mlp(2, 4)
    encode, decode = run.compile(encoder), run.compile(decoder)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = steep.optim.AdamW(parameters, lr=0.01)
    for i in range(10):
        x = inputs(i)
        z = encode(x)
        loss = F.mse_loss(decode(z), x) + 0.01 * z.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.saw(loss)
    run.saw(encoder, decoder)


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = mlp(4, 4), mlp(2, 4)

    def forward(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + steep.randn_like(mean) * (0.5 * log_var).exp()
        return {"seen": self.decoder(z), "mean": mean * 1, "log_var": log_var * 1}


@program(replays=True)
def a_variational_autoencoder_with_a_loss_of_a_dict(run):
    model = Variational()
    net = run.compile(model)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)
    for i in range(10):
        x = inputs(i)
        out = net(x)
        apart = out["log_var"].exp() + out["mean"].square() - 1 - out["log_var"]
        loss = F.mse_loss(out["seen"], x) + 0.05 * apart.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.saw(loss)
    run.saw(model)


@program(replays=True)
def a_generator_and_a_discriminator(run):
    generator, critic = mlp(2, 4), mlp(4, 1)
    make, judge = run.compile(generator), run.compile(critic)
    bce = nn.BCEWithLogitsLoss()
    of_generator = steep.optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.99))
    of_critic = steep.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.99))
    for i in range(12):
        real, fake = inputs(i), make(steep.randn(6, 2))
        of_critic.zero_grad()
        loss = bce(judge(real), steep.ones(6, 1)) + bce(judge(fake.detach()), steep.zeros(6, 1))
        loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        fooled = bce(judge(fake), steep.ones(6, 1))
        fooled.backward()
        of_generator.step()
        run.saw(loss, fooled)
    run.saw(generator, critic)


@program(replays=True)
def a_critic_with_a_gradient_penalty(run):
    critic = mlp(4, 1)
    judge = run.compile(critic)
    optimizer = steep.optim.Adam(critic.parameters(), lr=0.01)
    for i in range(10):
        real, fake = inputs(i), inputs(100 + i)
        share = steep.rand(6, 1)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        slopes = steep.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)[0]
        penalty = (slopes.norm(dim=1) - 1).square().mean()
        loss = judge(fake).mean() - judge(real).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.saw(loss, penalty)
    run.saw(critic)


@program(replays=True)
def gradients_of_four_batches_clipped(run):
    model = mlp()
    net = run.compile(model)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for i in range(24):
        x, y = regression(i)
        (F.mse_loss(net(x), y) / 4).backward()
        if i % 4 == 3:
            run.saw(nn.utils.clip_grad_norm_(model.parameters(), 0.05))
            optimizer.step()
            optimizer.zero_grad()
    run.saw(model)


class Recurrent(nn.Module):
    def __init__(self, gated):
        super().__init__()
        self.words = nn.Parameter(steep.randn(7, 5))
        self.cell = nn.Linear(5 + 6, 24 if gated else 6)
        self.out = nn.Linear(6, 3)
        self.gated = gated

    def forward(self, tokens):
        h = c = steep.zeros(len(tokens), 6)
        for word in self.words[tokens].unbind(1):
            z = self.cell(steep.cat([word, h], 1))
            if self.gated:
                i, f, g, o = z.chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            else:
                h = z.tanh()
        return self.out(h)


def _read(run, gated):
    model = Recurrent(gated)
    net = run.compile(model)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)
    for i in range(10):
        x, y = labelled(i)
        loss = F.cross_entropy(net(x.abs().clamp(max=6).long()), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.saw(loss)
    run.saw(model)


@program(replays=True)
def a_recurrent_reader(run):
    _read(run, False)


@program(replays=True)
def a_reader_with_long_memory(run):
    _read(run, True)


class Convolutional(nn.Module):
    """Windows by slices, running statistics, a mask."""

    def __init__(self):
        super().__init__()
        self.mix, self.out = nn.Linear(9, 4), nn.Linear(4, 3)
        self.drop = nn.Dropout(0.2)
        self.register_buffer("mean", steep.zeros(4))

    def forward(self, images):
        windows = [images[:, i : i + 2, j : j + 2] for i in range(3) for j in range(3)]
        h = self.mix(steep.stack(windows, -1))
        mean = self.mean
        if self.training:
            mean = h.mean((0, 1, 2))
            with steep.no_grad():
                self.mean.mul_(0.9).add_(mean, alpha=0.1)
        return self.out(self.drop((h - mean).relu().amax((1, 2))))


@program(replays=True)
def a_convolutional_net(run):
    model = Convolutional()
    net = run.compile(model)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    for i in range(12):
        x, y = inputs(i, columns=16).reshape(6, 4, 4), labelled(i)[1]
        model.train()
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with steep.no_grad():
            run.saw(loss, net(x))
    run.saw(model)


@program(replays=True)
def a_frozen_backbone_with_a_new_head(run):
    backbone, head = mlp(4, 6), nn.Linear(6, 3)
    for p in backbone.parameters():
        p.requires_grad_(False)
    model = nn.Sequential(backbone, head)
    net = run.compile(model)
    optimizer = steep.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for i in range(10):
        x, y = labelled(i)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        run.saw(loss, [p.grad is None for p in backbone.parameters()])
    run.saw(model)


@program(replays=True)
def a_moving_average_of_the_weights(run):
    model = mlp()
    average = copy.deepcopy(model)
    net, steady = run.compile(model), run.compile(average)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    for i in range(10):
        x, y = regression(i)
        optimizer.zero_grad()
        with steep.no_grad():
            target = steady(x)
        loss = F.mse_loss(net(x), y) + 0.1 * F.mse_loss(net(x), target)
        loss.backward()
        optimizer.step()
        with steep.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.mul_(0.9).add_(fast, alpha=0.1)
        run.saw(loss)
    run.saw(model, average)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.policy, self.value = nn.Linear(4, 8), nn.Linear(8, 2), nn.Linear(8, 1)

    def forward(self, state):
        h = self.trunk(state).tanh()
        return F.log_softmax(self.policy(h), 1), self.value(h).squeeze(1)


@program(replays=True)
def an_actor_and_its_critic(run):
    model = ActorCritic()
    net = run.compile(model)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)
    for i in range(12):
        state, reward = regression(i)
        scores, value = net(state)
        action = scores.detach().argmax(1, keepdim=True)
        gain = reward[:, 0] - value
        loss = -(scores.gather(1, action)[:, 0] * gain.detach()).mean() + gain.square().mean()
        loss = loss + 0.01 * (scores.exp() * scores).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.saw(loss)
    run.saw(model)


@program(replays=True)
def images_that_fool_a_net(run):
    """Gradients with respect to what goes in, and none for the parameters."""
    model = mlp(4, 3).requires_grad_(False)
    net = run.compile(model)
    for i in range(5):
        x, y = labelled(i)
        changed = x.clone()
        for _ in range(3):
            changed.requires_grad_()
            grad = steep.autograd.grad(F.cross_entropy(net(changed), y), changed)[0]
            changed = (changed.detach() + 0.05 * grad.sign()).clamp(-3, 3)
        run.saw(changed)


@program(replays=True)
def one_function_of_two_models(run):
    """A compiled function that is no module, with a teacher under no_grad."""
    teacher, student = mlp(4, 3), mlp(4, 3)
    optimizer = steep.optim.Adam(student.parameters(), lr=0.01)

    @run.compile
    def losses(x, y):
        with steep.no_grad():
            soft = teacher(x).softmax(1)
        scores = student(x)
        hard = F.cross_entropy(scores, y)
        return hard, -(soft * scores.log_softmax(1)).sum(1).mean()

    for i in range(10):
        hard, soft = losses(*labelled(i))
        optimizer.zero_grad()
        (0.3 * hard + 0.7 * soft).backward()
        optimizer.step()
        run.saw(hard, soft)
    run.saw(student)
