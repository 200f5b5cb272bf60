"""A model layer by layer: shapes, parameters, flops and memory, as a table.

Example:
    >>> import steep
    >>> from steep import nn
    >>> model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    >>> print(steep.viz.summary(model, (32, 64)))
    layer  kind        input      output     parameters  flops    output size
    -----  ----------  ---------  ---------  ----------  -------  -----------
           Sequential  [32, 64]   [32, 10]        9,610  606,208      1.2 KiB
    0      Linear      [32, 64]   [32, 128]       8,320  524,288     16.0 KiB
    1      ReLU        [32, 128]  [32, 128]           0        0     16.0 KiB
    2      Linear      [32, 128]  [32, 10]        1,290   81,920      1.2 KiB
    9,610 parameters (9,610 to be trained), 37.5 KiB; buffers 0 B
    606,208 flops forward: 2 for each multiply-add of products, convolutions and recurrences
    memory: input 8.0 KiB, results of layers 33.2 KiB
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import steep
from steep._core import Tensor
from steep.nn.module import Module
from steep.viz._flops import FORMULAS, flops_of

__all__ = ["Layer", "Summary", "summary"]


@dataclass(frozen=True)
class Layer:
    """One layer, with all below it.

    Attributes:
        path: as `named_modules` gives it; empty for the model itself.
        kind: its class.
        input: shape of the first tensor it is called with; ``None`` if it was not called.
        output: shape of the first tensor it returns; ``None`` if it was not called.
        parameters: numbers in its parameters; one that is shared is counted where it comes first.
        trainable: of these, those that require a gradient.
        flops: floating-point operations of one pass forward, over all calls.
        output_bytes: size of what it returns, over all calls.
        calls: how often it is called in one pass.
    """

    path: str
    kind: str
    input: tuple[int, ...] | None
    output: tuple[int, ...] | None
    parameters: int
    trainable: int
    flops: int
    output_bytes: int
    calls: int


@dataclass(frozen=True)
class Summary:
    """What `summary` found; printing it gives a table.

    Attributes:
        layers: the model itself, then its layers in the order of `named_modules`.
        parameters: numbers in all parameters.
        trainable: of these, those that require a gradient.
        parameter_bytes: their size.
        buffer_bytes: size of the buffers (running means and the like).
        input_bytes: size of the input.
        result_bytes: size of what the innermost layers return: what a training keeps for its
            backward pass, about.
        flops: floating-point operations of one pass forward.
        depth: how deep the table goes; -1 for all.
    """

    layers: list[Layer]
    parameters: int
    trainable: int
    parameter_bytes: int
    buffer_bytes: int
    input_bytes: int
    result_bytes: int
    flops: int
    depth: int

    def __getitem__(self, path: str) -> Layer:
        for layer in self.layers:
            if layer.path == path:
                return layer
        raise KeyError(f"no layer {path!r}; there are {[x.path for x in self.layers]}")

    def __str__(self) -> str:
        ran = any(layer.calls for layer in self.layers)
        head = ["layer", "kind", "input", "output", "parameters", "flops", "output size"]
        rows = [head]
        for layer in self.layers:
            level = layer.path.count(".") + 1 if layer.path else 0
            if 0 <= self.depth < level:
                continue
            times = f" x{layer.calls}" if layer.calls > 1 else ""
            shapes = [str(list(x)) if x is not None else "-" for x in (layer.input, layer.output)]
            amounts = [f"{layer.parameters:,}", f"{layer.flops:,}", _bytes(layer.output_bytes)]
            rows.append([layer.path, layer.kind + times, *shapes, *amounts])
        if not ran:
            rows = [[*row[:2], row[4]] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        words = 4 if ran else 2
        lines = []
        for number, row in enumerate(rows):
            cells = [
                cell.ljust(width) if k < words or not number else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, *self._foot(ran)])

    def _foot(self, ran: bool) -> list[str]:
        sizes = f"{_bytes(self.parameter_bytes)}; buffers {_bytes(self.buffer_bytes)}"
        foot = [f"{self.parameters:,} parameters ({self.trainable:,} to be trained), {sizes}"]
        if ran:
            counted = "2 for each multiply-add of products, convolutions and recurrences"
            foot.append(f"{self.flops:,} flops forward: {counted}")
            results = f"results of layers {_bytes(self.result_bytes)}"
            foot.append(f"memory: input {_bytes(self.input_bytes)}, {results}")
        return foot


def _bytes(count: int) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def summary(model: Module, inputs: Any = None, *, dtypes: Any = None, depth: int = -1) -> Summary:
    """Shapes, parameters, flops and memory of a model's layers, from one pass forward.

    The pass runs in `eval` mode and without gradients; the model's modes and the state of the
    random numbers are as before afterwards. Lazy layers get their sizes by it, as by any pass.

    Args:
        model: the model.
        inputs: what to call it with: the input's size with the batch, ``(32, 64)``, whose elements
            are then zeros; several sizes, ``[(32, 64), (32, 10)]``; a tensor; or a tuple or list of
            tensors. Default: none; then parameters alone are counted.
        dtypes: of the inputs made for sizes; one, or one for each; integers for an embedding.
            Default: float32.
        depth: how deep the printed table goes: 1 for the layers of the model itself, and so on; -1
            for all. Default: -1.

    Raises:
        TypeError: if `model` is no module, or `inputs` neither sizes nor tensors.
        ValueError: for a size with a negative number, or another number of dtypes than of sizes.

    What the model itself raises comes through.

    Flops are those of matrix products, convolutions, attention and recurrences: two for each
    multiply-add, whichever algorithm the engine chooses; additions of a bias and what is done
    element by element are not counted. Of causal attention, the half that is computed counts.

    Example:
        >>> import steep
        >>> found = summary(steep.nn.Conv2d(3, 8, 3, padding=1), (1, 3, 32, 32))
        >>> found.parameters, found.flops, found[""].output
        (224, 442368, (1, 8, 32, 32))
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a model (a steep.nn.Module), got {_type(model)}")
    arguments = _arguments(inputs, dtypes)
    calls = _run(model, arguments) if arguments else {}
    seen: set[int] = set()
    layers = []
    modules = list(model.named_modules())
    named = dict(modules)
    own = {path: _own_parameters(module, seen) for path, module in modules}
    for path, module in modules:
        below = [p for p, _ in modules if p == path or not path or p.startswith(f"{path}.")]
        called = calls.get(id(module), _Calls())
        layers.append(
            Layer(
                path,
                type(module).__name__,
                called.input,
                called.output,
                parameters=sum(own[p].numbers for p in below),
                trainable=sum(own[p].trainable for p in below),
                flops=sum(calls.get(id(named[p]), _Calls()).flops for p in below),
                output_bytes=called.bytes,
                calls=called.count,
            )
        )
    ends = [_end(module, calls) for _, module in modules]
    return Summary(
        layers,
        parameters=layers[0].parameters,
        trainable=layers[0].trainable,
        parameter_bytes=sum(found.bytes for found in own.values()),
        buffer_bytes=_size(model.buffers()),
        input_bytes=_size(arguments),
        result_bytes=sum(called.bytes for called in ends if called is not None),
        flops=layers[0].flops,
        depth=depth,
    )


def _end(module: Module, calls: dict[int, _Calls]) -> _Calls | None:
    """The calls of a module none of whose layers is called."""
    if any(id(below) in calls for below in module.modules() if below is not module):
        return None
    return calls.get(id(module))


def _type(x: object) -> str:
    return f"a {type(x).__name__}"


def _size(tensors: Any) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)


class _Own(NamedTuple):
    """What a module has beside its layers."""

    numbers: int
    trainable: int
    bytes: int


def _own_parameters(module: Module, seen: set[int]) -> _Own:
    """Numbers, those to be trained, and bytes of the parameters not seen before."""
    new = [p for p in module.parameters(recurse=False) if id(p) not in seen]
    seen |= {id(p) for p in new}
    trained = sum(p.numel() for p in new if p.requires_grad)
    return _Own(sum(p.numel() for p in new), trained, _size(new))


def _arguments(inputs: Any, dtypes: Any) -> list[Tensor]:
    if inputs is None:
        return []
    if isinstance(inputs, Tensor):
        return [inputs]
    if not isinstance(inputs, (tuple, list)) or not inputs:
        got = repr(inputs) if isinstance(inputs, (int, str, tuple, list)) else type(inputs).__name__
        raise TypeError(
            f"summary: expected sizes or tensors as inputs, got {got}; several are a tuple, in the "
            "order of the model's arguments"
        )
    if all(isinstance(x, Tensor) for x in inputs):
        return list(inputs)
    sizes = [inputs] if all(isinstance(x, int) for x in inputs) else list(inputs)
    for size in sizes:
        if not isinstance(size, (tuple, list)) or not all(isinstance(n, int) for n in size):
            raise TypeError(
                "summary: expected the input's size as whole numbers, (32, 64), several such sizes "
                f"in a list, or tensors, got {inputs!r}"
            )
        if any(n < 0 for n in size):
            raise ValueError(f"summary: expected sizes of 0 or more, got {tuple(size)}")
    if dtypes is None or isinstance(dtypes, steep.dtype):
        kinds = [dtypes or steep.float32] * len(sizes)
    else:
        kinds = list(dtypes)
    if len(kinds) != len(sizes):
        raise ValueError(
            f"summary: expected a dtype for each of {len(sizes)} inputs, got {len(kinds)}"
        )
    return [steep.zeros(tuple(size), dtype=kind) for size, kind in zip(sizes, kinds, strict=True)]


@dataclass
class _Calls:
    """What is noted of the calls of one module."""

    input: tuple[int, ...] | None = None
    output: tuple[int, ...] | None = None
    bytes: int = 0
    flops: int = 0  # of its own, without those of layers below
    count: int = 0


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


@contextmanager
def _as_before(model: Module) -> Iterator[None]:
    """In eval mode, without gradients; modes and random numbers are as before afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    state = steep.get_rng_state()
    model.eval()
    try:
        with steep.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        steep.set_rng_state(state)


def _run(model: Module, arguments: list[Tensor]) -> dict[int, _Calls]:
    calls: dict[int, _Calls] = {}

    def note(module: Any, given: tuple[Any, ...], result: Any) -> None:
        noted = calls.setdefault(id(module), _Calls())
        ins, outs = list(_tensors(given)), list(_tensors(result))
        if not noted.count:
            noted.input = tuple(ins[0].shape) if ins else None
            noted.output = tuple(outs[0].shape) if outs else None
        noted.count += 1
        noted.bytes += _size(outs)
        formula = FORMULAS.get(type(module))
        if formula is not None and ins and outs:
            noted.flops += formula(module, ins, outs)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with _as_before(model), steep.profiler.profile() as prof:
            model(*arguments)
    finally:
        for handle in handles:
            handle.remove()
    paths = {path or type(model).__name__: module for path, module in model.named_modules()}
    for path, flops in flops_of(prof.events, paths).items():
        calls.setdefault(id(paths[path]), _Calls()).flops += flops
    return calls
