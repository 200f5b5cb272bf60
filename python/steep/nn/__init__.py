"""Layers, losses and everything a model is made of, under PyTorch's names."""

from steep.nn import activation, functional, init, loss, modules, utils
from steep.nn.activation import *
from steep.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from steep.nn.dropout import Dropout
from steep.nn.linear import Identity, Linear
from steep.nn.loss import *
from steep.nn.module import Module
from steep.nn.normalization import LayerNorm
from steep.nn.parameter import Parameter
from steep.nn.shape import Flatten, Unflatten

__all__ = [
    *activation.__all__,
    *loss.__all__,
    "Dropout",
    "Flatten",
    "Identity",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterList",
    "Sequential",
    "Unflatten",
    "functional",
    "init",
    "modules",
    "utils",
]
