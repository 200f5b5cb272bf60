"""What is timed of every row: one call, of steep or of torch.

A builder makes the arguments once and returns the call. The sizes are small on purpose: the calls
show overheads and gross regressions; the figures of the README are measured by scripts of their
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cases.row import Arr, Builder, Call, Row, Timed, arr, find, materialize, transform

if TYPE_CHECKING:
    from cases.layer import Layer
    from cases.optimizer import Optimizer
    from registry import Entry

SHAPE = (64, 128)
MATRIX = arr(*SHAPE, domain="distribution")  # inside the domain of every function
STRETCH = 32


def native(m: ModuleType, call: Call, dtype: str, seed: str) -> Call:
    """`call` with tensors and dtypes of the library `m`."""
    given = materialize(call, dtype, seed)
    given = transform(given, np.ndarray, lambda array: m.from_numpy(np.array(array)))
    return transform(given, np.dtype, lambda dtype: getattr(m, dtype.name))


def function_in(m: ModuleType, name: str) -> Any:
    """The function `name` of a library, or else the method."""
    rooms = (m.nn.functional, m, m.Tensor, getattr(m, "_core", None))
    found = (getattr(room, name, None) for room in rooms)
    return next(function for function in found if callable(function))


def timed(name: str, call: Call, dtype: str = "float32") -> Builder:
    """`call` of the function or method `name`."""

    def build(m: ModuleType) -> Timed:
        given, function = native(m, call, dtype, name), function_in(m, name)
        return lambda: function(*given.args, **given.kwargs)

    return build


def stretched(call: Call) -> Call:
    """`call` with longer arrays; as it is where a list may stand for sizes of theirs."""
    if any(find(call, np.ndarray)) or any(
        isinstance(value, list | tuple) and not any(find(Call((value,)), Arr))
        for value in (*call.args, *call.kwargs.values())
    ):
        return call
    return transform(
        call, Arr, lambda a: replace(a, shape=tuple(n if n < 2 else n * STRETCH for n in a.shape))
    )


def of_row(name: str, row: Row) -> Builder:
    """What is timed of the operation itself."""
    if callable(row.bench):
        return row.bench
    return timed(name, row.bench or stretched(row.calls[0]), row.dtypes[0])


def of_name(entry: Entry, table: Mapping[str, Row]) -> Builder:
    """What is timed of a name of the registry that another name's row stands for."""
    row = table[entry.cases]
    call = row.forms.get(entry.name, row.bench)
    if callable(call):
        raise TypeError(
            f"{entry.name}: expected a call to time, got the builder of {entry.cases}; enter the "
            f"call into the row's forms"
        )
    return timed(entry.name, call or stretched(row.calls[0]), row.dtypes[0])


def of_layer(layer: Layer) -> Builder:
    """A layer's forward pass."""
    made = layer.bench or layer.made[0]

    def build(m: ModuleType) -> Timed:
        m.manual_seed(0)
        module, inputs = layer.build(m, made), native(m, Call(made.inputs), "float32", layer.name)
        return lambda: module(*inputs.args)

    return build


def of_optimizer(
    name: str, settings: dict[str, Any], matrices: bool = False, searches: bool = False
) -> Builder:
    """A step over the parameters of a small network.

    One that searches has a closure that costs nothing: it leaves the gradients as they are.
    """

    def build(m: ModuleType) -> Timed:
        m.manual_seed(0)
        params = [m.randn(*shape, requires_grad=True) for shape in ((128, 64), (128,), (10, 128))]
        params = [p for p in params if p.dim() == 2 or not matrices]
        for p in params:
            p.grad = m.randn(*p.shape)
        optimizer = getattr(m.optim, name)(params, **settings)
        if searches:
            return lambda: optimizer.step(lambda: 1.0)
        return lambda: optimizer.step()

    return build


def fused_or(name: str, call: Call, rival: Any) -> Builder:
    """A fused operation of steep's own, and what `rival(m, *arguments)` takes for it in torch."""

    def build(m: ModuleType) -> Timed:
        given = native(m, call, "float32", name).args
        function = getattr(getattr(m, "_core", None), name, None)
        if function is not None:
            return lambda: function(*given)
        return lambda: rival(m, *given)

    return build


def builders(
    table: Mapping[str, Row],
    entries: Iterable[Entry],
    layers: Mapping[str, Layer],
    optimizers: Mapping[str, Optimizer],
) -> dict[str, Builder]:
    """All that `python -m pytest benchmarks` times, by name; of overloads, the first."""
    found = {name: of_row(name, row) for name, row in table.items()}
    for entry in entries:
        if entry.name not in found and entry.cases in table:
            found[entry.name] = of_name(entry, table)
    found |= {f"nn.{name}": of_layer(layer) for name, layer in layers.items() if layer.made}
    found |= {
        f"optim.{name}": of_optimizer(name, row.bench, row.matrices, row.searches)
        for name, row in optimizers.items()
    }
    return found
