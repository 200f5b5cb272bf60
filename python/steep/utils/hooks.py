"""The handles of hooks, where PyTorch code imports them from."""

from steep.nn._hook_tables import RemovableHandle

__all__ = ["RemovableHandle"]
