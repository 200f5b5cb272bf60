"""Objects that a function makes and changes for itself: they end with it, and are no state."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_list_of_losses_inside(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        losses = []
        for rows in (slice(0, 3), slice(3, 6)):
            losses.append(F.mse_loss(model(x[rows]), y[rows]))
        losses.insert(0, 0.01 * model[0].weight.square().sum())
        optimizer.zero_grad()
        total = sum(losses)
        total.backward()
        optimizer.step()
        return total

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_dict_filled_inside(run):
    model = mlp(outputs=3)

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        out = model(x)
        metrics = collections.defaultdict(list)
        for k, row in enumerate(out):
            metrics[k % 2].append(row.amax())
        metrics["hits"].append((out.argmax(1) == y).sum())
        result = {str(key): steep.stack(values) for key, values in metrics.items()}
        result.update(rows=len(x))
        return result

    for i in range(10):
        run.saw(evaluate(*labelled(i)))


@program(replays=True)
def activations_collected_on_the_way(run):
    """A list is handed from function to function and filled."""
    layers = [nn.Linear(4, 4) for _ in range(3)]

    def forward(x, kept):
        for layer in layers:
            x = layer(x).tanh()
            kept.append(x)
        return x

    @run.compile
    @steep.no_grad()
    def step(x):
        kept = []
        out = forward(x, kept)
        return out, kept[::2]

    for i in range(10):
        run.saw(step(inputs(i)))


@program(replays=True)
def an_object_made_inside(run):
    class Accumulator:
        def __init__(self):
            self.total, self.count = 0.0, 0

        def add(self, value):
            self.total = self.total + value
            self.count += 1

        def mean(self):
            return self.total / self.count

    model = mlp()

    @run.compile
    @steep.no_grad()
    def evaluate(x):
        accumulator = Accumulator()
        for row in x:
            accumulator.add(model(row[None]).sum())
        return accumulator.mean()

    for i in range(10):
        run.saw(evaluate(inputs(i)))


@program(replays=True)
def a_dataclass_made_inside(run):
    @dataclasses.dataclass
    class State:
        position: object
        velocity: object
        steps: int = 0

    @run.compile
    def simulate(x):
        state = State(x, steep.zeros_like(x))
        while state.steps < 4:
            state.velocity = state.velocity - 0.1 * state.position
            state.position = state.position + 0.1 * state.velocity
            state.steps += 1
        return state.position, state.steps

    for i in range(10):
        run.saw(simulate(inputs(i)))


@program(replays=True)
def a_variable_of_an_inner_function(run):
    """`nonlocal`, but of a variable that is made anew at every call."""
    weight = steep.randn(4, 4)

    @run.compile
    def forward(x):
        count = 0

        def layer(x):
            nonlocal count
            count += 1
            return (x @ weight / count).tanh()

        for _ in range(3):
            x = layer(x)
        return x, count

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=True)
def iterators_made_inside(run):
    weights = [1.0, 0.5, 0.25]

    @run.compile
    def forward(x):
        rates = itertools.cycle(weights)
        rows = iter(x)
        first = next(rows)
        out = [first * next(rates)]
        for row, rate in zip(rows, rates):  # noqa: B905  # the rates never end
            out.append(row * rate)
        return steep.stack(out)

    for i in range(13):
        if i == 6:
            weights[1] = 2.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_generator_inside(run):
    layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def outputs(x):
        for layer in layers:
            x = layer(x)
            yield x

    @run.compile
    @steep.no_grad()
    def forward(x):
        return steep.stack([out.mean(0) for out in outputs(x)])

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_queue_worked_off_inside(run):
    """Breadth first through a tree of operations."""
    tree = {"root": ["left", "right"], "left": ["leaf"], "right": [], "leaf": []}
    gains = {"root": 1.0, "left": 2.0, "right": 3.0, "leaf": 4.0}

    @run.compile
    def forward(x):
        queue, seen, total = collections.deque(["root"]), set(), 0
        while queue:
            name = queue.popleft()
            if name in seen:
                continue
            seen.add(name)
            total = total + gains[name] * x
            queue.extend(tree[name])
        return total, len(seen)

    for i in range(15):
        if i == 5:
            tree["right"].append("root")
        if i == 9:
            del tree["left"][0]
        run.saw(forward(inputs(i)))


@program(replays=None)
def a_module_made_inside(run):
    """A layer is built of weights that come from elsewhere."""
    weight = steep.randn(3, 4)

    @run.compile
    @steep.no_grad()
    def forward(x):
        layer = nn.Linear(4, 3, bias=False)
        layer.weight.copy_(weight)
        return nn.Sequential(layer, nn.ReLU())(x)

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_class_made_inside(run):
    @run.compile
    def forward(x):
        class Doubler:
            factor = 2

            def __call__(self, x):
                return x * self.factor

        Doubler.factor = 3
        return Doubler()(x)

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=True)
def sorted_popped_and_reversed_inside(run):
    order = [3, 1, 2]

    @run.compile
    def forward(x):
        mine = list(order)
        mine.sort()
        last = mine.pop()
        mine.reverse()
        return [x[k] * last for k in mine], mine

    for i in range(13):
        if i == 6:
            order[0] = 0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_copy_of_the_settings_changed(run):
    defaults = {"label_smoothing": 0.0, "reduction": "mean"}
    model = mlp(outputs=3)

    @run.compile
    def loss(x, y, **overrides):
        options = dict(defaults)
        options.update(overrides)
        options.setdefault("ignore_index", -100)
        return F.cross_entropy(model(x), y, **options).detach()

    for i in range(16):
        if i == 6:
            defaults["label_smoothing"] = 0.2
        run.saw(loss(*labelled(i)) if i % 2 else loss(*labelled(i), reduction="sum"))


@program(replays=True)
def words_put_together(run):
    names = ["a", "b"]

    @run.compile
    def forward(x):
        parts = {}
        for k, name in enumerate(names):
            parts[f"{name}/{k:02d}/{tuple(x.shape)}"] = x[:, k]
        return parts, ", ".join(parts)

    for i in range(13):
        if i == 6:
            names.append("c")
        run.saw(forward(inputs(i)))


@program(replays=True)
def errors_caught_inside(run):
    """An exception of the function's own ends a loop."""

    class DoneError(Exception):
        def __init__(self, value):
            super().__init__("done")
            self.value = value

    @run.compile
    def forward(x):
        try:
            for k in range(10):
                x = x * 0.5
                if k == 3:
                    raise DoneError(x + k)
        except DoneError as done:
            return done.value

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=True)
def partials_and_lambdas_made_inside(run):
    gain = 2.0

    @run.compile
    def forward(x):
        chain = [functools.partial(steep.mul, other=gain), lambda x: x + 1, steep.tanh]
        chain.append(functools.partial(steep.clamp, min=-0.5))
        for function in chain:
            x = function(x)
        return x

    for i in range(13):
        if i == 6:
            gain = -1.0
        run.saw(forward(inputs(i)))


@program(replays=False, says="buffer|kept|default")
def a_mutable_default(run):
    """The old trap: the list of the default argument grows with every call."""

    @run.compile
    def forward(x, kept=[]):  # noqa: B006  # the trap itself
        kept.append(len(x))
        return x * len(kept)

    for i in range(11):
        run.saw(forward(inputs(i)))
