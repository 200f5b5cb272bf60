"""Tables: read from files, seen as columns whatever library holds them, and made tensors."""

from steep.data.tables.reading import read_table

__all__ = ["read_table"]
