"""What is timed: each job builds its data once and returns a function that does the work once.

Jobs are written in the names that steep and torch share, so that both run the same code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

Work = Callable[[], Any]

INPUT_BATCHES = 16  # different batches of inputs a training step goes round
LABEL_BATCHES = 3  # different labels of each


def recorded_op(lib: ModuleType) -> Work:
    """One multiplication of four elements, recorded for a gradient."""
    x = lib.ones(4, requires_grad=True)
    other = lib.full((4,), 2.0)
    return lambda: x * other


def recorded_op_backward(lib: ModuleType) -> Work:
    """The same with its backward pass, the gradient cleared each time."""
    x = lib.ones(4, requires_grad=True)
    other = lib.full((4,), 2.0)
    grad = lib.ones(4)

    def work() -> Any:
        x.grad = None
        (x * other).backward(grad)
        return x.grad

    return work


def _training_step(lib: ModuleType, widths: list[int], batch: int) -> Work:
    lib.manual_seed(0)
    layers: list[Any] = []
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        layers += [lib.nn.Linear(fan_in, fan_out)] + [lib.nn.ReLU()] * (i < len(widths) - 2)
    model = lib.nn.Sequential(*layers)
    fused = {"fused": True} if lib.__name__ == "torch" else {}
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3, **fused)
    loss_function = lib.nn.CrossEntropyLoss()
    # Every input comes with several labels in turn, so that the network never learns them by heart:
    # the gradients of one that has are denormal numbers, whose arithmetic is slow in every library.
    inputs = [lib.rand(batch, widths[0]) for _ in range(INPUT_BATCHES)]
    labels = [lib.randint(0, widths[-1], (batch,)) for _ in range(LABEL_BATCHES * INPUT_BATCHES)]
    batches = itertools.cycle(zip(itertools.cycle(inputs), labels))

    def work() -> Any:
        x, target = next(batches)
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return work


def mlp_small(lib: ModuleType) -> Work:
    """A training step of 64-128-128-10, batch 32: ReLU, cross-entropy, Adam."""
    return _training_step(lib, [64, 128, 128, 10], 32)


def mlp_large(lib: ModuleType) -> Work:
    """A training step of 784-512-512-10, batch 128: ReLU, cross-entropy, Adam."""
    return _training_step(lib, [784, 512, 512, 10], 128)


def _matmul(lib: ModuleType, size: int) -> Work:
    lib.manual_seed(0)
    x, other = lib.rand(size, size), lib.rand(size, size)
    return lambda: lib.matmul(x, other)


def matmul_512(lib: ModuleType) -> Work:
    """A product of two 512 x 512 matrices."""
    return _matmul(lib, 512)


def matmul_1024(lib: ModuleType) -> Work:
    """A product of two 1024 x 1024 matrices."""
    return _matmul(lib, 1024)


def matmul_2048(lib: ModuleType) -> Work:
    """A product of two 2048 x 2048 matrices."""
    return _matmul(lib, 2048)


def cross_entropy_vocabulary(lib: ModuleType) -> Work:
    """cross_entropy forward and backward on 512 x 50257."""
    lib.manual_seed(0)
    x = lib.rand(512, 50257).requires_grad_()
    target = lib.randint(0, 50257, (512,))

    def work() -> Any:
        x.grad = None
        loss = lib.nn.functional.cross_entropy(x, target)
        loss.backward()
        return loss

    return work


def add_ten_million(lib: ModuleType) -> Work:
    """The sum of two tensors of ten million elements."""
    x, other = lib.ones(10_000_000), lib.full((10_000_000,), 2.0)
    return lambda: x + other


JOBS: dict[str, Callable[[ModuleType], Work]] = {
    job.__name__: job
    for job in (
        recorded_op,
        recorded_op_backward,
        mlp_small,
        mlp_large,
        matmul_512,
        matmul_1024,
        matmul_2048,
        cross_entropy_vocabulary,
        add_ten_million,
    )
}
