"""Settings, weights and layers in dicts, lists and other containers, changed between calls."""

from __future__ import annotations

import collections
import types

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def learning_rate_in_a_dict(run):
    config = {"lr": 0.1}
    weight = steep.ones(4, 1, requires_grad=True)

    @run.compile
    def step(x, y):
        loss = F.mse_loss(x @ weight, y)
        loss.backward()
        with steep.no_grad():
            weight.sub_(config["lr"] * weight.grad)
        weight.grad = None
        return loss

    for i in range(12):
        run.saw(step(*regression(i)))
        if i == 5:
            config["lr"] = 0.01
    run.saw(weight)


@program(replays=True)
def nested_config(run):
    config = {"model": {"act": {"slope": 0.1}}, "loss": {"weights": [1.0, 0.5]}}
    model = mlp(outputs=2)

    @run.compile
    def evaluate(x):
        out = F.leaky_relu(model(x).detach(), config["model"]["act"]["slope"])
        first, second = config["loss"]["weights"]
        return first * out[:, 0] + second * out[:, 1]

    for i in range(14):
        run.saw(evaluate(inputs(i)))
        if i == 4:
            config["loss"]["weights"][1] = 2.0
        if i == 8:
            config["model"]["act"] = {"slope": 0.3}


@program(replays=True)
def class_weights_in_a_list(run):
    weights = [1.0, 1.0, 1.0]
    model = mlp(outputs=3)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, weight=steep.tensor(weights))
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            weights[2] = 4.0
        run.saw(step(*labelled(i)))
    run.saw(model, optimizer)


@program(replays=True)
def losses_in_a_dict_of_functions(run):
    losses = {"mse": F.mse_loss}
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        parts = {name: loss(out, y) for name, loss in losses.items()}
        total = sum(parts.values())
        total.backward()
        optimizer.step()
        return parts

    for i in range(14):
        run.saw(step(*regression(i)))
        if i == 6:
            losses["l1"] = F.l1_loss
    run.saw(model)


@program(replays=True)
def terms_added_to_a_list(run):
    """A regulariser is appended in the middle of the training, and another removed."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)
    terms = [lambda: 0.01 * model[0].weight.abs().sum()]

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        for term in terms:
            loss = loss + term()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(15):
        run.saw(step(*regression(i)))
        if i == 4:
            terms.append(lambda: 0.1 * (model[2].weight ** 2).sum())
        if i == 8:
            del terms[0]
    run.saw(model)


@program(replays=True)
def frozen_layers_in_a_set(run):
    model = mlp()
    frozen = set()

    @run.compile
    def step(x, y):
        model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        with steep.no_grad():
            for name, p in model.named_parameters():
                if name not in frozen:
                    p.sub_(0.1 * p.grad)
        return loss

    for i in range(14):
        run.saw(step(*regression(i)))
        if i == 4:
            frozen.add("0.weight")
        if i == 8:
            frozen.discard("0.weight")
    run.saw(model)


@program(replays=True)
def weights_by_hand_in_a_dict(run):
    params = {
        "w1": steep.randn(4, 5).requires_grad_(),
        "b1": steep.zeros(5, requires_grad=True),
        "w2": steep.randn(5, 1).requires_grad_(),
    }

    def forward(p, x):
        return steep.tanh(x @ p["w1"] + p["b1"]) @ p["w2"]

    @run.compile
    def step(x, y):
        loss = F.mse_loss(forward(params, x), y)
        grads = steep.autograd.grad(loss, list(params.values()))
        with steep.no_grad():
            for p, g in zip(params.values(), grads, strict=True):
                p.sub_(g, alpha=0.1)
        return loss.detach()

    for i in range(12):
        if i == 6:
            params["b1"] = steep.ones(5, requires_grad=True)
        run.saw(step(*regression(i)))
    run.saw(params)


@program(replays=True)
def hyperparameters_in_a_namespace(run):
    args = types.SimpleNamespace(lr=0.1, weight_decay=0.01, clip=None)
    weight = steep.ones(4, 1, requires_grad=True)

    @run.compile
    def step(x, y):
        loss = F.mse_loss(x @ weight, y) + args.weight_decay * (weight**2).sum()
        weight.grad = None
        loss.backward()
        grad = weight.grad
        if args.clip is not None:
            grad = grad.clamp(-args.clip, args.clip)
        with steep.no_grad():
            weight.sub_(args.lr * grad)
        return loss

    for i in range(15):
        if i == 5:
            args.clip = 0.1
        if i == 9:
            args.weight_decay = 0.0
        run.saw(step(*regression(i)))
    run.saw(weight)


@program(replays=True)
def a_default_from_dict_get(run):
    """The key is not there at first: that it was missing is something that was read."""
    config = {}
    model = mlp()

    @run.compile
    def score(x):
        with steep.no_grad():
            return model(x) / config.get("temperature", 1.0)

    for i in range(13):
        run.saw(score(inputs(i)))
        if i == 6:
            config["temperature"] = 2.0


@program(replays=True)
def a_switch_that_is_a_key(run):
    flags = {"verbose": True}
    model = mlp()

    @run.compile
    def forward(x):
        out = model(x).detach()
        return steep.sigmoid(out) if "probabilities" in flags else out

    for i in range(14):
        run.saw(forward(inputs(i)))
        if i == 4:
            flags["probabilities"] = None
        if i == 8:
            del flags["probabilities"]


@program(replays=True)
def average_over_an_ensemble(run):
    """A mean over as many models as there are: the list's length counts."""
    models = [mlp(), mlp()]

    @run.compile
    @steep.no_grad()
    def predict(x):
        return sum(model(x) for model in models) / len(models)

    for i in range(15):
        run.saw(predict(inputs(i)))
        if i == 5:
            models.append(mlp())
        if i == 9:
            models.pop(0)


@program(replays=True)
def settings_in_a_chain_map(run):
    defaults, overrides = {"gain": 1.0, "shift": 0.0}, {}
    settings = collections.ChainMap(overrides, defaults)

    @run.compile
    def transform(x):
        return x * settings["gain"] + settings["shift"]

    for i in range(15):
        run.saw(transform(inputs(i)))
        if i == 4:
            overrides["gain"] = 3.0
        if i == 9:
            defaults["shift"] = -1.0


@program(replays=True)
def replay_memory_in_a_deque(run):
    """Filled outside of the function, which reads the last three entries."""
    memory = collections.deque(maxlen=3)
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.05)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = run.compile(step)
    for i in range(12):
        memory.append(regression(i, rows=2))
        if len(memory) == 3:
            xs, ys = zip(*memory, strict=True)
            run.saw(step(steep.cat(xs), steep.cat(ys)))
    run.saw(model)


@program(replays=None)
def a_deque_read_inside(run):
    """Its tensors are other ones at every call; nothing but the result tells."""
    memory = collections.deque([inputs(i, rows=2) for i in range(3)], maxlen=3)

    @run.compile
    def mean():
        return steep.stack(list(memory)).mean(0)

    for i in range(12):
        run.saw(mean())
        memory.append(inputs(10 + i, rows=2))


@program(replays=True)
def a_dict_that_nobody_reads(run):
    """It grows at every call, and the function has nothing to do with it."""
    records = {}
    model = mlp()

    @run.compile
    def forward(x):
        return model(x).detach()

    for i in range(10):
        records[f"call {i}"] = forward(inputs(i))
        records.setdefault("norms", []).append(i)
    run.saw(records)


@program(replays=None)
def another_key_of_the_same_dict(run):
    """The epoch is counted in the dict that holds the rate: what is read is the rate alone."""
    state = {"epoch": 0, "rate": 0.5}

    @run.compile
    def scaled(x):
        return x * state["rate"]

    for i in range(14):
        state["epoch"] = i
        run.saw(scaled(inputs(i)))
        if i == 7:
            state["rate"] = 0.25


@program(replays=True)
def a_tuple_of_settings_replaced(run):
    betas = (0.9, 0.99)
    mean, square = steep.zeros(4), steep.zeros(4)

    @run.compile
    def update(x):
        first, second = betas
        g = x.mean(0)
        mean.mul_(first).add_(g, alpha=1 - first)
        square.mul_(second).add_(g * g, alpha=1 - second)
        return mean / (square.sqrt() + 1e-8)

    for i in range(13):
        run.saw(update(inputs(i)))
        if i == 6:
            betas = (0.5, 0.9)
    run.saw(mean, square)


@program(replays=True)
def module_lists_that_grow(run):
    blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    @run.compile
    def forward(x):
        for block in blocks:
            x = x + steep.tanh(block(x))
        return x.detach()

    for i in range(14):
        run.saw(forward(inputs(i)))
        if i == 6:
            blocks.append(nn.Linear(4, 4))
