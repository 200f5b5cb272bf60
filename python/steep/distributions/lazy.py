"""Probabilities and log-odds of which one is given, and the other computed when it is asked for."""

from __future__ import annotations

from typing import Any

import steep
from steep._core import Tensor
from steep.distributions._common import as_logits, as_probabilities

__all__ = ["BinaryParameters"]


class BinaryParameters:
    """`probs` or `logits` in the object's dictionary."""

    probs: Tensor
    logits: Tensor

    def __getattr__(self, name: str) -> Any:
        with steep.enable_grad():  # whoever asks first, without gradients perhaps
            if name == "probs" and "logits" in self.__dict__:
                self.probs = as_probabilities(self.logits, binary=True)
            elif name == "logits" and "probs" in self.__dict__:
                self.logits = as_logits(self.probs, binary=True)
            else:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return self.__dict__[name]
