"""Learning-rate schedules under PyTorch's names.

A schedule changes the settings in `param_groups`, and a compiled step reads these before each
replay: call ``scheduler.step()`` outside of it, after ``optimizer.step()``.
"""

from steep.optim.lr_scheduler.base import LRScheduler
from steep.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from steep.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from steep.optim.lr_scheduler.cyclic import CyclicLR
from steep.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from steep.optim.lr_scheduler.one_cycle import OneCycleLR
from steep.optim.lr_scheduler.plateau import ReduceLROnPlateau
from steep.optim.lr_scheduler.ramps import ConstantLR, LinearLR, PolynomialLR
from steep.optim.lr_scheduler.steps import ExponentialLR, MultiStepLR, StepLR

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
