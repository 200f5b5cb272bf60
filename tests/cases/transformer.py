"""Attention with several heads, and the layers of transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.layer import Layer, Made, Misused, Params
from cases.row import Array, arr, bad, call
from steep.reference import transformer as reference

_ROUGH: dict[str, Any] = {"rough": 16.0, "reason": "attention, norms and products, in turn"}
_q, _k = arr(3, 2, 4), arr(5, 2, 4)
_PAIRS = np.triu(np.ones((3, 3), np.bool_), 1)
_PADDING = np.array([[False, True, False], [False, False, True]])


def _masked(masks: tuple[Array, ...]) -> dict[str, Array]:
    return dict(zip(("src_mask", "src_key_padding_mask"), masks, strict=False))


def _encoder_layer(
    params: Params, inputs: tuple[Array, ...], _: int, heads: int, __: int, *___: Any, **how: Any
) -> Any:
    kept = {k: v for k, v in how.items() if k in ("activation", "norm_first", "batch_first")}
    return reference.encoder_layer(params, inputs[0], **_masked(inputs[1:]), heads=heads, **kept)


def _decoder_layer(
    params: Params, inputs: tuple[Array, ...], _: int, heads: int, __: int, *___: Any, **how: Any
) -> Any:
    kept = {k: v for k, v in how.items() if k in ("activation", "norm_first", "batch_first")}
    return reference.decoder_layer(params, *inputs, heads=heads, **kept)


def _transformer(
    params: Params, inputs: tuple[Array, ...], _: int, heads: int, *__: Any, **how: Any
) -> Any:
    kept = {k: v for k, v in how.items() if k in ("activation", "norm_first", "batch_first")}
    return reference.transformer(params, *inputs, heads=heads, **kept)


def _encoder(m: Any) -> Any:
    layer = m.nn.TransformerEncoderLayer(4, 2, 3, 0.0)
    return m.nn.TransformerEncoder(layer, 2, m.nn.LayerNorm(4))


def _decoder(m: Any) -> Any:
    return m.nn.TransformerDecoder(m.nn.TransformerDecoderLayer(4, 2, 3, 0.0), 1)


_LINEAR = "Linear(in_features={}, out_features={}, bias={})"


def _attention_text(size: int, bias: bool, indent: str = "") -> str:
    inner = "NonDynamicallyQuantizable" + _LINEAR.format(size, size, bias)
    return f"MultiheadAttention(\n{indent}  (out_proj): {inner}\n{indent})"


def layer_text(
    name: str, size: int, width: int, p: float, *, bias: bool = True, indent: str = ""
) -> str:
    """The repr of a layer of an encoder or a decoder."""
    inner = indent + "  "
    attentions = ["self_attn"] + ["multihead_attn"] * (name == "TransformerDecoderLayer")
    dropout = f"Dropout(p={p}, inplace=False)"
    norm = f"LayerNorm(({size},), eps=1e-05, elementwise_affine=True, bias={bias})"
    count = range(1, len(attentions) + 2)
    lines = [
        *((at, _attention_text(size, bias, inner)) for at in attentions),
        ("linear1", _LINEAR.format(size, width, bias)),
        ("dropout", dropout),
        ("linear2", _LINEAR.format(width, size, bias)),
        *((f"norm{i}", norm) for i in count),
        *((f"dropout{i}", dropout) for i in count),
    ]
    return f"{name}(\n" + "".join(f"{inner}({at}): {text}\n" for at, text in lines) + f"{indent})"


def _stack_text(name: str, count: int, norm: bool, indent: str = "") -> str:
    inner = indent + "    "
    layer = layer_text(f"Transformer{name}Layer", 4, 3, 0.0, indent=inner)
    which = f"(0-{count - 1}): {count} x" if count > 1 else "(0):"
    text = f"Transformer{name}(\n{indent}  (layers): ModuleList(\n{inner}{which} {layer}\n"
    text += f"{indent}  )\n"
    if norm:
        text += (
            f"{indent}  (norm): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)\n"
        )
    return text + f"{indent})"


def _transformer_text() -> str:
    parts = (
        (part, _stack_text(part.capitalize(), 1, True, "  ")) for part in ("encoder", "decoder")
    )
    return "Transformer(\n" + "".join(f"  ({at}): {text}\n" for at, text in parts) + ")"


_LAYERS = (
    Layer("MultiheadAttention", reason="it has two results: tests/test_multihead.py"),
    Layer(
        "TransformerEncoderLayer",
        (
            Made(
                call(4, 2, 3, dropout=0.0), (_q,), layer_text("TransformerEncoderLayer", 4, 3, 0.0)
            ),
            Made(
                call(
                    4, 1, 3, 0.0, activation="gelu", batch_first=True, norm_first=True, bias=False
                ),
                (arr(2, 3, 4), _PAIRS, _PADDING),
                layer_text("TransformerEncoderLayer", 4, 3, 0.0, bias=False),
            ),
            Made(
                call(4, 2, 3), (_q,), layer_text("TransformerEncoderLayer", 4, 3, 0.1), drawn=True
            ),
            Made(
                call(4, 2, 3),
                (_q,),
                layer_text("TransformerEncoderLayer", 4, 3, 0.1),
                training=False,
            ),
        ),
        _encoder_layer,
        bad=(
            bad(RuntimeError, "activation should be relu/gelu, not tanh", 4, 2, activation="tanh"),
            bad(ValueError, "embed_dim must be divisible by num_heads, got 4 and 3", 4, 3),
            bad(ValueError, "must be greater than 0, got embed_dim=0", 0, 1),
            bad(RuntimeError, "expected device 'cpu'", 4, 2, device="cuda"),
        ),
        misused=(
            Misused(call(4, 2, 3), (arr(3, 2, 5),), ValueError, "embedding dimension of 4"),
            Misused(call(4, 2, 3), (arr(3, 2, 4, 1),), ValueError, "unbatched (2D) or all batched"),
            Misused(
                call(4, 2, 3),
                (_q, np.zeros((2, 2), bool)),
                RuntimeError,
                "attn_mask of shape (3, 3)",
            ),
        ),
        bench=Made(call(64, 4, 128, batch_first=True), (arr(8, 16, 64),), ""),
        **_ROUGH,
    ),
    Layer(
        "TransformerDecoderLayer",
        (
            Made(call(4, 2, 3, 0.0), (_q, _k), layer_text("TransformerDecoderLayer", 4, 3, 0.0)),
            Made(
                call(4, 2, 3, 0.0, norm_first=True),
                (_q, _k, _PAIRS),
                layer_text("TransformerDecoderLayer", 4, 3, 0.0),
            ),
            Made(
                call(4, 2, 3),
                (_q, _k),
                layer_text("TransformerDecoderLayer", 4, 3, 0.1),
                drawn=True,
            ),
        ),
        _decoder_layer,
        misused=(Misused(call(4, 2, 3), (_q, arr(5, 3, 4)), ValueError, "batch of query"),),
        bench=Made(call(64, 4, 128, batch_first=True), (arr(8, 16, 64), arr(8, 16, 64)), ""),
        **_ROUGH,
    ),
    Layer(
        "TransformerEncoder",
        (Made(call(), (_q,), _stack_text("Encoder", 2, True)),),
        lambda params, inputs: reference.encoder(params, *inputs, heads=2),
        maker=_encoder,
        **_ROUGH,
    ),
    Layer(
        "TransformerDecoder",
        (Made(call(), (_q, _k), _stack_text("Decoder", 1, False)),),
        lambda params, inputs: reference.decoder(params, *inputs, heads=2),
        maker=_decoder,
        **_ROUGH,
    ),
    Layer(
        "Transformer",
        (Made(call(4, 2, 1, 1, 3, 0.0), (_k, _q), _transformer_text()),),
        _transformer,
        misused=(
            Misused(call(4, 2, 1, 1, 3), (_k, arr(3, 1, 4)), RuntimeError, "the batch number"),
            Misused(call(4, 2, 1, 1, 3), (arr(3, 2, 5), _q), RuntimeError, "equal to d_model = 4"),
        ),
        bench=Made(call(32, 4, 1, 1, 64), (arr(16, 4, 32), arr(16, 4, 32)), ""),
        **_ROUGH,
    ),
)
TRANSFORMERS = {layer.name: layer for layer in _LAYERS}
