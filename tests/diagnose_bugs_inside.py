"""Trainings with a mistake in the model, the data or the rate, and what finds it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import diagnose_support as support
import steep
from diagnose_support import Watched as Sanitizer
from diagnose_support import adam, blobs, bug, curve, images, mlp, sgd, trained
from steep import Tensor, nn
from steep.diagnose import Finding

# ---- parameters -----------------------------------------------------------------------------


class Through(nn.Module):
    """Two layers with something between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.between = nn.Linear(6, 16), nn.Linear(16, 3), between

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x)))


@bug("no-gradient")
def detached() -> list[Finding]:
    net = Through(lambda h: h.relu().detach())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(10))


@bug("no-gradient")
def never_called() -> list[Finding]:
    net = mlp(6, 16, 3)
    net.extra = nn.Linear(16, 16)
    whole = net.forward
    net.forward = lambda x: whole(x) if False else net[2](net[1](net[0](x)))
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(20))


@bug("zero-gradient")
def rounded() -> list[Finding]:
    net = Through(lambda h: h.round())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(10))


@bug("not-in-optimizer")
def half_of_the_parameters() -> list[Finding]:
    net = mlp(6, 16, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net[2]), blobs(10))


@bug("not-in-optimizer")
def head_replaced_after_the_optimizer() -> list[Finding]:
    net = mlp(6, 16, 5)
    optimizer = adam(net)
    net[2] = nn.Linear(16, 3)
    return trained(net, nn.CrossEntropyLoss(), optimizer, blobs(10))


@bug("optimizer-of-other-parameters")
def optimizer_of_another_copy() -> list[Finding]:
    net = mlp(6, 16, 3)
    return trained(copy.deepcopy(net), nn.CrossEntropyLoss(), adam(net), blobs(10))


@bug("unregistered-layer")
def layers_in_a_list() -> list[Finding]:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.head = [nn.Linear(6, 16), nn.Linear(16, 16)], nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.hidden:
                x = layer(x).relu()
            return self.head(x)

    net = Listed()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(15))


@bug("shared-layer")
def one_layer_three_times() -> list[Finding]:
    net = nn.Sequential(nn.Linear(6, 16), *[nn.Linear(16, 16)] * 3, nn.Linear(16, 3))
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))


@bug("shared-memory")
def copied_without_a_copy() -> list[Finding]:
    net = mlp(8, 8, 8, 3)
    net[2].weight = nn.Parameter(net[0].weight.detach())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5, width=8))


@bug("symmetric-units")
def constant_weights() -> list[Finding]:
    net = mlp(6, 16, 3)
    for param in net[:2].parameters():
        nn.init.constant_(param, 0.1)
    nn.init.constant_(net[2].weight, 0.1)
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(10))


# ---- inputs ---------------------------------------------------------------------------------


@bug("inputs-not-normalised")
def pixels_to_255() -> list[Finding]:
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3))
    batches = (((255 * x).round(), y) for x, y in images(10))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@bug("inputs-not-normalised")
def a_column_of_years() -> list[Finding]:
    net = mlp(6, 16, 3)
    offset = steep.tensor([0.0, 0, 0, 2000, 0, 0])
    batches = ((x + offset, y) for x, y in blobs(10))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@bug("batch-taken-for-time")
def batch_first_forgotten() -> list[Finding]:
    class Forgotten(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.head = nn.GRU(3, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.gru(x)[0][:, -1])

    def batches() -> support.Batches:
        for _ in range(5):
            x = steep.randn(24, 12, 3)
            yield x, (x.sum((1, 2)) > 0).long()

    net = Forgotten()
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches())


@bug("batches-not-shuffled")
def sorted_by_class() -> list[Finding]:
    net = mlp(6, 16, 3)
    xs, ys = map(steep.cat, zip(*blobs(20), strict=True))
    order = steep.tensor(np.argsort(ys.numpy()))
    batches = zip(xs[order].split(32), ys[order].split(32), strict=True)
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


def shuffled_labels(steps: int) -> Iterator[Any]:
    pairs = list(blobs(10))
    for step in range(steps):
        yield pairs[step % 10][0], pairs[(7 * step + 3) % 10][1]


@bug("labels-unrelated-to-inputs")
def labels_of_other_inputs() -> list[Finding]:
    net = mlp(6, 8, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net, 3e-3), shuffled_labels(240))


@bug("class-imbalance")
def rare_class_never_recognised() -> list[Finding]:
    net = mlp(6, 16, 2)
    batches = ((steep.randn(64, 6), (steep.rand(64) < 0.05).long()) for _ in range(200))
    return trained(net, nn.CrossEntropyLoss(), adam(net, 3e-3), batches)


# ---- signals --------------------------------------------------------------------------------


@bug("vanishing-gradients")
def deep_sigmoids() -> list[Finding]:
    net = mlp(6, *[32] * 9, 3, act=nn.Sigmoid)
    return trained(net, nn.CrossEntropyLoss(), sgd(net), blobs(30))


@bug("exploding-gradients")
def deep_and_large() -> list[Finding]:
    net = mlp(6, *[64] * 8, 3)
    for layer in list(net)[2::2]:
        nn.init.normal_(layer.weight, std=1.0)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 1e-12), blobs(30))


@bug("dead-units")
def relus_pushed_below_zero() -> list[Finding]:
    net = mlp(6, 16, 16, 3)
    nn.init.constant_(net[2].bias, -50.0)
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(30))


@bug("saturated-units")
def tanh_at_its_ends() -> list[Finding]:
    net = mlp(6, 16, 16, 3, act=nn.Tanh)
    nn.init.normal_(net[2].weight, std=50.0)
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(30))


@bug("learning-rate-too-high")
def rate_of_one_for_adam() -> list[Finding]:
    net = mlp(6, 32, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net, 3.0), blobs(60))


@bug("learning-rate-too-high")
def rate_of_a_hundred() -> list[Finding]:
    net = mlp(4, 16, 1)
    return trained(net, nn.L1Loss(), sgd(net, 100.0), curve(60))


@bug("learning-rate-too-low")
def rate_of_a_millionth() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 1e-7), blobs(60))


@bug("learning-rate-collapsed")
def schedule_of_epochs_stepped_with_batches() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    schedule = steep.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(40):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return watch.findings


@bug("loss-rising")
def uphill() -> list[Finding]:
    net = mlp(6, 16, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-2, maximize=True), blobs(60))


@bug("loss-rising")
def uphill_slowly() -> list[Finding]:
    net = mlp(6, 16, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 1e-2, maximize=True), blobs(120))


@bug("loss-rising")
def uphill_in_a_regression() -> list[Finding]:
    net = mlp(4, 16, 1)
    return trained(net, nn.MSELoss(), adam(net, 1e-3, maximize=True), curve(100))


@bug("learning-rate-collapsed")
def a_tenth_less_in_every_batch() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    schedule = steep.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(120):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return watch.findings


@bug("loss-at-chance")
def input_forgotten() -> list[Finding]:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(6, 16, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x.mean((0, 1), keepdim=True).expand(*x.shape))

    net = Blind()
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-2), blobs(240))


@bug("non-finite")
def logarithm_of_a_negative_number() -> list[Finding]:
    net = Through(lambda h: h.log())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))


@bug("non-finite")
def nan_in_the_data() -> list[Finding]:
    net = mlp(6, 16, 3)
    gap = steep.tensor([0.0, 0, float("nan"), 0, 0, 0])
    batches = ((x + gap, y) if i == 3 else (x, y) for i, (x, y) in enumerate(blobs(6)))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@bug("non-finite")
def slope_of_a_root_at_zero() -> list[Finding]:
    net = Through(lambda h: (h - h.detach()).sqrt())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))
