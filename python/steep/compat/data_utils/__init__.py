"""`torch.utils.data._utils`: where programs find `default_collate`."""

from steep.data import collate

__all__ = ["collate"]
