"""`DistributedDataParallel`, where PyTorch code imports it from; see `steep.nn.parallel`."""

from steep.nn.parallel import DistributedDataParallel

__all__ = ["DistributedDataParallel"]
