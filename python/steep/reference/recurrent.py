"""Recurrent layers: plain ones (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho
2014).

Each sequence by itself, step by step, and back in time through the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from steep.reference.registry import Array, register, wide


class Weights(NamedTuple):
    """Of one layer in one direction; biases and the projection may be missing."""

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array | None = None
    bias_hh: Array | None = None
    weight_hr: Array | None = None


def _wide(w: Weights) -> Weights:
    first, second, *others = w
    return Weights(wide(first), wide(second), *(None if x is None else wide(x) for x in others))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


# Each cell is two functions. The first takes the input's part of the gates, the state's part of
# them (each with its bias), h and c, and gives h and c after the step. The second takes the
# gradients of these before the same arguments, and gives those of the arguments.


def _rnn_step(a: Array, b: Array, h: Array, c: Array) -> tuple[Array, Array]:
    return np.tanh(a + b), c


def _rnn_back(dh: Array, dc: Array, a: Array, b: Array, h: Array, c: Array) -> tuple[Array, ...]:
    d = dh * (1 - np.tanh(a + b) ** 2)
    return d, d, np.zeros_like(h), dc


def _relu_step(a: Array, b: Array, h: Array, c: Array) -> tuple[Array, Array]:
    return np.maximum(a + b, 0), c


def _relu_back(dh: Array, dc: Array, a: Array, b: Array, h: Array, c: Array) -> tuple[Array, ...]:
    d = dh * (a + b > 0)
    return d, d, np.zeros_like(h), dc


def _lstm_gates(a: Array, b: Array) -> tuple[Array, ...]:
    i, f, g, o = np.split(a + b, 4)
    return _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)


def _lstm_step(a: Array, b: Array, h: Array, c: Array) -> tuple[Array, Array]:
    i, f, g, o = _lstm_gates(a, b)
    c = f * c + i * g
    return o * np.tanh(c), c


def _lstm_back(dh: Array, dc: Array, a: Array, b: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = _lstm_gates(a, b)
    t = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - t * t)
    d = np.concatenate(
        (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o))
    )
    return d, d, np.zeros_like(h), dc * f


def _gru_step(a: Array, b: Array, h: Array, c: Array) -> tuple[Array, Array]:
    (ar, az, an), (br, bz, bn) = np.split(a, 3), np.split(b, 3)
    r, z = _sigmoid(ar + br), _sigmoid(az + bz)
    n = np.tanh(an + r * bn)
    return (1 - z) * n + z * h, c


def _gru_back(dh: Array, dc: Array, a: Array, b: Array, h: Array, c: Array) -> tuple[Array, ...]:
    (ar, az, an), (br, bz, bn) = np.split(a, 3), np.split(b, 3)
    r, z = _sigmoid(ar + br), _sigmoid(az + bz)
    n = np.tanh(an + r * bn)
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * bn * r * (1 - r), dh * (h - n) * z * (1 - z)
    return np.concatenate((dr, dz, dn)), np.concatenate((dr, dz, dn * r)), dh * z, dc


_CELLS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "rnn_tanh": (_rnn_step, _rnn_back),
    "rnn_relu": (_relu_step, _relu_back),
    "lstm": (_lstm_step, _lstm_back),
    "gru": (_gru_step, _gru_back),
}


def _rows_of_sequences(sizes: Sequence[int], reverse: bool) -> list[list[int]]:
    """Where the steps of each sequence lie, in the order in which they are taken."""
    starts = np.cumsum([0, *sizes])
    found = [[int(starts[t]) + i for t, n in enumerate(sizes) if n > i] for i in range(sizes[0])]
    return [rows[::-1] for rows in found] if reverse else found


class _Sequences:
    """The arguments of `recurrent_layer`, wide, and one sequence after the other."""

    def __init__(
        self,
        input: Array,
        h0: Array | None,
        c0: Array | None,
        weights: Weights,
        cell: str,
        batch_sizes: Sequence[int],
        reverse: bool,
    ) -> None:
        self.step, self.back = _CELLS[cell]
        self.w = _wide(weights)
        self.x = wide(input).reshape(-1, input.shape[-1])
        sizes = list(batch_sizes) or [input.shape[1]] * input.shape[0]
        self.rows = _rows_of_sequences(sizes, reverse)
        self.hidden = len(weights.weight_hh) // {"lstm": 4, "gru": 3}.get(cell, 1)
        self.size = weights.weight_hh.shape[1]
        self.h0 = np.zeros((sizes[0], self.size)) if h0 is None else wide(h0)
        self.c0 = np.zeros((sizes[0], self.hidden)) if c0 is None else wide(c0)

    def parts(self, x: Array, h: Array) -> tuple[Array, Array]:
        """The two parts of the gates."""
        a, b = self.w.weight_ih @ x, self.w.weight_hh @ h
        bias_ih, bias_hh = self.w.bias_ih, self.w.bias_hh
        return a if bias_ih is None else a + bias_ih, b if bias_hh is None else b + bias_hh

    def states(self, i: int) -> list[tuple[Array, Array]]:
        """h and c of sequence i: before the first step, and after each."""
        found = [(self.h0[i], self.c0[i])]
        for row in self.rows[i]:
            h, c = found[-1]
            h, c = self.step(*self.parts(self.x[row], h), h, c)
            found.append((h if self.w.weight_hr is None else self.w.weight_hr @ h, c))
        return found


def recurrent_layer(
    input: Array,
    h0: Array | None,
    c0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    weight_hr: Array | None,
    cell: str,
    batch_sizes: Sequence[int],
    reverse: bool,
) -> tuple[Array, ...]:
    """The results of all steps, the last h and, of an LSTM, the last c."""
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)
    all_of = _Sequences(input, h0, c0, weights, cell, batch_sizes, reverse)
    out = np.zeros((len(all_of.x), all_of.size))
    last_h, last_c = all_of.h0.copy(), all_of.c0.copy()
    for i, rows in enumerate(all_of.rows):
        states = all_of.states(i)
        for row, (h, _) in zip(rows, states[1:], strict=True):
            out[row] = h
        last_h[i], last_c[i] = states[-1]
    results = (out.reshape(*input.shape[:-1], all_of.size), last_h, last_c)
    return tuple(x.astype(input.dtype) for x in results[: 3 if cell == "lstm" else 2])


def recurrent_layer_gradient(
    grads: Sequence[Array],
    input: Array,
    h0: Array | None,
    c0: Array | None,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    weight_hr: Array | None,
    cell: str,
    batch_sizes: Sequence[int],
    reverse: bool,
) -> tuple[Array | None, ...]:
    """Back through the steps of each sequence; what all sequences share adds up."""
    weights = Weights(weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)
    all_of = _Sequences(input, h0, c0, weights, cell, batch_sizes, reverse)
    w = all_of.w
    dx, dh0, dc0 = (np.zeros_like(x) for x in (all_of.x, all_of.h0, all_of.c0))
    dw = [None if x is None else np.zeros_like(x) for x in w]
    of_rows = wide(grads[0]).reshape(len(all_of.x), all_of.size)

    def add(to: Array | None, term: Array) -> None:
        if to is not None:
            to += term

    for i, rows in enumerate(all_of.rows):
        states = all_of.states(i)
        dh, dc = wide(grads[1])[i], wide(grads[2])[i] if len(grads) > 2 else dc0[i]
        for row, (h, c) in reversed(list(zip(rows, states[:-1], strict=True))):
            dh = dh + of_rows[row]
            a, b = all_of.parts(all_of.x[row], h)
            if w.weight_hr is not None:
                add(dw[4], np.outer(dh, all_of.step(a, b, h, c)[0]))
                dh = w.weight_hr.T @ dh
                da, db, _, dc = all_of.back(dh, dc, a, b, h, c)
                dh = w.weight_hh.T @ db
            else:
                da, db, dh, dc = all_of.back(dh, dc, a, b, h, c)
                dh = dh + w.weight_hh.T @ db
            terms = (np.outer(da, all_of.x[row]), np.outer(db, h), da, db)
            for to, term in zip(dw[:4], terms, strict=True):
                add(to, term)
            dx[row] = w.weight_ih.T @ da
        dh0[i], dc0[i] = dh, dc
    return (dx.reshape(input.shape), dh0, dc0, *dw)


register(
    "recurrent_layer",
    recurrent_layer,
    recurrent_layer_gradient,
    ("input", "h0", "c0", *Weights._fields),
)


def recurrent_network(
    params: Mapping[str, Array],
    input: Array,
    states: Sequence[Array] = (),
    *,
    cell: str,
    batch_sizes: Sequence[int] = (),
) -> tuple[Array, ...]:
    """Layers in one direction or both, from a state dict: the results, and the last states.

    `input` is time first, or packed rows; `states` are h, and of an LSTM c, of all layers.
    """
    suffixes = ("", "_reverse") if "weight_ih_l0_reverse" in params else ("",)
    x, lasts, layer = input, [], 0
    while f"weight_ih_l{layer}" in params:
        made = []
        for k, suffix in enumerate(suffixes):
            at = layer * len(suffixes) + k
            h, c = [*(state[at] for state in states), None, None][:2]
            names = [f"{name}_l{layer}{suffix}" for name in Weights._fields]
            weights = Weights(params[names[0]], params[names[1]], *map(params.get, names[2:]))
            out, *last = recurrent_layer(x, h, c, *weights, cell, batch_sizes, k == 1)
            made.append(out)
            lasts.append(last)
        x = np.concatenate(made, -1)
        layer += 1
    return (x, *(np.stack(s) for s in zip(*lasts, strict=True)))
