"""Parameters that the training misses: without gradients, without optimiser, or one with others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from steep._core import Tensor
from steep.diagnose._events import Batch, Context, Rule, Step
from steep.diagnose._graph import nodes, operation
from steep.diagnose._numbers import array
from steep.diagnose.finding import Finding
from steep.nn.container import ModuleList, Sequential
from steep.nn.module import Module

__all__ = ["HiddenLayers", "Sharing", "Symmetry", "Unreached"]

_FLAT = {"Round", "Sign", "Floor", "Ceil", "Trunc", "Heaviside"}


class Unreached(Rule):
    """Parameters without gradient, with gradients of zero, or of no optimiser.

    Frozen on purpose, and told of as such by `requires_grad`, by evaluation mode, or by being
    neither reached nor stepped, they are none of its business.
    """

    # Alternating losses and stochastic depth reach every layer within some steps.
    STEPS = 3
    UNCALLED_STEPS = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.reached: set[str] = set()
        self.nonzero: set[str] = set()
        self.foreign_reached = False
        self.steps = 0
        self.flat = ""
        self.last_loss = 0.0

    def batch(self, batch: Batch) -> Iterable[Finding]:
        self.last_loss = batch.value
        if batch.loss is not None and self.context.batches <= 1:
            found = [operation(n) for n in nodes(batch.loss.grad_fn) if operation(n) in _FLAT]
            self.flat = found[0].lower() if found else ""
        return ()

    def step(self, step: Step) -> Iterable[Finding]:
        self.steps += 1
        for p in step.params:
            if p.grad is not None:
                self.reached.add(p.name)
                if p.grad_norm != 0:
                    self.nonzero.add(p.name)
        if step.optimizer is self.context.optimizer:
            own = {id(p) for p in self.context.parameters().values()}
            members = (p for group in step.optimizer.param_groups for p in group["params"])
            self.foreign_reached |= any(p.grad is not None for p in members if id(p) not in own)
        return ()

    def end(self) -> Iterable[Finding]:
        if self.steps < self.STEPS or not self.context.optimizers:
            return
        params = {
            n: p for n, p in self.context.parameters().items() if p.requires_grad and p.numel()
        }
        members = set(self.context.stepped)
        if self.context.optimizer is not None:
            groups = self.context.optimizer.param_groups
            members |= {id(p) for group in groups for p in group["params"]}
            yield from self._foreign(params)
        if not self.reached & set(params):
            return  # no backward pass at all: told by another rule
        missing = [n for n, p in params.items() if n not in self.reached and id(p) in members]
        yield from self._no_gradient(missing, params)
        outside = [n for n, p in params.items() if n in self.reached and id(p) not in members]
        yield from self._no_optimizer(outside, params)
        yield from self._zero(params)

    def _owner(self, name: str) -> Module | None:
        path = name.rpartition(".")[0]
        known = dict(self.context.model.named_modules())
        return known.get(path)

    def _no_gradient(self, names: list[str], params: dict[str, Tensor]) -> Iterator[Finding]:
        for layer, whole in _by_layer(names, params):
            path = layer if whole else layer.rpartition(".")[0]
            owner = self._owner(f"{path}.x")
            with_gradients = self.context.called.get(path)
            if not whole or (owner is not None and owner._modules):
                # Whether a single parameter takes part does not show in calls.
                with_gradients = None
            if with_gradients is None and self.steps < self.UNCALLED_STEPS:
                continue
            if owner is not None and not owner.training:
                continue
            if with_gradients is None:
                why, mend = "nothing shows that it is used", "use it in forward, or remove it"
            elif with_gradients:
                why = "it was called, and what it returned does not lead to the loss"
                mend = "no detach(), .data, numpy() or item() between it and the loss"
            else:
                why = "it was only called under no_grad"
                mend = "call it with gradients; or freeze it by requires_grad_(False)"
            evidence = f"no gradient in any of {self.steps} steps, and {why}"
            yield self.finding("no-gradient", layer, evidence, mend)

    def _no_optimizer(self, names: list[str], params: dict[str, Tensor]) -> Iterator[Finding]:
        for layer, _ in _by_layer(names, params):
            owner = self._owner(f"{layer}.x") or self._owner(layer)
            if owner is not None and not owner.training:
                continue
            evidence = f"it got gradients in {self.steps} steps, and no optimizer that steps has it"
            mend = "make the optimizer from model.parameters(), after the model is complete; "
            mend += "or freeze it by requires_grad_(False)"
            yield self.finding("not-in-optimizer", layer, evidence, mend)

    def _foreign(self, params: dict[str, Tensor]) -> Iterator[Finding]:
        assert self.context.optimizer is not None
        own = {id(p) for p in self.context.parameters().values()}
        groups = self.context.optimizer.param_groups
        held = [p for group in groups for p in group["params"]]
        foreign = [p for p in held if id(p) not in own]
        if foreign and not self.foreign_reached:
            evidence = (
                f"{len(foreign)} of the optimizer's {len(held)} parameters are not the model's, "
                "and never got a gradient"
            )
            mend = "make the optimizer after the model, and anew when layers are replaced"
            yield self.finding("optimizer-of-other-parameters", "", evidence, mend)

    def _zero(self, params: dict[str, Tensor]) -> Iterator[Finding]:
        zero = [n for n in params if n in self.reached and n not in self.nonzero]
        matrices = [n for n in zero if params[n].ndim >= 2]
        if not matrices or self.steps < self.STEPS + 2 or self.last_loss == 0.0:
            return
        for layer, whole in _by_layer(
            matrices, {n: params[n] for n in params if n in self.reached}
        ):
            by = f"; {self.flat} is in the graph, and its slope is zero" if self.flat else ""
            evidence = f"its gradient was exactly zero in all of {self.steps} steps{by}"
            mend = "nothing flat (round, sign, dead units, weights of zero) between it and the loss"
            if whole or all(n in zero for n in params if n.startswith(layer.rpartition(".")[0])):
                yield self.finding("zero-gradient", layer, evidence, mend)


def _by_layer(names: list[str], params: Mapping[str, Tensor]) -> Iterator[tuple[str, bool]]:
    """Layers all of whose parameters are among the names; else the parameters themselves."""
    done = set()
    for name in names:
        layer = name.rpartition(".")[0]
        siblings = [n for n in params if n.rpartition(".")[0] == layer]
        if layer and all(n in names for n in siblings):
            if layer not in done:
                done.add(layer)
                yield layer, True
        else:
            yield name, False


class HiddenLayers(Rule):
    """Layers in a plain list, tuple or dict, where `parameters()` does not find them."""

    def step(self, step: Step) -> Iterable[Finding]:
        if self.context.steps not in (2, 10):
            return
        known = {id(p) for p in self.context.parameters().values()} | self.context.stepped
        for path, module in self.context.model.named_modules():
            for place, value in _kept_in(module):
                params = list(value.parameters()) if isinstance(value, Module) else [value]
                # What is kept so on purpose, as a teacher, gets no gradients.
                lost = [p for p in params if p.grad is not None and id(p) not in known]
                if lost:
                    layer = f"{path}.{place}" if path else place
                    evidence = (
                        f"its {len(lost)} parameters get gradients, and are neither among "
                        "model.parameters() nor in an optimizer"
                    )
                    mend = "nn.ModuleList, nn.ModuleDict or nn.ParameterList in place of the "
                    mend += "list or dict"
                    yield self.finding("unregistered-layer", layer, evidence, mend)


def _kept_in(module: Module) -> Iterator[tuple[str, Any]]:
    """Modules and parameters in plain containers among a module's attributes."""
    for name, value in vars(module).items():
        if name in ("_parameters", "_buffers", "_modules", "_hooks"):
            continue
        entries: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, (list, tuple)):
            entries = enumerate(value)
        elif isinstance(value, dict):
            entries = value.items()
        elif isinstance(value, Tensor) and value.requires_grad and value.is_leaf:
            yield name, value
        for key, entry in entries:
            if isinstance(entry, Module) or (isinstance(entry, Tensor) and entry.is_leaf):
                yield f"{name}[{key!r}]", entry


class Sharing(Rule):
    """One layer several times in a list, and parameters that lie in the same memory.

    Tied weights, which are one parameter under two names, are on purpose; so is a layer that is
    called several times. ``[layer] * 3`` in a list of layers is not.
    """

    def batch(self, batch: Batch) -> Iterable[Finding]:
        if self.context.batches == 1:
            yield from self._repeated()
            yield from self._overlapping()

    def _repeated(self) -> Iterator[Finding]:
        for path, module in self.context.model.named_modules():
            if not isinstance(module, (ModuleList, Sequential)):
                continue
            places: dict[int, list[str]] = {}
            for name, child in module._modules.items():
                if child is not None and any(True for _ in child.parameters()):
                    places.setdefault(id(child), []).append(f"{path}.{name}" if path else name)
            for names in places.values():
                if len(names) > 1:
                    evidence = f"{', '.join(names)} are one layer, with one set of weights"
                    mend = "make each anew: [nn.Linear(...) for _ in range(n)]"
                    yield self.finding("shared-layer", names[0], evidence, mend)

    def _overlapping(self) -> Iterator[Finding]:
        spans = []
        for name, param in self.context.parameters().items():
            if param.numel() and param.is_contiguous():
                spans.append((param.data_ptr(), param.data_ptr() + param.nbytes, name))
        spans.sort()
        for (_, end, name), (begin, _, other) in itertools.pairwise(spans):
            if begin < end:
                evidence = f"{name} and {other} are two parameters in the same memory: a step of "
                evidence += "one changes the other too"
                mend = "nn.Parameter(weight.detach().clone()); or one parameter, to tie them"
                yield self.finding("shared-memory", other, evidence, mend)


class Symmetry(Rule):
    """Units that began alike, and get the same gradients: they stay alike for ever."""

    # Weights that begin at zero differ after the first steps, unless what is around them is zero.
    STEPS = 3

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.alike: dict[str, int] = {}

    def step(self, step: Step) -> Iterable[Finding]:
        for p in step.params:
            if p.grad is None or p.grad.ndim < 2 or p.grad.shape[0] < 2:
                continue
            alike = _rows_alike(array(p.param)) and _rows_alike(p.grad)
            self.alike[p.name] = self.alike.get(p.name, 0) + 1 if alike else 0
            if self.alike[p.name] >= self.STEPS:
                evidence = f"all {p.grad.shape[0]} units have the same weights and the same "
                evidence += f"gradients, {self.alike[p.name]} steps in a row"
                mend = "random initial weights, as nn.Linear has by itself"
                yield self.finding("symmetric-units", p.name, evidence, mend)


def _rows_alike(values: Any) -> bool:
    rows = values.reshape(values.shape[0], -1)
    if rows.shape[1] == 0 or not np.array_equal(rows[0], rows[1]):
        return False
    return bool((rows == rows[0]).all())
