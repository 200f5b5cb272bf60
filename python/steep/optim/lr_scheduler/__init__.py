"""Learning-rate schedules under PyTorch's names.

A schedule changes the settings in `param_groups`, and a compiled step reads these before each
replay: call ``scheduler.step()`` outside of it, after ``optimizer.step()``.
"""

from steep.optim.lr_scheduler.base import LRScheduler
from steep.optim.lr_scheduler.composed import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from steep.optim.lr_scheduler.cycles import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
)
from steep.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

_LRScheduler = LRScheduler  # its name in older code

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
