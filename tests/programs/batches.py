"""Batches of other sizes, kinds and memory."""

from __future__ import annotations

import steep
from programs.data import inputs, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_last_batch_that_is_smaller(run):
    x, y = regression(0, rows=14)
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        for xs, ys in zip(x.split(6), y.split(6), strict=True):
            run.saw(step(xs, ys))
    run.saw(model)


@program(replays=None)
def another_length_every_time(run):
    """Sequences of all lengths: each is its own kind of call."""
    layer = nn.Linear(4, 2)
    pool = run.compile(lambda x: layer(x).amax(0).detach())
    for i in range(15):
        run.saw(pool(inputs(i, rows=1 + i)))


@program(replays=True)
def other_dtypes_and_strides(run):
    @run.compile
    def total(x):
        return x.sum(0), (x * 2).mean()

    for i in range(5):
        x = inputs(i, rows=4)
        for kind in (x, x.double(), x.T, x[:, ::2], x.expand(4, 4)):
            run.saw(total(kind))


@program(replays=True)
def an_argument_that_requires_a_gradient(run):
    """Optimising an input: the argument is a leaf, and its gradient is asked for afterwards."""
    model = mlp()

    @run.compile
    def attack(image, wanted):
        loss = F.mse_loss(model(image), wanted)
        loss.backward()
        return loss

    for i in range(11):
        image = inputs(i).requires_grad_()
        run.saw(attack(image, steep.ones(6, 1)), image.grad)
        model.zero_grad()


@program(replays=True)
def an_argument_written_to(run):
    @run.compile
    def normalise_(x):
        x.sub_(x.mean(0)).div_(x.std(0) + 1e-6)
        return x.abs().amax()

    for i in range(11):
        x = inputs(i)
        run.saw(normalise_(x), x)


@program(replays=True)
def lists_of_batches(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(batches):
        optimizer.zero_grad()
        losses = []
        for x, y in batches:
            loss = F.mse_loss(model(x), y) / len(batches)
            loss.backward()
            losses.append(loss)
        optimizer.step()
        return losses

    for i in range(14):
        run.saw(step([regression(i), regression(50 + i), regression(90 + i)][: 2 + i % 2]))
    run.saw(model)


@program(replays=True)
def windows_of_one_array(run):
    """Minibatches are slices of the data, each at another place in it."""
    x, y = regression(0, rows=48)
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for start in range(0, 48, 4):
        run.saw(step(x[start : start + 4], y[start : start + 4]))
    run.saw(model)


@program(replays=True)
def the_same_tensor_as_input_and_target(run):
    """An autoencoder, given its input twice; and once given two tensors."""
    model = mlp(4, 4)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, target):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        x = inputs(i)
        run.saw(step(x, inputs(i + 1) if i == 6 else x))
    run.saw(model)


@program(replays=True)
def batches_of_one_and_of_none(run):
    model = mlp()

    @run.compile
    def total(x):
        return model(x).sum().detach()

    for i in range(15):
        run.saw(total(inputs(i, rows=(0, 1, 6)[i % 3])))


@program(replays=True)
def padded_sequences_with_masks(run):
    layer = nn.Linear(4, 4)
    optimizer = steep.optim.Adam(layer.parameters(), lr=0.02)

    @run.compile
    def step(x, lengths):
        mask = steep.arange(x.shape[1]) < lengths[:, None]
        optimizer.zero_grad()
        out = layer(x).tanh() * mask[:, :, None]
        loss = (out.sum(1) / lengths[:, None]).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(11):
        lengths = steep.tensor([1 + i % 3, 3, 2])
        run.saw(step(inputs(i, rows=9).reshape(3, 3, 4), lengths))
    run.saw(layer)
