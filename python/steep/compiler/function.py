"""`compile` and what it returns: functions and modules whose calls are recorded and replayed."""

from __future__ import annotations

import contextlib
import copy
import functools
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from steep import _core
from steep._core import device, dtype
from steep.compiler._names import names_read
from steep.compiler._recording import Recording, Run, examine
from steep.compiler._result import describe, detach_used
from steep.compiler._verify import verified_call
from steep.nn.module import Module
from steep.optim.optimizer import Optimizer

__all__ = ["CompiledFunction", "CompiledModule", "compile"]

SIGNATURES = 64  # kept for a function; the one not called for longest goes first
PROGRAMS = 8  # of one kind of call: parameters replaced, other gradients there before
RESTLESS_CALLS = 8  # recordings during which modules changed, before it is given up


_REPLACED = (
    "a variable or attribute it reads, or a module or parameter somewhere, is replaced at every "
    "call; keep what changes in a tensor, or pass it as an argument"
)

_NO_MEMORY = "there was not memory enough to keep a program of it"


class _Signature:
    """What is known of one kind of call."""

    def __init__(self) -> None:
        self.warm = False
        self.pending: dict[str, Recording] = {}  # by which gradients were there before
        self.programs: list[tuple[Any, Recording]] = []
        self.restless = 0
        self.confirmed = 0
        self.replaced = 0
        self.runs = 0
        self.reason = ""


class CompiledFunction:
    """A function whose calls are recorded, and then replayed. Made by `steep.compile`."""

    def __init__(self, function: Callable[..., Any], *, fullgraph: bool, verify: bool) -> None:
        self._function = function
        self._fullgraph = fullgraph
        self._verify = verify
        self._table = _core.ProgramTable((Module, Optimizer, dtype, device))
        self._replay = self._table.replay
        self._signatures: dict[bytes, _Signature] = {}
        self._said: set[str] = set()
        self._bound: dict[int, tuple[weakref.ref[Any], CompiledFunction]] = {}
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._verify:
            return verified_call(self, args, kwargs)
        result = self._replay(args, kwargs)
        return self._warm_up(args, kwargs) if result is NotImplemented else result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        key = id(instance)
        if key not in self._bound:
            try:
                alive = weakref.ref(instance, lambda _: self._bound.pop(key, None))
            except TypeError:  # it cannot be referred to weakly, so nothing can be kept for it
                return types.MethodType(self._function, instance)
            # Kept by the instance's life: what is kept here must not keep the instance.
            method = _weak_method(self._function, alive)
            bound = CompiledFunction(method, fullgraph=self._fullgraph, verify=self._verify)
            self._bound[key] = (alive, bound)
        return BoundFunction(instance, self._bound[key][1])

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        function = copy.deepcopy(self._function, memo)
        return CompiledFunction(function, fullgraph=self._fullgraph, verify=self._verify)

    def __reduce__(self) -> Any:
        make = functools.partial(CompiledFunction, fullgraph=self._fullgraph, verify=self._verify)
        return (make, (self._function,))

    def __repr__(self) -> str:
        return f"<compiled {self._function!r}>"

    # ---- calls that are not replayed --------------------------------------------------------

    def _warm_up(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function, and learn from it what a replay of it needs."""
        if _core.is_recording():  # part of another function's recording
            return self._function(*args, **kwargs)
        key, inputs, known = self._table.key(args, kwargs)
        signature = self._signature(key)
        if signature.reason and self._fullgraph:
            self._refuse(signature, signature.reason)
        if signature.reason or self._table.find(args, kwargs) is not None:  # or: another thread's
            return _detached(self._function(*args, **kwargs))
        if not signature.warm:
            result = self._function(*args, **kwargs)
            with contextlib.suppress(MemoryError):  # the call has succeeded: nothing else matters
                describe(result, [])
            signature.warm = True
            return _detached(result)
        if any(x.requires_grad and not x.is_leaf for x in inputs):
            self._refuse(signature, "an argument is part of a graph made outside the function")
            return self._function(*args, **kwargs)
        run = Run(self._function, args, kwargs)
        try:
            self._learn(key, signature, examine(run, inputs), known)
        except MemoryError:  # the call has succeeded: what is lost is the program
            self._do_without(signature)
        return _detached(run.result)

    def _signature(self, key: bytes) -> _Signature:
        """What is known of this kind of call; the one not replayed for longest makes room."""
        signature = self._signatures.get(key)
        if signature is None:
            if len(self._signatures) >= SIGNATURES:
                oldest = min(self._signatures, key=self._table.last_used)
                del self._signatures[oldest]
                self._table.remove(oldest)
            signature = self._signatures[key] = _Signature()
        return signature

    def _learn(
        self, key: bytes, signature: _Signature, recording: Recording, kept: list[Any]
    ) -> None:
        """Make a program of two recordings that agree, or say why there is none."""
        if recording.restless:
            # An optimiser's first steps differ; a module that changes at every call never ends.
            signature.pending.clear()
            signature.restless += 1
            if signature.restless > RESTLESS_CALLS:
                self._refuse(
                    signature, "it changes modules, parameters or hooks each time it is called"
                )
            return
        signature.restless = 0
        if recording.refusal:
            self._refuse(signature, recording.refusal)
            return
        names = recording.names = names_read(self._function)
        for program, known in signature.programs:
            if not recording.difference(known):
                program.unpin(recording.trace)
                self._confirm(key, signature, program, names)
                return
        pattern = recording.trace.pattern
        pending = signature.pending.pop(pattern, None)
        if pending is None or not recording.same_surroundings(pending):
            signature.pending[pattern] = recording
            if len(signature.pending) > PROGRAMS:
                del signature.pending[next(iter(signature.pending))]
            signature.replaced += pending is not None
            if signature.replaced > RESTLESS_CALLS:
                self._refuse(signature, _REPLACED)
            return
        signature.replaced = 0
        difference = recording.difference(pending)
        if difference:
            self._refuse(signature, f"two calls in a row differ: {difference}")
            return
        program = _core.make_program(recording.trace, pending.trace)
        before = [optimizer.write_hyperparameters for optimizer in recording.optimizers]
        try:
            self._table.insert(key, program, recording.description, names, before, kept)
            signature.programs.append((program, recording))
        except BaseException:
            self._table.drop(key, program)
            raise
        if len(signature.programs) > PROGRAMS:
            old, _ = signature.programs.pop(0)
            self._table.drop(key, old)

    def _confirm(self, key: bytes, signature: _Signature, program: Any, names: list[Any]) -> None:
        """Something it depends on was replaced, and it does the same as before."""
        self._table.confirm(key, program, names)
        runs = program.runs
        signature.confirmed = signature.confirmed + 1 if runs == signature.runs else 0
        signature.runs = runs
        if signature.confirmed > RESTLESS_CALLS:
            self._refuse(signature, _REPLACED)

    def _do_without(self, signature: _Signature) -> None:
        """There was no memory for a program. Under `fullgraph` the next call says so."""
        signature.reason = _NO_MEMORY
        signature.pending.clear()
        if self._fullgraph or _NO_MEMORY in self._said:
            return
        with contextlib.suppress(MemoryError):
            self._said.add(_NO_MEMORY)
            name = getattr(self._function, "__qualname__", repr(self._function))
            text = f"compile: {name} runs eagerly: {_NO_MEMORY}"
            warnings.warn(text, UserWarning, stacklevel=4)

    def _refuse(self, signature: _Signature, reason: str) -> None:
        """Run this kind of call eagerly from now on, and say once why."""
        signature.reason = reason
        name = getattr(self._function, "__qualname__", repr(self._function))
        text = f"compile: {name} runs eagerly: {reason}"
        if self._fullgraph:
            raise RuntimeError(text)
        if reason not in self._said:
            self._said.add(reason)
            warnings.warn(text, UserWarning, stacklevel=5)

    # ---- what is known ----------------------------------------------------------------------

    def programs(self) -> list[Any]:
        """The programs made so far."""
        return [
            program for signature in self._signatures.values() for program, _ in signature.programs
        ]

    def explain(self) -> str:
        """What replays run, launch by launch, and why the function runs eagerly where it does.

        Each line is a step: its estimated time on one thread, the bytes it moves, its operations,
        who runs it, and the launches it is made of, with their operands as ``kind number [shape]``:
        ``in`` an argument, ``s`` state from outside, ``c`` a constant, ``t`` memory of the
        program's own, ``out`` a result or gradient. A bar marks where all threads meet before.

        Returns:
            The text; print it.
        """
        name = getattr(self._function, "__qualname__", repr(self._function))
        parts = []
        for number, signature in enumerate(self._signatures.values(), 1):
            head = f"{name}, signature {number} of {len(self._signatures)}: "
            if signature.reason:
                parts.append(f"{head}eager, because {signature.reason}\n")
            elif not signature.programs:
                parts.append(f"{head}still warming up\n")
            for program, _ in signature.programs:
                parts.append(f"{head}replayed\n{program.listing()}")
        return "".join(parts) if parts else f"{name}: not called yet\n"


def _detached(result: Any) -> Any:
    """See `detach_used`; the result as it is where there is no memory for that."""
    try:
        return detach_used(result)
    except MemoryError:
        return result


class CompiledModule(Module):
    """A module whose calls are recorded and replayed; its parameters are the original's.

    Attributes that it lacks are looked up in the original, which is ``_orig_mod``.
    """

    def __init__(self, module: Module, *, fullgraph: bool, verify: bool) -> None:
        super().__init__()
        self._orig_mod = module
        self._compiled = CompiledFunction(module.__call__, fullgraph=fullgraph, verify=verify)
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, or replay its program."""
        return self._compiled(*args, **kwargs)

    def explain(self) -> str:
        """See `CompiledFunction.explain`."""
        return self._compiled.explain()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_orig_mod":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._orig_mod, name)


class BoundFunction:
    """A compiled method of one instance, which it keeps alive while it is itself."""

    __slots__ = ("__self__", "_compiled")

    def __init__(self, instance: Any, compiled: CompiledFunction) -> None:
        self.__self__ = instance
        self._compiled = compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def programs(self) -> list[Any]:
        """See `CompiledFunction.programs`."""
        return self._compiled.programs()

    def explain(self) -> str:
        """See `CompiledFunction.explain`."""
        return self._compiled.explain()


def _weak_method(function: Callable[..., Any], alive: Callable[[], Any]) -> Callable[..., Any]:
    """The function with its first argument given, which is not kept alive by it."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(alive(), *args, **kwargs)

    method._instance = alive  # type: ignore[attr-defined]  # for whoever looks for its attributes
    return method


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "steep",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    verify: bool = False,
) -> Any:
    """Record what a function computes, once, and replay it from then on.

    Meant for a whole training step: forward, backward and the optimiser's step in one function.
    For each kind of call (shapes, dtypes, strides, numbers passed, modes) the first call runs as
    usual, the next two are recorded and must agree, and all later ones replay the recording:
    without Python, without building a graph, with memory planned once and elementwise chains fused.
    The results have the bits of the function itself.

    Python code inside runs while recording only. Tensors that it is given, that it closes over, and
    parameters and state of modules and optimisers may hold other values at every call; learning
    rates are followed, random numbers drawn anew. Numbers that are not arguments are constants: one
    that differs between the two recordings is named, and the function stays eager, as it does when
    it reads a value into Python (``item``, ``bool``, ``numpy``), runs hooks, or keeps a tensor it
    has computed anywhere but in its result and in ``.grad``. Results come back without a graph.

    Args:
        model: a function or `Module`; none to get a decorator.
        fullgraph: raise RuntimeError instead of running eagerly. Default: ``False``.
        dynamic: accepted for PyTorch's sake, as are `backend`, `mode` and `options`; there is
            nothing to choose.
        backend: see `dynamic`.
        mode: see `dynamic`.
        options: see `dynamic`.
        disable: return `model` as it is. Default: ``False``.
        verify: at every replay, run the function as well and raise RuntimeError where a bit
            differs. Slow; for tests. Default: ``False``.

    Returns:
        A `CompiledFunction`, or a `CompiledModule` for a module. Both have `explain()`.

    Raises:
        TypeError: if `model` cannot be called; at a call, if an argument is of a kind that cannot
            be told apart from another, or if the function returns anything but tensors and plain
            values in tuples, lists and dicts.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(3, 1)
        >>> optimizer = steep.optim.SGD(layer.parameters(), lr=0.1)
        >>> @steep.compile
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = steep.nn.functional.mse_loss(layer(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x, y = steep.ones(8, 3), steep.zeros(8, 1)
        >>> losses = [step(x, y).item() for _ in range(10)]
        >>> losses[-1] < losses[0], len(step.programs())
        (True, 1)
    """
    del dynamic, backend, mode, options
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable, verify=verify)
    if not callable(model):
        raise TypeError(
            f"compile: expected a function or a Module, got {type(model).__name__}; pass the "
            "function itself, not what it returns"
        )
    if disable:
        return model
    if isinstance(model, Module):
        return CompiledModule(model, fullgraph=fullgraph, verify=verify)
    return CompiledFunction(model, fullgraph=fullgraph, verify=verify)
