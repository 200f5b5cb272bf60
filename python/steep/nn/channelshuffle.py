"""Channels in another order, as a module."""

from __future__ import annotations

__all__: list[str] = []

# Written by tools/make_stubs.py from here on, from the operations' records.
from steep._core import Tensor, channel_shuffle
from steep.nn.module import Module

__all__ += ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Take the channels of several groups in turn; see `functional.channel_shuffle`.

    Args:
        groups: how many groups there are.

    Example:
        >>> import steep
        >>> x = steep.arange(4.0).reshape(1, 4, 1)
        >>> steep.nn.ChannelShuffle(2)(x).flatten().tolist()
        [0.0, 2.0, 1.0, 3.0]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Apply `channel_shuffle` with the arguments it was made with."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The arguments it was made with."""
        return f"groups={self.groups}"
