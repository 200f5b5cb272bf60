"""Helpers around a training loop: regularisation, mixed samples, early stopping, groups."""

from steep.train.groups import decay_groups
from steep.train.mixing import cutmix, mixup, sample_beta
from steep.train.regularization import GradientNoise, l1_penalty, l2_penalty
from steep.train.stopping import EarlyStopping

__all__ = [
    "EarlyStopping",
    "GradientNoise",
    "cutmix",
    "decay_groups",
    "l1_penalty",
    "l2_penalty",
    "mixup",
    "sample_beta",
]
