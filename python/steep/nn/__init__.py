"""Layers, losses and everything a model is made of, under PyTorch's names."""

from steep.nn import functional, init, utils
from steep.nn.activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from steep.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from steep.nn.dropout import Dropout
from steep.nn.linear import Identity, Linear
from steep.nn.loss import CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from steep.nn.module import Module
from steep.nn.parameter import Parameter
from steep.nn.shape import Flatten, Unflatten

__all__ = [
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterList",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "utils",
]
