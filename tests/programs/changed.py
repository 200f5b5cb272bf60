"""Reads that are easily overlooked, each changed after a number of calls."""

from __future__ import annotations

import collections
import dataclasses
import operator
import types
import weakref

import steep
from programs.data import inputs
from programs.runner import program


def changed(run, function, change):
    """Calls it until it is replayed, makes the change, and calls on."""
    forward = run.compile(function)
    for i in range(14):
        if i == 7:
            change()
        run.saw(forward(inputs(i)))


@dataclasses.dataclass
class Config:
    lr: float = 1.0
    k: float = 2.0


@program(replays=True)
def a_dataclass_as_a_dict(run):
    config = Config()
    changed(run, lambda x: x * dataclasses.asdict(config)["lr"], lambda: setattr(config, "lr", 5.0))


@program(replays=True)
def a_getter_made_inside(run):
    layers = [types.SimpleNamespace(w=1.0), types.SimpleNamespace(w=2.0)]
    changed(
        run,
        lambda x: x * sum(map(operator.attrgetter("w"), layers)),
        lambda: setattr(layers[0], "w", 5.0),
    )


@program(replays=True)
def a_new_attribute_among_all(run):
    config = Config()
    changed(run, lambda x: x * sum(vars(config).values()), lambda: setattr(config, "new", 5.0))


@program(replays=True)
def another_dict_of_attributes(run):
    config = Config()
    changed(run, lambda x: x * config.lr, lambda: setattr(config, "__dict__", {"lr": 5.0}))


@program(replays=True)
def a_class_attribute_that_comes_later(run):
    class Settings:
        pass

    settings = Settings()
    changed(
        run,
        lambda x: x * getattr(settings, "gain", 1.0),
        lambda: setattr(Settings, "gain", 5.0),
    )


@program(replays=True)
def a_name_that_comes_to_a_module(run):
    module = types.ModuleType("settings")
    changed(run, lambda x: x * getattr(module, "GAIN", 1.0), lambda: setattr(module, "GAIN", 5.0))


@program(replays=True)
def a_method_of_the_base_class(run):
    class Base:
        def forward(self, x):
            return x

    class Derived(Base):
        def forward(self, x):
            return super().forward(x) * 2

    model = Derived()
    changed(
        run, lambda x: model.forward(x), lambda: setattr(Base, "forward", lambda self, x: x * 7)
    )


@program(replays=True)
def the_call_of_a_class(run):
    class Scale:
        def __call__(self, x):
            return x * 1

    scale = Scale()
    changed(run, lambda x: scale(x) + 1, lambda: setattr(Scale, "__call__", lambda self, x: x * 5))


@program(replays=True)
def an_attribute_in_a_pattern(run):
    config = Config()

    def forward(x):
        match config:
            case Config(k=2.0):
                return x * 1
            case _:
                return x * 5

    changed(run, forward, lambda: setattr(config, "k", 9.0))


@program(replays=True)
def an_attribute_of_a_parameter(run):
    weight = steep.nn.Parameter(steep.ones(1))
    weight.mult = 1.0
    changed(run, lambda x: x * weight.mult, lambda: setattr(weight, "mult", 5.0))


@program(replays=True)
def a_method_of_a_dict_bound_outside(run):
    config = {"lr": 1.0}
    get = config.get
    changed(run, lambda x: x * get("lr"), lambda: config.update(lr=5.0))


@program(replays=True)
def a_read_only_view_of_a_dict(run):
    config = {"lr": 1.0}
    view = types.MappingProxyType(config)
    changed(run, lambda x: x * view["lr"], lambda: config.update(lr=5.0))


@program(replays=True)
def a_weak_reference(run):
    config = Config()
    refer = weakref.ref(config)
    changed(run, lambda x: x * refer().lr, lambda: setattr(config, "lr", 5.0))


@program(replays=True)
def an_attribute_of_a_metaclass(run):
    class Meta(type):
        gain = 1.0

    class Model(metaclass=Meta):
        pass

    changed(run, lambda x: x * Model.gain, lambda: setattr(Meta, "gain", 5.0))


@program(replays=True)
def the_order_of_an_ordered_dict(run):
    scales = collections.OrderedDict(a=2.0, b=3.0)

    def forward(x):
        for value in scales.values():
            x = x * value + value
        return x

    changed(run, forward, lambda: scales.move_to_end("a"))


@program(replays=True)
def closures_of_one_code(run):
    def make(value):
        def get(x):
            return x * value

        def put(new):
            nonlocal value
            value = new

        return get, put

    (first, _), (second, put) = make(1.0), make(2.0)
    changed(run, lambda x: first(x) + second(x), lambda: put(5.0))


@program(replays=False, says="what add holds")
def an_append_bound_outside(run):
    log = []
    add = log.append

    def forward(x):
        add(1)
        return x * 2

    changed(run, forward, lambda: None)
    run.saw(len(log))


@program(replays=False, says="arguments")
def an_argument_that_is_filled(run):
    def forward(x, info):
        info["rows"] = x.shape[0]
        return x * 2

    forward = run.compile(forward)
    for i in range(12):
        info = {}
        run.saw(forward(inputs(i), info), info["rows"])


@program(replays=None)
def a_result_of_a_class_of_ones_own(run):
    class Out(dict):
        __getattr__ = dict.__getitem__

    weight = steep.ones(1).requires_grad_()

    @run.compile
    def step(x):
        loss = (x * weight).sum()
        loss.backward()
        return Out(loss=loss.detach())

    for i in range(8):
        run.saw(step(inputs(i)).loss)
    run.saw(weight.grad)


@program(replays=True)
def two_tasks_and_one_optimizer(run):
    nn = steep.nn
    body, heads = nn.Linear(3, 4), [nn.Linear(4, 1), nn.Linear(4, 1)]
    params = [*body.parameters(), *heads[0].parameters(), *heads[1].parameters()]
    optimizer = steep.optim.Adam(params, lr=0.05)

    def make(head):
        def step(x):
            optimizer.zero_grad()
            loss = head(body(x)).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return run.compile(step)

    steps = [make(head) for head in heads]
    for i in range(16):
        run.saw(steps[i % 2](steep.full((2, 3), 0.1 * i)))
    run.saw(*params)
