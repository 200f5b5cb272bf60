"""What a loader does to the inputs of its batches; all of it is in `steep.data` too."""

from steep.data.augmentation.base import Augmentation, BatchAugmentation, Compose
from steep.data.augmentation.images import (
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
    TimeShift,
)
from steep.data.augmentation.mixed import CutMix, MixUp
from steep.data.augmentation.values import (
    GaussianNoise,
    Jitter,
    Normalize,
    RandomBrightness,
    RandomContrast,
    RandomScale,
    ToFloat,
)

__all__ = [
    "Augmentation",
    "BatchAugmentation",
    "Compose",
    "CutMix",
    "GaussianNoise",
    "Jitter",
    "MixUp",
    "Normalize",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomScale",
    "RandomShift",
    "TimeShift",
    "ToFloat",
]
