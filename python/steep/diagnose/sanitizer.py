"""`Sanitizer`: watches the first steps of a training for the mistakes that raise no exception."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from steep._core import Tensor, is_grad_enabled
from steep.diagnose import rules
from steep.diagnose._events import Batch, Context, LayerCall, Rule, Step
from steep.diagnose._kinds import kind_by_name, kind_of
from steep.diagnose._numbers import Array, array
from steep.diagnose._places import calling_depth
from steep.diagnose._rows import KnownRows, leaks
from steep.diagnose._watching import Listener, Observer, Remembered, tensors_in
from steep.diagnose.finding import Finding, TrainingError, TrainingWarning
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer

__all__ = ["Sanitizer"]

# So many layers are named in warnings for each code; `findings` has them all.
SHOWN = 3


class Sanitizer:
    """Watches a training, and warns of what goes wrong silently: docs/diagnose.md has the list.

    It begins when it is made, and is over after some steps, with `close`, or at the end of a
    ``with`` block. A loss that is a module and the optimiser are seen by hooks. A loss that is a
    function is not: tell of each batch by `step`, which is never wrong to do.

    It draws no random numbers, and changes no gradient and no parameter: a training gives the same
    bits with it. Its hooks are gone afterwards.

    Args:
        model: what is trained.
        loss: what it is trained by: a module, or a function of output and target.
        optimizer: what takes the steps.
        steps: for so many of the optimiser's steps layers and gradients are looked at. Default: 50.
        until: for so many batches losses and labels are. Default: 300.
        attach: put the hooks on at once; otherwise they are on within `attached` alone. Default:
            ``True``.
        strict: raise `TrainingError` in the place of warning. Default: ``False``.
        warn: whether to warn at all; `findings` is filled anyway. Default: ``True``.

    Attributes:
        findings: what was found so far, each `Finding` once.
        failures: rules that could make no sense of this training, and why; empty but for bugs.

    Raises:
        TypeError: if one of them is something else.
        ValueError: if `steps` or `until` is below 1.

    Example:
        >>> import steep
        >>> from steep import nn
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
        >>> loss_fn, sgd = nn.CrossEntropyLoss(), steep.optim.SGD(net.parameters(), lr=0.1)
        >>> with steep.diagnose.Sanitizer(net, loss_fn, sgd, warn=False) as watch:
        ...     for _ in range(3):
        ...         x, y = steep.rand(8, 4), steep.randint(0, 3, (8,))
        ...         loss = loss_fn(net(x), y)
        ...         sgd.zero_grad()
        ...         loss.backward()
        ...         sgd.step()
        >>> watch.findings[0].code, watch.findings[0].layer
        ('softmax-before-cross-entropy', '1')
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any] | None = None,
        optimizer: Optimizer | None = None,
        *,
        steps: int = 50,
        until: int = 300,
        attach: bool = True,
        strict: bool = False,
        warn: bool = True,
    ) -> None:
        _check(model, loss, optimizer)
        for name, value in (("steps", steps), ("until", until)):
            if value < 1:
                raise ValueError(f"Sanitizer: expected {name} to be at least 1, got {value}")
        self.findings: list[Finding] = []
        self.failures: list[str] = []
        self.strict, self.warn = strict, warn
        self._steps, self._until = steps, max(until, steps)
        self._context = Context(model, loss, optimizer, keeps_rows=attach)
        self._close = rules.make(rules.CLOSE, self._context)
        self._long = rules.make(rules.LONG, self._context)
        self._takers: dict[str, list[Callable[..., Iterable[Finding]]]] = {}
        self._last_loss: Any = None
        self._remembered = Remembered()
        self._observer = Observer(self._context, self._on_layer, self._on_step)
        self._handles: list[Any] = []
        self._is_over = False
        if attach:
            self._attach()

    def _attach(self) -> None:
        model, loss = self._context.model, self._context.loss
        listen = Listener(self._after_model)
        self._handles.append(model.register_forward_hook(listen, with_kwargs=True))
        if self._close:
            self._observer.attach()
        if isinstance(loss, Module) and loss is not model:
            before = loss.register_forward_pre_hook(Listener(self._before_loss))
            self._handles += [before, loss.register_forward_hook(Listener(self._after_loss))]

    def _detach(self) -> None:
        self._observer.detach()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Within it the hooks are on, if the watch is not over; for what was made without them."""
        if not self._is_over and not self._handles:
            self._attach()
        try:
            yield
        finally:
            self._detach()

    # ---- what the loop tells ----------------------------------------------------------------

    def step(
        self,
        x: Any = None,
        y: Any = None,
        output: Any = None,
        loss: Any = None,
        *,
        weighted: bool = False,
    ) -> None:
        """Tell of one batch, anywhere in the loop's body after its loss was computed.

        Best before `backward`: a NaN is then told of before it reaches the weights.

        Args:
            x: the input; if it is not given, what the model was called with.
            y: the target.
            output: what the model answered; if it is not given, its last output.
            loss: the loss, a tensor or a number.
            weighted: whether samples have weights in it, so that its size says nothing. Default:
                ``False``.

        Raises:
            TypeError: if `loss` is missing.
            TrainingError: if something is found, and the sanitiser is strict.
        """
        if loss is None:
            raise TypeError(
                "Sanitizer.step: expected the loss; call it as step(x, y, output, loss)"
            )
        if not self.is_watching or (isinstance(loss, Tensor) and loss is self._last_loss):
            return
        known_x, known_output = self._remembered.both()
        output = known_output if output is None else output
        self._seen(known_x if x is None else x, y, output, loss, weighted)

    def evaluate(self, x: Any = None, y: Any = None, output: Any = None, loss: Any = None) -> None:
        """Tell of one batch of a validation; arguments as in `step`.

        Its rows should not be among those that the model was trained on, and its mode that of
        evaluation.
        """
        if self.is_watching and loss is not None:
            batch = self._made(x, y, _first(output), loss)
            batch.told = True
            self._take_all("evaluated", batch)

    def splits(self, training: Any, validation: Any) -> None:
        """Tell of the inputs of both sets, arrays or tensors, in whose rows leaks are looked for.

        The training set itself as a validation is taken to be on purpose.

        Raises:
            TrainingError: if there is one, and the sanitiser is strict.
        """
        if self.is_watching:
            ours, theirs, known = _as_array(training), _as_array(validation), KnownRows()
            if ours.shape == theirs.shape and np.array_equal(ours, theirs):
                return
            known.add(ours)
            self._tell(leaks(known, theirs, known.repeated / max(1, known.count)))

    def outcome(self, model: Callable[[Tensor], Any], y: Any) -> None:
        """Tell of the targets that a model was trained on, after its training.

        Args:
            model: a function of row numbers, int64 ``[rows]``, that returns what the trained model
                answers there; some hundred rows are asked for, and those of rare classes alone.
            y: all targets.

        Raises:
            TrainingError: if something is found, and the sanitiser is strict.
        """
        if isinstance(y, Tensor):
            kind = kind_by_name(self._context.loss).name
            imbalance = functools.partial(rules.unanswered, self._context.loss, kind)
            self._tell(self._gathered([imbalance], (model, y)))

    def close(self, *, quiet: bool = False) -> None:
        """End the watch: what can only be told at the end is told, and the hooks are taken off.

        Args:
            quiet: whether to leave out what is still to be told. Default: ``False``.

        Raises:
            TrainingError: if something is found, and the sanitiser is strict.
        """
        try:
            if self.is_watching and not quiet:
                self._end_close()
                self._tell(self._gathered([rule.end for rule in self._long], ()))
        finally:
            self._release()

    @property
    def is_watching(self) -> bool:
        """Whether it is still going on."""
        return not self._is_over

    def __enter__(self) -> Sanitizer:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        self.close(quiet=kind is not None)  # what has been raised is what the user needs to see

    def __repr__(self) -> str:
        state = "watching" if self.is_watching else "over"
        lines = [f"Sanitizer: {self._context.batches} batches, {state}"]
        return "\n".join([*lines, *(f"  {finding}" for finding in self.findings)])

    # ---- what the hooks see -----------------------------------------------------------------

    def _after_model(self, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        self._remembered.note(module, args, kwargs, output)
        self._take_all("passed", self._remembered.x, is_grad_enabled())

    def _before_loss(self, module: Module, args: tuple[Any, ...]) -> None:
        if len(args) >= 2:
            kind = kind_by_name(module)
            self._take_all("before_loss", kind, args[0], args[1])

    def _after_loss(self, module: Module, args: tuple[Any, ...], result: Any) -> None:
        if not isinstance(result, Tensor):
            return
        output, y = _first(args[0]) if args else None, args[1] if len(args) > 1 else None
        self._last_loss = result
        x = self._remembered.input_of(output)
        if is_grad_enabled():
            self._seen(x, y, output, result)
        elif x is not None:
            self._take_all("evaluated", self._made(x, y, output, result))
        self._last_loss = result if self.is_watching else None

    def _on_layer(self, call: LayerCall) -> None:
        self._context.in_forward = True
        try:
            self._take_all("layer", call)
        finally:
            self._context.in_forward = False

    def _on_step(self, step: Step) -> None:
        if self._context.optimizer in (None, step.optimizer):
            self._context.steps += 1
        self._take_all("step", step)
        if self._context.steps >= self._steps:
            self._end_close()

    def _seen(self, x: Any, y: Any, output: Any, loss: Any, weighted: bool = False) -> None:
        batch = self._made(x, y, _first(output), loss)
        if weighted:
            batch.kind = replace(batch.kind, pure=False)
        self._context.batches += 1
        self._take_all("batch", batch)
        if self._context.batches >= 4 * self._steps:
            self._end_close()
        if self._context.batches >= self._until:
            self.close()

    def _made(self, x: Any, y: Any, output: Tensor | None, loss: Any) -> Batch:
        result = loss if isinstance(loss, Tensor) else None
        value = _value(loss)
        kind = kind_of(self._context.loss, output, y, result)
        return Batch(x, y, output, result, value, kind)

    # ---- what is found ----------------------------------------------------------------------

    def _take_all(self, event: str, *what: Any) -> None:
        """Tell the rules that want to know of an event, and tell of what they find."""
        takers = self._takers.get(event)
        if takers is None:
            # Most rules want few of the events, and there are many of these.
            everyone = [*self._close, *self._long]
            wanting = [r for r in everyone if getattr(type(r), event) is not getattr(Rule, event)]
            takers = self._takers[event] = [getattr(rule, event) for rule in wanting]
        if takers:
            self._tell(self._gathered(takers, what))

    def _gathered(
        self, takers: list[Callable[..., Iterable[Finding]]], what: tuple[Any, ...]
    ) -> list[Finding]:
        found: list[Finding] = []
        for take in takers:
            try:
                with np.errstate(all="ignore"):  # what overflows is what is looked for
                    found += take(*what)
            except Exception as error:
                # Whoever looks on must not end a training, whatever it is made of. The rule that
                # could not make sense of it is asked no more.
                rule = getattr(take, "__self__", None)
                self.failures.append(f"{type(rule).__name__}: {type(error).__name__}: {error}")
                self._close = [other for other in self._close if other is not rule]
                self._long = [other for other in self._long if other is not rule]
                self._takers = {}
        return found

    def _tell(self, found: Iterable[Finding]) -> None:
        for finding in found:
            same = [f for f in self.findings if f.code == finding.code]
            if any(f.layer == finding.layer for f in same):
                continue
            self.findings.append(finding)
            if self.strict:
                self._release()
                raise TrainingError(finding)
            if self.warn and len(same) < SHOWN:
                warnings.warn(TrainingWarning(finding), stacklevel=calling_depth())

    def _end_close(self) -> None:
        """The close watch is over: its hooks go, and its rules say what they think."""
        ending, self._close, self._takers = self._close, [], {}
        self._observer.detach()
        self._tell(self._gathered([rule.end for rule in ending], ()))

    def _release(self) -> None:
        self._is_over = True
        self._detach()
        self._close, self._long, self._takers, self._last_loss = [], [], {}, None
        self._remembered = Remembered()


def _check(model: Any, loss: Any, optimizer: Any) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"Sanitizer: expected a Module as model, got {type(model).__name__}")
    if loss is not None and not callable(loss):
        raise TypeError(
            f"Sanitizer: expected a loss that can be called, got {type(loss).__name__}; "
            "give the loss function, not its value"
        )
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"Sanitizer: expected an Optimizer as optimizer, got {type(optimizer).__name__}"
        )


def _first(output: Any) -> Tensor | None:
    found = tensors_in(output)
    return found[0] if found else None


def _value(loss: Any) -> float:
    if isinstance(loss, Tensor):
        return float(np.mean(array(loss))) if loss.numel() else 0.0
    return float(loss)


def _as_array(x: Any) -> Array:
    return array(x) if isinstance(x, Tensor) else np.asarray(x)
