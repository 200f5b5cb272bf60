"""Errors on the way: bad targets, errors that are caught inside, and going on afterwards."""

from __future__ import annotations

import contextlib
import warnings

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def classifier():
    model = mlp(outputs=3)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@program(replays=True)
def a_bad_target_once(run):
    model, optimizer, step = classifier()
    step = run.compile(step)
    for i in range(14):
        x, y = labelled(i)
        if i == 7:
            y[2] = 9
        try:
            run.saw(step(x, y))
        except IndexError as error:
            run.saw(error)
    run.saw(model, optimizer)


@program(replays=True)
def a_bad_target_while_it_is_learnt(run):
    model, optimizer, step = classifier()
    step = run.compile(step)
    for i in range(12):
        x, y = labelled(i)
        if i in (1, 2):
            y[0] = -3
        try:
            run.saw(step(x, y))
        except IndexError as error:
            run.saw(error)
    run.saw(model, optimizer)


@program(replays=True)
def a_wrong_shape_once(run):
    model, _, step = classifier()
    step = run.compile(step)
    for i in range(13):
        x, y = labelled(i)
        if i == 6:
            x = x[:, :3]
        try:
            run.saw(step(x, y))
        except RuntimeError as error:
            run.saw(error)
    run.saw(model)


@program(replays=True)
def an_assertion_about_shapes(run):
    model = mlp()

    @run.compile
    def forward(x):
        assert x.ndim == 2, f"expected a batch, got {tuple(x.shape)}"
        return model(x).detach()

    for i in range(12):
        x = inputs(i) if i != 6 else inputs(i)[0]
        try:
            run.saw(forward(x))
        except AssertionError as error:
            run.saw(error)


@program(replays=True)
def an_error_raised_by_a_setting(run):
    """Between two calls a setting is wrong for a while."""
    config = {"reduction": "mean"}
    model = mlp()

    @run.compile
    def loss(x, y):
        if config["reduction"] not in ("mean", "sum"):
            raise ValueError(f"what is {config['reduction']!r}?")
        return F.mse_loss(model(x), y, reduction=config["reduction"]).detach()

    for i in range(14):
        config["reduction"] = "average" if i in (5, 6) else "mean"
        try:
            run.saw(loss(*regression(i)))
        except ValueError as error:
            run.saw(error)


@program(replays=True)
def a_key_that_is_missing_for_a_while(run):
    scales = {"small": 0.5, "large": 2.0}

    @run.compile
    def scaled(x, size):
        return x * scales[size]

    for i in range(16):
        if i == 5:
            large = scales.pop("large")
        if i == 7:
            scales["large"] = large
        try:
            run.saw(scaled(inputs(i), "large"))
        except KeyError as error:
            run.saw(error)


@program(replays=True)
def caught_inside(run):
    """Asks for forgiveness: the optional attribute is not there, until it is."""

    class Config:
        pass

    config = Config()

    @run.compile
    def forward(x):
        try:
            gain = config.gain
        except AttributeError:
            gain = 1.0
        return x * gain

    for i in range(13):
        if i == 6:
            config.gain = 3.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def an_operation_tried_inside(run):
    """A product is tried one way, and then the other."""
    weight = steep.randn(4, 3)

    @run.compile
    def product(x):
        try:
            return x @ weight
        except RuntimeError:
            return x @ weight.T

    for i in range(14):
        run.saw(product(inputs(i, columns=4 if i % 2 else 3)))


@program(replays=True)
def suppressed_inside(run):
    extras = []

    @run.compile
    def forward(x):
        with contextlib.suppress(IndexError):
            x = x + extras[0]
        return x * 2

    for i in range(13):
        if i == 6:
            extras.append(steep.ones(4))
        run.saw(forward(inputs(i)))


@program(replays=False, says="bool|item|isnan|any")
def a_check_for_nan_inside(run):
    """Looks at the loss before it goes on, and raises where it is not a number."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        if steep.isnan(loss):
            raise FloatingPointError("the loss is nan")
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        x, y = regression(i)
        if i == 6:
            x[0] = float("nan")
        try:
            run.saw(step(x, y))
        except FloatingPointError as error:
            run.saw(error)
    run.saw(model)


@program(replays=True)
def nan_looked_for_outside(run):
    model, _, step = classifier()
    step = run.compile(step)
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    for i in range(13):
        x, y = labelled(i)
        if i == 5:
            x = x * float("nan")
        loss = step(x, y)
        run.saw(loss)
        if loss.isnan():
            model.load_state_dict(saved)
    run.saw(model)


@program(replays=True)
def interrupted_by_the_data(run):
    """The loader raises between two calls; the epoch begins again."""
    model, _, step = classifier()
    step = run.compile(step)

    def batches(bad):
        for i in range(6):
            if i == 4 and bad:
                raise OSError("the disk is gone")
            yield labelled(i)

    for epoch in range(3):
        try:
            for x, y in batches(bad=epoch == 0):
                run.saw(step(x, y))
        except OSError as error:
            run.saw(error)
    run.saw(model)


@program(replays=None)
def a_finally_that_cleans_up(run):
    """The mode is put back, whatever comes."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 1))

    @run.compile
    def evaluate(x):
        model.eval()
        try:
            return model(x).detach()
        finally:
            model.train()

    for i in range(12):
        x = inputs(i) if i != 6 else inputs(i)[:, :2]
        try:
            run.saw(evaluate(x))
        except RuntimeError as error:
            run.saw(error)
    run.saw(model)


@program(replays=False, says="warn")
def a_warning_inside(run):
    """Warns at every call; a caller that collects warnings sees each."""
    model = mlp()

    @run.compile
    def forward(x):
        warnings.warn("forward is deprecated", FutureWarning, stacklevel=2)
        return model(x).detach()

    for i in range(11):
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_frozen_optimizer(run):
    """A rate that is none raises, and after it is mended the training goes on."""
    model, optimizer, step = classifier()
    step = run.compile(step)
    for i in range(14):
        optimizer.param_groups[0]["lr"] = None if i == 6 else 0.01
        try:
            run.saw(step(*labelled(i)))
        except (TypeError, ValueError) as error:
            run.saw(type(error).__name__)
    run.saw(model, optimizer)
