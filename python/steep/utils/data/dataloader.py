"""The loader, where PyTorch code imports it from; `steep.data.loader` is its home."""

from steep.data import DataLoader, default_collate, default_convert, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
