"""Functions whose calls are recorded, and then replayed."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from steep import _core
from steep.compiler._arrays import array_in_use, has_array
from steep.compiler._call import Call, CallKind
from steep.compiler._explain import text_of_call
from steep.compiler._methods import bind
from steep.compiler._newcomers import Newcomers
from steep.compiler._objects import is_a
from steep.compiler._places import StandIns
from steep.compiler._recording import Run, examine
from steep.compiler._reports import Reporting
from steep.compiler._result import describe, detached
from steep.compiler._signature import FEW_FLOATS, FEW_INTS, LONGEST_WAIT, Signature
from steep.compiler._stored import Stored
from steep.compiler._verify import verified_call

__all__ = ["CompiledFunction"]

SIGNATURES = 64  # kept for a function; the least recently replayed one is dropped first

_NO_MEMORY = "there was not enough memory to keep a program of it"
_ARRAY = (
    "an array is inside a container among its arguments, or is read-only, or is of a kind whose "
    "memory tensors cannot share; pass the array itself, or a tensor (steep.tensor)"
)
_ENDLESS = (
    "its arguments contain themselves, or are nested too deeply; pass only the parts that it reads"
)
_UNLIKE = (
    "numbers inside its arguments were not found in the same places twice; pass them as separate "
    "arguments"
)
_ARGUMENTS = (
    "it changes its arguments at every call, which a replay would not do; return the new values, "
    "or write them to a tensor"
)
_PROFILED = (
    "a profiler is active (sys.setprofile), which recording would have to replace; call it without "
    "one, or compile with disable=True"
)
_WATCHED = {
    "anomaly": "detect_anomaly is on, which looks at every operation",
    "module hooks": "hooks of all modules are registered, which a replay would not call",
    "saved tensors": "saved_tensors_hooks are set, which a replay would not call",
}
_NO_ROOM = (
    "its programs would be kept by the instance, which has no __dict__ or does not support weak "
    "references; leave out __slots__, or add '__dict__' and '__weakref__' to them"
)


class CompiledFunction(Reporting):
    """A function whose calls are recorded, and then replayed. Made by `steep.compile`."""

    def __init__(self, function: Callable[..., Any], *, fullgraph: bool, verify: bool) -> None:
        self._function = function
        self._fullgraph = fullgraph
        self._verify = verify
        self._table = _core.ProgramTable((types.SimpleNamespace,), SIGNATURES)
        if not verify:
            self._replays_from = self._table
        self._signatures: dict[bytes, Signature] = {}
        # By the key without numbers: calls with different numbers.
        self._others: dict[bytes, int] = {}
        self._newcomers = Newcomers(function)
        self._said: set[str] = set()
        functools.update_wrapper(self, function, updated=())

    def _call_anew(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that is not replayed."""
        if self._verify:
            try:
                self._table.key(args, kwargs)
            except RecursionError:
                return self._call_endless(args, kwargs)
            return verified_call(
                self._table, self._record_unreplayed, self._places_of, args, kwargs
            )
        if _core.is_recording():  # part of another function's recording
            return self._function(*args, **kwargs)
        call = Call(args, kwargs)
        kind = call.kind(self._table)
        if kind.key in self._signatures or self._table.has_met(kind.key):
            return self._warm_up(call, kind)
        return self._call_with_numbers(call, self._warm_up)

    def _record_unreplayed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function itself, and record it if that is of use."""
        return self._call_with_numbers(Call(args, kwargs), self._warm_up)

    def _call_endless(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call whose kind cannot be determined."""
        if not _core.is_recording():
            self._say(_ENDLESS)
        return self._call(Call(args, kwargs))

    def _call_first(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The first call with these numbers, of a kind that was met with others."""
        return self._call_with_numbers(Call(args, kwargs), self._call_newcomer)

    def _call_plain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The first call of its kind, without numbers among its arguments."""
        return self._call_newcomer(Call(args, kwargs))

    def _call_newcomer(self, call: Call) -> Any:
        self._count_newcomer(call)
        return self._call(call)

    def _count_newcomer(self, call: Call) -> None:
        see = self._newcomers.see
        if not self._fullgraph and see(call.args, call.kwargs, self._table.newcomers):
            self._say(self._newcomers.reason)

    _detached = staticmethod(detached)

    def _call(self, call: Call) -> Any:
        return detached(self._function(*call.args, **call.kwargs))

    def _call_with_numbers(self, call: Call, otherwise: Callable[[Call], Any]) -> Any:
        """The first call with these numbers: after some such calls, all numbers make one kind."""
        freed = call.with_any_numbers()
        kind = freed.kind(self._table)
        if not kind.numbers:
            return otherwise(call)
        signature = self._signatures.get(kind.key)
        if signature is None:
            # The first was not counted here, but run at once.
            before = int(self._table.has_met_open(kind.key))
            count = self._others.pop(kind.key, before) + 1
            few = FEW_FLOATS if any(type(x) is float for x in kind.numbers) else FEW_INTS
            if count <= few:
                self._others[kind.key] = count
                if len(self._others) > SIGNATURES:
                    self._others.pop(next(iter(self._others)), None)
                return otherwise(call)
            signature = self._signature(kind, freed)
        if signature.reason and signature.must_wait():
            if self._signatures.pop(kind.key, None):  # another thread may have removed it
                self._signatures[kind.key] = signature  # moved to the end: others are dropped first
            return self._warm_up(call) if otherwise == self._warm_up else self._call(call)
        return self._warm_up(freed, kind)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        if is_a(instance, type):  # a class method
            return types.MethodType(self, instance)
        anew = functools.partial(CompiledFunction, fullgraph=self._fullgraph, verify=self._verify)
        bound = bind(self._function, self, instance, anew)
        if bound is None:
            self._say(_NO_ROOM)
            return types.MethodType(self._function, instance)
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        function = copy.deepcopy(self._function, memo)
        return CompiledFunction(function, fullgraph=self._fullgraph, verify=self._verify)

    def __reduce__(self) -> Any:
        name: str = getattr(self, "__qualname__", "")
        # By name, as functions are pickled.
        if _found_by_name(getattr(self, "__module__", ""), name) is self:
            return name
        make = functools.partial(CompiledFunction, fullgraph=self._fullgraph, verify=self._verify)
        return (make, (self._function,))

    def __repr__(self) -> str:
        return f"<compiled {self._function!r}>"

    # ---- calls that are not replayed --------------------------------------------------------

    def _warm_up(self, call: Call, kind: CallKind | None = None) -> Any:
        """Run the function, and learn what a replay needs."""
        if _core.is_recording():  # part of another function's recording
            return self._function(*call.args, **call.kwargs)
        if watched := _core.watched_by():
            self._say(_WATCHED[watched])
            return self._function(*call.args, **call.kwargs)
        if sys.getprofile() is not None:
            self._say(_PROFILED)
            return self._function(*call.args, **call.kwargs)
        kind = kind or call.kind(self._table)
        signature = self._signature(kind, call)
        if signature.must_wait():
            if self._fullgraph:
                raise RuntimeError(self._text(signature.reason))
            signature.eager += 1
            return self._call(call)
        if reason := self._reads_array(call, kind):
            self._refuse(signature, reason)
            signature.eager += 1
            return self._call(call)
        if signature.programs and self._is_running(signature, call, kind.numbers):
            stored = Stored(signature.stored.values())
            return stored.call(self._function, call.args, call.kwargs)
        if not signature.warm:
            self._table.newcomers += 1
            self._count_newcomer(call)
            signature.eager += 1
            result = self._function(*call.args, **call.kwargs)
            # The call has succeeded, even if its result cannot be described.
            with contextlib.suppress(Exception):
                describe(result, [])
            signature.warm = True
            return detached(result)
        return self._record(call, kind, signature)

    def _reads_array(self, call: Call, kind: CallKind) -> str:
        """Why arrays among the arguments prevent a replay, or ``''``."""
        if has_array(kind.known):
            return _ARRAY
        if not kind.arrays:
            return ""
        return array_in_use(self._function, call.args, call.kwargs, kind.arrays)

    def _record(self, call: Call, kind: CallKind, signature: Signature) -> Any:
        """Run and record the function, and make a program if the last call did the same."""
        # If something that the last recording read has been replaced since, this call may differ.
        replaced = {
            pending: what for pending in [*signature.pending] if (what := pending.replaced())
        }
        if self._refuse_foreign(signature):
            return self._call(call)
        self._follow_replaced(signature)
        signature.recorded += 1
        numbers = kind.numbers if signature.followable else []
        stored = Stored(signature.stored.values())
        whole = call.kind(self._table, stored.before) if stored.places else kind
        stored.begin(whole.key, len(kind.inputs), self._table)
        stand_ins = StandIns([*signature.places.values()], numbers)
        filled = call.filled(kind, stand_ins.given) if numbers else None
        if filled and not filled.fits:
            self._refuse(signature, _UNLIKE)
            return self._call(call)
        args, kwargs = call.args, call.kwargs
        given = [*whole.inputs, *whole.opened, *(array for array, _ in kind.arrays)]
        if filled:
            args, kwargs, stand_ins.put = filled.args, filled.kwargs, filled.entries
            given += filled.tuples
        try:
            run = Run(
                self._function, args, kwargs, given, stand_ins, kind.arrays, stored, whole.inputs
            )
            del filled, args, kwargs, given  # which hold stand-ins
            try:
                if stored.is_changed(self._table):
                    signature.forget_stored(stored.mutable())
                if stand_ins.changed or self._has_changed(call, kind):
                    run.reads.change = _ARGUMENTS + run.reads.line_of_change(stand_ins.changed)
                recording = examine(run, whole.inputs, self._table)
                if len(numbers) == len(kind.numbers) or self._may_follow(signature, recording):
                    self._learn(kind.key, signature, recording, whole.known, replaced)
            except MemoryError:  # the call has succeeded: what is lost is the program
                stand_ins.refusal()
                self._do_without(signature)
        except BaseException:
            stand_ins.refusal()  # no stand-in may be left after the call, however it ends
            raise
        return run.result

    def _has_changed(self, call: Call, kind: CallKind) -> bool:
        """Whether the function has changed its arguments, even into some that have no key."""
        try:
            return call.kind(self._table).key != kind.key
        except MemoryError:
            raise
        except Exception:  # for instance a list that now contains itself; the call has succeeded
            return True

    def _is_running(self, signature: Signature, call: Call, given: list[Any]) -> bool:
        """Whether another thread is running the program; otherwise an optimiser or a number ruled
        it out.
        """
        program = self._table.find(call.args, call.kwargs, call.is_open)
        for made, recording in signature.programs:
            if made is program:
                numbers = recording.numbers and recording.numbers[0](given)
                return all(fits() is not False for fits, _ in recording.before) and (
                    recording.numbers is None
                    or (numbers is not None and program.takes_numbers([*map(float, numbers[0])]))
                )
        return program is not None

    def _signature(self, kind: CallKind, call: Call) -> Signature:
        """The signature of this kind of call; the least recently replayed one makes room."""
        key = kind.key
        signature = self._signatures.get(key)
        if signature is None:
            if len(self._signatures) >= SIGNATURES:
                oldest = min(self._signatures, key=self._table.last_used)
                self._signatures.pop(oldest, None)
                self._table.remove(oldest)
            text = text_of_call(call.args, call.kwargs, call.is_open)
            signature = self._signatures[key] = Signature(key, text, kind.known)
            signature.any_numbers = call.is_open
            signature.warm = self._table.has_met(key)
            signature.eager = int(signature.warm)
        return signature

    def _do_without(self, signature: Signature) -> None:
        """Note that there was no memory for a program. Under `fullgraph` the next call raises."""
        signature.reason = _NO_MEMORY
        self._let_wait(signature)
        signature.pending.clear()
        if not self._fullgraph:
            with contextlib.suppress(MemoryError):
                self._say(_NO_MEMORY)

    def _let_wait(self, signature: Signature) -> None:
        """Run some calls eagerly, before a recording is tried again."""
        # Under `fullgraph` each of them raises here; with `verify` all calls come here anyway.
        is_counted_here = self._fullgraph or self._verify
        if is_counted_here or (signature.any_numbers and signature.known):
            signature.left = signature.wait
        else:
            signature.left = 0
            self._table.wait(signature.key, signature.wait)

    def _refuse(self, signature: Signature, reason: str) -> None:
        """Run this kind of call eagerly for some time, and warn once, with the reason."""
        signature.reason = reason
        signature.doubt = ""
        signature.restless = 0
        signature.pending.clear()
        signature.fixed.clear()
        self._let_wait(signature)
        signature.wait = min(2 * signature.wait, LONGEST_WAIT)
        # Each number may still be a kind of its own.
        if not (signature.any_numbers and self._fullgraph):
            self._say(reason)


def _found_by_name(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
