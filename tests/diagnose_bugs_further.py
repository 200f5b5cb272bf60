"""More mistakes, and others' ways to make the same ones, and what finds them."""

from __future__ import annotations

import diagnose_support as support
import steep
from diagnose_support import F, adam, blobs, bug, curve, images, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding


def dropout_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))


class Functional(nn.Module):
    """Everything by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 32), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.dropout(F.relu(self.first(x)), 0.5, training=self.training)
        return self.second(h)


@bug("softmax-before-cross-entropy")
def softmax_over_words_of_a_sequence() -> list[Finding]:
    net = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9), nn.Softmax(-1), nn.Flatten(0, 1))

    def batches() -> support.Batches:
        for _ in range(5):
            x = steep.randint(0, 9, (4, 6))
            yield x, (x + 1).flatten() % 9

    return trained(net, nn.CrossEntropyLoss(), adam(net), batches())


@bug("activation-before-loss")
def tanh_before_bce() -> list[Finding]:
    net = nn.Sequential(mlp(4, 8, 1), nn.Tanh())
    batches = ((x, (y > 0).float()) for x, y in curve(5))
    return trained(net, nn.BCEWithLogitsLoss(), adam(net), batches)


@bug("dropout-before-loss")
def dropout_last() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.Dropout(0.2))
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))


@bug("missing-zero-grad")
def zero_grad_once_an_epoch() -> list[Finding]:
    net = mlp(6, 16, 3)
    optimizer = adam(net)
    with Sanitizer(net, F.cross_entropy, optimizer, warn=False) as watch:
        for _ in range(3):
            optimizer.zero_grad()
            for x, y in blobs(10):
                F.cross_entropy(net(x), y).backward()
                optimizer.step()
    return watch.findings


@bug("missing-step")
def no_step_and_a_loss_that_cannot_be_seen() -> list[Finding]:
    net = mlp(6, 16, 3)
    optimizer = adam(net)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for x, y in blobs(10):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
    return watch.findings


@bug("missing-step")
def no_step_and_gradients_that_pile_up() -> list[Finding]:
    net = mlp(6, 16, 3)
    optimizer = adam(net)
    with Sanitizer(net, nn.CrossEntropyLoss(), optimizer, warn=False) as watch:
        for x, y in blobs(10):
            value = F.cross_entropy(net(x), y)
            watch.step(x, y, None, value)
            value.backward()
    return watch.findings


@bug("training-in-eval-mode")
def functional_dropout_in_evaluation_mode() -> list[Finding]:
    net = Functional().eval()
    optimizer = adam(net)
    with Sanitizer(net, None, optimizer, warn=False) as watch:
        for x, y in blobs(10):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
    return watch.findings


@bug("evaluating-in-training-mode")
def accuracy_measured_with_dropout() -> list[Finding]:
    net, loss = dropout_net(), nn.CrossEntropyLoss()
    optimizer = adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(2):
            for x, y in blobs(10):
                optimizer.zero_grad()
                loss(net(x), y).backward()
                optimizer.step()
            with steep.no_grad():
                right = [(net(x).argmax(1) == y).float().mean() for x, y in blobs(3)]
    assert right
    return watch.findings


@bug("evaluating-in-training-mode")
def functional_dropout_on_one_batch_an_epoch() -> list[Finding]:
    net = Functional()
    optimizer = adam(net)
    x, y = next(blobs(1, size=100))
    with Sanitizer(net, F.cross_entropy, optimizer, warn=False) as watch:
        for _ in range(4):
            for i in range(0, 100, 10):
                optimizer.zero_grad()
                F.cross_entropy(net(x[i : i + 10]), y[i : i + 10]).backward()
                optimizer.step()
            with steep.no_grad():
                F.cross_entropy(net(x[50:].clone()), y[50:])
    return watch.findings


@bug("no-gradient")
def through_numpy() -> list[Finding]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 16), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).relu()
            return self.second(steep.tensor(h.detach().numpy()))

    net = Net()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(6))


@bug("no-gradient")
def half_of_it_under_no_grad() -> list[Finding]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 16), nn.Linear(16, 3)

        def forward(self, x: Tensor) -> Tensor:
            with steep.no_grad():
                h = self.first(x).relu()
            return self.second(h)

    net = Net()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(6))


@bug("unregistered-layer")
def layers_in_a_dict() -> list[Finding]:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = {"a": nn.Linear(6, 16), "b": nn.Linear(16, 3)}
            self.scale = nn.Parameter(steep.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * self.parts["b"](self.parts["a"](x).relu())

    net = Named()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(4))


@bug("shared-layer")
def one_block_in_a_list_of_layers() -> list[Finding]:
    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([mlp(6, 6, 6)] * 3)
            self.head = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            for block in self.blocks:
                x = x + block(x)
            return self.head(x)

    net = Blocks()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(4))


@bug("swapped-arguments")
def target_and_output_swapped() -> list[Finding]:
    net = nn.Sequential(mlp(4, 8, 1), nn.Sigmoid())
    loss, optimizer = nn.BCELoss(), adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in curve(4):
            optimizer.zero_grad()
            loss((y > 0).float(), net(x)).backward()
            optimizer.step()
    return watch.findings


@bug("vanishing-gradients")
def deep_tanh_with_small_weights() -> list[Finding]:
    net = mlp(6, *[32] * 10, 3, act=nn.Tanh)
    for layer in list(net)[::2]:
        nn.init.normal_(layer.weight, std=0.02)
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-5), blobs(6))


@bug("vanishing-gradients")
def twenty_sigmoids() -> list[Finding]:
    net = mlp(6, *[16] * 20, 3, act=nn.Sigmoid)
    return trained(
        net, nn.MSELoss(), adam(net), ((x, F.one_hot(y, 3).float()) for x, y in blobs(20))
    )


@bug("exploding-gradients")
def large_recurrent_weights() -> list[Finding]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(3, 16, batch_first=True, nonlinearity="relu")
            self.head = nn.Linear(16, 1)
            nn.init.normal_(self.rnn.weight_hh_l0, std=0.6)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    net = Net()
    batches = ((steep.randn(8, 40, 3), steep.randn(8, 1)) for _ in range(10))
    return trained(net, nn.MSELoss(), sgd(net, 1e-30), batches)


@bug("dead-units")
def relus_killed_by_the_rate() -> list[Finding]:
    net = mlp(6, 32, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 10.0), blobs(60))


@bug("learning-rate-too-high")
def overflow_within_some_steps() -> list[Finding]:
    net = mlp(4, 16, 1)
    batches = ((x, y) for x, y in curve(60))
    return trained(net, nn.MSELoss(), sgd(net, 10.0), batches)


@bug("learning-rate-too-low")
def adam_at_a_billionth() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), adam(net, 1e-9), blobs(20))


@bug("learning-rate-too-low")
def a_rate_of_zero() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 0.0), blobs(20))


@bug("weight-decay-too-high")
def weights_that_decay_at_once() -> list[Finding]:
    net = mlp(6, 32, 3)
    return trained(net, nn.CrossEntropyLoss(), sgd(net, 0.1, weight_decay=2.0), blobs(20))


@bug("labels-unrelated-to-inputs")
def labels_permuted_in_all_epochs() -> list[Finding]:
    xs, ys = (steep.cat(list(parts)) for parts in zip(*blobs(40), strict=True))
    ys = ys[steep.randperm(len(ys))]
    net = mlp(6, 32, 3)
    pairs = [(xs[i : i + 32], ys[i : i + 32]) for i in range(0, len(xs), 32)]
    return trained(net, nn.CrossEntropyLoss(), adam(net), iter(pairs * 4))


@bug("labels-unrelated-to-inputs")
def targets_of_a_regression_permuted() -> list[Finding]:
    net = mlp(4, 32, 1)
    batches = ((x, y[steep.randperm(len(y))]) for x, y in curve(160))
    return trained(net, nn.MSELoss(), adam(net, 1e-2), batches)


@bug("inputs-not-normalised")
def raw_numbers_into_a_recurrent_layer() -> list[Finding]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    net = Net()
    batches = ((100 + 20 * steep.randn(8, 9, 3), steep.randn(8, 1)) for _ in range(5))
    return trained(net, nn.MSELoss(), adam(net), batches)


@bug("batch-taken-for-time")
def encoder_without_batch_first() -> list[Finding]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.TransformerEncoderLayer(8, 2, 16), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(x).mean(1))

    net = Net()
    batches = ((x, (x.sum((1, 2)) > 0).long()) for x in (steep.randn(16, 5, 8) for _ in range(5)))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@bug("non-finite")
def division_by_zero_in_the_loss() -> list[Finding]:
    net = mlp(4, 8, 1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return ((output - y) / (y - y)).abs().mean()

    return trained(net, loss, adam(net), curve(5))


@bug("non-finite")
def overflow_of_exp() -> list[Finding]:
    net = nn.Sequential(mlp(4, 8, 1))

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return (500 * output.abs() + 100).exp().mean()

    return trained(net, loss, adam(net), curve(5))


@bug("zero-gradient")
def answers_by_sign() -> list[Finding]:
    net = mlp(4, 16, 1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return (output.sign() - y.sign()).abs().mean()

    return trained(net, loss, adam(net), curve(8))


@bug("class-imbalance")
def rare_positives_never_answered() -> list[Finding]:
    net = mlp(6, 16, 1)
    batches = ((steep.randn(64, 6), (steep.rand(64) < 0.04).float()) for _ in range(200))
    batches = ((x, y[:, None]) for x, y in batches)
    return trained(net, nn.BCEWithLogitsLoss(), adam(net, 3e-3), batches)


@bug("inputs-not-normalised")
def pixels_to_255_by_hooks_alone() -> list[Finding]:
    net = nn.Sequential(nn.Flatten(), mlp(64, 32, 3))
    batches = ((255 * x, y) for x, y in images(10))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches, tell=False)


@bug("targets-not-normalised")
def prices_as_they_are() -> list[Finding]:
    net = mlp(4, 32, 1)
    batches = ((x, 1e5 + 1e4 * y) for x, y in curve(110))
    return trained(net, nn.MSELoss(), adam(net, 3e-3), batches)


@bug("targets-not-normalised")
def years_as_they_are() -> list[Finding]:
    net = mlp(4, 32, 1)
    batches = ((x, 1990 + 5 * y) for x, y in curve(110))
    return trained(net, nn.L1Loss(), adam(net), batches)
