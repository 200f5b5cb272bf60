"""`torch.utils.tensorboard`: tensorboardX's writer, which takes steep's tensors."""

from __future__ import annotations

from typing import Any

from steep._optional import optional

__all__ = ["SummaryWriter"]


def SummaryWriter(log_dir: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
    """A ``tensorboardX.SummaryWriter``.

    Raises:
        ImportError: without tensorboardX.
    """
    library = optional("tensorboardX", "tensorboard", "torch.utils.tensorboard")
    return library.SummaryWriter(log_dir, *args, **kwargs)
