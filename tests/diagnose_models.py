"""Healthy trainings of still other models and losses: none may raise anything."""

from __future__ import annotations

import numpy as np

import steep
from diagnose_support import Batches, F, adam, blobs, healthy, images, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding

CE, MSE, BCE = nn.CrossEntropyLoss, nn.MSELoss, nn.BCEWithLogitsLoss


def noisy(steps: int, size: int = 32) -> Batches:
    for _ in range(steps):
        x = steep.randn(size, 4)
        yield x, (x[:, :1] * x[:, 1:2]).sin()


@healthy
def weights_of_losses_are_learned() -> list[Finding]:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_var = nn.Parameter(steep.zeros(2))

        def forward(self, out: Tensor, y: Tensor) -> Tensor:
            losses = steep.stack([F.cross_entropy(out[:, :3], y), out[:, 3].square().mean()])
            return (losses * (-self.log_var).exp() + self.log_var).sum()

    net, loss = mlp(6, 16, 4), Weighted()
    optimizer = steep.optim.Adam([*net.parameters(), *loss.parameters()], lr=1e-2)
    return trained(net, loss, optimizer, blobs(60))


@healthy
def quantiles_against_one_column() -> list[Finding]:
    net, levels = mlp(4, 16, 3), steep.tensor([0.1, 0.5, 0.9])

    def pinball(out: Tensor, y: Tensor) -> Tensor:
        off = y - out
        return steep.maximum(levels * off, (levels - 1) * off).mean()

    return trained(net, pinball, adam(net, 1e-2), noisy(60))


@healthy
def vision_transformer() -> list[Finding]:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cut = nn.Conv2d(1, 16, 4, stride=4)
            self.token = nn.Parameter(steep.zeros(1, 1, 16))
            self.place = nn.Parameter(steep.zeros(1, 5, 16))
            layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
            self.body = nn.TransformerEncoder(layer, 2)
            self.head = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.cut(x).flatten(2).transpose(1, 2)
            h = steep.cat([self.token.expand(len(x), -1, -1), h], 1) + self.place
            return self.head(self.body(h)[:, 0])

    net = Patches()
    return trained(net, CE(), steep.optim.AdamW(net.parameters(), lr=1e-3), images(60))


@healthy
def residual_network_with_zero_gains() -> list[Finding]:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
                *(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)),
            )
            nn.init.zeros_(self.body[-1].weight)

        def forward(self, x: Tensor) -> Tensor:
            return (x + self.body(x)).relu()

    net = nn.Sequential(nn.Conv2d(1, 8, 3), Block(), Block(), nn.Flatten(), nn.Linear(288, 3))
    return trained(net, CE(), sgd(net, 0.05, momentum=0.9, weight_decay=5e-4), images(40))


@healthy
def one_sample_at_a_time() -> list[Finding]:
    net = mlp(6, 16, 3)
    return trained(net, CE(), sgd(net, 0.01), blobs(200, size=1))


@healthy
def exclusive_or() -> list[Finding]:
    x = steep.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = steep.tensor([[0.0], [1], [1], [0]])
    net = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1), nn.Sigmoid())
    return trained(net, nn.BCELoss(), sgd(net, 1.0), iter([(x, y)] * 300))


@healthy
def sine_by_tanh() -> list[Finding]:
    x = steep.tensor(np.linspace(-3, 3, 100, dtype=np.float32))[:, None]
    net = mlp(1, 32, 32, 1, act=nn.Tanh)
    return trained(net, MSE(), adam(net, 1e-2), iter([(x, x.sin())] * 200))


@healthy
def binary_activations_straight_through() -> list[Finding]:
    class Signs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 32), nn.Linear(32, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).tanh()
            return self.second(h + (h.sign() - h).detach())

    net = Signs()
    return trained(net, CE(), adam(net, 1e-2), blobs(60))


@healthy
def frozen_embeddings() -> list[Finding]:
    net = nn.Sequential(nn.Embedding(30, 8), nn.Flatten(), mlp(32, 16, 2))
    net[0].weight.requires_grad_(False)

    def batches() -> Batches:
        for _ in range(60):
            x = steep.randint(0, 30, (32, 4))
            yield x, (x.sum(1) > 58).long()

    return trained(net, CE(), adam(net, 1e-2), batches())


@healthy
def heavy_tails() -> list[Finding]:
    net = mlp(6, 32, 3)
    batches = ((x / steep.rand(len(x), 6).clamp(min=0.1), y) for x, y in blobs(60))
    return trained(net, CE(), adam(net), batches)


@healthy
def counts() -> list[Finding]:
    net = mlp(4, 16, 1)

    def batches() -> Batches:
        for x, _ in noisy(60):
            yield x, (x[:, :1].exp() * 2).round()

    return trained(net, nn.PoissonNLLLoss(), adam(net, 1e-2), batches())


@healthy
def transcription() -> list[Finding]:
    class Listener(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(5, 16), nn.Linear(16, 6)

        def forward(self, x: Tensor) -> Tensor:
            return F.log_softmax(self.head(self.rnn(x)[0]), 2)

    net, loss = Listener(), nn.CTCLoss()
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(30):
            y = steep.randint(1, 6, (8, 4))
            x = F.one_hot(y - 1, 5).float().transpose(0, 1)
            x = steep.cat([x, x, x]) + 0.1 * steep.randn(12, 8, 5)
            optimizer.zero_grad()
            loss(net(x), y, (12,) * 8, (4,) * 8).backward()
            optimizer.step()
    return watch.findings


@healthy
def rare_class_weighted() -> list[Finding]:
    net = mlp(6, 16, 1)
    batches = ((x, (x[:, :1] > 2).float()) for x, _ in blobs(150))
    return trained(net, BCE(pos_weight=steep.tensor([20.0])), adam(net), batches)


@healthy
def one_cycle_with_groups() -> list[Finding]:
    net, loss = nn.Sequential(mlp(6, 32, 32), nn.LayerNorm(32), nn.Linear(32, 3)), CE()
    groups = [{"params": net[0].parameters(), "lr": 1e-4}, {"params": net[1:].parameters()}]
    optimizer = steep.optim.AdamW(groups, lr=1e-2, weight_decay=0.1)
    schedule = steep.optim.lr_scheduler.OneCycleLR(optimizer, [1e-3, 1e-1], total_steps=100)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(100):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return watch.findings


@healthy
def mixed_samples() -> list[Finding]:
    net = mlp(6, 32, 3)

    def batches() -> Batches:
        for x, y in blobs(60):
            share, sure = steep.rand(1).item(), F.one_hot(y, 3).float()
            mixed = share * x + (1 - share) * x.flip(0)
            yield mixed, share * sure + (1 - share) * sure.flip(0)

    return trained(net, CE(), adam(net), batches())


@healthy
def cosine_classifier() -> list[Finding]:
    class Cosine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.ways = mlp(6, 16, 8), nn.Parameter(steep.randn(3, 8))
            self.scale = nn.Parameter(steep.tensor(10.0))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * F.normalize(self.body(x), dim=1) @ F.normalize(self.ways, dim=1).T

    net = Cosine()
    return trained(net, CE(), adam(net, 1e-2), blobs(60))


@healthy
def probabilities_and_a_loss_of_them() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.Softmax(1))

    def loss(p: Tensor, y: Tensor) -> Tensor:
        return -(F.one_hot(y, 3) * (p + 1e-9).log()).sum(1).mean()

    return trained(net, loss, adam(net, 1e-2), blobs(60))


@healthy
def pixels_scaled_inside() -> list[Finding]:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 8, 3), nn.Linear(288, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.conv(x.float() / 255).relu().flatten(1))

    net = Scaled()
    batches = (((255 * x).byte(), y) for x, y in images(40))
    return trained(net, CE(), adam(net), batches)


@healthy
def raw_columns_into_batch_norm() -> list[Finding]:
    net = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    batches = ((1000 * x + 5000, y) for x, y in blobs(40))
    return trained(net, CE(), adam(net), batches)


@healthy
def forecast() -> list[Finding]:
    class Forecast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x[..., None])[0][:, -1])

    def batches() -> Batches:
        for _ in range(60):
            start = 6 * steep.rand(32, 1)
            wave = (start + 0.3 * steep.arange(16)).sin()
            yield wave[:, :12], wave[:, 12:]

    net = Forecast()
    return trained(net, MSE(), adam(net, 1e-2), batches())
