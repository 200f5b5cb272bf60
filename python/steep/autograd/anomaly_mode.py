"""`detect_anomaly`: says which operation has made the first NaN or infinity, and where."""

from __future__ import annotations

import linecache
import re
import threading
import warnings
from typing import Any, NoReturn

from steep._core import refuse_recording, watch_anomalies
from steep._layers import follow, unfollow

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class _State(threading.local):
    """What this thread has set."""

    mode = False
    check_nan = True
    check_inf = False


_state = _State()


def _set(mode: bool, check_nan: bool, check_inf: bool) -> None:
    refuse_recording("it sets detect_anomaly; do that outside of the function")
    was_on, _state.mode = _state.mode, bool(mode)
    _state.check_nan, _state.check_inf = bool(check_nan), bool(check_inf)
    if _state.mode and not was_on:
        follow()
    watch_anomalies(_tell if _state.mode else None, _state.check_nan, _state.check_inf)
    if was_on and not _state.mode:
        unfollow()


def is_anomaly_enabled() -> bool:
    """Whether `detect_anomaly` is on, on this thread.

    Example:
        >>> import steep
        >>> with steep.autograd.detect_anomaly():
        ...     steep.is_anomaly_enabled()
        True
    """
    return _state.mode


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN raises where `detect_anomaly` is on."""
    return _state.check_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turn `detect_anomaly` on or off on this thread.

    Raises:
        TypeError: for what is no bool.
    """
    if not isinstance(enabled, bool) or not isinstance(check_nan, bool):
        raise TypeError(f"set_anomaly_enabled: expected bools, got {enabled!r} and {check_nan!r}")
    _set(enabled, check_nan, False)


class set_detect_anomaly:  # noqa: N801  # PyTorch's name
    """Turns `detect_anomaly` on or off on this thread: at once, and for a with block until its end.

    Args:
        mode: whether it is on.
        check_nan: as in `detect_anomaly`. Default: ``True``.
        check_inf: likewise. Default: ``False``.
    """

    def __init__(self, mode: bool, check_nan: bool = True, *, check_inf: bool = False) -> None:
        self._before = (_state.mode, _state.check_nan, _state.check_inf)
        _set(mode, check_nan, check_inf)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


class detect_anomaly:  # noqa: N801  # PyTorch's name
    """Within it, the operation that makes the first NaN raises, and says where it was called.

    In the forward pass that is an operation that backward would differentiate, and whose result has
    a NaN; in the backward pass, one of whose gradients has. The error names the operation, the path
    of the layer that called it, the line of the program with its code, and where the NaN began if
    that was earlier: outside of the graph, or as an infinity. An error in backward is followed by a
    warning that says which line of the forward pass it belongs to.

    It holds for this thread, looks at every number that is computed, and is for finding mistakes:
    everything takes several times as long, and compiled functions run eagerly. When it is off, it
    costs nothing.

    Args:
        check_nan: whether a NaN raises. Default: ``True``.
        check_inf: whether an infinity raises that was computed from finite numbers. Default:
            ``False``: logarithms of 0 and masks have them on purpose.

    Raises:
        RuntimeError: where one is born.

    Example:
        >>> import steep
        >>> x = steep.tensor([0.0, 4.0], requires_grad=True)
        >>> try:
        ...     with steep.autograd.detect_anomaly():
        ...         loss = (x.sqrt() * 0).sum()
        ...         loss.backward()
        ... except RuntimeError as error:
        ...     print(str(error).splitlines()[0])
        Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True, *, check_inf: bool = False) -> None:
        self._wanted = (check_nan, check_inf)

    def __enter__(self) -> None:
        self._before = (_state.mode, _state.check_nan, _state.check_inf)
        _set(True, *self._wanted)

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


# ---- what the engine calls ----------------------------------------------------------------------

_Birth = tuple[str, str | None, str, str | None, int]  # kernel, layer, phase, line, from infinity


def _tell(phase: str, node: str, layer: str | None, born: str | None, *rest: Any) -> None:
    if phase == "error":
        _warn(node, layer, born)
    else:
        _refuse(phase, node, layer, born, *rest)


def _refuse(
    phase: str,
    node: str,
    layer: str | None,
    recorded: str | None,
    line: str | None,
    what: str,
    place: int,
    is_born: bool,
    nan: _Birth | None,
    infinity: _Birth | None,
) -> NoReturn:
    verb = "returned" if phase == "backward" else "gave"
    parts = [f"Function '{node}' {verb} {what} values in its {place}th output."]
    if phase == "forward":
        parts[0] = f"{_operation(node)} {verb} {what} in the forward pass ({node})."
    parts.append(f"called {_place(layer, recorded)}")
    if phase == "backward" and line:
        parts.append(f"in the backward pass begun {_place(None, line)}")
    if what == "nan" and not is_born:
        parts.append(_origin(phase, nan))
    if what == "nan" and infinity is not None and (nan is None or nan[4]):
        parts.append(f"an infinity came before it, from {_launch(infinity)}")
    raise RuntimeError("\n  ".join(parts))


def _origin(phase: str, nan: _Birth | None) -> str:
    if nan is not None:
        return f"the nan itself came from {_launch(nan)}"
    if phase == "backward":
        return "the gradients that it was given had nan already: a hook or backward(gradient) did"
    return "its operands had nan already: look at the data and the parameters"


def _warn(node: str, layer: str | None, recorded: str | None) -> None:
    warnings.warn(
        f"Error detected in {node}. The forward call that caused the error was "
        f"{_place(layer, recorded)}",
        stacklevel=2,
    )


def _operation(node: str) -> str:
    """``LogSoftmaxBackward0`` is log_softmax's."""
    name = re.sub(r"Backward\d*$", "", node)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _launch(birth: _Birth) -> str:
    kernel, layer, phase, line, _ = birth
    during = "" if phase == "forward" else f" in the {phase} phase"
    return f"{kernel}{during}, {_place(layer, line)}"


def _place(layer: str | None, line: str | None) -> str:
    within = f"in layer {layer!r} " if layer else ""
    if not line:
        return f"{within}at an unknown line"
    file, _, number = line.rpartition(":")
    code = linecache.getline(file, int(number)).strip()
    return f"{within}at {line}" + (f": {code}" if code else "")
