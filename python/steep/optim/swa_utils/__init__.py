"""Averages of weights over the steps of a training, under PyTorch's names."""

from steep.optim.swa_utils.averaged import (
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
)
from steep.optim.swa_utils.normalization import update_bn
from steep.optim.swa_utils.schedule import SWALR

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]
