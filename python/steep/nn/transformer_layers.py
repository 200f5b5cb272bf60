"""The layers of transformers: attention, a small network, and the sums around both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steep._core import Tensor, dtype, gelu, relu
from steep.nn.dropout import Dropout
from steep.nn.linear import Linear
from steep.nn.module import Module
from steep.nn.multihead import MultiheadAttention
from steep.nn.normalization import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = Callable[[Tensor], Tensor]


def _activation(given: str | Activation) -> Activation:
    if not isinstance(given, str):
        return given
    if given not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {given}")
    return relu if given == "relu" else gelu


class _Layer(Module):
    """What layers of encoder and decoder share: attention, two linear layers, norms, dropouts."""

    norm_first: bool
    activation: Activation

    def _set_up(
        self,
        attentions: tuple[str, ...],
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: str | Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        device: Any,
        dtype: dtype | None,
    ) -> None:
        of: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        for name in attentions:
            attention = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **of)
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, **of)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **of)
        self.norm_first = norm_first
        count = len(attentions) + 1
        for i in range(1, count + 1):
            self.add_module(f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, **of))
        for i in range(1, count + 1):
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation)

    def _around(self, x: Tensor, norm: Any, block: Callable[[Tensor], Tensor]) -> Tensor:
        """A block with its residual, the norm in front of the block or behind the sum."""
        result: Tensor = x + block(norm(x)) if self.norm_first else norm(x + block(x))
        return result

    def _feed_forward(self, x: Tensor, dropout: Any) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        result: Tensor = dropout(self.linear2(hidden))
        return result


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with a residual and a norm.

    Shapes: src ``(S, N, d_model)``, or ``(N, S, d_model)`` with `batch_first`, or without N; kept.

    Args:
        d_model: size of the features.
        nhead: heads of the attention.
        dim_feedforward: width between the two linear layers. Default: 2048.
        dropout: probability of all dropouts. Default: 0.1.
        activation: ``'relu'``, ``'gelu'`` or a callable. Default: `functional.relu`.
        layer_norm_eps: eps of the norms. Default: 1e-5.
        batch_first: whether the batch is the first dimension. Default: ``False``.
        norm_first: whether norms come before the blocks, not behind. Default: ``False``.
        bias: whether linear layers and norms have biases. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        RuntimeError: for an unknown name of an activation.
        ValueError: if `nhead` does not divide `d_model`.

    Example:
        >>> import steep
        >>> layer = steep.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tuple(layer(steep.zeros(10, 32, 8)).shape)
        (10, 32, 8)
    """

    self_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self._set_up(
            ("self_attn",),
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Encode; masks are those of `MultiheadAttention`, and so is the hint `is_causal`."""

        def attention(x: Tensor) -> Tensor:
            out, _ = self.self_attn(
                x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal
            )
            result: Tensor = self.dropout1(out)
            return result

        x = self._around(src, self.norm1, attention)
        return self._around(x, self.norm2, lambda y: self._feed_forward(y, self.dropout2))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's result, and a feed-forward network.

    Shapes: tgt ``(T, N, d_model)`` and memory ``(S, N, d_model)``, or N first with `batch_first`,
    or without N; out as tgt. Arguments and errors are those of `TransformerEncoderLayer`.

    Example:
        >>> import steep
        >>> layer = steep.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tuple(layer(steep.zeros(20, 32, 8), steep.zeros(10, 32, 8)).shape)
        (20, 32, 8)
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    norm3: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    dropout3: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self._set_up(
            ("self_attn", "multihead_attn"),
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode; masks are those of `MultiheadAttention`, and so are the hints."""

        def own(x: Tensor) -> Tensor:
            out, _ = self.self_attn(
                x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal
            )
            result: Tensor = self.dropout1(out)
            return result

        def other(x: Tensor) -> Tensor:
            given = (memory_key_padding_mask, False, memory_mask)
            out, _ = self.multihead_attn(x, memory, memory, *given, is_causal=memory_is_causal)
            result: Tensor = self.dropout2(out)
            return result

        x = self._around(tgt, self.norm1, own)
        x = self._around(x, self.norm2, other)
        return self._around(x, self.norm3, lambda y: self._feed_forward(y, self.dropout3))
