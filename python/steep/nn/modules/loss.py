"""Losses, where PyTorch code imports them from; `steep.nn.loss` is their home."""

from steep.nn import loss
from steep.nn._loss import _Loss as _Loss
from steep.nn._loss import _WeightedLoss as _WeightedLoss
from steep.nn.classifiers import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from steep.nn.loss import *

__all__ = [*loss.__all__, "LinearCrossEntropyLoss"]
