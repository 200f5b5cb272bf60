"""Random generators of the program's own, drawn from inside."""

from __future__ import annotations

import copy

import steep
from programs.data import inputs, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def label_smoothing_of_a_gan(run):
    """Noisy labels for the discriminator, latent noise for the generator: a stream for each."""
    labels, latent = steep.Generator().manual_seed(1), steep.Generator().manual_seed(2)
    maker, judge = mlp(3, 4), mlp(4, 1)
    makers = steep.optim.Adam(maker.parameters(), lr=0.01)
    judges = steep.optim.Adam(judge.parameters(), lr=0.01)

    @run.compile
    def step(real):
        made = maker(steep.randn(len(real), 3, generator=latent))
        judges.zero_grad()
        right = 0.8 + 0.2 * steep.rand(len(real), 1, generator=labels)
        wrong = 0.2 * steep.rand(len(real), 1, generator=labels)
        loss = F.binary_cross_entropy_with_logits(judge(real), right)
        loss = loss + F.binary_cross_entropy_with_logits(judge(made.detach()), wrong)
        loss.backward()
        judges.step()
        makers.zero_grad()
        fooled = F.binary_cross_entropy_with_logits(judge(made), steep.ones(len(real), 1))
        fooled.backward()
        makers.step()
        return loss, fooled

    for i in range(12):
        run.saw(*step(inputs(i)))
    run.saw(maker, judge, labels, latent)


@program(replays=True)
def a_mask_of_its_own(run):
    """Dropout by hand: every fill in place takes a generator."""
    generator = steep.Generator().manual_seed(3)
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        keep = steep.empty(x.shape).bernoulli_(0.8, generator=generator)
        noise = steep.empty(x.shape).normal_(0, 0.1, generator=generator)
        loss = F.mse_loss(model(x * keep + noise), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
        run.saw(steep.rand(2), steep.rand(2, generator=generator))
    run.saw(model, generator)


@program(replays=True)
def every_kind_of_draw(run):
    generator = steep.Generator().manual_seed(4)

    @run.compile
    def drawn(x):
        return (
            steep.randint(10, (5,), generator=generator),
            steep.randperm(7, generator=generator),
            steep.bernoulli(x.sigmoid(), generator=generator),
            steep.normal(x, 0.5, generator=generator),
            steep.empty(4).uniform_(-1, 1, generator=generator),
            steep.empty(4).exponential_(2.0, generator=generator),
            steep.empty(4, dtype=steep.int64).random_(generator=generator),
            steep.empty(4).random_(3, 9, generator=generator),
            steep.randn(3, 5, generator=generator).t().normal_(generator=generator),
        )

    for i in range(10):
        run.saw(*drawn(inputs(i)))
    run.saw(generator)


@program(replays=True)
def shuffled_by_its_own_generator(run):
    generator = steep.Generator().manual_seed(5)
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @run.compile
    def epoch(x, y):
        total = steep.zeros(())
        for rows in steep.randperm(len(x), generator=generator).split(4):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total

    x, y = regression(0, rows=12)
    for _ in range(10):
        run.saw(epoch(x, y))
    run.saw(model, generator)


@program(replays=True)
def the_same_noise_at_every_evaluation(run):
    """The generator is put back before each call, by its seed or by its state."""
    generator = steep.Generator().manual_seed(6)
    start = generator.get_state()
    model = mlp()

    @run.compile
    @steep.no_grad()
    def evaluate(x):
        return model(x + 0.1 * steep.randn(6, 4, generator=generator)).mean()

    for i in range(12):
        if i % 3 == 0:
            generator.manual_seed(6)
        elif i % 3 == 1:
            generator.set_state(start)
        run.saw(evaluate(inputs(i // 3)), generator)


@program(replays=True)
def a_module_with_a_generator(run):
    """A layer keeps its generator; the layer is copied, and then goes away."""

    class Noise(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.generator = steep.Generator().manual_seed(seed)

        def forward(self, x):
            if not self.training:
                return x
            return x + 0.1 * steep.randn(*x.shape, generator=self.generator)

    model = nn.Sequential(nn.Linear(4, 4), Noise(7))
    twin = copy.deepcopy(model)
    first, second = (run.compile(lambda x, m=m: m(x).detach()) for m in (model, twin))
    for i in range(16):
        model.train(i < 8)
        run.saw(first(inputs(i)), second(inputs(i)))
    model[1] = Noise(8)
    for i in range(6):
        run.saw(first(inputs(i)))
    run.saw(model[1].generator, twin[1].generator)


@program(replays=True)
def the_default_generator_by_name(run):
    @run.compile
    def sample(x):
        return x + steep.rand(4, generator=steep.default_generator)

    for i in range(8):
        run.saw(sample(inputs(i)), steep.rand(2))


@program(replays=False, says="Generator")
def a_generator_made_inside(run):
    """Each call begins the same stream anew."""

    @run.compile
    def sample(x):
        return x + steep.rand(4, generator=steep.Generator())

    for i in range(10):
        run.saw(sample(inputs(i)))


@program(replays=False, says="manual_seed")
def a_generator_seeded_inside(run):
    generator = steep.Generator()

    @run.compile
    def sample(x):
        generator.manual_seed(3)
        return x + steep.rand(4, generator=generator)

    for i in range(10):
        run.saw(sample(inputs(i)))


@program(replays=False, says="get_state")
def a_state_read_inside(run):
    """Returns where the stream was: before every call it is put back there, but for the last."""
    generator = steep.Generator().manual_seed(3)

    @run.compile
    def sample(x):
        before = generator.get_state()
        return x + steep.rand(4, generator=generator), before

    for i in range(10):
        if i < 6:
            generator.manual_seed(3)
        run.saw(*sample(inputs(i)))


@program(replays=False, says="initial_seed")
def a_seed_read_inside(run):
    generator = steep.Generator().manual_seed(3)

    @run.compile
    def sample(x):
        return x * generator.initial_seed()

    for i in range(10):
        if i >= 6:
            generator.manual_seed(4)
        run.saw(sample(inputs(i)))


@program(replays=False, says="clone_state|copy of a Generator")
def a_generator_copied_inside(run):
    generator = steep.Generator().manual_seed(3)

    @run.compile
    def sample(x):
        return x + steep.rand(4, generator=generator.clone_state())

    for i in range(10):
        if i >= 6:
            generator.manual_seed(i)
        run.saw(sample(inputs(i)))
