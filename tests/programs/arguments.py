"""What functions are given: arrays, numbers of NumPy's, objects, functions."""

from __future__ import annotations

import collections
import dataclasses
import enum
import types

import numpy as np

import steep
from programs.data import inputs, labelled, mlp, regression
from programs.runner import program

F = steep.nn.functional


def arrays(i, rows=6):
    """A batch as NumPy has it."""
    x, y = regression(i, rows)
    return x.numpy(), y.numpy()


@program(replays=None)
def arrays_converted_inside(run):
    """Batches come as arrays; the function makes tensors of them."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        x, y = steep.from_numpy(x), steep.from_numpy(y)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*arrays(i)))
    run.saw(model)


@program(replays=None)
def an_array_filled_anew(run):
    """One buffer for all batches, as a simulator has it."""
    buffer = np.zeros((6, 4), np.float32)
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x):
        return model(steep.tensor(x))

    for i in range(12):
        buffer[:] = arrays(i)[0]
        run.saw(forward(buffer))


@program(replays=True)
def an_array_of_a_closure_filled_anew(run):
    """A tensor shares the memory of an array that the caller fills."""
    buffer = np.zeros((6, 4), np.float32)
    window = steep.from_numpy(buffer)
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(scale):
        return model(window * scale)

    for i in range(12):
        buffer[:] = arrays(i)[0]
        run.saw(forward(0.5))


@program(replays=None)
def numbers_of_numpy(run):
    """Weights as NumPy's scalars, from an array of the user's."""
    weights = np.array([0.5, 2.0], np.float32)

    @run.compile
    def scaled(x, weight):
        return x * float(weight)

    for i in range(14):
        run.saw(scaled(inputs(i), weights[i % 2]))


@program(replays=None)
def a_float64_of_numpy_that_changes(run):
    """A mean as NumPy returns it; another one at every call."""

    @run.compile
    def shifted(x, mean):
        return x - mean

    for i in range(12):
        run.saw(shifted(inputs(i), np.float64(i) / 3))


@program(replays=True)
def zero_and_minus_zero(run):
    """Equal numbers with other bits are other numbers, and 1 is neither 1.0 nor True."""

    @run.compile
    def divided(x, number):
        return x.abs() * number, number

    for i in range(9):
        for number in (0.0, -0.0, 1, 1.0, True):
            run.saw(divided(inputs(i, rows=1), number))


@program(replays=True)
def nan_as_an_argument(run):
    @run.compile
    def filled(x, missing):
        return steep.where(x > 1, missing, x)

    for i in range(12):
        run.saw(filled(inputs(i), float("nan") if i % 2 else float("inf")))


@program(replays=None)
def a_dataclass_of_tensors(run):
    @dataclasses.dataclass
    class Batch:
        x: object
        y: object
        weight: float = 1.0

    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(batch):
        optimizer.zero_grad()
        loss = batch.weight * F.mse_loss(model(batch.x), batch.y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        run.saw(step(Batch(*regression(i), weight=1.0 if i < 6 else 0.1)))
    run.saw(model)


@program(replays=None)
def a_namespace_of_options(run):
    options = types.SimpleNamespace(gain=2.0, centre=steep.zeros(4))

    @run.compile
    def transform(x, options):
        return (x - options.centre) * options.gain

    for i in range(14):
        if i == 5:
            options.gain = 3.0
        if i == 9:
            options.centre = steep.ones(4)
        run.saw(transform(inputs(i), options))


@program(replays=None)
def an_enum(run):
    class Task(enum.Enum):
        REGRESSION = 1
        CLASSIFICATION = 2

    model = mlp(outputs=3)

    @run.compile
    def loss(x, y, task):
        out = model(x).detach()
        if task is Task.REGRESSION:
            return F.mse_loss(out[:, 0], y.float())
        return F.cross_entropy(out, y)

    for i in range(14):
        task = Task.REGRESSION if i % 2 else Task.CLASSIFICATION
        run.saw(loss(*labelled(i), task))


@program(replays=None)
def slices(run):
    data = inputs(0, rows=30)

    @run.compile
    def mean(rows):
        return data[rows].mean(0)

    for i in range(14):
        start = 6 * (i % 2)
        run.saw(mean(slice(start, start + 6)))


@program(replays=None)
def an_ordered_dict_of_inputs(run):
    model = mlp(8)

    @run.compile
    @steep.no_grad()
    def forward(parts):
        return model(steep.cat(list(parts.values()), dim=1)), list(parts)

    for i in range(14):
        parts = collections.OrderedDict(left=inputs(i), right=inputs(50 + i))
        if i % 2:
            parts.move_to_end("left")
        run.saw(forward(parts))


@program(replays=True)
def a_dict_of_inputs_in_two_orders(run):
    @run.compile
    def joined(parts):
        return steep.cat(list(parts.values()), dim=1), list(parts)

    for i in range(16):
        parts = {"left": inputs(i), "right": inputs(50 + i)}
        run.saw(joined(parts if i % 2 else dict(reversed(parts.items()))))


@program(replays=None)
def functions_as_arguments(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y, criterion):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(16):
        run.saw(step(*regression(i), F.l1_loss if i % 2 else F.mse_loss))
    run.saw(model)


@program(replays=None)
def a_lambda_made_at_every_call(run):
    """Each call gets a function of its own, with a number in its closure."""
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x, transform):
        return model(transform(x))

    for i in range(12):
        run.saw(forward(inputs(i), lambda x, k=i: x * k))


@program(replays=True)
def models_and_optimizers_as_arguments(run):
    models = [mlp(), mlp()]
    optimizers = [steep.optim.SGD(model.parameters(), lr=0.1) for model in models]

    @run.compile
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        run.saw(step(models[i % 2], optimizers[i % 2], *regression(i)))
    run.saw(*models)


@program(replays=True)
def nothing_or_a_mask(run):
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x, mask=None):
        return model(x if mask is None else x * mask)

    for i in range(14):
        run.saw(forward(inputs(i), steep.ones(4) * i if i % 2 else None))


@program(replays=True)
def keywords_in_any_order(run):
    model = mlp(outputs=3)

    @run.compile
    def loss(x, *, target, smoothing=0.0, reduction="mean"):
        out = model(x).detach()
        return F.cross_entropy(out, target, label_smoothing=smoothing, reduction=reduction)

    for i in range(18):
        x, y = labelled(i)
        if i % 3 == 0:
            run.saw(loss(x, target=y, smoothing=0.1))
        elif i % 3 == 1:
            run.saw(loss(x, smoothing=0.1, target=y))
        else:
            run.saw(loss(target=y, x=x, reduction="sum"))


@program(replays=True)
def any_number_of_tensors(run):
    @run.compile
    def mean(*tensors, **named):
        everything = [*tensors, *named.values()]
        return sum(everything) / len(everything)

    for i in range(16):
        if i % 2:
            run.saw(mean(inputs(i), inputs(20 + i)))
        else:
            run.saw(mean(inputs(i), other=inputs(20 + i), third=inputs(40 + i)))
