"""Understanding a training: what is wrong with it, and what a model can learn."""

from steep.diagnose.finding import Finding, TrainingError, TrainingWarning
from steep.diagnose.sanitizer import Sanitizer

__all__ = [
    "Finding",
    "Sanitizer",
    "TrainingError",
    "TrainingWarning",
]
