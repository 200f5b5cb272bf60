"""Attention with several heads beside the reference; transformers trained, eager and compiled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steep
from compiling import replays
from runner import numpy
from steep.autograd import gradcheck
from steep.reference.transformer import multihead_attention
from tolerances import close, same_bits

nn = steep.nn
F = steep.nn.functional

SETTINGS: list[dict[str, Any]] = [
    {},
    {"batch_first": True, "bias": False},
    {"add_bias_kv": True, "add_zero_attn": True},
    {"kdim": 5, "vdim": 3},
    {"batch_first": True, "kdim": 5, "add_zero_attn": True},
]


def made(rng: np.random.Generator, *shape: int) -> Any:
    return steep.from_numpy(rng.normal(size=shape))


def layer_of(**settings: Any) -> Any:
    """With parameters that are all drawn, biases too."""
    steep.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, **settings).double()
    with steep.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def inputs_of(settings: dict[str, Any], seed: int = 0) -> list[Any]:
    """Query (4), key and value (6) of a batch of 3."""
    rng = np.random.default_rng(seed)
    sizes = (8, settings.get("kdim", 8), settings.get("vdim", 8))
    given = [made(rng, 3, n, size) for n, size in zip((4, 6, 6), sizes, strict=True)]
    first = settings.get("batch_first", False)
    return given if first else [x.transpose(0, 1).contiguous() for x in given]


def reference_of(layer: Any, given: list[Any], **masks: Any) -> tuple[Any, Any]:
    params = {name: x.numpy() for name, x in layer.state_dict().items()}
    return multihead_attention(
        params,
        *(x.detach().numpy() for x in given),
        heads=2,
        batch_first=layer.batch_first,
        add_zero_attn=layer.add_zero_attn,
        **{name: mask.numpy() for name, mask in masks.items()},
    )


def masks_of(kind: str) -> dict[str, Any]:
    """Of pairs and of keys, either kind or both."""
    rng = np.random.default_rng(4)
    pairs, keys = rng.random((6, 4, 6)) < 0.3, rng.random((3, 6)) < 0.3
    pairs[..., 0] = keys[..., 0] = False
    as_added = rng.normal(size=(4, 6))
    if kind == "none":
        return {}
    if kind == "pairs":
        return {"attn_mask": steep.from_numpy(pairs[0].copy())}
    if kind == "added":
        return {"attn_mask": steep.from_numpy(as_added)}
    if kind == "keys":
        return {"key_padding_mask": steep.from_numpy(keys)}
    if kind == "both":
        return {"attn_mask": steep.from_numpy(pairs), "key_padding_mask": steep.from_numpy(keys)}
    return {"attn_mask": steep.from_numpy(as_added), "key_padding_mask": steep.from_numpy(keys)}


@pytest.mark.parametrize("kind", ["none", "pairs", "added", "keys", "both", "mixed"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_result_and_weights_are_the_reference_s(settings: dict[str, Any], kind: str) -> None:
    layer, given, masks = layer_of(**settings), inputs_of(settings), masks_of(kind)
    out, weights = reference_of(layer, given, **masks)
    got, mean = layer(*given, **masks)
    close(got.detach().numpy(), out, 16)
    close(mean.detach().numpy(), weights.mean(1), 16)
    got, each = layer(*given, **masks, average_attn_weights=False)
    close(each.detach().numpy(), weights, 16)
    got, nothing = layer(*given, **masks, need_weights=False)
    assert nothing is None
    close(got.detach().numpy(), out, 16)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("settings", SETTINGS)
def test_gradient_is_the_slope(settings: dict[str, Any], need_weights: bool) -> None:
    layer, given = layer_of(**settings), inputs_of(settings)
    leaves = [x.requires_grad_() for x in given]
    masks = masks_of("pairs")

    def call(*_: Any) -> Any:
        out, weights = layer(*given, need_weights=need_weights, **masks)
        return out if weights is None else (out, weights)

    assert gradcheck(call, (*leaves, *layer.parameters()))


def test_one_tensor_is_projected_at_once() -> None:
    """Three copies, or two, give what one tensor gives."""
    layer = layer_of(batch_first=True)
    rng = np.random.default_rng(2)
    x, y = made(rng, 3, 4, 8), made(rng, 3, 5, 8)
    close(layer(x, x, x)[0].detach().numpy(), layer(x, x.clone(), x.clone())[0].detach().numpy(), 8)
    close(layer(x, y, y)[0].detach().numpy(), layer(x, y, y.clone())[0].detach().numpy(), 8)


def test_without_a_batch() -> None:
    layer = layer_of()
    rng = np.random.default_rng(2)
    x = made(rng, 4, 8)
    mask = steep.tensor([False, True, False, False])
    out, weights = layer(x, x, x, key_padding_mask=mask)
    batched, of_batch = layer(*[x.unsqueeze(1)] * 3, key_padding_mask=mask.unsqueeze(0))
    assert tuple(out.shape) == (4, 8)
    assert tuple(weights.shape) == (4, 4)
    close(out.detach().numpy(), batched.squeeze(1).detach().numpy(), 8)
    close(weights.detach().numpy(), of_batch.squeeze(0).detach().numpy(), 8)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_causal_hint_gives_the_bits_of_the_mask(batch_first: bool) -> None:
    steep.manual_seed(1)
    layer = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    x = steep.randn(150, 3, 8) if not batch_first else steep.randn(3, 150, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(150)
    results = []
    for hint in (False, True):
        out, _ = layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=hint)
        results.append(numpy([out, *steep.autograd.grad(out.sum(), list(layer.parameters()))]))
    for got, expected in zip(*results, strict=True):
        same_bits(got, expected)


def test_the_function_takes_weights_apart_and_heads_as_they_are() -> None:
    layer = layer_of(batch_first=False)
    rng = np.random.default_rng(3)
    x = made(rng, 4, 3, 8)
    arguments = (layer.bias_k, layer.bias_v, False, 0.0, layer.out_proj.weight, layer.out_proj.bias)
    whole = F.multi_head_attention_forward(
        x, x, x, 8, 2, layer.in_proj_weight, layer.in_proj_bias, *arguments
    )
    q, k, v = layer.in_proj_weight.chunk(3)
    apart = {"q_proj_weight": q, "k_proj_weight": k, "v_proj_weight": v}
    same = F.multi_head_attention_forward(
        x, x, x, 8, 2, None, layer.in_proj_bias, *arguments, use_separate_proj_weight=True, **apart
    )
    for got, expected in zip(same, whole, strict=True):
        close(got.detach().numpy(), expected.detach().numpy(), 8)
    keys = F.linear(x, k, layer.in_proj_bias.chunk(3)[1])
    static = keys.reshape(4, 3 * 2, 4).transpose(0, 1)
    given = F.multi_head_attention_forward(
        x, x, x, 8, 2, layer.in_proj_weight, layer.in_proj_bias, *arguments, static_k=static
    )
    close(given[0].detach().numpy(), whole[0].detach().numpy(), 8)


@pytest.mark.parametrize(
    ("error", "text", "shapes", "settings"),
    [
        (ValueError, "embedding dimension of 8, but got 7", [(4, 3, 7)] * 3, {}),
        (ValueError, "2D\\) or all batched", [(4, 3, 8), (4, 8), (4, 8)], {}),
        (ValueError, "do not match value's", [(4, 3, 8), (5, 3, 8), (6, 3, 8)], {}),
        (ValueError, "batch of query to be key's", [(4, 2, 8), (4, 3, 8), (4, 3, 8)], {}),
        (RuntimeError, "Need attn_mask", [(4, 3, 8)] * 3, {"is_causal": True}),
        (RuntimeError, "attn_mask of shape \\(4, 4\\)", [(4, 3, 8)] * 3,
         {"attn_mask": np.zeros((3, 4), bool)}),
        (RuntimeError, "key_padding_mask of shape \\(3, 4\\)", [(4, 3, 8)] * 3,
         {"key_padding_mask": np.zeros((4, 3), bool)}),
        (TypeError, "bool and floating types of attn_mask", [(4, 3, 8)] * 3,
         {"attn_mask": np.zeros((4, 4), np.int64)}),
    ],
)  # fmt: skip
def test_refuses(error: type[Exception], text: str, shapes: Any, settings: Any) -> None:
    layer = nn.MultiheadAttention(8, 2)
    masks = {
        name: steep.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in settings.items()
    }
    with pytest.raises(error, match=text):
        layer(*(steep.zeros(*shape) for shape in shapes), **masks)


def test_refuses_to_be_made() -> None:
    for arguments, text in (((8, 3), "divisible by num_heads"), ((0, 1), "greater than 0")):
        with pytest.raises(ValueError, match=text):
            nn.MultiheadAttention(*arguments)
    with pytest.raises(RuntimeError, match="expected device 'cpu'"):
        nn.MultiheadAttention(8, 2, device="cuda")


def test_state_and_copies() -> None:
    layer = nn.MultiheadAttention(8, 2, add_bias_kv=True)
    assert list(layer.state_dict()) == [
        "in_proj_weight", "in_proj_bias", "bias_k", "bias_v", "out_proj.weight", "out_proj.bias",
    ]  # fmt: skip
    assert repr(layer) == (
        "MultiheadAttention(\n  (out_proj): NonDynamicallyQuantizableLinear("
        "in_features=8, out_features=8, bias=True)\n)"
    )
    apart = nn.MultiheadAttention(8, 2, kdim=3)
    assert list(apart.state_dict())[:4] == [
        "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias",
    ]  # fmt: skip
    x = steep.ones(4, 1, 8)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        same_bits(other(x, x, x)[0].detach().numpy(), layer(x, x, x)[0].detach().numpy())


# ---- training ----


class Words(nn.Module):
    """Words to a class, by an encoder: padding and causal masks, dropout."""

    def __init__(self, causal: bool, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 16, padding_idx=0)
        layer = nn.TransformerEncoderLayer(16, 4, 24, dropout, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(16))
        self.head = nn.Linear(16, 5)
        self.causal = causal

    def forward(self, words: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(7) if self.causal else None
        padding = None if self.causal else words == 0
        out = self.encoder(
            self.table(words), mask, src_key_padding_mask=padding, is_causal=self.causal
        )
        return self.head(out.mean(1))


class Translator(nn.Module):
    """An encoder and a decoder, sequences first."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.model = nn.Transformer(8, 2, 1, 2, 12, 0.1, norm_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, words: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(6)
        given = self.table(words).transpose(0, 1)
        return self.head(self.model(given, given.flip(0)[1:], tgt_mask=mask)).mean(0)


class Attending(nn.Module):
    """Weights among the results."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.attention = nn.MultiheadAttention(8, 2, 0.2, add_bias_kv=True, add_zero_attn=True)
        self.head = nn.Linear(8, 5)

    def forward(self, words: Any) -> Any:
        x = self.table(words).transpose(0, 1)
        out, weights = self.attention(x, x, x, words == 0)
        return self.head(out.mean(0)) + weights.sum((1, 2)).unsqueeze(1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [lambda: Words(True, 0.0), lambda: Words(False, 0.1), lambda: Words(True, 0.1), Translator,
     Attending],
)  # fmt: skip
def test_training_replays_with_the_same_bits(make: Callable[[], Any], training: bool) -> None:
    rng = np.random.default_rng(0)
    batches = [
        (steep.from_numpy(rng.integers(0, 20, (4, 7))), steep.from_numpy(rng.integers(0, 5, 4)))
        for _ in range(8)
    ]
    for x, _ in batches:
        x[:, 0] = 1  # nothing is all padding
    results = []
    for compiles in (False, True):
        steep.manual_seed(0)
        model = make().train(training)
        optimizer = steep.optim.AdamW(model.parameters(), lr=0.01)

        def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = steep.compile(step) if compiles else step
        losses = [run(x, y) for x, y in batches]
        if compiles:
            assert replays(run) > 0, run.explain()
        results.append(numpy([*losses, *model.parameters()]))
    for got, expected in zip(*results, strict=True):
        same_bits(got, expected)


def test_parts_of_a_tensor_have_one_node() -> None:
    """Their gradients are joined once, and not each padded and added; missing ones are zeros."""
    x = steep.randn(3, 6, requires_grad=True)
    for parts in (x.split(2, 1), x.chunk(3, 1), x.split([1, 2, 3], 1), x.unbind(1)):
        assert len({part.grad_fn for part in parts}) == 1
        total = sum(i * part.sum() for i, part in enumerate(parts) if i != 1)
        (grad,) = steep.autograd.grad(total, x)
        rows = [np.full(part.numel() // 3, i * (i != 1.0)) for i, part in enumerate(parts)]
        same_bits(grad.numpy(), np.tile(np.concatenate(rows).astype(np.float32), (3, 1)))
