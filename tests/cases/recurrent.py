"""Recurrent layers."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

import steep
from cases.layer import Layer, Made, Misused, Params
from cases.row import Array, Bad, Call, Counts, Row, arr, bad, call
from steep.reference.recurrent import recurrent_network

_ROUGH: dict[str, Any] = {"rough": 8.0, "reason": "sums of products, one step after the other"}
_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


def _layer(
    cell: str,
    steps: int = 3,
    batch: int = 2,
    inputs: int = 3,
    hidden: int = 4,
    *,
    states: bool = True,
    bias: bool = True,
    projected: int = 0,
    sizes: tuple[int, ...] = (),
    reverse: bool = False,
) -> Call:
    """One layer in one direction."""
    rows, size = _GATES[cell] * hidden, projected or hidden
    x = arr(sum(sizes), inputs) if sizes else arr(steps, batch, inputs)
    given = [arr(batch, size) if states else None]
    given.append(arr(batch, hidden) if states and cell == "lstm" else None)
    weights = [arr(rows, inputs, domain="unit"), arr(rows, size, domain="unit")]
    biases = [arr(rows) if bias else None] * 2
    projection = arr(projected, hidden, domain="unit") if projected else None
    return call(x, *given, *weights, *biases, projection, cell, sizes, reverse)


def _calls(cell: str) -> tuple[Call, ...]:
    return (
        _layer(cell),
        _layer(cell, states=False, bias=False),
        _layer(cell, reverse=True),
        _layer(cell, 1, 1, 2, 3, states=False),
        _layer(cell, 2, 5, 4, 19),
        _layer(cell, batch=3, sizes=(3, 2, 2, 1)),
        _layer(cell, batch=3, sizes=(3, 2, 2, 1), reverse=True, states=False),
        _layer(cell, 2, 0, 3, 2),
    )


def _refused() -> tuple[Bad, ...]:
    x, w, u, packed = arr(2, 2, 3), arr(4, 3), arr(4, 4), arr(3, 3)
    nothing = (None, None, None)
    usual = (None, None, w, u, *nothing, "rnn_tanh", ())
    whole = arr(2, 2, 3, dtype="int64")
    projected = (w, u, None, None, arr(2, 4))

    def refused(error: type[Exception], text: str, *given: Any) -> Bad:
        return bad(error, f"recurrent_layer: expected {text}", *given, False)

    def of_weights(text: str, *given: Any, cell: str = "rnn_tanh") -> Bad:
        return refused(RuntimeError, text, x, *given, cell, ())

    def of_sizes(text: str, of: Any, *sizes: int) -> Bad:
        return refused(RuntimeError, text, of, *usual[:-1], sizes)

    return (
        refused(ValueError, "cell to be 'rnn_tanh'", x, *usual[:-2], "rnn", ()),
        refused(RuntimeError, "an input of shape", arr(2, 3), *usual),
        refused(RuntimeError, "at least one step", arr(0, 2, 3), *usual),
        refused(NotImplementedError, "a floating-point input", whole, *usual),
        of_sizes("packed rows", x, 2),
        of_sizes("batch_sizes that are positive", packed, 1, 2),
        of_sizes("batch_sizes that are positive", packed, 2, 0),
        of_sizes("batch_sizes that add up to the input's 3 rows", packed, 2),
        of_weights("weight_ih of shape [4, 3]", None, None, arr(4, 2), u, *nothing),
        of_weights("weight_hh of shape [4, 4]", None, None, w, arr(4, 3), *nothing),
        of_weights("weight_hh of two dimensions", None, None, w, arr(4), *nothing),
        of_weights("bias_ih of shape [4]", None, None, w, u, arr(3), None, None),
        of_weights("bias_hh of shape [4]", None, None, w, u, None, arr(3), None),
        of_weights("h0 of shape [2, 4]", arr(3, 4), None, w, u, *nothing),
        of_weights("c0 for an LSTM alone", None, arr(2, 4), w, u, *nothing),
        of_weights("c0 of shape [2, 1]", None, arr(2, 4), w, arr(4, 1), *nothing, cell="lstm"),
        of_weights("weight_hr for an LSTM alone", None, None, *projected),
        of_weights("a projection to fewer than 1 units", None, None, *projected, cell="lstm"),
        of_weights("input, states and parameters to have", arr(2, 4, dtype="int64"), *usual[1:-2]),
    )


def _timed(m: ModuleType) -> Any:
    layer, x = m.nn.LSTM(32, 64), m.randn(20, 16, 32)

    def run() -> None:
        out, _ = layer(x)
        out.sum().backward()

    return run


RECURRENT = {
    "recurrent_layer": Row(
        (
            *_calls("lstm"),
            *_calls("gru"),
            *_calls("rnn_tanh"),
            _layer("rnn_relu"),
            _layer("rnn_relu", batch=2, sizes=(2, 1), reverse=True),
            _layer("lstm", projected=2),
            _layer("lstm", batch=3, sizes=(3, 1, 1), projected=3, reverse=True, bias=False),
        ),
        "recurrent_layer",
        bad=_refused(),
        large=_layer("lstm", 6, 37, 20, 70),
        counts=Counts(launches=2, saved=10, saved_bytes=1288, backward=5),
        kernels=("recurrent", "recurrent_backward"),
        bench=_timed,
        **_ROUGH,
    ),
}


# ---- the layers ---------------------------------------------------------------------------------


class Joined:
    """A layer whose results are put into one tensor."""

    def joined(self, m: ModuleType, layer: Any) -> Any:
        self.layer, self.home = layer, m.__name__
        return self

    def forward(self, x: Any, *states: Any) -> Any:
        given = states if len(states) > 1 else (states[0] if states else None)
        made = self.layer(x, given)
        out, last = made if isinstance(made, tuple) else (made, ())
        last = last if isinstance(last, tuple) else (last,)
        m = importlib.import_module(self.home)
        return m.cat([t.reshape(-1) for t in (out, *last)])


class Flat(Joined, steep.nn.Module):
    """`Joined` as a module of steep."""


def _flat(m: ModuleType, kind: str, *args: Any, **kwargs: Any) -> Any:
    made = Flat() if m is steep else type("Flat", (Joined, m.nn.Module), {})()
    return made.joined(m, getattr(m.nn, kind)(*args, **kwargs))


def _reference(
    params: Params,
    inputs: tuple[Array, ...],
    kind: str,
    *_: Any,
    **kwargs: Any,
) -> Any:
    cell = kind.removesuffix("Cell").lower()
    if cell == "rnn":
        cell += f"_{kwargs.get('nonlinearity', 'tanh')}"
    params = {name.removeprefix("layer."): x for name, x in params.items()}
    x, *states = inputs
    if kind.endswith("Cell"):
        params = {f"{name}_l0": p for name, p in params.items()}
        x, *states = (y[None] if y.ndim == 2 else y[None, None] for y in inputs)
        _, *last = recurrent_network(params, x, states, cell=cell)
        return np.concatenate([s.reshape(-1) for s in last])
    if x.ndim == 2:
        x, states = x[:, None], [s[:, None] for s in states]
    elif kwargs.get("batch_first"):
        x = x.swapaxes(0, 1)
    out, *last = recurrent_network(params, x, states, cell=cell)
    if kwargs.get("batch_first") and inputs[0].ndim == 3:
        out = out.swapaxes(0, 1)
    return np.concatenate([s.reshape(-1) for s in (out, *last)])


def _made(text: str, given: Call, *inputs: Any, training: bool = True, drawn: bool = False) -> Made:
    return Made(given, inputs, f"Flat(\n  (layer): {text}\n)", training, drawn)


_x = arr(3, 2, 3)
_row = arr(2, 3)


def _sequences(kind: str, states: int) -> Layer:
    """RNN, LSTM or GRU."""
    hx = [arr(1, 2, 4)] * states
    return Layer(
        kind,
        (
            _made(f"{kind}(3, 4)", call(kind, 3, 4), _x, *hx),
            _made(f"{kind}(3, 4)", call(kind, 3, 4), _x),
            _made(
                f"{kind}(3, 4, num_layers=2, bias=False, batch_first=True, bidirectional=True)",
                call(kind, 3, 4, 2, bias=False, batch_first=True, bidirectional=True),
                _x,
                *[arr(4, 3, 4)] * states,
            ),
            _made(f"{kind}(3, 4, batch_first=True)", call(kind, 3, 4, batch_first=True), _row),
            _made(f"{kind}(3, 4)", call(kind, 3, 4), _row, *[arr(1, 4)] * states),
            _made(
                f"{kind}(3, 4, num_layers=2, dropout=0.5)",
                call(kind, 3, 4, 2, dropout=0.5),
                _x,
                training=False,
            ),
            _made(
                f"{kind}(3, 4, num_layers=2, dropout=0.5)",
                call(kind, 3, 4, 2, dropout=0.5),
                _x,
                drawn=True,
            ),
            *_more(kind),
        ),
        _reference,
        bad=(
            bad(ValueError, "hidden_size must be greater than zero, got 0", kind, 3, 0),
            bad(ValueError, "input_size must be greater than zero", kind, -1, 4),
            bad(TypeError, "hidden_size should be of type int, got: float", kind, 3, 4.5),
            bad(ValueError, "num_layers must be greater than zero", kind, 3, 4, 0),
            bad(ValueError, "dropout should be a number in range [0, 1]", kind, 3, 4, dropout=2),
            bad(TypeError, "bias should be of type bool, got: int", kind, 3, 4, bias=1),
            bad(RuntimeError, "expected device 'cpu'", kind, 3, 4, device="cuda"),
        ),
        misused=(
            Misused(call(kind, 3, 4), (arr(3, 2, 5),), RuntimeError, "Expected 3, got 5"),
            Misused(
                call(kind, 3, 4), (arr(3),), ValueError, "Expected input to be 2D or 3D, got 1"
            ),
            Misused(
                call(kind, 3, 4), (arr(0, 2, 3),), RuntimeError, "sequence length to be larger"
            ),
            Misused(
                call(kind, 3, 4),
                (_x, *[arr(1, 3, 4)] * states),
                RuntimeError,
                "(1, 2, 4), got [1, 3",
            ),
            Misused(
                call(kind, 3, 4), (_x, *[arr(2, 4)] * states), RuntimeError, "hx should also be 3-D"
            ),
            Misused(
                call(kind, 3, 4),
                (arr(3, 2, 3, dtype="int64"),),
                ValueError,
                "does not match weight",
            ),
        ),
        maker=_flat,
        bench=Made(call(kind, 64, 128), (arr(20, 16, 64),), ""),
        **_ROUGH,
    )


def _more(kind: str) -> tuple[Made, ...]:
    if kind == "RNN":
        return (_made("RNN(3, 4)", call("RNN", 3, 4, nonlinearity="relu"), _x),)
    if kind == "LSTM":
        given = call("LSTM", 3, 4, num_layers=2, proj_size=2)
        return (
            _made("LSTM(3, 4, proj_size=2, num_layers=2)", given, _x, arr(2, 2, 2), arr(2, 2, 4)),
        )
    return ()


def _cell(kind: str, states: int, *more: Made) -> Layer:
    return Layer(
        kind,
        (
            _made(f"{kind}(3, 4)", call(kind, 3, 4), _row, *[arr(2, 4)] * states),
            _made(f"{kind}(3, 4, bias=False)", call(kind, 3, 4, bias=False), _row),
            _made(f"{kind}(3, 4)", call(kind, 3, 4), arr(3), *[arr(4)] * states),
            *more,
        ),
        _reference,
        bad=(
            bad(ValueError, "hidden_size must be greater than zero", kind, 3, 0),
            bad(RuntimeError, "expected device 'cpu'", kind, 3, 4, device="cuda"),
        ),
        misused=(
            Misused(
                call(kind, 3, 4), (arr(2, 5),), RuntimeError, "input of shape (2, 3), got (2, 5)"
            ),
            Misused(call(kind, 3, 4), (_x,), ValueError, "input to be 1D or 2D, got 3D"),
            Misused(
                call(kind, 3, 4),
                (_row, *[arr(1, 4)] * states),
                RuntimeError,
                "shape (2, 4), got (1",
            ),
        ),
        maker=_flat,
        bench=Made(call(kind, 64, 128), (arr(16, 64),), ""),
        **_ROUGH,
    )


RECURRENT_LAYERS = {
    layer.name: layer
    for layer in (
        _sequences("RNN", 1),
        _sequences("LSTM", 2),
        _sequences("GRU", 1),
        _cell(
            "RNNCell",
            1,
            _made(
                "RNNCell(3, 4, nonlinearity=relu)", call("RNNCell", 3, 4, nonlinearity="relu"), _row
            ),
        ),
        _cell("LSTMCell", 2),
        _cell("GRUCell", 1),
        Layer("RNNBase", reason="the base of RNN, LSTM and GRU"),
        Layer("RNNCellBase", reason="the base of the cells"),
    )
}
