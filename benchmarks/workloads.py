"""What is timed, in numbers alone: the data all libraries start from, and the least work there is.

A workload knows nothing of any library. Its arrays come from NumPy with fixed seeds, so that every
library is given the same weights and batches. Its `cost` is an estimate of what cannot be avoided:
the floating-point operations, the bytes moved if every array is read and written once for each
pass that needs it, and the bytes of all arrays together, which tell the cache they may lie in.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"

FLOAT = 4  # bytes of a float32
INPUT_BATCHES = 16  # different batches of inputs a network is given in turn
TARGET_BATCHES = 3  # different targets for each of them
LEARNING_RATE = 1e-3
MOMENTUM = 0.9
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Mix(NamedTuple):
    """How many values are read for how many written."""

    reads: int
    writes: int


class Cost(NamedTuple):
    """The least a workload needs: operations, bytes moved, and bytes of memory touched."""

    flops: float
    traffic: float
    footprint: float
    mixes: tuple[Mix, ...] = ()  # of what is moved; empty where it is one now and another then


class UpdateCost(NamedTuple):
    """An optimiser's step for one parameter."""

    flops: int
    mix: Mix
    arrays: int  # the parameter, its gradient, and the state

    @property
    def streams(self) -> int:
        """Values read and written."""
        return sum(self.mix)


# Adam reads parameter, gradient and two moments and writes all but the gradient.
# The others read and write an average of squares; NAdam is Adam's.
UPDATES = {
    "adam": UpdateCost(15, Mix(4, 3), 4),
    "adamw": UpdateCost(16, Mix(4, 3), 4),
    "sgd": UpdateCost(4, Mix(3, 2), 3),
    "rmsprop": UpdateCost(8, Mix(3, 2), 3),
    "adagrad": UpdateCost(7, Mix(3, 2), 3),
    "nadam": UpdateCost(18, Mix(4, 3), 4),
}
# Functions by a polynomial: reduction, about six fused multiply-adds, and putting it together.
FUNCTION_FLOPS = {"add": 1, "exp": 20, "tanh": 30}


def _uniform(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def _normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True)
class Network:
    """Linear layers with an activation between them."""

    widths: tuple[int, ...]
    activation: str  # "relu" or "tanh"

    def weights(self) -> list[Array]:
        """Weight (out, in) and bias (out) of each layer, uniform within 1 / sqrt(in)."""
        arrays = []
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(self.widths)):
            for seed, shape in ((2 * i, (fan_out, fan_in)), (2 * i + 1, (fan_out,))):
                arrays.append((_uniform(seed, *shape) * 2 - 1) / np.float32(math.sqrt(fan_in)))
        return arrays

    def inputs(self, batch: int) -> list[Array]:
        """The batches of inputs, each (batch, first width), uniform in [0, 1)."""
        return [_uniform(100 + i, batch, self.widths[0]) for i in range(INPUT_BATCHES)]

    @property
    def products(self) -> list[int]:
        """Multiplications of each layer for one sample."""
        return [a * b for a, b in itertools.pairwise(self.widths)]

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(self.products) + sum(self.widths[1:])


@dataclass(frozen=True)
class Training:
    """A whole step: gradients cleared, forward, backward, optimiser.

    Every input comes with several targets in turn, so that the network never learns them by heart:
    the gradients of one that has are denormal numbers, whose arithmetic is slow in every library.
    """

    network: Network
    loss: str  # "mse" or "cross_entropy"
    optimizer: str  # "adam" or "sgd", which has momentum
    batch: int
    outside: bool = False  # whether the model alone is compiled, not the step

    def batches(self) -> list[tuple[Array, Array]]:
        """All pairs of inputs and targets, in the order in which they are taken."""
        inputs = self.network.inputs(self.batch)
        generator = np.random.default_rng(1)
        outputs = self.network.widths[-1]
        targets: list[Array] = []
        for _ in range(TARGET_BATCHES * INPUT_BATCHES):
            if self.loss == "cross_entropy":
                targets.append(generator.integers(0, outputs, self.batch))
            else:
                targets.append(generator.random((self.batch, outputs), dtype=np.float32))
        return list(zip(inputs * TARGET_BATCHES, targets, strict=True))

    def cost(self) -> Cost:
        """Three products a layer but two in the first, whose input needs no gradient.

        Weights are read forward and backward, their gradients written; values of a layer and their
        gradients are written once and read twice.
        """
        network, update = self.network, UPDATES[self.optimizer]
        products = 3 * sum(network.products) - network.products[0]
        flops = 2 * self.batch * products + update.flops * network.parameters
        values = self.batch * sum(network.widths)
        traffic = (3 + update.streams) * network.parameters + 6 * values
        footprint = update.arrays * network.parameters + 2 * values
        return Cost(flops, FLOAT * traffic, FLOAT * footprint)


@dataclass(frozen=True)
class Inference:
    """A forward pass without gradients."""

    network: Network
    batch: int

    def cost(self) -> Cost:
        """One product a layer; values are written once and read once."""
        values = self.batch * sum(self.network.widths)
        return Cost(
            2 * self.batch * sum(self.network.products),
            FLOAT * (self.network.parameters + 2 * values),
            FLOAT * (self.network.parameters + values),
        )


@dataclass(frozen=True)
class CrossEntropy:
    """Loss and gradient of (rows, classes)."""

    rows: int
    classes: int

    def arrays(self) -> tuple[Array, Array]:
        """Scores, normally distributed, and targets."""
        targets = np.random.default_rng(1).integers(0, self.classes, self.rows)
        return _normal(0, self.rows, self.classes), targets

    def cost(self) -> Cost:
        """Scores are read by each pass and their gradient is written; each pass has its exp."""
        elements = self.rows * self.classes
        flops = (2 * FUNCTION_FLOPS["exp"] + 6) * elements
        return Cost(flops, 3 * FLOAT * elements, 2 * FLOAT * elements, (Mix(2, 1),))


@dataclass(frozen=True)
class Update:
    """An optimiser's step alone, over equal tensors with gradients that stay."""

    optimizer: str
    tensors: int
    size: int

    def arrays(self) -> tuple[list[Array], list[Array]]:
        """Parameters and gradients, normally distributed."""
        params = [_normal(i, self.size) for i in range(self.tensors)]
        return params, [_normal(1000 + i, self.size) for i in range(self.tensors)]

    def cost(self) -> Cost:
        """What the optimiser must read and write."""
        update, elements = UPDATES[self.optimizer], self.tensors * self.size
        return Cost(
            update.flops * elements,
            FLOAT * update.streams * elements,
            FLOAT * update.arrays * elements,
            (update.mix,),
        )


@dataclass(frozen=True)
class Elementwise:
    """One function of one vector, or of two for add, without a gradient."""

    function: str
    size: int

    def arrays(self) -> list[Array]:
        """The operands, normally distributed."""
        return [_normal(i, self.size) for i in range(2 if self.function == "add" else 1)]

    def cost(self) -> Cost:
        """Operands read, the result written."""
        mix = Mix(2, 1) if self.function == "add" else Mix(1, 1)
        moved = FLOAT * self.size * sum(mix)
        return Cost(FUNCTION_FLOPS[self.function] * self.size, moved, moved, (mix,))


@dataclass(frozen=True)
class Product:
    """A product of two square matrices."""

    size: int

    def arrays(self) -> list[Array]:
        """The factors, uniform in [0, 1)."""
        return [_uniform(i, self.size, self.size) for i in range(2)]

    def cost(self) -> Cost:
        """A multiplication and an addition for every row, column and inner index."""
        moved = 3 * FLOAT * self.size**2
        return Cost(2 * self.size**3, moved, moved)


@dataclass(frozen=True)
class RecordedOperation:
    """One multiplication of four elements, recorded for a gradient."""

    backward: bool  # whether the backward pass is part of it

    def cost(self) -> Cost:
        """Two operands read and a result written; backward once more."""
        passes = 2 if self.backward else 1
        return Cost(4 * passes, 4 * 3 * FLOAT * passes, 4 * 3 * FLOAT * passes)


Workload: TypeAlias = (
    "Training | Inference | CrossEntropy | Update | Elementwise | Product | RecordedOperation"
)

CONTROL = Network((4, 64, 64, 2), "tanh")
DIGITS = Network((64, 128, 128, 10), "relu")
IMAGES = Network((784, 512, 512, 10), "relu")
WIDE = Network((1024, 4096, 4096, 1000), "relu")

WORKLOADS: dict[str, Workload] = {
    "step_control_1": Training(CONTROL, "mse", "adam", 1),
    "step_control_64": Training(CONTROL, "mse", "adam", 64),
    "step_control_1_outside": Training(CONTROL, "mse", "adam", 1, outside=True),
    "step_control_64_outside": Training(CONTROL, "mse", "adam", 64, outside=True),
    "step_digits_32": Training(DIGITS, "cross_entropy", "adam", 32),
    "step_digits_256": Training(DIGITS, "cross_entropy", "adam", 256),
    "step_images_128": Training(IMAGES, "cross_entropy", "adam", 128),
    "step_wide_512": Training(WIDE, "cross_entropy", "sgd", 512),
    "inference_control_1": Inference(CONTROL, 1),
    "cross_entropy_4096x1000": CrossEntropy(4096, 1000),
    "cross_entropy_512x50257": CrossEntropy(512, 50257),
    "adam_10m": Update("adam", 10, 1_000_000),
    **{
        f"{name}_10m": Update(name, 10, 1_000_000)
        for name in ("sgd", "rmsprop", "adagrad", "nadam")
    },
    **{
        f"{function}_1e{exponent}": Elementwise(function, 10**exponent)
        for function in FUNCTION_FLOPS
        for exponent in (3, 5, 7)
    },
    **{f"matmul_{size}": Product(size) for size in (512, 1024, 2048)},
    "recorded_op": RecordedOperation(backward=False),
    "recorded_op_backward": RecordedOperation(backward=True),
}
