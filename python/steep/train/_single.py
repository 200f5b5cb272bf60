"""Batches of one sample, of which batch normalisation has no variance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from steep.nn.batchnorm import _BatchNorm
from steep.nn.module import Module
from steep.train._batches import Batches, RowBatches

__all__ = ["refusing_single_samples"]


@contextmanager
def refusing_single_samples(
    who: str, training: Iterable[Module], batches: Batches, rows: int
) -> Iterator[None]:
    """Refuse a model, whose forward pass is tried inside, if an epoch has a batch too small for it.

    That would be found in training by the layer itself: after an epoch, if it is the last batch.

    Args:
        who: the public function, for messages.
        training: the modules that will train.
        batches: what it is to be trained on.
        rows: samples of the batch that is tried.

    Raises:
        ValueError: if a batch of one sample gives a batch normalisation one value for each channel.
    """
    hooks = []
    if isinstance(batches, RowBatches) and _has_single(batches):
        refusal = _refusal(who, batches)

        def see(module: Module, inputs: tuple[Any, ...]) -> None:
            x = inputs[0]
            if x.dim() > 1 and 0 < x.numel() <= x.shape[1] * rows:
                raise ValueError(refusal)

        normalising = (module for module in training if isinstance(module, _BatchNorm))
        hooks = [module.register_forward_pre_hook(see) for module in normalising]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _has_single(batches: RowBatches) -> bool:
    """Whether a pass has a batch of one sample."""
    size, samples = batches.batch_size, batches.samples
    return samples > 0 and (size == 1 or (samples % size == 1 and not batches.drop_last))


def _refusal(who: str, batches: RowBatches) -> str:
    size, samples = batches.batch_size, batches.samples
    begin = f"{who}: expected two samples or more in each batch, for batch normalisation"
    if samples == 1:
        return f"{begin}, got a single sample in all"
    better = next(other for other in range(size + 1, samples + 2) if samples % other != 1)
    if size == 1:
        return f"{begin}, got batch_size=1; use batch_size={better}, say"
    return (
        f"{begin}, got {samples} samples, of which batches of {size} leave one for the last; use "
        f"batch_size={better}, say, or a DataLoader with drop_last=True"
    )
