"""Metrics logged, histories appended to, progress printed: inside the step and outside of it."""

from __future__ import annotations

import collections
import io
import json
import logging

import steep
from programs.data import inputs, labelled, mlp, regression
from programs.runner import program

F = steep.nn.functional


def regressor():
    """A model, its optimiser, and the step of a regression."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@program(replays=True)
def history_appended_outside(run):
    model, _, step = regressor()
    step = run.compile(step)
    history = []
    for i in range(12):
        history.append(step(*regression(i)).item())
    run.saw(history, model)


@program(replays=True)
def history_of_tensors_outside(run):
    """The losses are kept as tensors, and read in the end."""
    _, _, step = regressor()
    step = run.compile(step)
    history = [step(*regression(i)) for i in range(12)]
    run.saw([loss.item() for loss in history])


@program(replays=False, says="item|history")
def history_appended_inside(run):
    """Takes the value, and appends it."""
    model, _, inner = regressor()
    history = []

    @run.compile
    def step(x, y):
        loss = inner(x, y)
        history.append(loss.item())
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(history, model)


@program(replays=False, says="history")
def counts_appended_inside(run):
    """What is appended is known without looking at a tensor."""
    model, _, inner = regressor()
    history = {"rows": [], "batches": 0}

    @run.compile
    def step(x, y):
        history["rows"].append(len(x))
        history["batches"] += 1
        return inner(x, y)

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(history, model)


@program(replays=False, says="print")
def printing_inside(run):
    """Prints a line at every call."""
    model, _, inner = regressor()

    @run.compile
    def step(x, y):
        print("batch of", len(x))
        return inner(x, y)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=False, says="item|format|print")
def the_loss_printed_inside(run):
    """Prints the value, for which it has to be known."""
    _, _, inner = regressor()

    @run.compile
    def step(x, y):
        loss = inner(x, y)
        print(f"loss {loss.item():.4f}")
        return loss

    for i in range(11):
        run.saw(step(*regression(i)))


@program(replays=True)
def printing_outside(run):
    _, _, step = regressor()
    step = run.compile(step)
    for i in range(11):
        loss = step(*regression(i))
        print(f"step {i:3d}  loss {loss:.5f}")
        run.saw(loss)


@program(replays=True)
def printing_when_asked_to(run):
    """There is a print in the function, behind a flag that is off."""
    model, _, inner = regressor()
    settings = {"verbose": False}

    @run.compile
    def step(x, y):
        loss = inner(x, y)
        if settings["verbose"]:
            print("loss", loss)
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=None)
def verbose_for_a_while(run):
    """The flag is on for two calls, which print."""
    _, _, inner = regressor()
    settings = {"verbose": False}

    @run.compile
    def step(x, y):
        if settings["verbose"]:
            print("training on", tuple(x.shape))
        return inner(x, y)

    for i in range(15):
        settings["verbose"] = i in (6, 7)
        run.saw(step(*regression(i)))


def stream_logger(name, level):
    """A logger that writes to memory."""
    stream = io.StringIO()
    logger = logging.getLogger(f"programs.{name}")
    logger.handlers = [logging.StreamHandler(stream)]
    logger.propagate = False
    logger.setLevel(level)
    return logger, stream


@program(replays=False, says="log|info")
def a_logger_inside(run):
    """Logs a line at every call."""
    logger, stream = stream_logger("inside", logging.INFO)
    model = mlp()

    @run.compile
    def forward(x):
        logger.info("forward of %d rows", len(x))
        return model(x).detach()

    for i in range(11):
        run.saw(forward(inputs(i)))
    run.saw(stream.getvalue())


@program(replays=None)
def a_logger_that_is_silent(run):
    """Debug messages that nobody wants, until somebody does."""
    logger, stream = stream_logger("silent", logging.WARNING)
    model = mlp()

    @run.compile
    def forward(x):
        logger.debug("forward of %d rows", len(x))
        return model(x).detach()

    for i in range(12):
        if i == 8:
            logger.setLevel(logging.DEBUG)
        run.saw(forward(inputs(i)))
    run.saw(stream.getvalue())


@program(replays=True)
def metrics_in_a_meter_outside(run):
    class Meter:
        def __init__(self):
            self.total, self.count = 0.0, 0

        def update(self, value, n):
            self.total += value * n
            self.count += n

        @property
        def mean(self):
            return self.total / self.count

    model = mlp(outputs=3)
    meter = Meter()

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        out = model(x)
        return F.cross_entropy(out, y), (out.argmax(1) == y).sum()

    for i in range(11):
        loss, hits = evaluate(*labelled(i))
        meter.update(loss.item(), 6)
        run.saw(loss, hits, meter.mean)


@program(replays=True)
def metrics_in_a_meter_inside(run):
    """The meter adds up tensors: its attribute is another one after every call."""

    class Meter:
        total, count = 0, 0

        def update(self, value):
            self.total = self.total + value
            self.count += 1

    model = mlp(outputs=3)
    meter = Meter()

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        loss = F.cross_entropy(model(x), y)
        meter.update(loss)
        return loss

    for i in range(11):
        run.saw(evaluate(*labelled(i)))
    run.saw(meter.total, meter.count)


@program(replays=True)
def metrics_added_up_in_a_tensor(run):
    model = mlp(outputs=3)
    totals = {"loss": steep.zeros(()), "hits": steep.zeros((), dtype=steep.int64)}

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        out = model(x)
        totals["loss"] += F.cross_entropy(out, y)
        totals["hits"] += (out.argmax(1) == y).sum()

    for epoch in range(3):
        for total in totals.values():
            total.zero_()
        for i in range(4):
            run.saw(evaluate(*labelled(10 * epoch + i)))
        run.saw(totals)


@program(replays=False, says="write|stream|file")
def written_to_a_file_inside(run):
    """One JSON line for each call."""
    stream = io.StringIO()

    @run.compile
    def forward(x):
        stream.write(json.dumps({"rows": len(x)}) + "\n")
        return x.mean(0)

    for i in range(11):
        run.saw(forward(inputs(i)))
    run.saw(stream.getvalue())


@program(replays=True)
def written_to_a_file_outside(run):
    stream = io.StringIO()
    forward = run.compile(lambda x: x.mean(0))
    for i in range(11):
        stream.write(json.dumps({"i": i, "mean": forward(inputs(i)).tolist()}) + "\n")
    run.saw(stream.getvalue())


@program(replays=True)
def shapes_counted_inside(run):
    """A Counter of the shapes that came by."""
    shapes = collections.Counter()

    @run.compile
    def forward(x):
        shapes[len(x)] += 1
        return x.sum(0)

    for i in range(11):
        run.saw(forward(inputs(i)))
    run.saw(shapes)


@program(replays=True)
def a_progress_bar_around_it(run):
    """What a bar shows is kept in an object that the loop updates."""

    class Bar:
        def __init__(self, items):
            self.items, self.postfix = items, {}

        def __iter__(self):
            for i, item in enumerate(self.items):
                yield item
                print(f"{i + 1}/{len(self.items)} {self.postfix}")

    _, _, step = regressor()
    step = run.compile(step)
    bar = Bar([regression(i) for i in range(11)])
    for x, y in bar:
        loss = step(x, y)
        bar.postfix["loss"] = f"{loss.item():.3f}"
        run.saw(loss)


@program(replays=False, says="callback|history|append|seen")
def callbacks_inside(run):
    """The trainer tells its callbacks of each batch; one of them keeps a list."""

    class History:
        def __init__(self):
            self.seen = []

        def on_batch(self, number):
            self.seen.append(number)

    class Trainer:
        def __init__(self, callbacks):
            self.model, self.callbacks = mlp(), callbacks

        def step(self, x):
            out = self.model(x).detach()
            for callback in self.callbacks:
                callback.on_batch(len(x))
            return out

    history = History()
    step = run.compile(Trainer([history]).step)
    for i in range(11):
        run.saw(step(inputs(i)))
    run.saw(history.seen)
