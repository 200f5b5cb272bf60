"""Trainers, agents and settings whose attributes are read, and changed between calls."""

from __future__ import annotations

import dataclasses
import enum

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_trainer_with_settings(run):
    class Trainer:
        def __init__(self):
            self.model = mlp()
            self.optimizer = steep.optim.Adam(self.model.parameters(), lr=0.02)
            self.alpha = 0.3

        def step(self, x, y):
            self.optimizer.zero_grad()
            out = self.model(x)
            loss = self.alpha * F.l1_loss(out, y) + (1 - self.alpha) * F.mse_loss(out, y)
            loss.backward()
            self.optimizer.step()
            return loss

    trainer = Trainer()
    step = run.compile(trainer.step)
    for i in range(13):
        if i == 7:
            trainer.alpha = 0.9
        run.saw(step(*regression(i)))
    run.saw(trainer.model, trainer.optimizer)


@program(replays=True)
def settings_two_objects_away(run):
    @dataclasses.dataclass
    class Loss:
        smoothing: float = 0.0

    @dataclasses.dataclass
    class Config:
        loss: Loss = dataclasses.field(default_factory=Loss)

    class Trainer:
        def __init__(self, config):
            self.config = config
            self.model = mlp(outputs=3)

        def loss(self, x, y):
            out = self.model(x)
            return F.cross_entropy(out, y, label_smoothing=self.config.loss.smoothing).detach()

    config = Config()
    trainer = Trainer(config)
    loss = run.compile(trainer.loss)
    for i in range(14):
        if i == 4:
            config.loss.smoothing = 0.1
        if i == 8:
            config.loss = Loss(0.3)
        run.saw(loss(*labelled(i)))


@program(replays=True)
def a_frozen_dataclass_replaced(run):
    @dataclasses.dataclass(frozen=True)
    class Hyper:
        gamma: float
        tau: float

    hyper = Hyper(0.9, 0.1)
    online, target = mlp(), mlp()

    @run.compile
    def update(x):
        with steep.no_grad():
            for p, q in zip(online.parameters(), target.parameters(), strict=True):
                q.mul_(1 - hyper.tau).add_(p, alpha=hyper.tau)
            return hyper.gamma * target(x)

    for i in range(12):
        run.saw(update(inputs(i)))
        if i == 5:
            hyper = dataclasses.replace(hyper, tau=0.5)
    run.saw(target)


@program(replays=True)
def a_mode_that_is_an_enum(run):
    class Reduction(enum.Enum):
        MEAN = "mean"
        SUM = "sum"

    class Settings:
        reduction = Reduction.MEAN

    settings = Settings()
    model = mlp()

    @run.compile
    def loss(x, y):
        return F.mse_loss(model(x), y, reduction=settings.reduction.value).detach()

    for i in range(13):
        if i == 6:
            settings.reduction = Reduction.SUM
        run.saw(loss(*regression(i)))


@program(replays=True)
def an_attribute_of_a_module(run):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.scale = 1.0

        def forward(self, x):
            return x + self.scale * steep.tanh(self.layer(x))

    block = Residual()
    forward = run.compile(lambda x: block(x).detach())
    for i in range(14):
        if i == 4:
            block.scale = 0.5
        if i == 8:
            block.scale = 0.0
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_list_attribute_of_a_module(run):
    """The module itself is the same; the list that it holds has other numbers."""

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
            self.gates = [1.0, 1.0, 1.0]

        def forward(self, x):
            for gate, layer in zip(self.gates, self.layers, strict=True):
                x = x + gate * layer(x)
            return x

    net = Gated()
    forward = run.compile(lambda x: net(x).detach())
    for i in range(13):
        run.saw(forward(inputs(i)))
        if i == 6:
            net.gates[1] = 0.0


@program(replays=True)
def a_class_attribute(run):
    class Focal:
        gamma = 2.0

        def __call__(self, logits, y):
            p = F.softmax(logits, -1).gather(1, y[:, None])
            return (-((1 - p) ** self.gamma) * p.log()).mean()

    model, loss = mlp(outputs=3), Focal()

    @run.compile
    def evaluate(x, y):
        return loss(model(x), y).detach()

    for i in range(13):
        if i == 6:
            Focal.gamma = 0.5
        run.saw(evaluate(*labelled(i)))


@program(replays=True)
def a_class_attribute_shadowed_later(run):
    class Agent:
        epsilon = 0.1

        def act(self, x):
            return (1 - self.epsilon) * x + self.epsilon

    agent = Agent()
    act = run.compile(agent.act)
    for i in range(14):
        run.saw(act(inputs(i)))
        if i == 4:
            agent.epsilon = 0.7
        if i == 8:
            del agent.epsilon


@program(replays=True)
def a_property_over_a_hidden_attribute(run):
    class Schedule:
        def __init__(self):
            self._progress = 0

        @property
        def beta(self):
            return 0.0 if self._progress < 1 else 0.5

    schedule = Schedule()
    model = mlp(outputs=2)

    @run.compile
    def elbo(x):
        mean, log_var = model(x).chunk(2, dim=1)
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
        return (mean.mean() + schedule.beta * kl).detach()

    for i in range(13):
        if i == 6:
            schedule._progress = 1
        run.saw(elbo(inputs(i)))


@program(replays=True)
def slots(run):
    class Config:
        __slots__ = ("decay", "floor")

        def __init__(self):
            self.decay, self.floor = 0.9, 0.0

    config = Config()
    average = steep.zeros(4)

    @run.compile
    def smooth(x):
        average.mul_(config.decay).add_(x.mean(0), alpha=1 - config.decay)
        return average.clamp(min=config.floor)

    for i in range(14):
        if i == 4:
            config.decay = 0.5
        if i == 8:
            config.floor = 0.2
        run.saw(smooth(inputs(i)))
    run.saw(average)


@program(replays=True)
def an_attribute_that_comes_later(run):
    """Asked for with a default, until it is there."""

    class Experiment:
        pass

    experiment = Experiment()
    model = mlp()

    @run.compile
    def forward(x):
        out = model(x).detach()
        bias = getattr(experiment, "bias", None)
        if bias is not None:
            out = out + bias
        return out * 2 if hasattr(experiment, "double") else out

    for i in range(15):
        if i == 5:
            experiment.bias = steep.ones(1)
        if i == 9:
            experiment.double = True
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_dotdict(run):
    class DotDict(dict):
        def __getattr__(self, name):
            return self[name]

        __setattr__ = dict.__setitem__

    config = DotDict(hidden=5, noise=DotDict(level=0.0))
    model = mlp(hidden=config.hidden)

    @run.compile
    def forward(x):
        return model(x + config.noise.level).detach()

    for i in range(14):
        if i == 4:
            config.noise.level = 0.5
        if i == 8:
            config["noise"] = DotDict(level=-0.5)
        run.saw(forward(inputs(i)))


@program(replays=True)
def a_counter_beside_what_is_read(run):
    """The trainer counts its batches, outside of the compiled method."""

    class Trainer:
        def __init__(self):
            self.model = mlp()
            self.optimizer = steep.optim.SGD(self.model.parameters(), lr=0.1)
            self.batches = 0
            self.losses = []
            self.compiled = run.compile(self.step)

        def step(self, x, y):
            self.optimizer.zero_grad()
            loss = F.mse_loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            return loss

        def fit(self, count):
            for i in range(count):
                self.losses.append(self.compiled(*regression(i)).item())
                self.batches += 1

    trainer = Trainer()
    trainer.fit(12)
    run.saw(trainer.losses, trainer.batches, trainer.model)


@program(replays=True)
def a_loss_object_with_its_own_weight(run):
    class Weighted(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight
            self.inner = nn.MSELoss()

        def forward(self, out, y):
            return self.weight * self.inner(out, y)

    model, criterion = mlp(), Weighted(1.0)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = run.compile(step)
    for i in range(14):
        if i == 4:
            criterion.weight = 0.5
        if i == 8:
            criterion = Weighted(0.25)
        run.saw(step(*regression(i)))
    run.saw(model)


@program(replays=True)
def attributes_of_the_function_itself(run):
    def forward(x):
        return x * forward.gain + forward.offset

    forward.gain, forward.offset = 2.0, 0.0
    compiled = run.compile(forward)
    for i in range(14):
        if i == 4:
            forward.gain = 3.0
        if i == 8:
            forward.offset = steep.ones(4)
        run.saw(compiled(inputs(i)))
