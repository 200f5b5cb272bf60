"""Tables: read from files, seen as columns whatever library holds them, and made tensors."""

from typing import TYPE_CHECKING

from steep._lazy import importing

if TYPE_CHECKING:
    from steep.data.tables.dataset import TableDataset
    from steep.data.tables.kinds import TableWarning
    from steep.data.tables.reading import read_table
    from steep.data.tables.target import TargetTransform
    from steep.data.tables.transform import TableTransform
else:
    __getattr__ = importing(
        "steep.data.tables",
        TableDataset="dataset",
        TableTransform="transform",
        TableWarning="kinds",
        TargetTransform="target",
        read_table="reading",
    )

__all__ = ["TableDataset", "TableTransform", "TableWarning", "TargetTransform", "read_table"]


def __dir__() -> list[str]:
    """What is there already, and what comes with its first use."""
    return sorted({*globals(), *__all__})
