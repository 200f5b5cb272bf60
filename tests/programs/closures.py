"""Variables of closures, globals, defaults and partials, and what is bound to them anew."""

from __future__ import annotations

import functools
import math
import os

import steep
from programs.data import inputs, labelled, mlp, regression
from programs.runner import program

F = steep.nn.functional

RATE = 0.1
USE_BIAS = True
SHIFT = None


@program(replays=True)
def a_global_rebound(run):
    global RATE
    RATE = 0.1
    model = mlp()

    @run.compile
    def step(x, y):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        with steep.no_grad():
            for p in model.parameters():
                p.sub_(RATE * p.grad)
                p.grad = None
        return loss

    for i in range(14):
        if i == 4:
            RATE = 0.05
        if i == 8:
            RATE = 0.0
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_global_read_by_a_helper(run):
    global USE_BIAS
    USE_BIAS = True
    bias = steep.ones(4)

    def shifted(x):
        return x + bias if USE_BIAS else x

    @run.compile
    def forward(x):
        return shifted(x) * 2

    for i in range(13):
        if i == 6:
            USE_BIAS = False
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_global_defined_later(run):
    global SHIFT
    SHIFT = None

    @run.compile
    def forward(x):
        return x * 2 if SHIFT is None else x - SHIFT

    for i in range(13):
        if i == 6:
            SHIFT = steep.ones(4)
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_variable_of_the_loop(run):
    """The function reads the epoch of the loop it is called from."""
    model = mlp()
    epoch = 0

    @run.compile
    def forward(x):
        return model(x).detach() * (0.5 if epoch < 1 else 1.0)

    for epoch in range(2):  # noqa: B007  # read by the function
        for i in range(7):
            run.saw(forward(inputs(i)))


@program(replays=None)
def every_epoch_another_number(run):
    model = mlp()
    epoch = 0

    @run.compile
    def forward(x):
        return model(x).detach() * math.exp(-0.1 * epoch)

    for epoch in range(4):  # noqa: B007  # read by the function
        for i in range(3):
            run.saw(forward(inputs(i)))


@program(replays=True)
def a_factory_of_steps(run):
    """Each step closes over variables of its own."""

    def make(rate):
        model = mlp()
        optimizer = steep.optim.SGD(model.parameters(), lr=rate)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return run.compile(step), model

    pairs = [make(rate) for rate in (0.1, 0.01, 0.001)]
    for i in range(10):
        for step, _ in pairs:
            run.saw(step(*regression(i)))
    run.saw(*(model for _, model in pairs))


@program(replays=True)
def a_default_argument_is_a_tensor(run):
    mask = steep.tensor([1.0, 0.0, 1.0, 0.0])

    @run.compile
    def masked(x, mask=mask, gain=2.0):
        return x * mask * gain

    for i in range(12):
        if i == 6:
            mask.copy_(steep.tensor([0.0, 1.0, 0.0, 1.0]))
        run.saw(masked(inputs(i)))


@program(replays=True)
def defaults_replaced(run):
    def scaled(x, factor=2.0, *, offset=0.0):
        return x * factor + offset

    @run.compile
    def forward(x):
        return scaled(x)

    for i in range(14):
        if i == 4:
            scaled.__defaults__ = (5.0,)
        if i == 8:
            scaled.__kwdefaults__ = {"offset": 1.0}
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_partial_with_a_tensor(run):
    centre = steep.zeros(4)
    distance = functools.partial(lambda centre, x: ((x - centre) ** 2).sum(1), centre)

    @run.compile
    def nearest(x):
        return distance(x).min()

    for i in range(12):
        run.saw(nearest(inputs(i)))
        centre.add_(0.1)


@program(replays=True)
def a_partial_replaced(run):
    loss = functools.partial(F.cross_entropy, label_smoothing=0.0)
    model = mlp(outputs=3)

    @run.compile
    def evaluate(x, y):
        return loss(model(x), y).detach()

    for i in range(13):
        if i == 6:
            loss = functools.partial(F.cross_entropy, label_smoothing=0.2)
        run.saw(evaluate(*labelled(i)))


@program(replays=True)
def keywords_of_a_partial_changed(run):
    smooth = functools.partial(F.huber_loss, delta=1.0)
    model = mlp()

    @run.compile
    def evaluate(x, y):
        return smooth(model(x), 5 * y).detach()

    for i in range(13):
        if i == 6:
            smooth.keywords["delta"] = 0.1
        run.saw(evaluate(*regression(i)))


@program(replays=True)
def the_partial_itself_compiled(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def step(model, optimizer, x, y, weight=1.0):
        optimizer.zero_grad()
        loss = weight * F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = run.compile(functools.partial(step, model, optimizer, weight=0.5))
    for i in range(10):
        run.saw(compiled(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_lambda_rebound(run):
    activation = lambda x: x.tanh()  # noqa: E731  # as users write it
    weight = steep.randn(4, 3)

    @run.compile
    def forward(x):
        return activation(x @ weight)

    for i in range(13):
        if i == 6:
            activation = steep.relu
        run.saw(forward(inputs(i)))


@program(replays=True)
def functions_within_functions(run):
    """Three closures deep, and the innermost variable changes."""
    slope = 0.1

    def activation(x):
        def negative(x):
            return slope * x

        return steep.where(x > 0, x, negative(x))

    def layer(x):
        return [activation(part) for part in x.split(2, dim=1)]

    @run.compile
    def forward(x):
        return steep.cat(layer(x), dim=1)

    for i in range(13):
        if i == 6:
            slope = 0.5
        run.saw(forward(inputs(i)))


@program(replays=True)
def an_environment_variable(run):
    os.environ["STEEP_TEST_PROGRAM"] = "small"

    @run.compile
    def forward(x):
        size = os.environ.get("STEEP_TEST_PROGRAM", "small")
        return x * (1.0 if size == "small" else 10.0)

    try:
        for i in range(13):
            if i == 6:
                os.environ["STEEP_TEST_PROGRAM"] = "large"
            run.saw(forward(inputs(i)))
    finally:
        del os.environ["STEEP_TEST_PROGRAM"]


@program(replays=True)
def a_tensor_variable_rebound(run):
    """The mean of the data, measured again after a while."""
    mean = steep.zeros(4)
    model = mlp()

    @run.compile
    def forward(x):
        return model(x - mean).detach()

    for i in range(13):
        if i == 6:
            mean = inputs(99).mean(0)
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_recursive_function(run):
    depth = 3
    weight = steep.randn(4, 4)

    def descend(x, level):
        return x if level == 0 else descend((x @ weight).tanh(), level - 1)

    @run.compile
    def forward(x):
        return descend(x, depth)

    for i in range(13):
        if i == 6:
            depth = 1
        run.saw(forward(inputs(i)))
