"""Recurrent layers: plain ones, LSTM and GRU, over whole sequences and step by step."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype
from steep.nn._rnn import RNNBase, RNNCellBase, check_states
from steep.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]


class RNN(RNNBase):
    """A recurrent layer (Elman): ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`` in each step.

    Shapes, with D = 2 where bidirectional, else 1, L layers: input ``(T, N, input_size)``, with
    `batch_first` ``(N, T, input_size)``, unbatched ``(T, input_size)``, or a `PackedSequence`; hx
    ``(D * L, N, hidden_size)``, zeros where left out. Returns the last layer's results ``(T, N, D
    * hidden_size)``, arranged like the input, and the last states, of hx's shape. (Elman, Finding
    Structure in Time, 1990.)

    All steps of a layer are one kernel, and replayed like other operations by `steep.compile`; but
    the sizes of the batches of packed sequences have to be read, which keeps a compiled function
    eager.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers, each fed with the results of the one before. Default: 1.
        nonlinearity: ``'tanh'`` or ``'relu'``. Default: ``'tanh'``.
        bias: whether there are biases. Default: ``True``.
        batch_first: whether the batch comes before time. Default: ``False``.
        dropout: probability of dropout behind every layer but the last, in training. Default: 0.
        bidirectional: whether a second layer beside each runs backwards. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: on arguments that make no sense; when called with an input of another number of
            dimensions, or of another dtype than the weights.
        RuntimeError: when called with an input or a state of another size.

    Example:
        >>> import steep
        >>> layer = steep.nn.RNN(10, 20, 2)
        >>> out, last = layer(steep.zeros(5, 3, 10))
        >>> tuple(out.shape), tuple(last.shape)
        ((5, 3, 20), (2, 3, 20))
        >>> layer
        RNN(10, 20, num_layers=2)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        _check_nonlinearity("RNN", nonlinearity)
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """Return the results of all steps and the last states."""
        out, (last,) = self._run(input, None if hx is None else check_states("RNN", hx, 1))
        return out, last


class LSTM(RNNBase):
    """A layer of long short-term memory, whose cell state c passes through steps by addition.

    In each step, ``i, f, g, o = W_ih x + b_ih + W_hh h + b_hh`` (in this order in the parameters),
    i, f and o through sigmoid and g through tanh; then ``c' = f * c + i * g`` and ``h' = o *
    tanh(c')``. With a projection ``h' = W_hr (o * tanh(c'))``. (Hochreiter and Schmidhuber, Long
    Short-Term Memory, 1997; f: Gers, Schmidhuber and Cummins, 2000; projection: Sak, Senior and
    Beaufays, 2014.)

    Shapes are those of `RNN`; hx is a pair of h ``(D * L, N, P)`` and c ``(D * L, N,
    hidden_size)``, P being `proj_size` if that is not 0, else `hidden_size`. Returns the results
    ``(T, N, D * P)`` and the pair of last states. Errors, and what is said of `steep.compile`, are
    as for `RNN`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers, each fed with the results of the one before. Default: 1.
        bias: whether there are biases. Default: ``True``.
        batch_first: whether the batch comes before time. Default: ``False``.
        dropout: probability of dropout behind every layer but the last, in training. Default: 0.
        bidirectional: whether a second layer beside each runs backwards. Default: ``False``.
        proj_size: features that h is projected to, fewer than `hidden_size`; 0 for none. Default:
            0.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Example:
        >>> import steep
        >>> layer = steep.nn.LSTM(10, 20, bidirectional=True)
        >>> out, (h, c) = layer(steep.zeros(5, 3, 10))
        >>> tuple(out.shape), tuple(h.shape), tuple(c.shape)
        ((5, 3, 40), (2, 3, 20), (2, 3, 20))
        >>> layer
        LSTM(10, 20, bidirectional=True)
    """

    def __init__(
        self,
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
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def forward(
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Return the results of all steps and the pair of last states."""
        out, (h, c) = self._run(input, None if hx is None else check_states("LSTM", hx, 2))
        return out, (h, c)


class GRU(RNNBase):
    """A layer of gated recurrent units.

    In each step, ``r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)``, ``z = sigmoid(W_iz x + b_iz +
    W_hz h + b_hz)``, ``n = tanh(W_in x + b_in + r * (W_hn h + b_hn))`` (r, z, n in this order in
    the parameters) and ``h' = (1 - z) * n + z * h``. (Cho et al., Learning Phrase Representations
    using RNN Encoder-Decoder, 2014; with r outside of the product, as in PyTorch.)

    Shapes, errors, and what is said of `steep.compile`, are as for `RNN`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers, each fed with the results of the one before. Default: 1.
        bias: whether there are biases. Default: ``True``.
        batch_first: whether the batch comes before time. Default: ``False``.
        dropout: probability of dropout behind every layer but the last, in training. Default: 0.
        bidirectional: whether a second layer beside each runs backwards. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Example:
        >>> import steep
        >>> layer = steep.nn.GRU(10, 20, batch_first=True)
        >>> out, last = layer(steep.zeros(3, 5, 10))
        >>> tuple(out.shape), tuple(last.shape)
        ((3, 5, 20), (1, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """Return the results of all steps and the last states."""
        out, (last,) = self._run(input, None if hx is None else check_states("GRU", hx, 1))
        return out, last


def _check_nonlinearity(layer: str, name: str) -> None:
    if name not in ("tanh", "relu"):
        raise ValueError(f"{layer}: Unknown nonlinearity '{name}'. Select from 'tanh' or 'relu'.")


class RNNCell(RNNCellBase):
    """One step of an `RNN`: ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``.

    Shapes: input ``(N, input_size)``, hx and the result ``(N, hidden_size)``, or all without N; hx
        is
    zeros where left out. Parameters are those of `RNNCellBase`, with one gate.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases. Default: ``True``.
        nonlinearity: ``'tanh'`` or ``'relu'``. Default: ``'tanh'``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: on arguments that make no sense, and inputs of other dimensions.
        RuntimeError: when called with an input or a state of another size.

    Example:
        >>> import steep
        >>> cell = steep.nn.RNNCell(10, 20)
        >>> tuple(cell(steep.zeros(3, 10)).shape)
        (3, 20)
        >>> cell
        RNNCell(10, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        _check_nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the state after the step."""
        states = None if hx is None else check_states("RNNCell", hx, 1)
        return self._step(f"rnn_{self.nonlinearity}", input, states)[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`, which has the formula.

    Shapes: input ``(N, input_size)``, hx and the result a pair of ``(N, hidden_size)``, or all
    without N; hx is zeros where left out. Parameters are those of `RNNCellBase`, with four gates;
    errors are those of `RNNCell`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Example:
        >>> import steep
        >>> h, c = steep.nn.LSTMCell(10, 20)(steep.zeros(3, 10))
        >>> tuple(h.shape), tuple(c.shape)
        ((3, 20), (3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the pair of states after the step."""
        h, c = self._step("lstm", input, None if hx is None else check_states("LSTMCell", hx, 2))
        return h, c


class GRUCell(RNNCellBase):
    """One step of a `GRU`, which has the formula.

    Shapes: input ``(N, input_size)``, hx and the result ``(N, hidden_size)``, or all without N; hx
        is
    zeros where left out. Parameters are those of `RNNCellBase`, with three gates; errors are those
    of `RNNCell`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Example:
        >>> import steep
        >>> tuple(steep.nn.GRUCell(10, 20)(steep.zeros(10)).shape)
        (20,)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the state after the step."""
        return self._step("gru", input, None if hx is None else check_states("GRUCell", hx, 1))[0]
