"""Healthy trainings of the usual kinds: none may raise anything."""

from __future__ import annotations

import diagnose_support as support
import steep
from diagnose_support import F, adam, blobs, curve, healthy, images, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding


@healthy
def classifier() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net), blobs(120))


@healthy
def classifier_by_hooks_alone() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(60), tell=False)


@healthy
def regression() -> list[Finding]:
    net = mlp(4, 32, 1)
    return trained(net, nn.MSELoss(), adam(net, 1e-2), curve(60))


@healthy
def regression_of_large_values() -> list[Finding]:
    net = mlp(4, 32, 1)
    return trained(net, nn.MSELoss(), adam(net, 1e-2), curve(60, scale=1e4))


@healthy
def regression_squeezed_by_hand() -> list[Finding]:
    net = mlp(4, 16, 1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return ((output.squeeze(-1) - y) ** 2).mean()

    batches = ((x, y.squeeze(1)) for x, y in curve(40))
    return trained(net, loss, adam(net, 1e-2), batches)


@healthy
def cox_loss_with_every_pair() -> list[Finding]:
    """A ranking loss that means to compare all with all."""
    net = mlp(4, 16, 1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        at_risk = (y[None, :] >= y[:, None]).float()
        return ((at_risk * output.T.exp()).sum(1).log() - output.squeeze(1)).mean()

    batches = ((x, y.squeeze(1)) for x, y in curve(40))
    return trained(net, loss, adam(net, 1e-2), batches)


@healthy
def small_cnn() -> list[Finding]:
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 3))
    )
    return trained(net, nn.CrossEntropyLoss(), adam(net), images(40))


@healthy
def cnn_with_batch_norm_and_dropout() -> list[Finding]:
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), nn.Flatten()),
        nn.Linear(8 * 36, 3),
    )
    loss, optimizer, held_out = nn.CrossEntropyLoss(), adam(net), list(images(3))
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(4):
            net.train()
            for x, y in images(10):
                optimizer.zero_grad()
                loss(net(x), y).backward()
                optimizer.step()
            net.eval()
            with steep.no_grad():
                for x, y in held_out:
                    loss(net(x), y)
    return watch.findings


class Recurrent(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(3, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


def sequences(steps: int) -> support.Batches:
    for _ in range(steps):
        x = steep.randn(24, 12, 3)
        yield x, (x.sum((1, 2)) > 0).long()


@healthy
def rnn() -> list[Finding]:
    net = Recurrent("RNN")
    return trained(net, nn.CrossEntropyLoss(), adam(net), sequences(30))


@healthy
def lstm_clipped() -> list[Finding]:
    net = Recurrent("LSTM")
    loss, optimizer = nn.CrossEntropyLoss(), adam(net, 1e-2)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in sequences(30):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            optimizer.step()
    return watch.findings


class TimeFirst(nn.Module):
    """Time-major on purpose, with one target for each sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(3, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0][-1])


@healthy
def gru_time_first() -> list[Finding]:
    net = TimeFirst()
    batches = ((x.transpose(0, 1), y) for x, y in sequences(20))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


class Language(nn.Module):
    """A small transformer on tokens, its last layer tied to the embedding."""

    def __init__(self, words: int = 20, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.1, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.body(self.embed(tokens), mask=mask)).flatten(0, 1)


def texts(steps: int) -> support.Batches:
    for _ in range(steps):
        start = steep.randint(1, 19, (8, 1))
        text = (start + steep.arange(11)) % 19 + 1  # 0 is kept for padding
        yield text[:, :-1], text[:, 1:].reshape(-1)


@healthy
def transformer_with_tied_weights() -> list[Finding]:
    net = Language()
    return trained(net, nn.CrossEntropyLoss(), adam(net), texts(120))


@healthy
def gan() -> list[Finding]:
    made, judge = mlp(4, 16, 2), mlp(2, 16, 1)
    loss = nn.BCEWithLogitsLoss()
    makes, judges = adam(made), adam(judge)
    with (
        Sanitizer(made, loss, makes, warn=False) as one,
        Sanitizer(judge, loss, judges, warn=False) as other,
    ):
        for _ in range(60):
            real, fake = steep.randn(32, 2) + 3, made(steep.randn(32, 4))
            judges.zero_grad()
            loss(judge(real), steep.ones(32, 1)).backward()
            loss(judge(fake.detach()), steep.zeros(32, 1)).backward()
            judges.step()
            makes.zero_grad()
            loss(judge(fake), steep.ones(32, 1)).backward()
            makes.step()
    return one.findings + other.findings


@healthy
def gan_in_one_module() -> list[Finding]:
    net = nn.ModuleDict({"made": mlp(4, 16, 2), "judge": mlp(2, 16, 1)})
    makes, judges = adam(net["made"]), adam(net["judge"])
    with Sanitizer(net, None, judges, warn=False) as watch:
        for _ in range(30):
            real, fake = steep.randn(32, 2) + 3, net["made"](steep.randn(32, 4))
            value = F.softplus(-net["judge"](real)) + F.softplus(net["judge"](fake.detach()))
            judges.zero_grad()
            value.mean().backward()
            watch.step(real, None, None, value.mean())
            judges.step()
            makes.zero_grad()
            F.softplus(-net["judge"](fake)).mean().backward()
            makes.step()
    return watch.findings


@healthy
def autoencoder_of_pixels() -> list[Finding]:
    net = nn.Sequential(mlp(64, 16, 64), nn.Sigmoid())
    batches = ((x.flatten(1), x.flatten(1)) for x, _ in images(40))
    return trained(net, nn.BCELoss(), adam(net, 1e-2), batches)


@healthy
def variational_autoencoder() -> list[Finding]:
    class Vae(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.decode = nn.Linear(64, 8), nn.Linear(4, 64)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, log_var = self.encode(x).chunk(2, 1)
            z = mean + (log_var / 2).exp() * steep.randn(*mean.shape)
            return self.decode(z), mean, log_var

    def loss(output: tuple[Tensor, Tensor, Tensor], y: Tensor) -> Tensor:
        picture, mean, log_var = output
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
        return F.binary_cross_entropy_with_logits(picture, y, reduction="sum") / len(y) + kl

    net = Vae()
    batches = ((x.flatten(1), x.flatten(1)) for x, _ in images(40))
    return trained(net, loss, adam(net), batches)


@healthy
def word_vectors() -> list[Finding]:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.outside = nn.Embedding(50, 8), nn.Embedding(50, 8)

        def forward(self, pair: Tensor) -> Tensor:
            return (self.inside(pair[:, 0]) * self.outside(pair[:, 1])).sum(1)

    def pairs() -> support.Batches:
        for _ in range(40):
            pair = steep.randint(0, 50, (64, 2))
            yield pair, (pair[:, 0] % 5 == pair[:, 1] % 5).float()

    net = Pairs()
    return trained(net, nn.BCEWithLogitsLoss(), adam(net, 1e-2), pairs())


@healthy
def rates_that_end_near_nothing() -> list[Finding]:
    for make in (
        lambda o: steep.optim.lr_scheduler.CosineAnnealingLR(o, 120),
        lambda o: steep.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=121),
        lambda o: steep.optim.lr_scheduler.PolynomialLR(o, 120, 2.0),
    ):
        net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
        optimizer = sgd(net, 0.05)
        schedule = make(optimizer)
        with support.Watched(net, loss, optimizer, warn=False) as watch:
            for x, y in blobs(120):
                optimizer.zero_grad()
                loss(net(x), y).backward()
                optimizer.step()
                schedule.step()
        if watch.findings:
            return watch.findings
    return []


@healthy
def targets_that_grow() -> list[Finding]:
    """As those of a value network do, whose loss rises with them."""
    net = mlp(4, 16, 1)
    batches = ((x, y * (1 + 0.1 * i)) for i, (x, y) in enumerate(curve(120)))
    return trained(net, nn.MSELoss(), adam(net, 1e-3), batches)
