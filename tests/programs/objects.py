"""What classes of a user's do when they are asked: descriptors, delegation, caches, dispatch."""

from __future__ import annotations

import functools
import math
import operator
import types

import steep
from programs.data import inputs
from programs.runner import program


@program(replays=True)
def the_dict_of_an_object(run):
    class Config:
        def __init__(self):
            self.gain, self.shift = 2.0, 0.0

    config = Config()

    @run.compile
    def forward(x):
        options = vars(config)
        return x * options["gain"] + config.__dict__["shift"]

    for i in range(15):
        if i == 5:
            config.gain = 3.0
        if i == 9:
            config.shift = 1.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_branch_by_isinstance(run):
    class Constant:
        def __init__(self, value):
            self.value = value

    class Linear(Constant):
        pass

    kind = Constant(2.0)

    @run.compile
    def forward(x):
        if isinstance(kind, Linear):
            return x * kind.value
        return x * 0 + kind.value

    for i in range(15):
        if i == 5:
            kind = Linear(3.0)
        if i == 9:
            kind.value = 5.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def getters_of_operator(run):
    state = types.SimpleNamespace(optimizer=types.SimpleNamespace(scale=2.0))
    scale = operator.attrgetter("optimizer.scale")
    table = {"shift": 0.5}
    shift = operator.itemgetter("shift")
    forward = run.compile(lambda x: x * scale(state) + shift(table))
    for i in range(15):
        if i == 5:
            state.optimizer.scale = 3.0
        if i == 9:
            table["shift"] = 0.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_wrapper_that_delegates(run):
    """`__getattr__` hands on what the wrapper lacks."""

    class Wrapper:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

    config = types.SimpleNamespace(gain=2.0)
    wrapper = Wrapper(config)
    forward = run.compile(lambda x: x * wrapper.gain)
    for i in range(15):
        if i == 5:
            config.gain = 3.0
        if i == 9:
            wrapper.gain = 4.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_descriptor_with_a_table(run):
    class Setting:
        def __init__(self, default):
            self.default, self.values = default, {}

        def __get__(self, instance, owner):
            return self.values.get(id(instance), self.default)

        def __set__(self, instance, value):
            self.values[id(instance)] = value

    class Config:
        gain = Setting(1.0)

    config = Config()
    forward = run.compile(lambda x: x * config.gain)
    for i in range(13):
        if i == 6:
            config.gain = 5.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_sequence_class(run):
    class Weights:
        def __init__(self, *values):
            self._values = list(values)

        def __len__(self):
            return len(self._values)

        def __getitem__(self, k):
            return self._values[k]

        def __contains__(self, value):
            return value in self._values

    weights = Weights(1.0, 2.0)

    @run.compile
    def forward(x):
        out = sum(weight * x for weight in weights) / len(weights)
        return -out if 9.0 in weights else out

    for i in range(15):
        if i == 5:
            weights._values[0] = 4.0
        if i == 9:
            weights._values.append(9.0)
        run.saw(forward(inputs(i)))


@program(replays=True)
def truth_and_equality_of_an_object(run):
    class Phase:
        def __init__(self, name, active):
            self.name, self.active = name, active

        def __bool__(self):
            return self.active

        def __eq__(self, other):
            return self.name == other

        __hash__ = None

    phase = Phase("warm-up", True)

    @run.compile
    def forward(x):
        if not phase:
            return x * 0
        return x * 0.1 if phase == "warm-up" else x * 2

    for i in range(15):
        if i == 5:
            phase.name = "main"
        if i == 9:
            phase.active = False
        run.saw(forward(inputs(i)))


@program(replays=True)
def class_and_static_methods(run):
    class Scale:
        factor = 2.0

        @classmethod
        def current(cls):
            return cls.factor

        @staticmethod
        def clip(x, limit=1.0):
            return x.clamp(-limit, limit)

        def __call__(self, x):
            return self.clip(x * self.current())

    transform = Scale()
    forward = run.compile(lambda x: transform(x))
    for i in range(15):
        if i == 5:
            Scale.factor = 0.5
        if i == 9:
            Scale.clip = staticmethod(lambda x: x.clamp(-0.2, 0.2))
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_cached_property(run):
    """Once computed it stays, whatever it was computed from; deleted it is computed anew."""

    class Data:
        def __init__(self):
            self.rows = inputs(0)

        @functools.cached_property
        def mean(self):
            return self.rows.mean(0)

    data = Data()
    run.saw(data.mean)
    forward = run.compile(lambda x: x - data.mean)
    for i in range(15):
        if i == 5:
            data.rows = inputs(77)
        if i == 9:
            del data.mean
            run.saw(data.mean)
        run.saw(forward(inputs(i)))


@program(replays=None)
def a_function_with_an_lru_cache(run):
    """The cache answers with what it computed first."""
    width = 1.0

    @functools.cache
    def window(size):
        return [math.exp(-(((k - size / 2) / width) ** 2)) for k in range(size)]

    @run.compile
    def forward(x):
        return x * steep.tensor(window(4))

    for i in range(15):
        if i == 5:
            width = 3.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def dispatch_by_type(run):
    class Quiet:
        pass

    class Loud:
        volume = 3.0

    @functools.singledispatch
    def gain(kind):
        return 1.0

    kind = Quiet()
    forward = run.compile(lambda x: x * gain(kind))
    for i in range(15):
        if i == 5:
            gain.register(Loud, lambda kind: kind.volume)
            kind = Loud()
        if i == 9:
            kind.volume = 0.5
        run.saw(forward(inputs(i)))
