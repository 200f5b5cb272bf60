"""Dropout, generators, Python's and NumPy's random numbers, clocks and iterators."""

from __future__ import annotations

import itertools
import random
import time

import numpy as np

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def dropout_in_a_network(run):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3))
    optimizer = steep.optim.AdamW(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*labelled(i)))
        run.saw(steep.rand(2))
    run.saw(model)


@program(replays=True)
def dropout_whose_rate_changes(run):
    dropout = nn.Dropout(0.1)
    layer = nn.Linear(4, 4)
    forward = run.compile(lambda x: dropout(layer(x)).detach())
    for i in range(13):
        if i == 6:
            dropout.p = 0.7
        run.saw(forward(inputs(i)))


@program(replays=True)
def noise_on_the_inputs(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x + 0.1 * steep.randn_like(x)), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_generator_of_its_own(run):
    generator = steep.Generator().manual_seed(7)

    @run.compile
    def augmented(x):
        return x + steep.rand(*x.shape, generator=generator)

    for i in range(12):
        if i == 8:
            generator.manual_seed(7)
        run.saw(augmented(inputs(i)))
    run.saw(generator)


@program(replays=True)
def a_generator_replaced(run):
    generator = steep.Generator().manual_seed(1)

    @run.compile
    def augmented(x):
        return x * steep.rand(*x.shape, generator=generator).round()

    for i in range(13):
        if i == 6:
            generator = steep.Generator().manual_seed(2)
        run.saw(augmented(inputs(i)))
    run.saw(generator)


@program(replays=True)
def a_generator_as_an_argument(run):
    generators = [steep.Generator().manual_seed(seed) for seed in (1, 2)]

    @run.compile
    def sample(mean, generator):
        return mean + steep.randn(3, generator=generator)

    for i in range(14):
        run.saw(sample(steep.full((3,), float(i)), generators[i % 2]))
    run.saw(*generators)


@program(replays=True)
def seeded_between_the_calls(run):
    @run.compile
    def sample(x):
        return x + steep.rand(4)

    for i in range(12):
        if i % 4 == 0:
            steep.manual_seed(i)
        run.saw(sample(inputs(i)), steep.randn(2))


@program(replays=False, says="manual_seed")
def seeded_inside(run):
    """The same noise every time, because the function sets the seed."""

    @run.compile
    def sample(x):
        steep.manual_seed(0)
        return x + steep.rand(4)

    for i in range(12):
        run.saw(sample(inputs(i)))


@program(replays=True)
def a_permutation_inside(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def epoch(x, y):
        total = steep.zeros(())
        for rows in steep.randperm(len(x)).split(4):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total

    x, y = regression(0, rows=12)
    for _ in range(10):
        run.saw(epoch(x, y))
    run.saw(model)


@program(replays=True)
def mixup_with_steeps_numbers(run):
    model = mlp()

    @run.compile
    def mixed(x, y):
        weight = steep.rand(len(x), 1)
        order = steep.randperm(len(x))
        return F.mse_loss(
            model(weight * x + (1 - weight) * x[order]), weight * y + (1 - weight) * y[order]
        ).detach()

    for i in range(12):
        run.saw(mixed(*regression(i)))


@program(replays=False, says="random")
def a_coin_by_random(run):
    """Flips a coin of Python's: every call may do something else."""

    @run.compile
    def augmented(x):
        return x.flip(1) if random.random() < 0.5 else x * 1

    for i in range(14):
        run.saw(augmented(inputs(i)))


@program(replays=False, says="gauss|noise")
def noise_by_an_own_random(run):
    """Draws from a generator of Python's that the program made itself."""
    noise = random.Random(3)

    @run.compile
    def noisy(x):
        return x + noise.gauss(0, 1)

    for i in range(12):
        run.saw(noisy(inputs(i)))


@program(replays=False, says="choice|random")
def a_layer_chosen_by_random(run):
    """Stochastic depth: which layers are used is drawn by Python."""
    layers = [nn.Linear(4, 4) for _ in range(3)]

    @run.compile
    @steep.no_grad()
    def forward(x):
        return random.choice(layers)(x)

    for i in range(14):
        run.saw(forward(inputs(i)))


@program(replays=False, says="beta|random")
def mixup_by_numpy(run):
    """The weight of the mix is drawn by NumPy."""
    model = mlp()

    @run.compile
    def mixed(x, y):
        weight = float(np.random.beta(0.4, 0.4))
        return F.mse_loss(model(weight * x + (1 - weight) * x.flip(0)), y).detach()

    for i in range(12):
        run.saw(mixed(*regression(i)))


@program(replays=False, says="draws from numpy.random .rng")
def rows_shuffled_by_numpy(run):
    """A generator of NumPy's, which the function advances."""
    rng = np.random.default_rng(5)

    @run.compile
    def shuffled(x):
        return x[steep.from_numpy(rng.permutation(len(x)))]

    for i in range(12):
        run.saw(shuffled(inputs(i)))


@program(replays=True)
def numbers_of_numpy_drawn_outside(run):
    rng = np.random.default_rng(5)
    model = mlp()

    @run.compile
    def forward(x, noise):
        return model(x + noise).detach()

    for i in range(12):
        noise = steep.from_numpy(rng.normal(size=(6, 4)).astype(np.float32))
        run.saw(forward(inputs(i), noise))


@program(replays=False, says="next|batches")
def an_iterator_advanced_inside(run):
    """The next batch is fetched by the function itself."""
    batches = iter([inputs(i) for i in range(12)])
    model = mlp()

    @run.compile
    def step():
        return model(next(batches)).detach()

    for _ in range(12):
        run.saw(step())


@program(replays=False, says="next|rates")
def a_cycle_of_rates(run):
    """`itertools.cycle` goes on at every call."""
    rates = itertools.cycle([1.0, 0.5, 0.25])

    @run.compile
    def scaled(x):
        return x * next(rates)

    for i in range(12):
        run.saw(scaled(inputs(i)))


@program(replays=False, says="send|schedule")
def a_generator_function_driven_inside(run):
    """A coroutine of Python's keeps the state."""

    def decay():
        value = 1.0
        while True:
            factor = yield value
            value *= factor

    schedule = decay()
    next(schedule)

    @run.compile
    def scaled(x):
        return x * schedule.send(0.5)

    for i in range(10):
        run.saw(scaled(inputs(i)))


@program(replays=True)
def batches_fetched_outside(run):
    loader = steep.data.DataLoader(
        steep.data.TensorDataset(*regression(0, rows=24)),
        batch_size=6,
        shuffle=True,
        generator=steep.Generator().manual_seed(3),
    )
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        for x, y in loader:
            run.saw(step(x, y))
    run.saw(model)


@program(replays=False, says="perf_counter|times")
def a_clock_inside(run):
    """Times every step by the clock, and keeps how often it did."""
    model, times = mlp(), []

    @run.compile
    def forward(x):
        start = time.perf_counter()
        out = model(x).detach()
        times.append(time.perf_counter() - start)
        return out

    for i in range(12):
        run.saw(forward(inputs(i)))
    run.saw(len(times))


@program(replays=True)
def a_clock_outside(run):
    model, times = mlp(), []
    forward = run.compile(lambda x: model(x).detach())
    for i in range(10):
        start = time.perf_counter()
        run.saw(forward(inputs(i)))
        times.append(time.perf_counter() - start)
    run.saw(len(times))
