"""Loss and metrics of a whole part of the data, and predictions of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from steep._core import Tensor, cat, no_grad
from steep.data.loader import DataLoader
from steep.nn.module import Module
from steep.train._arrays import Structure, dtype_of, length_of, narrowed, tensors_in, to_tensors
from steep.train._measure import Measurement, Modes, tried
from steep.train._sources import batches_of
from steep.train._step import Score, apply
from steep.train.metrics.base import Metric

__all__ = ["evaluate", "predict"]

_FEW = 8  # batches from which on recording a program is worth it


def evaluate(
    model: Module,
    loss: Callable[..., Tensor],
    data: Any,
    metrics: str | Metric | Iterable[str | Metric] = (),
    *,
    batch_size: int = 256,
    compile: bool = True,
) -> dict[str, Any]:
    """Loss and metrics of a model on a part of the data, without training.

    The model is in eval mode meanwhile, and has its mode from before afterwards.

    Args:
        model: a module.
        loss: module or function of ``(output, target)``, as for `fit`.
        data: loader, dataset or tuple of arrays, as for `fit`.
        metrics: names or objects, as for `fit`.
        batch_size: of data that is not in batches yet. Default: 256.
        compile: whether many batches are measured by a compiled step. Default: ``True``.

    Returns:
        ``'loss'``, the mean over the samples, and each metric by its name. Of a loss that ignores
        targets or weights classes it is the mean that it would have of all samples at once.

    Raises:
        TypeError, ValueError: on what does not fit together, as `fit`.

    Example:
        >>> import steep
        >>> model, loss = steep.nn.Identity(), steep.nn.MSELoss()
        >>> steep.train.evaluate(model, loss, (steep.ones(3, 1), steep.zeros(3, 1)))
        {'loss': 1.0}
    """
    _check_model("evaluate", model, batch_size)
    batches = batches_of(
        "evaluate", "data", data, batch_size=batch_size, floating=dtype_of(model), shuffle=False
    )
    score, modes = Score(loss), Modes(model)
    made = tried("evaluate", batches, metrics, model, score)
    many = batches.length is None or batches.length > _FEW
    try:
        return Measurement(model, score, made, batches, compile=compile and many).run()
    finally:
        modes.restore()


def predict(model: Module, data: Any, *, batch_size: int = 256) -> Any:
    """What a model says of samples, all in one tensor.

    The model is in eval mode meanwhile, and has its mode from before afterwards; nothing is
    recorded for gradients.

    Args:
        model: a module.
        data: an array or tensor of inputs; a tuple or dict of several for a model with several
            inputs; or a `DataLoader` or dataset, of whose pairs ``(x, y)`` the inputs are taken.
        batch_size: samples at once, of data that is not in batches yet. Default: 256.

    Returns:
        The outputs of all samples in order, a tensor ``(N, *)``; a tuple or dict of tensors if the
        model returns that.

    Raises:
        TypeError: if `data` is nothing of the kind.
        ValueError: if there is nothing in it, or lengths differ.

    Example:
        >>> import steep
        >>> steep.train.predict(steep.nn.ReLU(), [[-1.0, 2.0]])
        tensor([[0., 2.]])
    """
    _check_model("predict", model, batch_size)
    modes, outputs = Modes(model), []
    model.eval()
    try:
        with no_grad():
            outputs = [apply(model, x) for x in _inputs(model, data, batch_size)]
    finally:
        modes.restore()
    if not outputs:
        raise ValueError("predict: expected samples, got none")
    return _joined(outputs)


def _inputs(model: Module, data: Any, batch_size: int) -> Iterator[Structure]:
    """The inputs batch by batch."""
    is_dataset = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    plain = isinstance(data, (Tensor, tuple, list, Mapping)) or hasattr(data, "__array__")
    if not plain and is_dataset:
        data = DataLoader(data, batch_size)
    if isinstance(data, DataLoader) or not (plain or is_dataset):
        for batch in data:
            x = batch[0] if isinstance(batch, (tuple, list)) else batch
            yield tuple(x) if isinstance(x, list) else x
        return
    x = to_tensors("predict", "data", data, dtype_of(model))
    sizes = {int(t.shape[0]) for t in tensors_in(x)}
    if len(sizes) > 1:
        raise ValueError(
            f"predict: expected as many samples in each input, got {sorted(sizes)}; a tuple holds "
            "the inputs of a model with several"
        )
    samples = length_of(x)
    for start in range(0, samples, batch_size):
        yield narrowed(x, start, min(batch_size, samples - start))


def _joined(outputs: list[Any]) -> Any:
    first = outputs[0]
    if isinstance(first, Tensor):
        return cat(outputs) if len(outputs) > 1 else first
    if isinstance(first, Mapping):
        return {name: _joined([output[name] for output in outputs]) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(_joined(list(parts)) for parts in zip(*outputs, strict=True))
    raise TypeError(f"predict: expected a model that returns tensors, got {type(first).__name__}")


def _check_model(who: str, model: Any, batch_size: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"{who}: expected a steep.nn.Module, got {type(model).__name__}")
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"{who}: expected batch_size to be at least 1, got {batch_size!r}")
