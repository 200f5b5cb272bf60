"""Understanding a training: what is wrong with it, and what a model can learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steep._lazy import importing
from steep.diagnose.finding import Finding, TrainingError, TrainingWarning
from steep.diagnose.sanitizer import Sanitizer

if TYPE_CHECKING:
    from steep.diagnose.data import check_data
    from steep.diagnose.gradients import GradientCheck, ParameterGradient, gradient_check
    from steep.diagnose.layers import LayerTrace, dead_units
    from steep.diagnose.overfitting import OverfitCheck, overfit_check
    from steep.diagnose.rates import RateTest, lr_find

__all__ = [
    "Finding",
    "GradientCheck",
    "LayerTrace",
    "OverfitCheck",
    "ParameterGradient",
    "RateTest",
    "Sanitizer",
    "TrainingError",
    "TrainingWarning",
    "check_data",
    "dead_units",
    "gradient_check",
    "lr_find",
    "overfit_check",
]

# These train, with what `steep.train` has, which itself uses the sanitiser.
__getattr__ = importing(
    __name__,
    GradientCheck="gradients",
    LayerTrace="layers",
    OverfitCheck="overfitting",
    ParameterGradient="gradients",
    check_data="data",
    dead_units="layers",
    RateTest="rates",
    gradient_check="gradients",
    lr_find="rates",
    overfit_check="overfitting",
)
