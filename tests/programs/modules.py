"""Networks of many kinds, whole modules compiled, and layers that hold settings."""

from __future__ import annotations

import copy

import steep
from programs.data import inputs, labelled, mlp, nn, regression
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_module_compiled_for_inference(run):
    model = mlp(outputs=3).eval()
    compiled = run.compile(model)
    with steep.no_grad():
        for i in range(10):
            run.saw(compiled(inputs(i)))


@program(replays=True)
def a_module_compiled_and_trained_outside(run):
    """Its result still has its graph to be used: backward comes after the call."""
    model = mlp()
    compiled = run.compile(model)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)
    for i in range(10):
        x, y = regression(i)
        optimizer.zero_grad()
        loss = F.mse_loss(compiled(x), y)
        loss.backward()
        optimizer.step()
        run.saw(loss)
    run.saw(model)


@program(replays=True)
def weights_of_a_compiled_module_loaded(run):
    model = mlp(outputs=3)
    other = {name: value * 2 for name, value in mlp(outputs=3).state_dict().items()}
    compiled = run.compile(model)
    with steep.no_grad():
        for i in range(12):
            if i == 6:
                model.load_state_dict(other)
            run.saw(compiled(inputs(i)))


@program(replays=True)
def a_residual_network(run):
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm = nn.LayerNorm(width)
            self.body = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
            self.out = nn.Linear(2 * width, width)

        def forward(self, x):
            return x + self.out(self.body(self.norm(x)))

    model = nn.Sequential(nn.Linear(4, 6), Block(6), Block(6), nn.Linear(6, 3))
    optimizer = steep.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(*labelled(i)))
    run.saw(model, optimizer)


@program(replays=True)
def attention(run):
    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)

        def forward(self, x):
            n, length, width = x.shape
            q, k, v = (
                part.reshape(n, length, self.heads, width // self.heads).transpose(1, 2)
                for part in self.qkv(x).chunk(3, dim=-1)
            )
            weights = (q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5).softmax(-1)
            return self.out((weights @ v).transpose(1, 2).reshape(n, length, width))

    model = Attention(4, heads=2)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), x.flip(1))
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(inputs(i, rows=6).reshape(2, 3, 4)))
    run.saw(model)


@program(replays=True)
def a_recurrent_cell_unrolled(run):
    cell, head = nn.Linear(2 + 4, 4), nn.Linear(4, 1)
    optimizer = steep.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)

    @run.compile
    def step(sequence, y):
        hidden = steep.zeros(sequence.shape[1], 4)
        for x in sequence:
            hidden = cell(steep.cat([x, hidden], dim=1)).tanh()
        optimizer.zero_grad()
        loss = F.mse_loss(head(hidden), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(inputs(i, rows=10).reshape(4, 5, 2), inputs(i, 5, 1)))
    run.saw(cell, head)


@program(replays=True)
def tied_weights(run):
    encoder = nn.Linear(4, 2, bias=False)

    class Decoder(nn.Module):
        def forward(self, z):
            return z @ encoder.weight

    decoder = Decoder()
    optimizer = steep.optim.SGD(encoder.parameters(), lr=0.1, momentum=0.9)

    @run.compile
    def step(x):
        optimizer.zero_grad()
        loss = F.mse_loss(decoder(encoder(x)), x)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(inputs(i)))
    run.saw(encoder, optimizer)


@program(replays=True)
def a_vae(run):
    encoder, decoder = mlp(4, 4), mlp(2, 4)
    optimizer = steep.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)

    @run.compile
    def step(x):
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_var).exp() * steep.randn_like(mean)
        reconstruction = F.mse_loss(decoder(z), x, reduction="sum")
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum()
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return reconstruction, kl

    for i in range(11):
        run.saw(step(inputs(i)))
    run.saw(encoder, decoder)


@program(replays=True)
def experts_chosen_by_name(run):
    """A dict of modules; the task is an argument."""
    trunk = nn.Linear(4, 5)
    heads = nn.ModuleDict({"left": nn.Linear(5, 1), "right": nn.Linear(5, 1)})
    params = [*trunk.parameters(), *heads.parameters()]
    optimizer = steep.optim.SGD(params, lr=0.05)

    @run.compile
    def step(x, y, task):
        optimizer.zero_grad()
        loss = F.mse_loss(heads[task](trunk(x).relu()), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(16):
        run.saw(step(*regression(i), "left" if i % 2 else "right"))
    run.saw(trunk, heads)


@program(replays=True)
def buffers_that_are_updated(run):
    """Batch normalisation by hand, with running statistics in buffers."""

    class Norm(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.register_buffer("mean", steep.zeros(width))
            self.register_buffer("var", steep.ones(width))
            self.register_buffer("count", steep.zeros((), dtype=steep.int64))

        def forward(self, x):
            if not self.training:
                return (x - self.mean) / (self.var + 1e-5).sqrt()
            mean, var = x.mean(0), x.var(0, correction=0)
            with steep.no_grad():
                self.mean.mul_(0.9).add_(mean, alpha=0.1)
                self.var.mul_(0.9).add_(var, alpha=0.1)
                self.count.add_(1)
            return (x - mean) / (var + 1e-5).sqrt()

    model = nn.Sequential(nn.Linear(4, 5), Norm(5), nn.ReLU(), nn.Linear(5, 3))
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(*labelled(i)))
    run.saw(model)


@program(replays=True)
def parameters_in_a_list(run):
    class Polynomial(nn.Module):
        def __init__(self):
            super().__init__()
            self.coefficients = nn.ParameterList(steep.full((1,), 0.1) for _ in range(4))

        def forward(self, x):
            return sum(c * x**k for k, c in enumerate(self.coefficients))

    model = Polynomial()
    optimizer = steep.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    @run.compile
    def step(x):
        optimizer.zero_grad()
        loss = (model(x) - x.sin()).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(10):
        run.saw(step(inputs(i)))
    run.saw(model)


@program(replays=True)
def a_subclass_that_calls_super(run):
    class Base(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.gain = 1.0

        def forward(self, x):
            return self.layer(x) * self.gain

    class Doubled(Base):
        factor = 2

        def forward(self, x):
            return super().forward(x) * self.factor

    model = Doubled()
    forward = run.compile(lambda x: model(x).detach())
    for i in range(14):
        if i == 4:
            model.gain = 0.5
        if i == 8:
            Doubled.factor = 3
        run.saw(forward(inputs(i)))


@program(replays=True)
def two_models_made_by_one_class(run):
    """A student learns from its teacher, which stays as it is."""
    student = mlp(outputs=3)
    teacher = copy.deepcopy(student)
    for p in teacher.parameters():
        p.requires_grad_(False).mul_(2)
    optimizer = steep.optim.SGD(student.parameters(), lr=0.1)
    settings = {"temperature": 2.0}

    @run.compile
    def step(x):
        t = settings["temperature"]
        with steep.no_grad():
            wanted = F.softmax(teacher(x) / t, -1)
        optimizer.zero_grad()
        loss = F.kl_div(F.log_softmax(student(x) / t, -1), wanted, reduction="batchmean")
        loss.backward()
        optimizer.step()
        return loss

    for i in range(13):
        if i == 6:
            settings["temperature"] = 1.0
        run.saw(step(inputs(i)))
    run.saw(student, teacher)


@program(replays=True)
def initialised_by_apply(run):
    """The model is initialised anew in the middle, in place."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def initialise(module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        if i in (0, 6):
            model.apply(initialise)
        run.saw(step(*regression(i)))
    run.saw(model)
