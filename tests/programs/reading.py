"""The many ways by which Python code comes to a value that somebody else changes."""

from __future__ import annotations

import contextvars
import functools
import sys
import types

import numpy as np

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional

LEVEL = 1.0
MODE = contextvars.ContextVar("MODE", default=1.0)


@program(replays=True)
def the_length_of_a_list(run):
    stages = ["warm-up"]
    forward = run.compile(lambda x: x / len(stages))
    for i in range(13):
        if i == 6:
            stages.append("main")
        run.saw(forward(inputs(i)))


@program(replays=True)
def whether_a_list_is_empty(run):
    queue = []
    forward = run.compile(lambda x: x * 2 if queue else x + 1)
    for i in range(15):
        if i == 5:
            queue.append(1)
        if i == 9:
            queue.clear()
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_slice_and_the_last_item(run):
    weights = [0.1, 0.2, 0.3]

    @run.compile
    def forward(x):
        return x * weights[-1] + sum(weights[:2])

    for i in range(15):
        if i == 5:
            weights.append(5.0)
        if i == 9:
            weights[0] = 1.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def sorted_enumerated_and_zipped(run):
    gains = {"b": 2.0, "a": 1.0}

    @run.compile
    def forward(x):
        for k, (name, gain) in enumerate(sorted(gains.items())):
            x = x * gain + k * len(name)
        return x

    for i in range(15):
        if i == 5:
            gains["c"] = 0.5
        if i == 9:
            gains["a"] = 3.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def max_of_a_list_and_map(run):
    scores = [1.0, 3.0]
    forward = run.compile(lambda x: x * max(scores) - sum(map(abs, scores)))
    for i in range(13):
        if i == 6:
            scores[0] = -7.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_name_put_together(run):
    """Which attribute is read is computed."""

    class Config:
        gain_low, gain_high = 0.5, 2.0

    config, level = Config(), "low"
    forward = run.compile(lambda x: x * getattr(config, f"gain_{level}"))
    for i in range(15):
        if i == 5:
            level = "high"
        if i == 9:
            config.gain_high = 8.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def an_activation_by_its_name(run):
    config = {"activation": "relu"}
    layer = nn.Linear(4, 3)

    @run.compile
    def forward(x):
        return getattr(F, config["activation"])(layer(x)).detach()

    for i in range(13):
        if i == 6:
            config["activation"] = "silu"
        run.saw(forward(inputs(i)))


@program(replays=None)
def the_dict_of_globals(run):
    global LEVEL
    LEVEL = 1.0
    forward = run.compile(lambda x: x * globals()["LEVEL"])
    for i in range(13):
        if i == 6:
            LEVEL = 4.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def keywords_unpacked_from_a_dict(run):
    options = {"label_smoothing": 0.0}
    model = mlp(outputs=3)
    loss = run.compile(lambda x, y: F.cross_entropy(model(x), y, **options).detach())
    for i in range(15):
        if i == 5:
            options["label_smoothing"] = 0.2
        if i == 9:
            options["reduction"] = "sum"
        run.saw(loss(*labelled(i)))


@program(replays=True)
def reduced_over_a_list(run):
    layers = [nn.Linear(4, 4), steep.tanh]

    @run.compile
    @steep.no_grad()
    def forward(x):
        return functools.reduce(lambda value, layer: layer(value), layers, x)

    for i in range(13):
        if i == 6:
            layers[1] = steep.sigmoid
        run.saw(forward(inputs(i)))


@program(replays=None)
def a_context_variable(run):
    forward = run.compile(lambda x: x * MODE.get())
    for i in range(15):
        token = MODE.set(2.0 if i > 6 else 1.0)
        run.saw(forward(inputs(i)))
        MODE.reset(token)


@program(replays=True)
def a_function_found_in_sys_modules(run):
    module = types.ModuleType("programs_plugin")
    module.transform = lambda x: x * 2
    sys.modules["programs_plugin"] = module

    @run.compile
    def forward(x):
        import programs_plugin

        return programs_plugin.transform(x)

    try:
        for i in range(13):
            if i == 6:
                module.transform = lambda x: x - 2
            run.saw(forward(inputs(i)))
    finally:
        del sys.modules["programs_plugin"]


@program(replays=True)
def numbers_in_an_array(run):
    """An array of NumPy's in the closure, whose items are set in place."""
    weights = np.array([1.0, 2.0])

    @run.compile
    def forward(x):
        return x * float(weights[0]) + float(weights[1])

    for i in range(15):
        if i == 5:
            weights[0] = 3.0
        if i == 9:
            weights *= 2
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_table_made_of_an_array(run):
    table = np.eye(4, dtype=np.float32)
    forward = run.compile(lambda x: x @ steep.tensor(table))
    for i in range(13):
        if i == 6:
            table[0, 1] = 5.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def the_default_dtype(run):
    forward = run.compile(lambda x: x + steep.zeros(4) + steep.tensor(0.1))
    try:
        for i in range(13):
            if i == 6:
                steep.set_default_dtype(steep.float64)
            run.saw(forward(inputs(i)))
    finally:
        steep.set_default_dtype(steep.float32)


@program(replays=False, says="get_num_threads")
def the_number_of_threads(run):
    """As many parts as there are threads, asked for inside."""
    before = steep.get_num_threads()
    steep.set_num_threads(1)
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x):
        return steep.cat([model(part) * steep.get_num_threads() for part in x.split(3)])

    try:
        for i in range(13):
            if i == 6:
                steep.set_num_threads(2)
            run.saw(forward(inputs(i)))
    finally:
        steep.set_num_threads(before)


@program(replays=True)
def what_a_tensor_is_like(run):
    """Shape, dtype and whether it requires a gradient are read, of a tensor that is replaced."""
    weight = steep.ones(4, requires_grad=True)

    @run.compile
    def step(x):
        if not weight.requires_grad:
            return x * weight.shape[0]
        weight.grad = None
        loss = (x * weight).sum()
        loss.backward()
        return loss

    for i in range(13):
        if i == 6:
            weight.requires_grad_(False)
        run.saw(step(inputs(i)), weight.grad)


@program(replays=True)
def whether_there_is_a_gradient(run):
    model = mlp()

    @run.compile
    def step(x, y):
        fresh = model[0].weight.grad is None
        loss = F.mse_loss(model(x), y) * (1.0 if fresh else 0.5)
        loss.backward()
        return loss

    for i in range(16):
        if i % 2 == 0:
            model.zero_grad()
        run.saw(step(*regression(i)))
    run.saw(*(p.grad for p in model.parameters()))
