"""Model files: a network that can be rebuilt without its code, with what its data needs.

`save` writes a network's architecture, its weights, the fitted transforms of its data and the names
of its columns to one safetensors file; `load` builds it again, of classes on a list, and executes
nothing.
"""

from steep.models.description import LAYERS, build, describe
from steep.models.file import FORMAT_VERSION, ModelFile, load, save
from steep.models.tabular import TabularNet, embedding_dimensions, mlp

__all__ = [
    "FORMAT_VERSION",
    "LAYERS",
    "ModelFile",
    "TabularNet",
    "build",
    "describe",
    "embedding_dimensions",
    "load",
    "mlp",
    "save",
]
