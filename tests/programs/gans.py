"""Two networks against each other: two steps, one step, and frozen discriminators."""

from __future__ import annotations

import steep
from programs.data import inputs, mlp, nn
from programs.runner import program

F = steep.nn.functional


class Pair:
    """A generator and a discriminator with an optimiser each."""

    def __init__(self, lr=0.01):
        self.generator, self.discriminator = mlp(2, 4), mlp(4, 1)
        self.g_optimizer = steep.optim.Adam(self.generator.parameters(), lr=lr, betas=(0.5, 0.99))
        self.d_optimizer = steep.optim.Adam(
            self.discriminator.parameters(), lr=lr, betas=(0.5, 0.99)
        )


@program(replays=True)
def two_steps_in_turn(run):
    pair = Pair()
    bce = nn.BCEWithLogitsLoss()

    @run.compile
    def train_discriminator(real, z):
        fake = pair.generator(z).detach()
        pair.d_optimizer.zero_grad()
        real_loss = bce(pair.discriminator(real), steep.ones(len(real), 1))
        fake_loss = bce(pair.discriminator(fake), steep.zeros(len(real), 1))
        (real_loss + fake_loss).backward()
        pair.d_optimizer.step()
        return real_loss, fake_loss

    @run.compile
    def train_generator(z):
        pair.g_optimizer.zero_grad()
        loss = bce(pair.discriminator(pair.generator(z)), steep.ones(len(z), 1))
        loss.backward()
        pair.g_optimizer.step()
        return loss

    for i in range(10):
        run.saw(train_discriminator(inputs(i), inputs(50 + i, columns=2)))
        run.saw(train_generator(inputs(90 + i, columns=2)))
    run.saw(pair.generator, pair.discriminator)


@program(replays=True)
def both_in_one_step(run):
    pair = Pair()

    @run.compile
    def step(real):
        z = steep.randn(len(real), 2)
        fake = pair.generator(z)
        pair.d_optimizer.zero_grad()
        d_loss = (
            F.softplus(-pair.discriminator(real)).mean()
            + F.softplus(pair.discriminator(fake.detach())).mean()
        )
        d_loss.backward()
        pair.d_optimizer.step()
        pair.g_optimizer.zero_grad()
        g_loss = F.softplus(-pair.discriminator(fake)).mean()
        g_loss.backward()
        pair.g_optimizer.step()
        return d_loss, g_loss

    for i in range(11):
        run.saw(step(inputs(i)))
    run.saw(pair.generator, pair.discriminator)


@program(replays=True)
def the_discriminator_frozen_outside(run):
    """For the generator's turn it needs no gradients, and gets them back afterwards."""
    pair = Pair()

    @run.compile
    def d_step(real, z):
        pair.d_optimizer.zero_grad()
        with steep.no_grad():
            fake = pair.generator(z)
        loss = (pair.discriminator(fake) - pair.discriminator(real)).mean()
        loss.backward()
        pair.d_optimizer.step()
        return loss

    @run.compile
    def g_step(z):
        pair.g_optimizer.zero_grad()
        loss = -pair.discriminator(pair.generator(z)).mean()
        loss.backward()
        pair.g_optimizer.step()
        return loss

    for i in range(11):
        pair.discriminator.requires_grad_(True)
        run.saw(d_step(inputs(i), inputs(50 + i, columns=2)))
        pair.discriminator.requires_grad_(False)
        run.saw(g_step(inputs(90 + i, columns=2)))
    run.saw(pair.generator, pair.discriminator)


@program(replays=True)
def a_critic_with_clipped_weights(run):
    pair = Pair()

    @run.compile
    def critic_step(real, z):
        pair.d_optimizer.zero_grad()
        loss = (pair.discriminator(pair.generator(z).detach()) - pair.discriminator(real)).mean()
        loss.backward()
        pair.d_optimizer.step()
        with steep.no_grad():
            for p in pair.discriminator.parameters():
                p.clamp_(-0.1, 0.1)
        return loss

    @run.compile
    def generator_step(z):
        pair.g_optimizer.zero_grad()
        loss = -pair.discriminator(pair.generator(z)).mean()
        loss.backward()
        pair.g_optimizer.step()
        return loss

    for i in range(12):
        run.saw(critic_step(inputs(i), inputs(50 + i, columns=2)))
        if i % 2:
            run.saw(generator_step(inputs(90 + i, columns=2)))
    run.saw(pair.generator, pair.discriminator)


@program(replays=True)
def gradients_penalised_at_the_data(run):
    pair = Pair()
    strength = {"r1": 1.0}

    @run.compile
    def d_step(real, z):
        real = real.clone().requires_grad_()
        pair.d_optimizer.zero_grad()
        on_real = pair.discriminator(real)
        (grad,) = steep.autograd.grad(on_real.sum(), real, create_graph=True)
        penalty = grad.square().sum(1).mean()
        on_fake = pair.discriminator(pair.generator(z).detach())
        loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        (loss + 0.5 * strength["r1"] * penalty).backward()
        pair.d_optimizer.step()
        return loss, penalty

    for i in range(13):
        if i == 6:
            strength["r1"] = 10.0
        run.saw(d_step(inputs(i), inputs(50 + i, columns=2)))
    run.saw(pair.discriminator)


@program(replays=True)
def a_conditional_generator(run):
    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.label = nn.Parameter(steep.randn(3, 2))
            self.body = mlp(4, 4)

        def forward(self, z, y):
            return self.body(steep.cat([z, self.label[y]], dim=1))

    generator, discriminator = Generator(), mlp(4, 3)
    optimizer = steep.optim.Adam(generator.parameters(), lr=0.02)

    @run.compile
    def step(z, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(discriminator(generator(z, y)), y)
        loss.backward()
        optimizer.step()
        return loss

    labels = steep.tensor([0, 1, 2, 0, 1, 2])
    for i in range(11):
        run.saw(step(inputs(i, columns=2), labels.flip(0) if i % 2 else labels))
    run.saw(generator)


@program(replays=True)
def labels_smoothed_from_outside(run):
    """The targets are tensors of the trainer, filled with other numbers later."""
    pair = Pair()
    real_label, fake_label = steep.full((6, 1), 0.9), steep.zeros(6, 1)

    @run.compile
    def d_step(real, z):
        pair.d_optimizer.zero_grad()
        on_real = steep.sigmoid(pair.discriminator(real))
        on_fake = steep.sigmoid(pair.discriminator(pair.generator(z).detach()))
        loss = F.binary_cross_entropy(on_real, real_label)
        loss = loss + F.binary_cross_entropy(on_fake, fake_label)
        loss.backward()
        pair.d_optimizer.step()
        return loss

    for i in range(12):
        if i == 6:
            real_label.fill_(1.0)
        run.saw(d_step(inputs(i), inputs(50 + i, columns=2)))
    run.saw(pair.discriminator)


@program(replays=False, says="item|float|bool")
def the_stronger_one_rests(run):
    """The generator is trained only where the discriminator is ahead, which takes a value."""
    pair = Pair()

    @run.compile
    def step(real, z):
        pair.d_optimizer.zero_grad()
        fake = pair.generator(z)
        d_loss = F.softplus(-pair.discriminator(real)).mean()
        d_loss = d_loss + F.softplus(pair.discriminator(fake.detach())).mean()
        d_loss.backward()
        pair.d_optimizer.step()
        if d_loss.item() < 1.5:
            pair.g_optimizer.zero_grad()
            F.softplus(-pair.discriminator(pair.generator(z))).mean().backward()
            pair.g_optimizer.step()
        return d_loss

    for i in range(12):
        run.saw(step(inputs(i), inputs(50 + i, columns=2)))
    run.saw(pair.generator, pair.discriminator)


@program(replays=True)
def a_cycle_of_two_generators(run):
    there, back = mlp(4, 4), mlp(4, 4)
    optimizer = steep.optim.Adam([*there.parameters(), *back.parameters()], lr=0.01)
    weight = 10.0

    @run.compile
    def step(a, b):
        optimizer.zero_grad()
        cycle = F.l1_loss(back(there(a)), a) + F.l1_loss(there(back(b)), b)
        identity = F.l1_loss(there(b), b) + F.l1_loss(back(a), a)
        loss = weight * cycle + 0.5 * weight * identity
        loss.backward()
        optimizer.step()
        return cycle, identity

    for i in range(13):
        if i == 6:
            weight = 1.0
        run.saw(step(inputs(i), inputs(50 + i)))
    run.saw(there, back)
