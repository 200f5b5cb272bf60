"""Attention with several heads."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype, empty
from steep.nn import init
from steep.nn._attention import Projections, attend
from steep.nn._convert import check_cpu
from steep.nn.linear import Linear
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that PyTorch prints for the output's."""


class MultiheadAttention(Module):
    """Attention of several heads: ``concat(head_1, ..., head_h) W_out``. (Vaswani et al., 2017.)

    ``head_i = softmax(q_i k_i^T / sqrt(E / heads) + mask) v_i``, where q_i, k_i and v_i are parts
    of the projected query, key and value.

    Shapes: query ``(L, N, E)``, key ``(S, N, kdim)``, value ``(S, N, vdim)``, out ``(L, N, E)``;
    with `batch_first` N comes first; all may be without N. `in_proj_weight` ``(3 E, E)``, or
    `q_proj_weight`, `k_proj_weight` and `v_proj_weight` where the sizes differ, are drawn from
    `init.xavier_uniform_`, `out_proj.weight` like that of a `Linear`; biases begin as zeros,
    `bias_k` and `bias_v` from `init.xavier_normal_`.

    Args:
        embed_dim: E, the size of query and result.
        num_heads: into how many heads it is split.
        dropout: probability with which weights of the softmax are dropped in training.
        bias: whether the projections have biases. Default: ``True``.
        add_bias_kv: append a learned key and value to the sequences.
        add_zero_attn: append a key and a value of zeros.
        kdim: size of the keys; `embed_dim` if ``None``.
        vdim: size of the values; `embed_dim` if ``None``.
        batch_first: whether the batch is the first dimension. Default: ``False``.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the parameters; the default dtype if ``None``.

    Raises:
        ValueError: if a size is not positive, or `num_heads` does not divide `embed_dim`; when
            called, for inputs that do not fit.

    Example:
        >>> import steep
        >>> layer = steep.nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = steep.zeros(3, 5, 8)
        >>> out, weights = layer(x, x, x)
        >>> tuple(out.shape), tuple(weights.shape)
        ((3, 5, 8), (3, 5, 5))
    """

    embed_dim: int
    kdim: int
    vdim: int
    num_heads: int
    dropout: float
    batch_first: bool
    head_dim: int
    add_zero_attn: bool
    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    out_proj: NonDynamicallyQuantizableLinear
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        check_cpu("MultiheadAttention", device)
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, "
                f"got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise ValueError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn

        def made(wanted: bool, *shape: int) -> Parameter | None:
            return Parameter(empty(shape, dtype=dtype)) if wanted else None

        together = self._qkv_same_embed_dim
        self.register_parameter("in_proj_weight", made(together, 3 * embed_dim, embed_dim))
        sizes = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for name, size in sizes.items():
            self.register_parameter(f"{name}_proj_weight", made(not together, embed_dim, size))
        self.register_parameter("in_proj_bias", made(bias, 3 * embed_dim))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, dtype=dtype)
        self.register_parameter("bias_k", made(add_bias_kv, 1, 1, embed_dim))
        self.register_parameter("bias_v", made(add_bias_kv, 1, 1, embed_dim))
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (
            self.in_proj_weight,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
        ):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result, and the weights ``(N, L, S)`` or ``None``.

        Without `need_weights` no matrix of weights is made; pass ``need_weights=False`` wherever
        they are not looked at.

        Args:
            query: what attends.
            key: what is attended to.
            value: what is summed up; may be `key`, and both may be `query`.
            key_padding_mask: ``(N, S)``; keys where it is ``True`` are left out, or it is added.
            need_weights: whether weights are returned. Default: ``True``.
            attn_mask: ``(L, S)`` or ``(N * num_heads, L, S)``; ``True`` leaves a pair out, floats
                are added.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: a hint that `attn_mask` is the causal one, which then is not looked at.
        """
        of = Projections(
            self.in_proj_weight,
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight),
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.out_proj.weight,
            self.out_proj.bias,
        )
        return attend(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            of,
            batch_first=self.batch_first,
            add_zero_attn=self.add_zero_attn,
            dropout_p=self.dropout if self.training else 0.0,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
