"""`torch.nn.parallel.scatter_gather`."""

from steep.nn.parallel import gather, scatter

__all__ = ["gather", "scatter"]
