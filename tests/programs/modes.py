"""Training and evaluation in turn, frozen parts, copies, hooks, and modules made on the way."""

from __future__ import annotations

import copy

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


def trained(model, lr=0.05):
    """The usual step of a regression."""
    optimizer = steep.optim.SGD(model.parameters(), lr=lr)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@program(replays=True)
def train_and_evaluate_in_turn(run):
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    step = run.compile(trained(model))

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        return F.mse_loss(model(x), y)

    for epoch in range(4):
        model.train()
        for i in range(3):
            run.saw(step(*regression(10 * epoch + i)))
        model.eval()
        for i in range(3):
            run.saw(evaluate(*regression(100 + i)))
    run.saw(model)


@program(replays=True)
def train_called_before_every_step(run):
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    step = run.compile(trained(model))
    for i in range(12):
        model.train()
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def evaluated_after_every_step(run):
    """The mode changes between any two calls, and is the same at each of them."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    step = run.compile(trained(model))
    for i in range(12):
        model.train()
        run.saw(step(*regression(i)))
        model.eval()
        with steep.no_grad():
            run.saw(model(inputs(i)))


@program(replays=True)
def one_function_for_both_modes(run):
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.3), nn.Linear(6, 3))
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        if model.training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.detach()

    for epoch in range(4):
        for training in (True, False):
            model.train(training)
            for i in range(3):
                run.saw(step(*labelled(10 * epoch + i)))
    run.saw(model)


@program(replays=True)
def train_called_inside(run):
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    inner = trained(model)

    @run.compile
    def step(x, y):
        model.train()
        return inner(x, y)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=None)
def eval_and_train_inside(run):
    """The function switches the mode and back; both ways of running it are right."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    inner = trained(model)

    @run.compile
    def step(x, y):
        model.eval()
        with steep.no_grad():
            before = F.mse_loss(model(x), y)
        model.train()
        return before, inner(x, y)

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def a_loss_module_made_inside(run):
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        criterion = nn.MSELoss()
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def activations_made_in_forward(run):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 1)

        def forward(self, x):
            return self.second(nn.ReLU()(self.first(x)))

    model = Net()
    step = run.compile(trained(model))
    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def modules_made_between_the_calls(run):
    """A new loss is made for every report; the step knows nothing of it."""
    model = mlp()
    step = run.compile(trained(model))
    for i in range(11):
        x, y = regression(i)
        run.saw(step(x, y))
        with steep.no_grad():
            run.saw(nn.L1Loss()(nn.Sequential(model, nn.Tanh())(x), y))


@program(replays=True)
def snapshots_by_deepcopy(run):
    """The best model so far is kept, as everybody does it."""
    model = mlp()
    step = run.compile(trained(model))
    best, kept = float("inf"), None
    for i in range(12):
        loss = step(*regression(i)).item()
        if loss < best:
            best, kept = loss, copy.deepcopy(model)
        run.saw(loss)
    run.saw(best, kept)


@program(replays=True)
def state_dicts_saved_and_restored(run):
    model = mlp()
    step = run.compile(trained(model))
    saved = copy.deepcopy(model.state_dict())
    for i in range(14):
        if i == 7:
            model.load_state_dict(saved)
        run.saw(step(*regression(i)))
        run.saw(model.state_dict())


@program(replays=True)
def frozen_and_thawed(run):
    model = mlp()
    step = run.compile(trained(model))
    for i in range(16):
        if i == 5:
            for p in model[0].parameters():
                p.requires_grad_(False)
        if i == 10:
            model[0].requires_grad_(True)
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def another_model_is_frozen_meanwhile(run):
    model, other = mlp(), mlp()
    step = run.compile(trained(model))
    for i in range(12):
        other.requires_grad_(i % 2 == 0)
        other.train(i % 3 == 0)
        run.saw(step(*regression(i)))
    run.saw(model, other)


@program(replays=True)
def tensors_that_require_gradients_elsewhere(run):
    """Every iteration makes leaves of its own, outside of the compiled step."""
    model = mlp()
    step = run.compile(trained(model))
    for i in range(12):
        run.saw(step(*regression(i)))
        probe = inputs(i).requires_grad_()
        run.saw(steep.autograd.grad(model(probe).sum(), probe)[0])


@program(replays=True)
def hooks_on_other_tensors(run):
    model, norms = mlp(), []
    step = run.compile(trained(model))
    for i in range(12):
        run.saw(step(*regression(i)))
        x = inputs(i).requires_grad_()
        handle = x.register_hook(lambda grad: norms.append(grad.norm().item()))
        (x**2).sum().backward()
        handle.remove()
    run.saw(norms, model)


@program(replays=True)
def hooks_on_another_module(run):
    model, other, seen = mlp(), mlp(), []
    step = run.compile(trained(model))
    for i in range(12):
        handle = other.register_forward_hook(
            lambda module, args, out: seen.append(out.sum().item())
        )
        with steep.no_grad():
            other(inputs(i))
        handle.remove()
        run.saw(step(*regression(i)))
    run.saw(seen, model)


@program(replays=False, says="hook|kept")
def a_forward_hook_that_collects(run):
    """The hook keeps activations: it has to run at every call."""
    model, kept = mlp(), []
    model[0].register_forward_hook(lambda module, args, out: kept.append(out.detach()))
    step = run.compile(trained(model))
    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(kept)


@program(replays=True)
def a_hook_for_a_while(run):
    """Eager while the hook is there, which is removed before the end."""
    model, seen = mlp(), []
    step = trained(model)
    compiled = run.compile(step)
    for i in range(12):
        run.saw(compiled(*regression(i)))
        if i == 3:
            handle = model[0].register_forward_hook(lambda *args: seen.append(1))
            run.saw(step(*regression(100)))
            handle.remove()
    run.saw(len(seen), model)


@program(replays=True)
def grad_mode_of_the_caller(run):
    model = mlp()
    weight = steep.ones(4, requires_grad=True)

    @run.compile
    def forward(x):
        return model(x * weight).detach()

    for i in range(14):
        with steep.set_grad_enabled(i % 2 == 0):
            run.saw(forward(inputs(i)))


@program(replays=None)
def a_part_frozen_inside(run):
    """Within a step the trunk is frozen and thawed again."""
    trunk, head = nn.Linear(4, 5), nn.Linear(5, 1)
    optimizer = steep.optim.SGD([*trunk.parameters(), *head.parameters()], lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        trunk.requires_grad_(False)
        loss = F.mse_loss(head(trunk(x).tanh()), y)
        loss.backward()
        trunk.requires_grad_(True)
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(trunk, head)
