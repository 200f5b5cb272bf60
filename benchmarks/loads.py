"""Epochs of a loader as workloads: what `loading` times.

torch gets what suits it best: a `TensorDataset`, no worker processes, and what augments written for
whole batches, in the loop. Per sample, in the dataset, it would take far longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

BATCH = 256
MEAN, STD, NOISE = 0.1, 2.0, 0.1


@dataclass(frozen=True)
class Load:
    """A shuffled epoch in batches of 256, after which each batch is there as float32.

    Attributes:
        title: what it is.
        shape: of the inputs; bytes where a sample has several axes, float32 otherwise.
        steps: what is done to a batch, in order: "float", "flip", "normalize", "noise".
        asked: how many times torch's speed.
    """

    title: str
    shape: tuple[int, ...]
    steps: tuple[str, ...] = ()
    asked: float = 20.0

    def arrays(self) -> tuple[Any, Any]:
        """Inputs and targets."""
        generator = np.random.default_rng(0)
        if len(self.shape) > 2:
            x: Any = generator.integers(0, 256, self.shape, dtype=np.uint8)
        else:
            x = generator.standard_normal(self.shape, dtype=np.float32)
        return x, generator.integers(0, 10, self.shape[0])

    @property
    def random(self) -> bool:
        """Whether the inputs depend on the library's stream."""
        return bool({"flip", "noise"} & {*self.steps})


TABLE, PICTURES = (100_000, 64), (20_000, 1, 28, 28)
LOADS = {
    "load": Load("100,000 x 64", TABLE),
    "load_normalized": Load("the same, normalised by column", TABLE, ("normalize",)),
    "load_noise": Load("the same, Gaussian noise", TABLE, ("noise",)),
    "load_both": Load("the same, both", TABLE, ("normalize", "noise")),
    "load_pictures": Load(
        "20,000 images 28 x 28 of bytes, to float32, flipped, normalised",
        PICTURES,
        ("float", "flip", "normalize"),
        asked=8.0,
    ),
}


def build(lib: ModuleType, work: Load) -> Callable[[], Any]:
    """The work as the library does it: a function that goes through an epoch.

    It returns the last batch, without the inputs where these are random.
    """
    x, y = (lib.from_numpy(array) for array in work.arrays())
    dataset = lib.utils.data.TensorDataset(x, y)
    channels = work.shape[1]
    generator = lib.Generator()
    generator.manual_seed(0)
    if lib.__name__ == "steep":
        loader, after = _steep(lib, work, dataset, channels, generator), []
    else:
        loader = lib.utils.data.DataLoader(dataset, BATCH, shuffle=True, generator=generator)
        after = [_in_the_loop(lib, step, channels, len(work.shape)) for step in work.steps]

    def epoch() -> Any:
        x = y = None
        for x, y in loader:  # noqa: B007
            for step in after:
                x = step(x)
        return y if work.random else (x, y)

    return epoch


def _steep(lib: ModuleType, work: Load, dataset: Any, channels: int, generator: Any) -> Any:
    data = lib.data
    makers = {
        "float": data.ToFloat,
        "flip": data.RandomFlip,
        "normalize": lambda: data.Normalize([MEAN] * channels, [STD] * channels),
        "noise": lambda: data.GaussianNoise(NOISE),
    }
    augment = [makers[step]() for step in work.steps]
    return data.DataLoader(
        dataset, BATCH, shuffle=True, generator=generator, augment=augment or None
    )


def _in_the_loop(lib: ModuleType, step: str, channels: int, dims: int) -> Callable[[Any], Any]:
    """A step for a whole batch, of the library's operations."""
    mean = lib.full((channels,) + (1,) * (dims - 2), MEAN)
    scale = lib.full((channels,) + (1,) * (dims - 2), 1 / STD)
    if step == "float":
        return lambda x: x.float().mul_(1 / 255)
    if step == "flip":
        return lambda x: lib.where(lib.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)
    if step == "normalize":
        return lambda x: (x - mean).mul_(scale)
    return lambda x: lib.randn(x.shape).mul_(NOISE).add_(x)
