"""Functions, classes and modules of Python's that were patched or set otherwise between calls."""

from __future__ import annotations

import types

import steep
from programs import helpers
from programs.data import inputs, mlp, nn, regression
from programs.helpers import penalty, scale
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_function_monkeypatched_in_a_module(run):
    def forward(x):
        return helpers.activation(x) - 0.1

    forward = run.compile(forward)
    for i in range(13):
        if i == 6:
            helpers.activation = steep.tanh
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_setting_of_an_imported_module(run):
    """The function reads the module's number itself, and by way of the module's function."""

    def forward(x):
        return scale(x) + helpers.EPSILON, helpers.nested(x)

    forward = run.compile(forward)
    for i in range(14):
        if i == 5:
            helpers.SCALE = 10.0
        if i == 9:
            helpers.EPSILON = 1.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def containers_of_an_imported_module(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = helpers.smooth_l1(model(x) / helpers.TEMPERATURES[0], y) + penalty(
            model.parameters()
        )
        loss.backward()
        optimizer.step()
        return loss

    for i in range(15):
        if i == 5:
            helpers.OPTIONS["weight"] = 0.0
        if i == 9:
            helpers.TEMPERATURES[0] = 2.0
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def class_settings_of_an_imported_module(run):
    model = mlp()
    loss = run.compile(lambda x: helpers.hinge(model(x)).detach())
    for i in range(15):
        if i == 5:
            helpers.Settings.margin = 2.0
        if i == 9:
            helpers.Settings.use_margin = False
        run.saw(loss(inputs(i)))


@program(replays=True)
def a_tensor_of_an_imported_module(run):
    forward = run.compile(lambda x: helpers.centred(x) * 2)
    for i in range(15):
        if i == 5:
            helpers.CENTRE.fill_(1.0)
        if i == 9:
            helpers.CENTRE = steep.full((4,), -1.0)
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_method_patched_on_its_class(run):
    class Encoder:
        def __init__(self):
            self.layer = nn.Linear(4, 4)

        def encode(self, x):
            return self.layer(x)

    encoder = Encoder()
    forward = run.compile(lambda x: encoder.encode(x).detach())
    for i in range(15):
        if i == 5:
            Encoder.encode = lambda self, x: self.layer(x).relu()
        if i == 9:
            encoder.encode = types.MethodType(lambda self, x: self.layer(x) + 1, encoder)
        run.saw(forward(inputs(i)))


@program(replays=True)
def forward_patched_on_an_instance(run):
    model = mlp()

    def doubled(self, x):
        return F.linear(x, 2 * self.weight, self.bias)

    forward = run.compile(lambda x: model(x).detach())
    for i in range(13):
        if i == 6:
            model[0].forward = types.MethodType(doubled, model[0])
        run.saw(forward(inputs(i)))


@program(replays=True)
def code_of_a_function_replaced(run):
    """As a notebook's autoreload does it: the same function, other code."""

    def activation(x):
        return x.relu()

    def other(x):
        return x.sigmoid()

    forward = run.compile(lambda x: activation(x) * 2)
    for i in range(13):
        if i == 6:
            activation.__code__ = other.__code__
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_decorator_with_settings(run):
    """The decorator's wrapper scales what comes out, by a number that can be set."""

    def scaled(function):
        def wrapper(*args):
            return function(*args) * wrapper.factor

        wrapper.factor = 1.0
        return wrapper

    model = mlp()

    @scaled
    @steep.no_grad()
    def predict(x):
        return model(x)

    forward = run.compile(lambda x: predict(x))
    for i in range(13):
        if i == 6:
            predict.factor = 3.0
        run.saw(forward(inputs(i)))


@program(replays=None)
def a_context_manager_with_a_switch(run):
    """A switch is set by a context manager, around the call and inside the function."""

    class Precise:
        enabled = False

        def __enter__(self):
            self.before, Precise.enabled = Precise.enabled, True

        def __exit__(self, *args):
            Precise.enabled = self.before

    weight = steep.randn(4, 2)

    def product(x):
        if Precise.enabled:
            return (x.double() @ weight.double()).float()
        return x @ weight

    @run.compile
    def forward(x):
        with Precise():
            exact = product(x)
        return exact, product(x)

    for i in range(14):
        if i % 2:
            run.saw(forward(inputs(i)))
        else:
            with Precise():
                run.saw(forward(inputs(i)))


@program(replays=True)
def an_object_that_is_called(run):
    class Augment:
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, x):
            return x * (1 + self.strength)

    class Compose:
        def __init__(self, *transforms):
            self.transforms = list(transforms)

        def __call__(self, x):
            for transform in self.transforms:
                x = transform(x)
            return x

    pipeline = Compose(Augment(0.1), steep.tanh)
    forward = run.compile(pipeline)
    for i in range(15):
        if i == 5:
            pipeline.transforms[0].strength = 0.5
        if i == 9:
            pipeline.transforms.append(Augment(1.0))
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_registry_of_functions(run):
    registry = {}

    def register(function):
        registry[function.__name__] = function
        return function

    @register
    def act(x):
        return x.relu()

    forward = run.compile(lambda x, name: registry[name](x) + 1)
    for i in range(13):
        if i == 6:

            @register
            def act(x):
                return x.exp()

        run.saw(forward(inputs(i), "act"))


@program(replays=True)
def the_class_of_an_object_changed(run):
    class Mean:
        def reduce(self, x):
            return x.mean(0)

    class Max(Mean):
        def reduce(self, x):
            return x.amax(0)

    pool = Mean()
    forward = run.compile(lambda x: pool.reduce(x))
    for i in range(13):
        if i == 6:
            pool.__class__ = Max
        run.saw(forward(inputs(i)))
