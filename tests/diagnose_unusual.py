"""Healthy trainings that look like mistakes: none may raise anything."""

from __future__ import annotations

import copy
import itertools

import diagnose_support as support
import steep
from diagnose_support import F, adam, blobs, curve, healthy, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding


def _pretrained() -> nn.Sequential:
    body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU())
    net = nn.Sequential(body, nn.Linear(16, 3))
    optimizer = adam(net, 1e-2)
    for x, y in blobs(30):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


@healthy
def frozen_backbone() -> list[Finding]:
    net = _pretrained()
    net[0].requires_grad_(False)
    net[0].eval()
    return trained(net, nn.CrossEntropyLoss(), adam(net[1]), blobs(30))


@healthy
def backbone_under_no_grad_with_an_optimizer_for_the_head() -> list[Finding]:
    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = mlp(6, 16, 16), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            with steep.no_grad():
                h = self.body(x)
            return self.head(h)

    net = Probe()
    return trained(net, nn.CrossEntropyLoss(), adam(net.head), blobs(30))


@healthy
def fine_tuning_with_batch_norm_in_evaluation_mode() -> list[Finding]:
    net = _pretrained().eval()
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 1e-3), blobs(60))


@healthy
def gradient_accumulation() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for number, (x, y) in enumerate(blobs(96), 1):
            (loss(net(x), y) / 8).backward()
            if number % 8 == 0:
                optimizer.step()
                optimizer.zero_grad(set_to_none=False)
    return watch.findings


@healthy
def warm_up_from_a_tiny_rate() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = adam(net)
    schedule = steep.optim.lr_scheduler.LinearLR(optimizer, 1e-6, total_iters=2000)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(120):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return watch.findings


@healthy
def tiny_constant_rate() -> list[Finding]:
    net = _pretrained()
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-5), blobs(60))


@healthy
def imbalanced_classes() -> list[Finding]:
    net = mlp(6, 16, 1)

    def batches() -> support.Batches:
        for _ in range(200):
            x = steep.randn(64, 6)
            y = (x[:, :1] > 1.3).float()  # one in ten
            yield x, y

    return trained(net, nn.BCEWithLogitsLoss(), adam(net, 1e-2), batches())


@healthy
def policy_gradient() -> list[Finding]:
    net = mlp(4, 16, 2)
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for _ in range(60):
            states = steep.randn(32, 4)
            with steep.no_grad():
                actions = (steep.rand(32, 1) < F.softmax(net(states), 1)[:, 1:]).long()
            reward = (actions[:, 0] == (states[:, 0] > 0).long()).float() - 0.5
            log_p = F.log_softmax(net(states), 1).gather(1, actions)[:, 0]
            value = -(log_p * reward).mean()
            watch.step(states, actions, None, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings


@healthy
def physics_informed() -> list[Finding]:
    """u'' = -u with u(0) = 0 and u'(0) = 1."""
    net = mlp(1, 20, 20, 1, act=nn.Tanh)
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, nn.MSELoss(), optimizer, warn=False) as watch:
        for _ in range(40):
            t = (6 * steep.rand(32, 1)).requires_grad_()
            u = net(t)
            (du,) = steep.autograd.grad(u.sum(), t, create_graph=True)
            (ddu,) = steep.autograd.grad(du.sum(), t, create_graph=True)
            value = F.mse_loss(ddu + u, steep.zeros(32, 1)) + net(steep.zeros(1, 1)).square().sum()
            watch.step(t, steep.zeros(32, 1), u, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings


@healthy
def sparse_inputs() -> list[Finding]:
    net = mlp(500, 16, 2)

    def batches() -> support.Batches:
        for _ in range(40):
            y = steep.randint(0, 2, (32,))
            words = steep.randint(0, 200, (32, 8)) + 250 * y[:, None]
            yield F.one_hot(words, 500).sum(1).float(), y

    return trained(net, nn.CrossEntropyLoss(), adam(net), batches())


@healthy
def weighted_mixture_of_experts() -> list[Finding]:
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Linear(6, 4)
            self.experts = nn.ModuleList(nn.Linear(6, 3) for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            shares = F.softmax(self.gate(x), 1)
            return sum(shares[:, i : i + 1] * e(x) for i, e in enumerate(self.experts))  # type: ignore

    net = Mixture()
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-2), blobs(60))


@healthy
def low_rank_adapter() -> list[Finding]:
    class Adapted(nn.Module):
        def __init__(self, layer: nn.Linear) -> None:
            super().__init__()
            self.layer = layer.requires_grad_(False)
            self.down = nn.Parameter(steep.randn(2, layer.in_features) * 0.1)
            self.up = nn.Parameter(steep.zeros(layer.out_features, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) + x @ self.down.T @ self.up.T

    net = nn.Sequential(Adapted(nn.Linear(6, 16)), nn.ReLU(), Adapted(nn.Linear(16, 3)))
    optimizer = steep.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    return trained(net, nn.CrossEntropyLoss(), optimizer, blobs(60))


@healthy
def distillation() -> list[Finding]:
    teacher, student = _pretrained().eval(), mlp(6, 8, 3)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(output, y)

    def batches() -> support.Batches:
        for x, _ in blobs(60):
            with steep.no_grad():
                y = F.softmax(teacher(x), 1)
            yield x, y

    return trained(student, loss, adam(student, 1e-2), batches())


@healthy
def momentum_contrast() -> list[Finding]:
    """Labels that are all zero, and a slow copy that takes no gradients."""
    net = mlp(6, 16, 8)
    slow, loss, optimizer = (
        copy.deepcopy(net).requires_grad_(False),
        nn.CrossEntropyLoss(),
        adam(net),
    )
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, _ in blobs(60):
            one, queue = F.normalize(net(x), dim=1), F.normalize(steep.randn(64, 8), dim=1)
            with steep.no_grad():
                other = F.normalize(slow(x + 0.1 * steep.randn(*x.shape)), dim=1)
            logits = steep.cat([(one * other).sum(1, keepdim=True), one @ queue.T], 1) / 0.2
            optimizer.zero_grad()
            loss(logits, steep.zeros(len(x), dtype=steep.int64)).backward()
            optimizer.step()
            with steep.no_grad():
                for theirs, ours in zip(slow.parameters(), net.parameters(), strict=True):
                    theirs.mul_(0.99).add_(0.01 * ours)
    return watch.findings


@healthy
def q_learning() -> list[Finding]:
    net = mlp(4, 16, 2)
    target, optimizer = copy.deepcopy(net), adam(net, 1e-3)
    with Sanitizer(net, nn.SmoothL1Loss(), optimizer, warn=False) as watch:
        for step in range(120):
            states, actions = steep.randn(32, 4), steep.randint(0, 2, (32, 1))
            with steep.no_grad():
                best = target(steep.randn(32, 4)).max(1).values
                goal = (states[:, 0] > 0).float() + 0.9 * best
            value = nn.SmoothL1Loss()(net(states).gather(1, actions)[:, 0], goal)
            watch.step(states, goal, None, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            if step % 20 == 0:
                target.load_state_dict(net.state_dict())
    return watch.findings


@healthy
def quasi_newton() -> list[Finding]:
    net, (x, y) = mlp(4, 8, 1), next(curve(1))
    optimizer = steep.optim.LBFGS(net.parameters(), lr=0.5, max_iter=4)
    loss = nn.MSELoss()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        return value

    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(12):
            optimizer.step(closure)
    return watch.findings


@healthy
def adversarial_examples() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(30):
            x = x.clone().requires_grad_()
            for _ in range(5):
                loss(net(x), y).backward()
                x = (x + 0.01 * x.grad.sign()).detach().requires_grad_()
            optimizer.zero_grad()
            loss(net(x.detach()), y).backward()
            optimizer.step()
    return watch.findings


@healthy
def stochastic_depth_and_zero_residuals() -> list[Finding]:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.gain = mlp(16, 16, 16), nn.Parameter(steep.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            skipped = self.training and steep.rand(1).item() < 0.3
            return x if skipped else x + self.gain * self.body(x)

    net = nn.Sequential(nn.Linear(6, 16), *(Block() for _ in range(6)), nn.Linear(16, 3))
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-3), blobs(60))


@healthy
def siamese() -> list[Finding]:
    net = mlp(6, 16, 4)
    loss, optimizer = nn.TripletMarginLoss(), adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, _ in blobs(40):
            optimizer.zero_grad()
            loss(net(x), net(x + 0.1 * steep.randn(*x.shape)), net(x.flip(0))).backward()
            optimizer.step()
    return watch.findings


@healthy
def alternating_tasks() -> list[Finding]:
    net = nn.ModuleDict({"body": mlp(6, 16, 16), "a": nn.Linear(16, 3), "b": nn.Linear(16, 1)})
    optimizer = adam(net, 1e-2)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for turn, (x, y) in zip(itertools.cycle((0, 0, 0, 1)), blobs(40), strict=False):
            h = net["body"](x)
            value = F.mse_loss(net["b"](h), x[:, :1]) if turn else F.cross_entropy(net["a"](h), y)
            watch.step(x, None, None, value)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return watch.findings


@healthy
def deep_relu_network() -> list[Finding]:
    net = mlp(6, *[32] * 7, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(60))


@healthy
def random_labels_for_a_few_steps() -> list[Finding]:
    """As in a benchmark: nothing can be learned, and nothing is wrong within so few steps."""
    net = mlp(6, 16, 3)
    batches = ((steep.randn(32, 6), steep.randint(0, 3, (32,))) for _ in range(50))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@healthy
def moving_average_and_swa() -> list[Finding]:
    net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    loss, optimizer = nn.CrossEntropyLoss(), sgd(net)
    averaged = steep.optim.swa_utils.AveragedModel(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(40):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            averaged.update_parameters(net)
        steep.optim.swa_utils.update_bn([x for x, _ in blobs(5)], averaged)
    return watch.findings


@healthy
def lazy_layers_and_label_smoothing() -> list[Finding]:
    net = nn.Sequential(nn.LazyLinear(16), nn.GELU(), nn.LazyLinear(3))
    net(steep.zeros(2, 6))
    return trained(net, nn.CrossEntropyLoss(label_smoothing=0.1), adam(net), blobs(60))


@healthy
def targets_in_their_own_unit_that_are_reached() -> list[Finding]:
    net = mlp(4, 32, 1)
    batches = ((x, 60 + 10 * y) for x, y in curve(160))
    return trained(net, nn.MSELoss(), adam(net, 1e-2), batches)


@healthy
def large_targets_around_0_that_nothing_tells_of() -> list[Finding]:
    net = mlp(4, 32, 1)
    batches = ((x, 1e4 * steep.randn(32, 1)) for x, _ in curve(160))
    return trained(net, nn.L1Loss(), adam(net, 1e-3), batches)


@healthy
def a_last_bias_that_begins_at_the_mean() -> list[Finding]:
    net = mlp(4, 32, 1)
    with steep.no_grad():
        net[-1].bias.fill_(1990.0)
    batches = ((x, 1990 + 5 * y) for x, y in curve(160))
    return trained(net, nn.MSELoss(), adam(net, 1e-2), batches)
