"""Transformers: encoders, decoders, and both (Vaswani et al., Attention Is All You Need, 2017)."""

from __future__ import annotations

import copy
from typing import Any

from steep._core import Tensor, arange, dtype, full, relu
from steep.nn import init
from steep.nn.container import ModuleList
from steep.nn.module import Module
from steep.nn.normalization import LayerNorm
from steep.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """A stack of encoder layers, copies of one.

    Args:
        encoder_layer: a `TransformerEncoderLayer`, or a module that is called like one.
        num_layers: how many there are.
        norm: a module behind the last of them, or ``None``.
        enable_nested_tensor: accepted; there are no nested tensors.
        mask_check: accepted.

    Example:
        >>> import steep
        >>> layer = steep.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> tuple(steep.nn.TransformerEncoder(layer, num_layers=2)(steep.zeros(10, 32, 8)).shape)
        (10, 32, 8)
    """

    layers: ModuleList
    num_layers: int
    norm: Module | None

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Encode, layer by layer; ``is_causal=None`` goes by the mask: the same bits."""
        out = src
        for layer in self.layers:
            out = layer(out, mask, src_key_padding_mask, bool(is_causal))
        return out if self.norm is None else self.norm(out)


class TransformerDecoder(Module):
    """A stack of decoder layers, copies of one.

    Args:
        decoder_layer: a `TransformerDecoderLayer`, or a module that is called like one.
        num_layers: how many there are.
        norm: a module behind the last of them, or ``None``.

    Example:
        >>> import steep
        >>> layer = steep.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
        >>> decoder = steep.nn.TransformerDecoder(layer, num_layers=2)
        >>> tuple(decoder(steep.zeros(20, 32, 8), steep.zeros(10, 32, 8)).shape)
        (20, 32, 8)
    """

    layers: ModuleList
    num_layers: int
    norm: Module | None

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode, layer by layer; ``tgt_is_causal=None`` goes by the mask."""
        out = tgt
        for layer in self.layers:
            out = layer(
                out,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                bool(tgt_is_causal),
                memory_is_causal,
            )
        return out if self.norm is None else self.norm(out)


class Transformer(Module):
    """An encoder and a decoder that attends to its result.

    Shapes: src ``(S, N, d_model)`` and tgt ``(T, N, d_model)``, or N first with `batch_first`, or
    without N; out as tgt. Matrices are drawn from `init.xavier_uniform_`.

    Args:
        d_model: size of the features. Default: 512.
        nhead: heads of each attention. Default: 8.
        num_encoder_layers: layers of the encoder. Default: 6.
        num_decoder_layers: layers of the decoder. Default: 6.
        dim_feedforward: width between a layer's two linear layers. Default: 2048.
        dropout: probability of all dropouts. Default: 0.1.
        activation: ``'relu'``, ``'gelu'`` or a callable. Default: `functional.relu`.
        custom_encoder: takes the encoder's place.
        custom_decoder: takes the decoder's place.
        layer_norm_eps: eps of the norms. Default: 1e-5.
        batch_first: whether the batch is the first dimension. Default: ``False``.
        norm_first: whether norms come before the blocks, not behind. Default: ``False``.
        bias: whether linear layers and norms have biases. Default: ``True``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        RuntimeError: when called with batches that differ, or features that are not `d_model`.

    Example:
        >>> import steep
        >>> model = steep.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
        >>> tuple(model(steep.zeros(10, 4, 8), steep.zeros(20, 4, 8)).shape)
        (20, 4, 8)
    """

    encoder: Any
    decoder: Any
    d_model: int
    nhead: int
    batch_first: bool

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        of: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        given = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, **of)

        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer = TransformerEncoderLayer(*given, batch_first, norm_first, **of)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            other = TransformerDecoderLayer(*given, batch_first, norm_first, **of)
            self.decoder = TransformerDecoder(other, num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode src and decode tgt; masks are those of `MultiheadAttention`."""
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(
                "Transformer: the batch number of src and tgt must be equal, "
                f"got {src.shape[batch]} and {tgt.shape[batch]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                "Transformer: the feature number of src and tgt must be equal to d_model = "
                f"{self.d_model}, got {src.shape[-1]} and {tgt.shape[-1]}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        result: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return result

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Any = None, dtype: dtype | None = None
    ) -> Tensor:
        """The causal mask ``(sz, sz)``: 0 where a key is no later than the query, else -inf.

        Example:
            >>> import steep
            >>> steep.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        at = arange(sz)
        later = full((sz, sz), float("-inf"), dtype=dtype, device=device)
        return later.masked_fill(at.unsqueeze(1) >= at, 0.0)
