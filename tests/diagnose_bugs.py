"""Trainings with a mistake in their loss, their targets or their loop, and what finds it."""

from __future__ import annotations

import diagnose_support as support
import steep
from diagnose_support import F, adam, blobs, bug, curve, mlp, sgd, trained
from diagnose_support import Watched as Sanitizer
from steep import Tensor, nn
from steep.diagnose import Finding

# ---- the end of the model, and the loss -----------------------------------------------------


@bug("softmax-before-cross-entropy")
def softmax_layer() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.Softmax(1))
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))


@bug("softmax-before-cross-entropy")
def softmax_inside_a_loss_function() -> list[Finding]:
    net = mlp(6, 16, 3)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        penalty = sum((p**2).sum() for p in net.parameters())
        return F.cross_entropy(F.softmax(output, 1), y) + 1e-4 * penalty

    return trained(net, loss, adam(net), blobs(5))


@bug("softmax-before-cross-entropy")
def softmax_before_cross_entropy_written_by_hand() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.Softmax(1))

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return -F.log_softmax(output, 1).gather(1, y[:, None]).mean()

    return trained(net, loss, adam(net), blobs(5))


@bug("sigmoid-before-bce-with-logits")
def sigmoid_layer() -> list[Finding]:
    net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    batches = ((x, (y > 0).float()) for x, y in curve(5))
    return trained(net, nn.BCEWithLogitsLoss(), adam(net), batches)


@bug("sigmoid-before-bce-with-logits")
def sigmoid_and_view_in_a_function() -> list[Finding]:
    net = mlp(4, 8, 1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(output.sigmoid().view(-1), y)

    batches = ((x, (y > 0).float().view(-1)) for x, y in curve(5))
    return trained(net, loss, adam(net), batches)


@bug("activation-before-loss")
def relu_before_cross_entropy() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.ReLU())
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(5))


@bug("softmax-before-nll")
def softmax_before_nll() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.Softmax(1))
    return trained(net, nn.NLLLoss(), adam(net), blobs(5))


@bug("nll-without-log-probabilities")
def log_softmax_over_the_batch() -> list[Finding]:
    net = nn.Sequential(mlp(6, 16, 3), nn.LogSoftmax(0))
    return trained(net, nn.NLLLoss(), adam(net), blobs(5))


@bug("one-class")
def one_output_and_cross_entropy() -> list[Finding]:
    net = mlp(6, 16, 1)
    batches = ((x, 0 * y) for x, y in blobs(5))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


def broadcast(output: Tensor, y: Tensor) -> Tensor:
    return ((output - y) ** 2).mean()


@bug("silent-broadcast")
def broadcast_squared_error() -> list[Finding]:
    net = mlp(4, 16, 1)
    batches = ((x, y.squeeze(1)) for x, y in curve(5))
    return trained(net, broadcast, adam(net), batches)


@bug("silent-broadcast")
def broadcast_the_other_way() -> list[Finding]:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(4, 16, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).squeeze(1)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        return (output - y).abs().cosh().log().mean()

    net = Flat()
    return trained(net, loss, adam(net), curve(5))


@bug("targets-out-of-reach")
def sigmoid_for_standardised_targets() -> list[Finding]:
    net = nn.Sequential(mlp(4, 16, 1), nn.Sigmoid())
    return trained(net, nn.MSELoss(), adam(net), curve(10))


# ---- targets --------------------------------------------------------------------------------


@bug("bce-targets-outside-0-1")
def labels_of_minus_one_and_one() -> list[Finding]:
    net = mlp(4, 16, 1)
    batches = ((x, y.sign()) for x, y in curve(5))
    return trained(net, nn.BCEWithLogitsLoss(), adam(net), batches)


def refused(net: nn.Module, batches: support.Batches) -> list[Finding]:
    """Of a training that the loss itself refuses: what was found before it did."""
    loss = nn.CrossEntropyLoss()
    with Sanitizer(net, loss, adam(net), warn=False) as watch:
        for x, y in batches:
            try:
                loss(net(x), y)
            except (RuntimeError, IndexError):
                return watch.findings
    raise AssertionError("expected the loss to refuse")


@bug("float-class-labels")
def labels_that_are_floats() -> list[Finding]:
    return refused(mlp(6, 16, 3), ((x, y.float()) for x, y in blobs(5)))


@bug("one-hot-targets")
def one_hot_integers() -> list[Finding]:
    return refused(mlp(6, 16, 3), ((x, F.one_hot(y, 3)) for x, y in blobs(5)))


@bug("regression-with-cross-entropy")
def values_and_cross_entropy() -> list[Finding]:
    return refused(mlp(4, 16, 3), ((x, y[:, 0]) for x, y in curve(5)))


@bug("labels-from-one")
def labels_from_one() -> list[Finding]:
    return refused(mlp(6, 16, 3), ((x, y + 1) for x, y in blobs(5, size=64)))


@bug("labels-from-one")
def labels_from_one_and_an_output_more() -> list[Finding]:
    net = mlp(6, 16, 4)
    batches = ((x, y + 1) for x, y in blobs(20))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


@bug("targets-no-probabilities")
def several_labels_and_cross_entropy() -> list[Finding]:
    net = mlp(6, 16, 3)
    batches = ((x, (steep.rand(32, 3) < 0.5).float()) for x, _ in blobs(5))
    return trained(net, nn.CrossEntropyLoss(), adam(net), batches)


# ---- the loop -------------------------------------------------------------------------------


@bug("missing-zero-grad")
def no_zero_grad() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net, 0.01)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(10):
            loss(net(x), y).backward()
            optimizer.step()
    return watch.findings


@bug("missing-zero-grad")
def no_zero_grad_of_the_second_group() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net, 0.01)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(10):
            net[0].zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
    return watch.findings


@bug("missing-step")
def no_step() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(20):
            optimizer.zero_grad()
            loss(net(x), y).backward()
    return watch.findings


@bug("gradients-dropped-before-step")
def zero_grad_between_backward_and_step() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(20):
            loss(net(x), y).backward()
            optimizer.zero_grad()
            optimizer.step()
    return watch.findings


@bug("missing-backward")
def no_backward() -> list[Finding]:
    net, loss = mlp(6, 16, 3), nn.CrossEntropyLoss()
    optimizer = sgd(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(20):
            optimizer.zero_grad()
            loss(net(x), y)
            optimizer.step()
    return watch.findings


def dropout_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


@bug("training-in-eval-mode")
def dropout_in_evaluation_mode() -> list[Finding]:
    net = dropout_net().eval()
    return trained(net, nn.CrossEntropyLoss(), adam(net), blobs(10))


@bug("training-in-eval-mode")
def never_back_from_evaluation() -> list[Finding]:
    net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    loss, optimizer = nn.CrossEntropyLoss(), adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for _ in range(2):
            for x, y in blobs(10):
                optimizer.zero_grad()
                loss(net(x), y).backward()
                optimizer.step()
            net.eval()
    return watch.findings


@bug("evaluating-in-training-mode")
def evaluation_with_dropout() -> list[Finding]:
    net, loss = dropout_net(), nn.CrossEntropyLoss()
    optimizer = adam(net)
    with Sanitizer(net, loss, optimizer, warn=False) as watch:
        for x, y in blobs(10):
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()
        with steep.no_grad():
            for x, y in blobs(5):
                loss(net(x), y)
    return watch.findings
