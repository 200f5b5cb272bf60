"""What changes beside a compiled function, and that it never reads: it must not matter."""

from __future__ import annotations

import gc
import os
import random

import steep
from programs import helpers
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def regressor():
    """A model, its optimiser, and the step of a regression."""
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.02)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@program(replays=True)
def another_model_trained_meanwhile(run):
    """The other one is made, trained and saved as it is, without compile."""
    model, _, step = regressor()
    step = run.compile(step)
    other, _, other_step = regressor()
    for i in range(12):
        run.saw(step(*regression(i)), other_step(*regression(50 + i)))
        other.load_state_dict({k: v * 0.9 for k, v in other.state_dict().items()})
    run.saw(model, other)


@program(replays=True)
def models_made_and_dropped(run):
    """A search builds a model between any two calls."""
    model, _, step = regressor()
    step = run.compile(step)
    for i in range(9):
        run.saw(step(*regression(i)))
        candidate = nn.Sequential(nn.Linear(4, 2 + i), nn.ReLU(), nn.Linear(2 + i, 1))
        optimizer = steep.optim.SGD(candidate.parameters(), lr=0.1, momentum=0.9)
        F.mse_loss(candidate(inputs(i)), steep.zeros(6, 1)).backward()
        optimizer.step()
    del candidate, optimizer
    gc.collect()
    for i in range(4):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def two_compiled_models_side_by_side(run):
    """The rate and the mode of the one change at every call of the other."""
    first, _, first_step = regressor()
    second, optimizer, second_step = regressor()
    first_step, second_step = run.compile(first_step), run.compile(second_step)
    for i in range(12):
        run.saw(first_step(*regression(i)))
        optimizer.param_groups[0]["lr"] *= 0.9
        second.train()
        run.saw(second_step(*regression(50 + i)))
        second.eval()
    run.saw(first, second)


@program(replays=True)
def a_function_compiled_at_every_turn(run):
    """New compiled functions come and go, as in a notebook whose cell is run again."""
    model, _, step = regressor()
    step = run.compile(step)
    for i in range(12):
        run.saw(step(*regression(i)))
        once = run.compile(lambda x, scale=float(i): x * scale)
        run.saw(once(inputs(i)))
    run.saw(model)


@program(replays=True)
def notes_on_the_model(run):
    """Attributes are set on the model that its forward never looks at."""
    model, optimizer, step = regressor()
    step = run.compile(step)
    for i in range(12):
        model.epoch = i
        model.notes = {"seen": i}
        model[0].label = f"layer after {i}"
        optimizer.param_groups[0]["name"] = f"group {i}"
        run.saw(step(*regression(i)))
    run.saw(model, model.epoch)


@program(replays=None)
def a_head_that_is_not_used(run):
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.main = nn.Linear(4, 5), nn.Linear(5, 1)
            self.spare = nn.Linear(5, 1)

        def forward(self, x):
            return self.main(self.trunk(x).tanh())

    model = TwoHeads()
    optimizer = steep.optim.SGD(
        [*model.trunk.parameters(), *model.main.parameters()], lr=0.1, momentum=0.9
    )

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
        model.spare = nn.Linear(5, 1)
        model.spare.requires_grad_(False)
    run.saw(model.trunk, model.main)


@program(replays=True)
def globals_and_environment(run):
    """Names that nobody reads are bound, in modules and in the environment."""
    _, _, step = regressor()
    step = run.compile(step)
    try:
        for i in range(12):
            globals()["UNREAD"] = i
            helpers.UNREAD = i
            os.environ["STEEP_TEST_UNREAD"] = str(i)
            random.random()
            run.saw(step(*regression(i)))
    finally:
        del globals()["UNREAD"], os.environ["STEEP_TEST_UNREAD"]


@program(replays=True)
def the_rest_of_an_object_that_is_read(run):
    class Trainer:
        def __init__(self):
            self.model, self.weight = mlp(outputs=3), 0.5
            self.epoch, self.log, self.best = 0, [], None

        def loss(self, x, y):
            return self.weight * F.cross_entropy(self.model(x), y).detach()

    trainer = Trainer()
    loss = run.compile(trainer.loss)
    for i in range(13):
        trainer.epoch += 1
        trainer.log.append(loss(*labelled(i)).item())
        trainer.best = min(trainer.log)
        trainer.extra = [i]
        if i == 6:
            trainer.weight = 2.0
    run.saw(trainer.log, trainer.best)


@program(replays=None)
def other_items_of_a_list_that_is_read(run):
    schedule = [0.5, 0.0, 0.0]
    forward = run.compile(lambda x: x * schedule[0])
    for i in range(13):
        schedule[2] = float(i)
        if i == 6:
            schedule[0] = 0.25
        run.saw(forward(inputs(i)))


@program(replays=None)
def the_branch_not_taken(run):
    """A setting of the other branch changes at every call."""
    config = {"kind": "plain", "noise": 0.0}

    @run.compile
    def forward(x):
        if config["kind"] == "noisy":
            return x + config["noise"]
        return x * 2

    for i in range(16):
        config["noise"] = i / 10 if i < 10 else 1.0
        if i == 10:
            config["kind"] = "noisy"
        run.saw(forward(inputs(i)))


@program(replays=True)
def seeds_modes_and_print_options(run):
    """Settings of the library that have nothing to do with the function."""
    model, _, step = regressor()
    step = run.compile(step)
    for i in range(12):
        steep.manual_seed(i)
        with steep.no_grad():
            run.saw(steep.rand(1))
        steep.set_printoptions(precision=4)
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def gradients_checked_meanwhile(run):
    """Gradients of the same model are asked for between the calls, and left alone."""
    model, _, step = regressor()
    step = run.compile(step)
    for i in range(12):
        run.saw(step(*regression(i)))
        loss = F.mse_loss(model(inputs(i)), steep.zeros(6, 1))
        run.saw(steep.autograd.grad(loss, list(model.parameters())))


@program(replays=True)
def the_model_used_and_read_meanwhile(run):
    """Summaries, copies of weights, norms: everything that looks and does not touch."""
    model, optimizer, step = regressor()
    step = run.compile(step)
    for i in range(12):
        run.saw(step(*regression(i)))
        run.saw(str(model), sum(p.numel() for p in model.parameters()))
        run.saw({name: p.norm() for name, p in model.named_parameters()})
        run.saw(optimizer.state_dict()["param_groups"][0]["lr"])
        run.saw([p.grad for p in model.parameters()])
