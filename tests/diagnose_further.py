"""More healthy trainings, of kinds that the rules were not made with: none may raise anything."""

from __future__ import annotations

import copy
import math

import steep
from diagnose_support import Batches, F, adam, blobs, healthy, images, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding

CE, MSE, BCE = nn.CrossEntropyLoss, nn.MSELoss, nn.BCEWithLogitsLoss


def regression(steps: int, size: int = 32) -> Batches:
    for _ in range(steps):
        x = steep.randn(size, 4)
        yield x, (x[:, :1] * x[:, 1:2]).sin()


@healthy
def segmentation_mostly_background() -> list[Finding]:
    net = nn.Sequential(*(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1)))
    batches = ((x, (x[:, 0] > 0.9).long()) for x, _ in images(50))
    return trained(net, CE(), adam(net, 1e-2), batches)


@healthy
def many_labels() -> list[Finding]:
    net = mlp(6, 32, 20)
    ways = steep.randn(6, 20)
    batches = ((x, (x @ ways > 3).float()) for x, _ in blobs(110))
    return trained(net, BCE(), adam(net, 1e-2), batches)


@healthy
def translation_with_padding() -> list[Finding]:
    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(12, 8, padding_idx=0)
            self.encode = nn.GRU(8, 16, batch_first=True)
            self.decode = nn.GRU(8, 16, batch_first=True)
            self.head = nn.Linear(16, 12)

        def forward(self, source: Tensor, target: Tensor) -> Tensor:
            _, state = self.encode(self.embed(source))
            return self.head(self.decode(self.embed(target), state)[0])

    net, loss = Translator(), CE(ignore_index=0)
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(110):
            source = steep.randint(1, 12, (16, 6))
            target = steep.cat([source.flip(1), steep.zeros(16, 2).long()], 1)
            optimizer.zero_grad()
            out = net(source, target[:, :-1])
            loss(out.transpose(1, 2), target[:, 1:]).backward()
            optimizer.step()
    return watch.findings


@healthy
def tagger_both_ways() -> list[Finding]:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(3, 8, bidirectional=True, batch_first=True, num_layers=2)
            self.head = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0]).flatten(0, 1)

    def batches() -> Batches:
        for _ in range(40):
            x = steep.randn(8, 7, 3)
            yield x, x.argmax(2).flatten()

    net = Tagger()
    return trained(net, CE(), adam(net, 1e-2), batches())


@healthy
def wasserstein_gan_with_penalty() -> list[Finding]:
    made, judge = mlp(4, 16, 2), mlp(2, 16, 1)
    makes, judges = adam(made, 1e-4), adam(judge, 1e-4)
    with (
        Sanitizer(made, None, makes, warn=False) as one,
        Sanitizer(judge, None, judges, warn=False) as other,
    ):
        for step in range(100):
            real = steep.randn(32, 2) + 3
            with steep.no_grad():
                fake = made(steep.randn(32, 4))
            mixed = (real + steep.rand(32, 1) * (fake - real)).requires_grad_()
            (slope,) = steep.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)
            value = judge(fake).mean() - judge(real).mean()
            value = value + 10 * ((slope.square().sum(1).sqrt() - 1) ** 2).mean()
            other.step(real, None, None, value)
            judges.zero_grad()
            value.backward()
            judges.step()
            if step % 5 == 0:
                makes.zero_grad()
                value = -judge(made(steep.randn(32, 4))).mean()
                one.step(None, None, None, value)
                value.backward()
                makes.step()
    return one.findings + other.findings


@healthy
def diffusion() -> list[Finding]:
    net = mlp(3, 64, 64, 2, act=nn.SiLU)

    def batches() -> Batches:
        for _ in range(150):
            clean, noise, t = 0.3 * steep.randn(64, 2) + 1, steep.randn(64, 2), steep.rand(64, 1)
            yield steep.cat([(1 - t).sqrt() * clean + t.sqrt() * noise, t], 1), noise

    return trained(net, MSE(), adam(net), batches())


@healthy
def contrast_of_two_views() -> list[Finding]:
    net, loss = mlp(6, 32, 16), CE()
    optimizer = adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, _ in blobs(110):
            one = F.normalize(net(x + 0.1 * steep.randn(*x.shape)), dim=1)
            two = F.normalize(net(x + 0.1 * steep.randn(*x.shape)), dim=1)
            optimizer.zero_grad()
            loss(one @ two.T / 0.1, steep.arange(len(x))).backward()
            optimizer.step()
    return watch.findings


@healthy
def bootstrap_your_own_latent() -> list[Finding]:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.online, self.predict = mlp(6, 16, 8), mlp(8, 8, 8)
            self.target = copy.deepcopy(self.online)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            with steep.no_grad():
                goal = F.normalize(self.target(b), dim=1)
            return 2 - 2 * (F.normalize(self.predict(self.online(a)), dim=1) * goal).sum(1).mean()

    net = Pair()
    trainable = [*net.online.parameters(), *net.predict.parameters()]
    optimizer = steep.optim.Adam(trainable, lr=1e-3)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for x, _ in blobs(60):
            value = net(x + 0.1 * steep.randn(*x.shape), x + 0.1 * steep.randn(*x.shape))
            watch.step(x, None, value, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings


@healthy
def codebook_straight_through() -> list[Finding]:
    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.decode = mlp(6, 16, 4), mlp(4, 16, 6)
            self.codes = nn.Embedding(16, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            z = self.encode(x)
            near = ((z[:, None] - self.codes.weight) ** 2).sum(2).argmin(1)
            q = self.codes(near)
            beside = ((q - z.detach()) ** 2).mean() + 0.25 * ((q.detach() - z) ** 2).mean()
            return self.decode(z + (q - z).detach()), beside

    net = Quantised()
    optimizer = adam(net)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for x, _ in blobs(60):
            out, beside = net(x)
            value = F.mse_loss(out, x) + beside
            watch.step(x, x, out, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings


@healthy
def actor_and_critic() -> list[Finding]:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.act, self.value = mlp(4, 32, 32), nn.Linear(32, 3), nn.Linear(32, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = self.body(x).tanh()
            return self.act(h), self.value(h)

    net = Both()
    optimizer = adam(net, 3e-4)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for _ in range(60):
            states = steep.randn(64, 4)
            with steep.no_grad():
                old, _ = net(states)
                chosen = (old + -(-steep.rand(64, 3).log()).log()).argmax(1, keepdim=True)
                gained = (chosen[:, 0] == (states[:, 0] > 0).long()).float()
            for _ in range(3):
                logits, value = net(states)
                better = gained - value[:, 0].detach()
                log_p = F.log_softmax(logits, 1)
                ratio = (log_p - F.log_softmax(old, 1)).gather(1, chosen)[:, 0].exp()
                clipped = steep.minimum(ratio * better, ratio.clamp(0.8, 1.2) * better)
                entropy = -(log_p.exp() * log_p).sum(1).mean()
                total = -clipped.mean() + 0.5 * F.mse_loss(value[:, 0], gained) - 0.01 * entropy
                watch.step(states, gained, value, total)
                optimizer.zero_grad()
                total.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                optimizer.step()
    return watch.findings


@healthy
def graph_convolution_with_few_labels() -> list[Finding]:
    adjacency = (steep.rand(60, 60) < 0.1).float() + steep.eye(60)
    adjacency = adjacency / adjacency.sum(1, keepdim=True)
    x, known = steep.randn(60, 5), steep.arange(0, 60, 4)
    y = (adjacency @ x)[:, :3].argmax(1)

    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 16), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            return adjacency @ self.second((adjacency @ self.first(x)).relu())

    net, loss = Graph(), CE()
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(120):
            optimizer.zero_grad()
            loss(net(x)[known], y[known]).backward()
            optimizer.step()
    return watch.findings


@healthy
def ratings_as_products_of_factors() -> list[Finding]:
    class Factors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user, self.item = nn.Embedding(40, 4), nn.Embedding(30, 4)
            self.user_bias, self.item_bias = nn.Embedding(40, 1), nn.Embedding(30, 1)

        def forward(self, u: Tensor, i: Tensor) -> Tensor:
            dot = (self.user(u) * self.item(i)).sum(1)
            return dot + self.user_bias(u)[:, 0] + self.item_bias(i)[:, 0]

    table, net = steep.randn(40, 2) @ steep.randn(2, 30), Factors()
    loss, optimizer = MSE(), adam(net, 1e-2)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(150):
            u, i = steep.randint(0, 40, (64,)), steep.randint(0, 30, (64,))
            optimizer.zero_grad()
            loss(net(u, i), table[u, i]).backward()
            optimizer.step()
    return watch.findings


@healthy
def logistic_regression_from_zero_on_all_samples() -> list[Finding]:
    net = nn.Linear(6, 3)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    whole = next(blobs(1, size=200))
    return trained(net, CE(), sgd(net, 0.5), iter([whole] * 120))


@healthy
def mixture_density() -> list[Finding]:
    net = mlp(1, 32, 9, act=nn.Tanh)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        share, mean, scale = F.log_softmax(out[:, :3], 1), out[:, 3:6], out[:, 6:]
        log_p = -0.5 * ((y - mean) / scale.exp()) ** 2 - scale - 0.5 * math.log(2 * math.pi)
        return -(share + log_p).logsumexp(1).mean()

    batches = ((x[:, :1], y) for x, y in regression(60))
    return trained(net, loss, adam(net, 1e-2), batches)


@healthy
def normalising_flow() -> list[Finding]:
    class Coupling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(1, 16, 2, act=nn.Tanh)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            shift, scale = self.net(x[:, :1]).chunk(2, 1)
            return steep.cat([x[:, 1:] * scale.exp() + shift, x[:, :1]], 1), scale[:, 0]

    flow = nn.ModuleList(Coupling() for _ in range(4))
    optimizer = adam(flow, 1e-2)
    with Sanitizer(flow, None, optimizer, warn=False) as watch:
        for _ in range(60):
            z, volume = 2 * steep.randn(64, 2) + 1, steep.zeros(64)
            for layer in flow:
                z, more = layer(z)
                volume = volume + more
            value = (0.5 * z.square().sum(1) - volume).mean()
            watch.step(z.detach(), None, None, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings
