"""What functions return: numbers, containers of all kinds, objects, and nothing."""

from __future__ import annotations

import collections
import dataclasses
import types

import numpy as np

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def regressor():
    model = mlp()
    return model, steep.optim.SGD(model.parameters(), lr=0.1)


@program(replays=True)
def the_loss_as_a_number(run):
    """A number that is only returned is read when the replay ends."""
    model, optimizer = regressor()

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=False, says="float|item")
def the_loss_by_float(run):
    """As with `item()`, by another name, and with NumPy's mean of several."""
    model, _ = regressor()

    @run.compile
    def evaluate(x, y):
        errors = (model(x) - y).detach()
        return np.mean([float(e) for e in errors.abs().squeeze(1)])

    for i in range(11):
        run.saw(evaluate(*regression(i)))


@program(replays=True)
def predictions_as_arrays(run):
    """Each on the memory of a result of its own."""
    model = mlp(outputs=3)
    predict = run.compile(lambda x: model(x).detach().numpy())
    for i in range(11):
        run.saw(predict(inputs(i)))


@program(replays=False, says="tolist|item")
def predictions_as_lists(run):
    """Returns Python's own numbers."""
    model = mlp(outputs=3)
    predict = run.compile(lambda x: model(x).argmax(1).tolist())
    for i in range(11):
        run.saw(predict(inputs(i)))


@program(replays=True)
def a_dict_of_metrics(run):
    model = mlp(outputs=3)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = F.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return {
            "loss": loss,
            "accuracy": (out.argmax(1) == y).float().mean(),
            "rows": len(x),
            "name": "train",
            "nothing": None,
        }

    for i in range(11):
        run.saw(step(*labelled(i)))


@program(replays=True)
def nested_results(run):
    model = mlp(outputs=2)

    @run.compile
    @steep.no_grad()
    def analyse(x):
        out = model(x)
        return [
            ("mean", out.mean(0)),
            {"extremes": (out.amin(), out.amax())},
            [out, [x.sum()]],
        ], 1.5

    for i in range(10):
        run.saw(analyse(inputs(i)))


@program(replays=True)
def a_namedtuple(run):
    Output = collections.namedtuple("Output", "logits loss hits")
    model = mlp(outputs=3)

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        logits = model(x)
        return Output(logits, F.cross_entropy(logits, y), hits=(logits.argmax(1) == y).sum())

    for i in range(10):
        out = evaluate(*labelled(i))
        run.saw(out, out.loss)


@program(replays=None)
def a_dataclass(run):
    @dataclasses.dataclass
    class Output:
        prediction: object
        loss: object = None
        note: str = ""

    model = mlp()

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        out = model(x)
        return Output(out, F.mse_loss(out, y), note="ok")

    for i in range(10):
        out = evaluate(*regression(i))
        run.saw(out, out.loss)


@program(replays=None)
def a_namespace(run):
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x):
        return types.SimpleNamespace(out=model(x), rows=len(x))

    for i in range(10):
        run.saw(forward(inputs(i)))


@program(replays=None)
def an_ordered_dict(run):
    model = mlp(outputs=3)

    @run.compile
    @steep.no_grad()
    def layers(x):
        kept = collections.OrderedDict()
        for name, layer in model.named_children():
            x = kept[name] = layer(x)
        kept.move_to_end("0")
        return kept

    for i in range(10):
        run.saw(layers(inputs(i)))


@program(replays=None)
def an_array_of_constants_beside_a_tensor(run):
    thresholds = np.linspace(0, 1, 3)

    @run.compile
    def rates(x):
        return thresholds, steep.stack([(x > t).float().mean() for t in thresholds.tolist()])

    for i in range(10):
        run.saw(rates(inputs(i)))


@program(replays=True)
def nothing(run):
    model, optimizer = regressor()

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()

    for i in range(11):
        run.saw(step(*regression(i)), model)


@program(replays=True)
def a_plain_number(run):
    """The number of parameters that a step has changed is the same every time."""
    model, optimizer = regressor()

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
        return sum(p.numel() for p in model.parameters() if p.grad is not None)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def the_same_tensor_twice(run):
    model = mlp()

    @run.compile
    @steep.no_grad()
    def forward(x):
        out = model(x)
        return out, {"again": out, "view": out[:2]}

    for i in range(10):
        first, rest = forward(inputs(i))
        run.saw(first, rest, rest["again"] is first)


@program(replays=True)
def results_changed_by_the_caller(run):
    """The caller writes into what it got; the next call must not see it."""
    model = mlp()
    bias = steep.zeros(6, 1)
    forward = run.compile(lambda x: model(x).detach() + bias)
    for i in range(11):
        out = forward(inputs(i))
        out.mul_(100).add_(i)
        run.saw(out)


@program(replays=True)
def all_results_kept(run):
    model = mlp()
    forward = run.compile(lambda x: model(x).detach())
    kept = [forward(inputs(i)) for i in range(12)]
    run.saw(kept, steep.cat(kept).mean())


@program(replays=None)
def one_of_the_arguments(run):
    """In evaluation it returns the very tensor that it got."""

    class Jitter(nn.Module):
        def forward(self, x):
            return x + steep.rand_like(x) if self.training else x

    jitter = Jitter().eval()
    forward = run.compile(lambda x: jitter(x))
    for i in range(10):
        x = inputs(i)
        out = forward(x)
        run.saw(out, out is x)


@program(replays=None)
def a_parameter_itself(run):
    """Returns the weight, which the caller changes; and it is the parameter."""
    layer = nn.Linear(4, 1)
    optimizer = steep.optim.SGD(layer.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(layer(x), y).backward()
        optimizer.step()
        return layer.weight

    for i in range(11):
        weight = step(*regression(i))
        run.saw(weight, weight is layer.weight)
        weight.data.mul_(0.9)
    run.saw(layer)


@program(replays=True)
def gradients(run):
    model = mlp()

    @run.compile
    def gradients(x, y):
        return steep.autograd.grad(F.mse_loss(model(x), y), list(model.parameters()))

    for i in range(10):
        run.saw(gradients(*regression(i)))


@program(replays=None)
def gradients_left_in_place(run):
    """Returns the .grad of a parameter, which is one and the same tensor."""
    model = mlp()

    @run.compile
    def backward(x, y):
        model.zero_grad()
        F.mse_loss(model(x), y).backward()
        return model[0].weight.grad

    for i in range(11):
        grad = backward(*regression(i))
        run.saw(grad, grad is model[0].weight.grad)


@program(replays=True)
def a_penalty_that_nobody_descends(run):
    """One of the results has a graph that backward has not used."""
    model, optimizer = regressor()

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss, sum(p.square().sum() for p in model.parameters())

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_dict_of_numbers_for_the_log(run):
    """Numbers that are only handed out are read when the replay ends."""
    model, optimizer = regressor()

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = F.mse_loss(out, y)
        loss.backward()
        optimizer.step()
        return {"loss": loss.item(), "error": (out - y).abs().mean().item(), "out": out.detach()}

    history = []
    for i in range(12):
        metrics = step(*regression(i))
        history.append(metrics["loss"])
        run.saw(metrics)
    run.saw(history)


@program(replays=False, says="item")
def a_running_mean_of_the_loss_kept_by_a_class(run):
    """The number is kept in an attribute, which a replay would not renew."""
    model, optimizer = regressor()

    class Trainer:
        last = 0.0

        def step(self, x, y):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            self.last = loss.item()
            return self.last

    trainer = Trainer()
    step = run.compile(trainer.step)
    for i in range(12):
        run.saw(step(*regression(i)))
        run.saw(trainer.last)
