"""What was replaced between two calls: weights, their memory, optimisers, modules."""

from __future__ import annotations

import copy

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def regressor(kind="SGD", **settings):
    """A model, its optimiser, and the step of a regression."""
    model = mlp()
    optimizer = getattr(steep.optim, kind)(model.parameters(), **settings)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@program(replays=True)
def a_parameter_replaced(run):
    model, _, _ = regressor(lr=0.1)
    forward = run.compile(lambda x: model(x).detach())
    for i in range(12):
        if i == 6:
            model[0].weight = nn.Parameter(steep.ones(5, 4))
        run.saw(forward(inputs(i)))


@program(replays=True)
def loaded_between_the_calls(run):
    model, optimizer, step = regressor("Adam", lr=0.05)
    step = run.compile(step)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    for i in range(15):
        if i == 4:
            saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        if i == 9:
            model.load_state_dict(saved[0])
            optimizer.load_state_dict(saved[1])
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def state_of_the_optimizer_cleared(run):
    model, optimizer, step = regressor(lr=0.05, momentum=0.9)
    step = run.compile(step)
    for i in range(14):
        if i == 7:
            optimizer.state.clear()
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def a_moment_replaced_in_the_state(run):
    model, optimizer, step = regressor("Adam", lr=0.05)
    step = run.compile(step)
    for i in range(14):
        if i == 7:
            state = optimizer.state[model[0].weight]
            state["exp_avg"] = steep.zeros_like(state["exp_avg"])
        run.saw(step(*regression(i)))
    run.saw(model, optimizer)


@program(replays=True)
def a_new_optimizer(run):
    """Another optimiser is bound to the name in the second half."""
    model = mlp()
    optimizer = steep.optim.Adam(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        if i == 7:
            optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def data_swapped(run):
    model, _, step = regressor(lr=0.1)
    step = run.compile(step)
    for i in range(12):
        if i == 6:
            model[2].weight.data = model[2].weight.data * 0.5
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_module_swapped_in_a_sequential(run):
    model = mlp()
    forward = run.compile(lambda x: model(x).detach())
    for i in range(14):
        if i == 5:
            model[1] = nn.ReLU()
        if i == 9:
            model[2] = nn.Linear(5, 2)
        run.saw(forward(inputs(i)))


@program(replays=True)
def tensors_replaced_in_a_list(run):
    anchors = [inputs(100 + i, rows=1) for i in range(3)]
    distances = run.compile(lambda x: steep.cat([((x - a) ** 2).sum(1) for a in anchors]))
    for i in range(14):
        if i == 5:
            anchors[1] = inputs(200, rows=1)
        if i == 9:
            anchors[:] = [inputs(300, rows=1)]
        run.saw(distances(inputs(i)))


@program(replays=True)
def layers_added_with_add_param_group(run):
    trunk, heads = nn.Linear(4, 5), nn.ModuleList([nn.Linear(5, 1)])
    optimizer = steep.optim.SGD([*trunk.parameters(), *heads.parameters()], lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        hidden = trunk(x).relu()
        loss = sum(F.mse_loss(head(hidden), y) for head in heads)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        if i == 7:
            heads.append(nn.Linear(5, 1))
            optimizer.add_param_group({"params": heads[1].parameters(), "lr": 0.01})
        run.saw(step(*regression(i)))
    run.saw(trunk, heads)


@program(replays=True)
def a_pruning_mask(run):
    """A mask is made of the weights once, and put into a buffer."""

    class Masked(nn.Linear):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.register_buffer("mask", steep.ones(sizes[1], sizes[0]))

        def forward(self, x):
            return F.linear(x, self.weight * self.mask, self.bias)

    model = nn.Sequential(Masked(4, 5), nn.Tanh(), Masked(5, 1))
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            for layer in (model[0], model[2]):
                layer.mask = (layer.weight.detach().abs() > 0.2).float()
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def labels_smoothed_by_a_loss_module(run):
    model, criterion = mlp(outputs=3), nn.CrossEntropyLoss()
    loss = run.compile(lambda x, y: criterion(model(x), y).detach())
    for i in range(15):
        if i == 5:
            criterion.label_smoothing = 0.3
        if i == 9:
            criterion.reduction = "sum"
        run.saw(loss(*labelled(i)))
