"""Samples mixed in pairs, their targets with them: `steep.train`'s mixup and cutmix in a loader."""

from __future__ import annotations

import math
from typing import Any

from steep._core import Generator, Tensor
from steep.data.augmentation.base import BatchAugmentation

__all__ = ["CutMix", "MixUp"]


class MixUp(BatchAugmentation):
    """`steep.train.mixup` of each batch: inputs of all shapes, and their targets.

    Args:
        alpha: how strongly samples are mixed. Default: 0.2.
        num_classes: how many classes there are; needed where targets are classes. The targets of a
            batch are their probabilities ``(N, num_classes)`` then.

    Raises:
        ValueError: if `alpha` is not above 0, or the batch is not what `mixup` takes.

    Example:
        >>> import steep
        >>> data = steep.data.TensorDataset(steep.rand(6, 3), steep.arange(6) % 2)
        >>> mix = steep.data.MixUp(num_classes=2)
        >>> x, y = next(iter(steep.data.DataLoader(data, batch_size=4, augment=[mix])))
        >>> tuple(y.shape), y.sum(1).tolist()
        ((4, 2), [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, alpha: float = 0.2, num_classes: int | None = None) -> None:
        if not 0 < alpha < math.inf:
            raise ValueError(
                f"{type(self).__name__}: expected alpha to be above 0 and finite, got {alpha}"
            )
        self.alpha = alpha
        self.num_classes = num_classes

    def mix(self, x: Tensor, target: Any, generator: Generator) -> tuple[Tensor, Any]:
        """As `BatchAugmentation.mix`."""
        # Imported here: steep.train imports the loader.
        from steep.train.mixing import mixup

        return mixup(x, self._checked(target), self.alpha, self.num_classes, generator)

    def _checked(self, target: Any) -> Tensor:
        if not isinstance(target, Tensor):
            got = "none" if target is None else type(target).__name__
            raise ValueError(
                f"{type(self).__name__}: expected targets, which are mixed too, as the second "
                f"field of a batch, got {got}; give them as (x, target)"
            )
        return target


class CutMix(MixUp):
    """`steep.train.cutmix` of each batch of sequences, images or volumes ``(N, C, *)``.

    Args:
        alpha: 1, the default, makes all sizes of the box equally likely.
        num_classes: as for `MixUp`.

    Raises:
        ValueError: as `MixUp`.

    Example:
        >>> import steep
        >>> x, y = steep.rand(4, 3, 8, 8), steep.tensor([0, 1, 2, 1])
        >>> x, y = steep.data.CutMix(num_classes=3)(x, y)
        >>> tuple(x.shape), tuple(y.shape)
        ((4, 3, 8, 8), (4, 3))
    """

    def __init__(self, alpha: float = 1.0, num_classes: int | None = None) -> None:
        super().__init__(alpha, num_classes)

    def mix(self, x: Tensor, target: Any, generator: Generator) -> tuple[Tensor, Any]:
        """As `BatchAugmentation.mix`."""
        from steep.train.mixing import cutmix

        return cutmix(x, self._checked(target), self.alpha, self.num_classes, generator)
