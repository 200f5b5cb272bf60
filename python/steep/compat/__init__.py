"""What programs written for PyTorch ask for beside tensors and layers, and steep under its name.

`install()` makes ``import torch`` mean steep for the rest of the process; ``python -m steep.compat
train.py`` runs a script that way, as it is. The modules of this package answer what programs ask of
other devices and services: no GPU is there, nothing is distributed, precision is as it is.

Example:
    >>> import steep.compat
    >>> steep.compat.install()  # doctest: +SKIP
    >>> import torch  # doctest: +SKIP
    >>> torch.nn.Linear(2, 1)(torch.ones(3, 2)).shape  # doctest: +SKIP
    torch.Size([3, 1])
"""

from __future__ import annotations

from steep.compat._finder import install

__all__ = ["install"]
