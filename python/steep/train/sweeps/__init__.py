"""Searches for settings: `sweep`, what its objective is given, and what it returns."""

from steep.train.sweeps.result import SweepResult, TrialResult
from steep.train.sweeps.sweeping import sweep
from steep.train.sweeps.trial import Pruned, Trial

__all__ = ["Pruned", "SweepResult", "Trial", "TrialResult", "sweep"]
