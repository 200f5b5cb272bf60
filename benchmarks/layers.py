"""Layers and networks of layers, in numbers alone: what is timed forward and backward, and whole
training steps.

As in `workloads`, a cost is the least there is: inputs, results and parameters read and written
once by each pass, and the multiplications. Those of a 3x3 convolution without stride are 16 for the
36 of each 2x2 results (Winograd's minimal filtering), for both libraries may compute it so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from benchmarks.workloads import FLOAT, UPDATES, Array, Cost

VOCABULARY = 65  # characters of a text
PLACES_3X3 = 4  # products of a result and a channel: 16 for each four results


@dataclass(frozen=True)
class Step:
    """A training step of one of `networks`: gradients cleared, forward, backward, optimiser."""

    network: str
    optimizer: str
    input: tuple[int, ...]
    classes: int  # 0: the targets are numbers, and the loss is the mean squared error
    products: int  # multiplications of one forward pass
    parameters: int
    values: int  # elements of all layers' results
    tokens: bool = False  # whether the input is of characters
    dropout: bool = True
    tolerance: float = 1e-4  # of losses after some steps, relative

    def for_check(self) -> Step:
        """The same without dropout, whose masks every library draws in its own way."""
        return replace(self, dropout=False)

    @property
    def targets(self) -> tuple[int, ...]:
        """Their shape: one for each image, or for each place of a text or a sequence."""
        if not self.classes:
            return (*self.input[:-1], 1)
        return (math.prod(self.input),) if self.tokens else self.input[:1]

    def batches(self, count: int = 8) -> list[tuple[Array, Array]]:
        """Inputs and targets, each drawn for itself."""
        generator = np.random.default_rng(1)
        pairs: list[tuple[Array, Array]] = []
        for _ in range(count):
            x: Array = generator.random(self.input, dtype=np.float32)
            if self.tokens:
                x = generator.integers(0, VOCABULARY, self.input)
            if self.classes:
                pairs.append((x, generator.integers(0, self.classes, self.targets)))
            else:
                pairs.append((x, generator.random(self.targets, dtype=np.float32)))
        return pairs

    def cost(self) -> Cost:
        """Three products a layer; parameters moved by the optimiser, and three times besides."""
        update = UPDATES[self.optimizer]
        flops = 6 * self.products + update.flops * self.parameters
        traffic = (3 + update.streams) * self.parameters + 6 * self.values
        footprint = update.arrays * self.parameters + 2 * self.values
        return Cost(flops, FLOAT * traffic, FLOAT * footprint)


@dataclass(frozen=True)
class Layer:
    """One layer forward and backward, with gradients of its input and its parameters.

    `make` names a class of `nn`, or a function of `nn.functional`, and its arguments.
    """

    make: str
    given: tuple[Any, ...]
    input: tuple[int, ...]
    products: int  # multiplications forward; as many for each gradient
    values: int  # elements of input, result and parameters
    flops: int = 0  # others
    inputs: int = 1  # tensors of that shape
    indices: int = 0  # the input is of indices below this
    settings: tuple[tuple[str, Any], ...] = ()

    def arrays(self) -> list[Array]:
        """The inputs, normally distributed or indices."""
        generator = np.random.default_rng(2)
        if self.indices:
            return [generator.integers(0, self.indices, self.input)]
        return [generator.standard_normal(self.input, dtype=np.float32) for _ in range(self.inputs)]

    def cost(self) -> Cost:
        """All read or written by each pass."""
        return Cost(
            6 * self.products + max(self.flops, self.values),
            2 * FLOAT * self.values,
            2 * FLOAT * self.values,
        )


Layered: TypeAlias = "Step | Layer"


def _conv(
    given: tuple[Any, ...], input: tuple[int, ...], out: int, each: int, **settings: Any
) -> Layer:
    """A convolution with `out` results of `each` products."""
    values = math.prod(input) + out
    name = f"Conv{len(input) - 2}d"
    return Layer(name, given, input, out * each, values, settings=tuple(settings.items()))


def _recurrent(name: str, gates: int) -> Layer:
    batch, steps, width, hidden = 32, 50, 64, 128
    products = batch * steps * gates * hidden * (width + hidden)
    values = batch * steps * (width + (gates + 2) * hidden)
    return Layer(name, (width, hidden), (steps, batch, width), products, values)


def _gpt(layers: int, width: int, batch: int, context: int) -> Step:
    places = batch * context
    name = f"gpt_{layers}x{width}"
    products = places * (layers * (12 * width**2 + context * width) + VOCABULARY * width)
    parameters = layers * 12 * width**2 + (2 * VOCABULARY + context) * width
    values = places * (layers * 14 * width + VOCABULARY)
    return Step(
        name, "adamw", (batch, context), VOCABULARY, products, parameters, values, tokens=True
    )


def _resnet18() -> Step:
    """Of each stage: side, channels, and products of its convolutions for one image."""
    products, values, parameters, before = 32 * 32 * 64 * 27, 32 * 32 * 64, 64 * 27, 64
    for side, rows in ((32, 64), (16, 128), (8, 256), (4, 512)):
        shrinks = rows > 64  # by a stride, in the first of the four and beside it
        weights = 9 * rows * before + 3 * 9 * rows * rows + (rows * before if shrinks else 0)
        first = 10 if shrinks else PLACES_3X3
        products += side * side * rows * (first * before + 3 * PLACES_3X3 * rows)
        parameters += weights
        values += side * side * rows * (9 if shrinks else 8)
        before = rows
    return Step(
        "resnet18",
        "sgd",
        (32, 3, 32, 32),
        10,
        32 * products,
        parameters,
        32 * values,
        tolerance=1e-3,  # batch statistics make rounding grow from step to step
    )


_MNIST = 26 * 26 * 32 * 9 + 24 * 24 * 64 * 32 * PLACES_3X3 + 9216 * 128 + 1280

LAYERS: dict[str, Layered] = {
    "step_mnist": Step(
        "mnist", "adam", (64, 1, 28, 28), 10, 64 * _MNIST, 1_199_882, 64 * (21_632 + 46_080 + 138)
    ),
    "step_resnet18": _resnet18(),
    "step_gpt_4x64": _gpt(4, 64, 32, 16),
    "step_gpt_6x384": _gpt(6, 384, 8, 256),
    "step_sequence": Step(
        "sequence", "adam", (100, 1, 16), 0, 100 * (4 * 32 * 48 + 32), 6_433, 100 * 32 * 7
    ),
    "conv_3x3": _conv((64, 64, 3), (16, 64, 56, 56), 16 * 64 * 56 * 56, 64 * PLACES_3X3, padding=1),
    "conv_depthwise": _conv(
        (64, 64, 3), (16, 64, 56, 56), 16 * 64 * 56 * 56, 9, padding=1, groups=64
    ),
    "conv_1x1": _conv((64, 64, 1), (16, 64, 56, 56), 16 * 64 * 56 * 56, 64),
    "conv_1d": _conv((32, 64, 5), (32, 32, 256), 32 * 64 * 252, 160),
    "attention": Layer(
        "scaled_dot_product_attention",
        (),
        (8, 8, 512, 64),
        8 * 8 * 512 * 512 * 64,  # two products, half of each masked
        4 * 8 * 8 * 512 * 64,
        inputs=3,
        settings=(("is_causal", True),),
    ),
    "lstm": _recurrent("LSTM", 4),
    "gru": _recurrent("GRU", 3),
    "layer_norm": Layer("LayerNorm", (768,), (4096, 768), 0, 2 * 4096 * 768),
    "batch_norm": Layer("BatchNorm2d", (64,), (64, 64, 24, 24), 0, 2 * 64 * 64 * 576),
    "group_norm": Layer("GroupNorm", (8, 64), (64, 64, 24, 24), 0, 2 * 64 * 64 * 576),
    "max_pool": Layer("MaxPool2d", (2,), (64, 64, 24, 24), 0, 64 * 64 * (576 + 144)),
    "embedding": Layer("Embedding", (50_000, 64), (4096,), 0, 50_000 * 64, indices=50_000),
}
