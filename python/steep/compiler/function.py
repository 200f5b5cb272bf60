"""`compile` and what it returns: functions and modules whose calls are recorded and replayed."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from steep import _core
from steep.compiler._recording import Recording, Run, examine
from steep.compiler._result import describe, detach_used
from steep.compiler._verify import verified_call
from steep.nn.module import Module

__all__ = ["CompiledFunction", "CompiledModule", "compile"]

SIGNATURES = 64  # kept for a function; the one not called for longest goes first
PROGRAMS = 8  # of one kind of call: other modes, parameters replaced, other gradients before
RESTLESS_CALLS = 4  # recordings in a row with changes of their own, before it is given up
FIRST_WAIT, LONGEST_WAIT = 8, 4096  # eager calls before a recording is tried again

_NO_MEMORY = "there was not memory enough to keep a program of it"


_ARRAY = (
    "an argument is a NumPy array, whose values a replay would not follow; pass a tensor "
    "(steep.from_numpy)"
)


_ARGUMENTS = (
    "it changes its arguments at each call, which a replay would not; return what is new, or write "
    "it into a tensor"
)


class _Signature:
    """What is known of one kind of call.

    Attributes:
        warm: whether it has been called once.
        pending: recordings that want a second one, by which gradients were there before.
        programs: those made so far, each with a recording of it.
        restless: recordings in a row that made no program, because something changed.
        runs: how often its programs had run at the last of them.
        reason: why it runs eagerly, or ``''``.
        left: eager calls before a recording is tried again.
        wait: how many there will be after the next failure.
    """

    def __init__(self) -> None:
        self.warm = False
        self.known: list[Any] = []  # held, so that nothing else gets an address in the key
        self.pending: dict[str, Recording] = {}
        self.programs: list[tuple[Any, Recording]] = []
        self.restless = 0
        self.runs = 0
        self.reason = ""
        self.left = 0
        self.wait = FIRST_WAIT

    def settle(self) -> None:
        """There is a program: what kept it from being made has gone."""
        self.restless = 0
        self.reason = ""
        self.wait = FIRST_WAIT

    def must_wait(self) -> bool:
        """Whether this call is one of those that are run eagerly for a reason known."""
        if not self.reason:
            return False
        self.left -= 1
        return self.left >= 0


_METHODS = "_compiled_methods"  # in an instance's __dict__


class _Methods:
    """The compiled methods of one instance. Copies of the instance have none of them."""

    def __init__(self, owner: Any = None) -> None:
        self.owner: Callable[[], Any] = (lambda: None) if owner is None else weakref.ref(owner)
        self.compiled: dict[CompiledFunction, CompiledFunction] = {}

    def __reduce__(self) -> Any:
        return (_Methods, ())


class CompiledFunction(_core.CompiledCall):
    """A function whose calls are recorded, and then replayed. Made by `steep.compile`."""

    def __init__(self, function: Callable[..., Any], *, fullgraph: bool, verify: bool) -> None:
        self._function = function
        self._fullgraph = fullgraph
        self._verify = verify
        self._table = _core.ProgramTable((np.generic,), (types.SimpleNamespace,))
        if not verify:
            self._replays_from = self._table
        self._signatures: dict[bytes, _Signature] = {}
        self._said: set[str] = set()
        functools.update_wrapper(self, function, updated=())

    def _call_anew(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call does that is not replayed."""
        return verified_call(self, args, kwargs) if self._verify else self._warm_up(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        # Kept by the instance itself, so that both go together: programs hold what they have read.
        values = getattr(instance, "__dict__", None)
        if values is None:
            return types.MethodType(self._function, instance)
        methods = values.get(_METHODS)
        if type(methods) is not _Methods or methods.owner() is not instance:
            try:
                methods = values[_METHODS] = _Methods(instance)
            except TypeError:  # it cannot be referred to weakly
                return types.MethodType(self._function, instance)
        bound = methods.compiled.get(self)
        if bound is None:
            method = _weak_method(self._function, methods.owner)
            bound = CompiledFunction(method, fullgraph=self._fullgraph, verify=self._verify)
            methods.compiled[self] = bound
        return BoundFunction(instance, bound)

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
        if sys.getprofile() is not None:  # recording would take its place
            return self._function(*args, **kwargs)
        key, inputs, known = self._table.key(args, kwargs)
        signature = self._signature(key)
        if any(isinstance(item, np.ndarray) for item in known) and not signature.reason:
            self._refuse(signature, _ARRAY)
        if signature.must_wait():
            if self._fullgraph:
                raise RuntimeError(self._text(signature.reason))
            return _detached(self._function(*args, **kwargs))
        if self._is_running(signature, self._table.find(args, kwargs)):
            return _detached(self._function(*args, **kwargs))
        if not signature.warm:
            result = self._function(*args, **kwargs)
            with contextlib.suppress(MemoryError, TypeError):  # the call has succeeded
                describe(result, [])
            signature.warm = True
            signature.known = known
            return _detached(result)
        if any(x.requires_grad and not x.is_leaf for x in inputs):
            self._refuse(signature, "an argument is part of a graph made outside the function")
            return self._function(*args, **kwargs)
        # What the last recording has read may have been replaced since: then this is another call.
        replaced = {
            pattern: what
            for pattern, pending in list(signature.pending.items())
            if (what := pending.replaced())
        }
        run = Run(self._function, args, kwargs, inputs)
        try:
            if self._table.key(args, kwargs)[0] != key:
                run.reads.change = _ARGUMENTS
            self._learn(key, signature, examine(run, inputs), known, replaced)
        except MemoryError:  # the call has succeeded: what is lost is the program
            self._do_without(signature)
        return _detached(run.result)

    def _is_running(self, signature: _Signature, program: Any) -> bool:
        """Whether another thread runs it; else an optimiser has turned it down."""
        for made, recording in signature.programs:
            if made is program:
                return all(fits() for fits in recording.before)
        return program is not None

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
        self,
        key: bytes,
        signature: _Signature,
        recording: Recording,
        kept: list[Any],
        replaced: dict[str, str],
    ) -> None:
        """Make a program of two recordings that agree, or say why there is none."""
        if recording.prepared:  # as an optimiser's first step does
            signature.pending.clear()
            return
        if recording.change:
            self._restless(signature, recording.change)
            return
        if recording.refusal:
            self._refuse(signature, recording.refusal)
            return
        for program, known in signature.programs:
            if not recording.difference(known):
                program.unpin(recording.trace)
                self._confirm(key, signature, program, recording)
                return
        pattern = recording.trace.pattern
        pending = signature.pending.pop(pattern, None)
        difference = "" if pending is None else recording.difference(pending)
        if pending is None or (difference and pattern in replaced):
            signature.pending[pattern] = recording
            if len(signature.pending) > PROGRAMS:
                del signature.pending[next(iter(signature.pending))]
            if pending is not None:
                self._restless(signature, _replaced(replaced[pattern]))
            return
        if difference:
            self._refuse(signature, f"two calls in a row differ: {difference}")
            return
        self._insert(key, signature, recording, pending, kept)

    def _insert(
        self,
        key: bytes,
        signature: _Signature,
        recording: Recording,
        pending: Recording,
        kept: list[Any],
    ) -> None:
        program = _core.make_program(recording.trace, pending.trace)
        cells = recording.cells.entries
        try:
            self._table.insert(key, program, recording.description, cells, recording.before, kept)
            signature.programs.append((program, recording))
        except BaseException:
            self._table.drop(key, program)
            raise
        signature.settle()
        if len(signature.programs) > PROGRAMS:
            old, _ = signature.programs.pop(0)
            self._table.drop(key, old)

    def _confirm(
        self, key: bytes, signature: _Signature, program: Any, recording: Recording
    ) -> None:
        """Something it has read was replaced, and it does the same as before."""
        known = [known for made, known in list(signature.programs) if made is program]
        what = known[0].replaced() if known else ""
        self._table.confirm(key, program, recording.cells.entries)
        signature.programs = [
            (made, recording if made is program else known) for made, known in signature.programs
        ]
        self._restless(signature, _replaced(what))

    def _restless(self, signature: _Signature, reason: str) -> None:
        """Something has changed since the last recording: it may be for the last time."""
        runs = sum(program.runs for program, _ in signature.programs)
        signature.restless = 1 if runs > signature.runs else signature.restless + 1
        signature.runs = runs
        if signature.restless > RESTLESS_CALLS:
            self._refuse(signature, reason)

    def _do_without(self, signature: _Signature) -> None:
        """There was no memory for a program. Under `fullgraph` the next call says so."""
        signature.reason = _NO_MEMORY
        signature.left = signature.wait
        signature.pending.clear()
        if self._fullgraph or _NO_MEMORY in self._said:
            return
        with contextlib.suppress(MemoryError):
            self._said.add(_NO_MEMORY)
            warnings.warn(self._text(_NO_MEMORY), UserWarning, stacklevel=_outside())

    def _refuse(self, signature: _Signature, reason: str) -> None:
        """Run this kind of call eagerly for some time, and say once why."""
        signature.reason = reason
        signature.restless = 0
        signature.pending.clear()
        signature.left = signature.wait
        signature.wait = min(2 * signature.wait, LONGEST_WAIT)
        if self._fullgraph:
            raise RuntimeError(self._text(reason))
        if reason not in self._said:
            self._said.add(reason)
            warnings.warn(self._text(reason), UserWarning, stacklevel=_outside())

    def _text(self, reason: str) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        return f"compile: {name} runs eagerly: {reason}"

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


def _replaced(what: str) -> str:
    return (
        f"{what or 'something it reads'} is replaced at every call; keep what changes in a tensor, "
        "or pass it as an argument"
    )


def _outside() -> int:
    """How many frames above the caller the first one outside of this package is."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("steep."):
        frame, level = frame.f_back, level + 1
    return level


class CompiledModule(Module):
    """A module whose calls are recorded and replayed; its parameters are the original's.

    Attributes that it lacks are looked up in the original, which is ``_orig_mod``.
    """

    def __init__(self, module: Module, *, fullgraph: bool, verify: bool) -> None:
        super().__init__()
        self._orig_mod = module
        self._compiled = CompiledFunction(module.__call__, fullgraph=fullgraph, verify=verify)
        self.training = module.training

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_orig_mod", "_compiled") or "_compiled" not in self.__dict__:
            super().__setattr__(name, value)
            return
        setattr(self._orig_mod, name, value)
        if name == "training":
            self.__dict__[name] = value

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

    Python code inside runs while recording only. What it reads from outside is followed: tensors,
    parameters and state may hold other values at every call, learning rates change, random numbers
    are drawn anew; and where a variable, an attribute, an item of a container, a mode or a hook is
    replaced, the call is recorded again. A function stays eager, with a warning that says why,
    where it reads a value into Python (``item``, ``bool``, ``numpy``), runs hooks, changes what it
    reads (a counter, a list of losses), draws from other random generators, or keeps a tensor it
    has computed anywhere but in its result and in ``.grad``; it is tried again after a growing
    number of calls. Results come back without a graph. See docs/programs.md.

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
        TypeError: if `model` cannot be called.

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
