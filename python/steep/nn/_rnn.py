"""What recurrent layers share: parameters, checks, and the way through layers and directions."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from steep._core import Tensor, cat, dropout, dtype, empty, recurrent_layer, stack
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter
from steep.nn.utils.rnn import PackedSequence

__all__ = ["RNNBase", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}

States = tuple[Tensor, ...]
# weight_ih, weight_hh, bias_ih, bias_hh, weight_hr
_Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]


def check_sizes(layer: str, **sizes: int) -> None:
    """Refuse sizes that are no positive ints."""
    for name, size in sizes.items():
        if not isinstance(size, int):
            raise TypeError(f"{layer}: {name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{layer}: {name} must be greater than zero, got {size}")


def check_states(layer: str, states: Any, count: int) -> States:
    """The tensors of hx: one, or for an LSTM a pair."""
    given = tuple(states) if count > 1 and isinstance(states, tuple | list) else (states,)
    if len(given) != count or not all(isinstance(s, Tensor) for s in given):
        wanted = "a tensor" if count == 1 else "a pair of tensors (h_0, c_0)"
        got = ", ".join(type(s).__name__ for s in given)
        raise TypeError(f"{layer}: expected hx to be {wanted}, got ({got})")
    return given


class RNNBase(Module):
    """The base of `RNN`, `LSTM` and `GRU`: their parameters, by the names that PyTorch gives them.

    Of layer k, ``weight_ih_lk`` is ``(gates * hidden_size, input)``, ``weight_hh_lk`` ``(gates *
    hidden_size, hidden_size)``, ``bias_ih_lk`` and ``bias_hh_lk`` ``(gates * hidden_size,)``; with
    a projection ``weight_hr_lk`` is ``(proj_size, hidden_size)``, and ``weight_hh_lk`` has as many
    columns as that. Those of the way back end in ``_reverse``. All are drawn from U(-k, k), ``k =
    1 / sqrt(hidden_size)``.

    Args:
        mode: ``'LSTM'``, ``'GRU'``, ``'RNN_TANH'`` or ``'RNN_RELU'``.
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers, each fed with the results of the one before. Default: 1.
        bias: whether there are biases. Default: ``True``.
        batch_first: whether the batch comes before time in input and output. Default: ``False``.
        dropout: probability of dropout behind every layer but the last. Default: 0.
        bidirectional: whether there is a second layer that runs backwards beside each. Default:
            ``False``.
        proj_size: features that an LSTM's h is projected to, if not 0. Default: 0.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: on sizes, a dropout or a mode that make no sense.
        TypeError: on arguments of another type.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self._check_arguments(mode, bias, batch_first, dropout, num_layers)
        layer = type(self).__name__
        check_cpu(layer, device)
        check_sizes(layer, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if proj_size < 0:
            raise ValueError(
                f"{layer}: proj_size should be a positive integer or zero to disable projections, "
                f"got {proj_size}"
            )
        if proj_size >= hidden_size:
            raise ValueError(
                f"{layer}: proj_size has to be smaller than hidden_size, got {proj_size} and "
                f"{hidden_size}"
            )
        if proj_size and mode != "LSTM":
            raise ValueError(f"{layer}: proj_size is an argument of LSTM alone, got {proj_size}")
        self.mode = mode
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers = num_layers
        self.bias, self.batch_first = bias, batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._names = [
            self._add_layer(index, suffix, dtype)
            for index in range(num_layers)
            for suffix in (("", "_reverse") if bidirectional else ("",))
        ]
        self.reset_parameters()

    def _check_arguments(
        self, mode: str, bias: bool, batch_first: bool, dropout: float, num_layers: int
    ) -> None:
        layer = type(self).__name__
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}; expected one of {tuple(_GATES)}")
        for name, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise TypeError(
                    f"{layer}: {name} should be of type bool, got: {type(value).__name__}"
                )
        number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
        if not number or not 0 <= dropout <= 1:
            raise ValueError(
                f"{layer}: dropout should be a number in range [0, 1] representing the probability "
                f"of an element being zeroed, got {dropout!r}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=4,
            )

    def _add_layer(self, index: int, suffix: str, dtype: dtype | None) -> list[str]:
        """The parameters of one layer in one direction; returns their names."""
        rows = _GATES[self.mode] * self.hidden_size
        state = self.proj_size or self.hidden_size
        inputs = state * (1 + self.bidirectional) if index else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs)}
        shapes["weight_hh"] = (rows, state)
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for name, shape in shapes.items():
            names.append(f"{name}_l{index}{suffix}")
            setattr(self, names[-1], Parameter(empty(shape, dtype=dtype)))
        return names

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: weights are packed as a kernel reads them when it runs."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def extra_repr(self) -> str:
        """Sizes, and what is not as by default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        defaults |= {"dropout": 0, "bidirectional": False}
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    # ---- the call ---------------------------------------------------------------------------

    def _run(self, input: Tensor | PackedSequence, states: States | None) -> tuple[Any, States]:
        """The results of the last layer, and the last states of all."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        layer = type(self).__name__
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{layer}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead"
            )
        batched = input.dim() == 3
        for state in states or ():
            if state.dim() != input.dim():
                raise RuntimeError(
                    f"{layer}: For {'' if batched else 'un'}batched {input.dim()}-D input, hx "
                    f"should also be {input.dim()}-D but got {state.dim()}-D tensor"
                )
        x = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        if states and not batched:
            states = tuple(state.unsqueeze(1) for state in states)
        self._check_input(x, states, x.shape[1])
        if len(x) == 0:
            raise RuntimeError(f"{layer}: Expected sequence length to be larger than 0, got 0")
        out, last = self._through_layers(x, states, ())
        if not batched:
            return out.squeeze(1), tuple(state.squeeze(1) for state in last)
        return out.transpose(0, 1) if self.batch_first else out, last

    def _run_packed(self, input: PackedSequence, states: States | None) -> tuple[Any, States]:
        data, batch_sizes, order, back = input
        sizes = tuple(batch_sizes.tolist())
        if data.dim() != 2:
            raise RuntimeError(
                f"{type(self).__name__}: input must have 2 dimensions, got {data.dim()}"
            )
        self._check_input(data, states, sizes[0])
        if states and order is not None:
            states = tuple(state.index_select(1, order) for state in states)
        out, last = self._through_layers(data, states, sizes)
        if back is not None:
            last = tuple(state.index_select(1, back) for state in last)
        return PackedSequence(out, batch_sizes, order, back), last

    def _check_input(self, x: Tensor, states: States | None, batch: int) -> None:
        layer = type(self).__name__
        expected = getattr(self, self._names[0][0]).dtype
        if x.dtype != expected:
            model = f", or convert model: model.to({x.dtype})" if x.is_floating_point() else ""
            raise ValueError(
                f"{layer}: RNN input dtype ({x.dtype}) does not match weight dtype ({expected}). "
                f"Convert input: input.to({expected}){model}"
            )
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"{layer}: input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                f"got {x.shape[-1]}"
            )
        for index, state in enumerate(states or ()):
            size = self.hidden_size if index else self.proj_size or self.hidden_size
            shape = (len(self._names), batch, size)
            if tuple(state.shape) != shape:
                name = f"hidden[{index}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(
                    f"{layer}: Expected {name} size {shape}, got {list(state.shape)}"
                )

    def _through_layers(
        self, x: Tensor, states: States | None, sizes: tuple[int, ...]
    ) -> tuple[Tensor, States]:
        """Each layer in its directions, one after the other, on time first."""
        directions = 1 + self.bidirectional
        cell = self.mode.lower()
        lasts: list[tuple[Tensor, ...]] = []
        for first in range(0, len(self._names), directions):
            if first and self.dropout and self.training:
                x = dropout(x, self.dropout, True)
            made = []
            for index in range(first, first + directions):
                given = [state[index] for state in states] if states else []
                h, c = [*given, None, None][:2]
                out, *last = recurrent_layer(
                    x, h, c, *self._weights(index), cell, sizes, index > first
                )
                made.append(out)
                lasts.append(tuple(last))
            x = made[0] if directions == 1 else cat(made, -1)
        each = zip(*lasts, strict=True)
        return x, tuple(s[0].unsqueeze(0) if len(s) == 1 else stack(s) for s in each)

    def _weights(self, index: int) -> _Weights:
        """Those of one layer in one direction."""
        found: list[Any] = [getattr(self, name) for name in self._names[index]]
        projection = found.pop() if self.proj_size else None
        w_ih, w_hh, b_ih, b_hh = [*found, None, None][:4]
        return w_ih, w_hh, b_ih, b_hh, projection


class RNNCellBase(Module):
    """The base of `RNNCell`, `LSTMCell` and `GRUCell`: one step, with its parameters.

    ``weight_ih`` is ``(num_chunks * hidden_size, input_size)``, ``weight_hh`` ``(num_chunks *
    hidden_size, hidden_size)``, ``bias_ih`` and ``bias_hh`` ``(num_chunks * hidden_size,)``, all
    drawn from U(-k, k), ``k = 1 / sqrt(hidden_size)``.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases.
        num_chunks: gates.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: on sizes that are not positive.
        TypeError: on sizes that are no ints.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu(type(self).__name__, device)
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty((rows,), dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and what is not as by default."""
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += ", bias=False"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, cell: str, input: Tensor, states: States | None) -> States:
        """The states after one step."""
        layer = type(self).__name__
        for name, x in (("input", input), *(("hidden", state) for state in states or ())):
            if x.dim() not in (1, 2):
                raise ValueError(f"{layer}: Expected {name} to be 1D or 2D, got {x.dim()}D instead")
        batched = input.dim() == 2
        for x, name, size in (
            (input, "input", self.input_size),
            *((state, "hidden", self.hidden_size) for state in states or ()),
        ):
            if x.dim() != input.dim() or x.shape[-1] != size or x.shape[:-1] != input.shape[:-1]:
                shape = (*input.shape[:-1], size)
                raise RuntimeError(
                    f"{layer}: expected {name} of shape {shape}, got {tuple(x.shape)}"
                )
        given = [state if batched else state.unsqueeze(0) for state in states or ()]
        h, c = [*given, None, None][:2]
        x = input.unsqueeze(0) if batched else input.unsqueeze(0).unsqueeze(0)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None)
        last = recurrent_layer(x, h, c, *weights, cell, (), False)[1:]
        return last if batched else tuple(state.squeeze(0) for state in last)
