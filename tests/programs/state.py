"""State that a function keeps: in tensors it is replayed, in Python's variables it is not."""

from __future__ import annotations

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional

STEPS = 0
HISTORY = []


@program(replays=True)
def a_counter_in_an_attribute(run):
    """Counts its calls, and somebody reads the number in the end."""

    class Trainer:
        def __init__(self):
            self.model = mlp()
            self.calls = 0

        def step(self, x):
            self.calls += 1
            return self.model(x).detach()

    trainer = Trainer()
    step = run.compile(trainer.step)
    for i in range(12):
        run.saw(step(inputs(i)))
    run.saw(trainer.calls)


@program(replays=True)
def a_global_counter(run):
    """Counts in a global variable, and warms up by it."""
    global STEPS
    STEPS = 0

    @run.compile
    def forward(x):
        global STEPS
        STEPS += 1
        return x * min(1.0, STEPS / 3)

    for i in range(12):
        run.saw(forward(inputs(i)))
    run.saw(STEPS)


@program(replays=False, says="count")
def a_nonlocal_counter(run):
    """Every third call does something else."""
    count = 0
    model = mlp()

    @run.compile
    def step(x):
        nonlocal count
        count += 1
        out = model(x).detach()
        return out if count % 3 else out * 0

    for i in range(12):
        run.saw(step(inputs(i)))
    run.saw(count)


@program(replays=True)
def a_running_total_as_a_number(run):
    """Adds the sizes of the batches, which are numbers."""
    total = 0

    @run.compile
    def forward(x):
        nonlocal total
        total += x.shape[0]
        return x.mean(0)

    for i in range(12):
        run.saw(forward(inputs(i, rows=4)))
    run.saw(total)


@program(replays=False, says="HISTORY")
def appended_to_a_global_list(run):
    """A list that grows at every call."""
    HISTORY.clear()

    @run.compile
    def forward(x):
        HISTORY.append(x.shape)
        return x + 1

    for i in range(12):
        run.saw(forward(inputs(i)))
    run.saw(len(HISTORY))


@program(replays=False, says="losses")
def losses_kept_by_the_trainer(run):
    """The losses are appended inside, as tensors."""

    class Trainer:
        def __init__(self):
            self.model = mlp()
            self.optimizer = steep.optim.SGD(self.model.parameters(), lr=0.1)
            self.losses = []

        def step(self, x, y):
            self.optimizer.zero_grad()
            loss = F.mse_loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.detach())

    trainer = Trainer()
    step = run.compile(trainer.step)
    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(trainer.losses, trainer.model)


@program(replays=True)
def hidden_state_rebound(run):
    """A recurrent state that is another tensor after every call."""

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.Linear(4 + 3, 3)
            self.hidden = steep.zeros(6, 3)

        def forward(self, x):
            self.hidden = self.cell(steep.cat([x, self.hidden], 1)).tanh().detach()
            return self.hidden * 2

    policy = Policy()
    forward = run.compile(lambda x: policy(x))
    for i in range(14):
        run.saw(forward(inputs(i)))
        if i == 6:
            policy.hidden = steep.zeros(6, 3)
    run.saw(policy.hidden)


@program(replays=True)
def hidden_state_in_place(run):
    cell = nn.Linear(4 + 3, 3)
    hidden = steep.zeros(6, 3)

    @run.compile
    @steep.no_grad()
    def forward(x):
        hidden.copy_(cell(steep.cat([x, hidden], 1)).tanh())
        return hidden * 2

    for i in range(12):
        run.saw(forward(inputs(i)))
        if i == 6:
            hidden.zero_()
    run.saw(hidden)


@program(replays=True)
def hidden_state_fed_back(run):
    """What one call returns is the argument of the next."""
    cell = nn.Linear(4 + 3, 3)

    @run.compile
    @steep.no_grad()
    def forward(x, hidden):
        hidden = cell(steep.cat([x, hidden], 1)).tanh()
        return hidden.sum(1), hidden

    hidden = steep.zeros(6, 3)
    for i in range(12):
        out, hidden = forward(inputs(i), hidden)
        run.saw(out, hidden)


@program(replays=True)
def an_average_of_the_weights(run):
    model = mlp()
    average = [p.detach().clone() for p in model.parameters()]
    optimizer = steep.optim.Adam(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        with steep.no_grad():
            for a, p in zip(average, model.parameters(), strict=True):
                a.mul_(0.9).add_(p, alpha=0.1)
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(average, model)


@program(replays=True)
def an_average_made_of_new_tensors(run):
    """The entries of a dict are replaced at every call."""
    model = mlp()
    shadow = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        with steep.no_grad():
            for name, p in model.named_parameters():
                shadow[name] = 0.9 * shadow[name] + 0.1 * p
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
    run.saw(shadow)


@program(replays=True)
def running_statistics_in_tensors(run):
    count, mean, m2 = steep.zeros(()), steep.zeros(4), steep.zeros(4)

    @run.compile
    def normalise(x):
        for row in x:
            count.add_(1)
            delta = row - mean
            mean.add_(delta / count)
            m2.add_(delta * (row - mean))
        return (x - mean) / (m2 / count + 1e-6).sqrt()

    for i in range(12):
        run.saw(normalise(inputs(i, rows=3)))
    run.saw(count, mean, m2)


@program(replays=True)
def running_statistics_rebound(run):
    """A normaliser that assigns new tensors to its attributes."""

    class Normalizer:
        def __init__(self):
            self.mean, self.count = steep.zeros(4), 0

        def __call__(self, x):
            self.count += len(x)
            self.mean = self.mean + (x.mean(0) - self.mean) * (len(x) / self.count)
            return x - self.mean

    normalizer = Normalizer()
    model = mlp()

    @run.compile
    def forward(x):
        return model(normalizer(x)).detach()

    for i in range(12):
        run.saw(forward(inputs(i)))
    run.saw(normalizer.mean, normalizer.count)


@program(replays=None)
def a_cache_filled_once(run):
    """The first call computes a table, the others find it."""
    cache = {}

    def positions(length):
        if length not in cache:
            cache[length] = steep.arange(float(length)).unsqueeze(1) / length
        return cache[length]

    @run.compile
    def forward(x):
        return x + positions(len(x))

    for i in range(12):
        run.saw(forward(inputs(i)))
    run.saw(len(cache))


@program(replays=True)
def a_confusion_matrix_in_a_tensor(run):
    matrix = steep.zeros(3, 3)
    model = mlp(outputs=3)

    @run.compile
    @steep.no_grad()
    def evaluate(x, y):
        got = F.softmax(model(x), -1).argmax(1)
        hot = (y[:, None] == steep.arange(3)).float()
        matrix.add_(hot.T @ (got[:, None] == steep.arange(3)).float())
        return (got == y).float().mean()

    for i in range(12):
        run.saw(evaluate(*labelled(i)))
    run.saw(matrix)


@program(replays=False, says="best|item|float")
def the_best_so_far(run):
    """Keeps the lowest loss it has seen as a number; asking for it takes the value."""
    model = mlp()
    best = {"loss": float("inf")}

    @run.compile
    def evaluate(x, y):
        loss = F.mse_loss(model(x), y).detach()
        best["loss"] = min(best["loss"], float(loss))
        return loss

    for i in range(12):
        run.saw(evaluate(*regression(i)))
    run.saw(best)


@program(replays=True)
def a_stack_pushed_and_popped(run):
    """Frames are stacked: the oldest goes, the newest comes, in a list of the function's own."""
    stack = [steep.zeros(6, 4) for _ in range(3)]

    @run.compile
    def observe(x):
        stack.pop(0)
        stack.append(x.clone())
        return steep.cat(stack, dim=1)

    for i in range(12):
        run.saw(observe(inputs(i)))
