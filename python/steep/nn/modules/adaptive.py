"""The adaptive softmax, where PyTorch code imports it from; `steep.nn.classifiers` is its home."""

from steep.nn.classifiers import AdaptiveLogSoftmaxWithLoss

__all__ = ["AdaptiveLogSoftmaxWithLoss"]
