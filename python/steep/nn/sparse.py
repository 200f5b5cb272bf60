"""Embeddings: rows of a learned table, picked by numbers."""

from __future__ import annotations

from typing import Any

from steep._core import Tensor, dtype, embedding, embedding_bag, empty, no_grad
from steep.nn import init
from steep.nn._convert import check_cpu
from steep.nn.module import Module
from steep.nn.parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both classes share: the table and its settings."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool
    weight: Parameter

    def _set_up(
        self,
        shape: tuple[int, int],
        padding_idx: int | None,
        sparse: bool,
        weight: Tensor | None,
        device: Any,
        dtype: dtype | None,
        freeze: bool = False,
    ) -> None:
        name = type(self).__name__
        check_cpu(name, device)
        self._check(name, shape, weight)
        self.num_embeddings, self.embedding_dim = shape
        self.sparse = sparse
        rows = shape[0]
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise ValueError(
                f"{name}: Padding_idx must be within num_embeddings, got {padding_idx} and {rows}"
            )
        self.padding_idx = padding_idx % rows if padding_idx is not None else None
        if weight is None:
            self.weight = Parameter(empty(shape, dtype=dtype), requires_grad=not freeze)
            self.reset_parameters()
        else:
            self.weight = Parameter(weight, requires_grad=not freeze)

    @staticmethod
    def _check(name: str, shape: tuple[int, int], weight: Tensor | None) -> None:
        for which, size in zip(("num_embeddings", "embedding_dim"), shape, strict=True):
            if not hasattr(size, "__index__"):
                raise TypeError(f"{name}: expected {which} to be an int, got {size!r}")
            if size < 0:
                raise ValueError(f"{name}: expected {which} to be at least 0, got {size}")
        if weight is not None and tuple(weight.shape) != tuple(shape):
            raise ValueError(
                f"{name}: Shape of weight does not match num_embeddings and embedding_dim: "
                f"expected {tuple(shape)}, got {tuple(weight.shape)}"
            )

    def reset_parameters(self) -> None:
        """Draw the table from N(0, 1); the padding's row becomes 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _settings(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += ", scale_grad_by_freq=True"
        if self.sparse:
            text += ", sparse=True"
        return text

    @staticmethod
    def _check_pretrained(name: str, embeddings: Tensor) -> tuple[int, int]:
        if embeddings.dim() != 2:
            raise ValueError(
                f"{name}.from_pretrained: Embeddings parameter is expected to be 2-dimensional, "
                f"got {embeddings.dim()} dimensions"
            )
        rows, columns = embeddings.shape
        return rows, columns


class Embedding(_Table):
    """A row of a learned table for every number: words to vectors. (Bengio et al., 2003.)

    Shapes: input ``(*)`` of int64 or int32, out ``(*, embedding_dim)``, weight ``(num_embeddings,
    embedding_dim)``, drawn from N(0, 1).

    Args:
        num_embeddings: rows of the table; the input holds numbers from 0 to one less.
        embedding_dim: length of each row.
        padding_idx: a row that gets no gradient, and begins as zeros; -1 is the last.
        max_norm: rows that are looked up and longer than this are scaled down to it, in place.
        norm_type: the order of that norm. Default: 2.
        scale_grad_by_freq: divide a row's gradient by how often it is looked up.
        sparse: changes nothing: gradients are dense tensors, of the same values.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the table; the default dtype if ``None``.

    Raises:
        ValueError: if a size is negative or `padding_idx` is no row.
        TypeError: if a size is not an int.
        IndexError: when called with a number that is no row, which it names with its position.

    Example:
        >>> import steep
        >>> layer = steep.nn.Embedding(10, 3)
        >>> tuple(layer(steep.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape)
        (2, 4, 3)
        >>> layer
        Embedding(10, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        shape = (num_embeddings, embedding_dim)
        self._set_up(shape, padding_idx, sparse, _weight, device, dtype, _freeze)

    def forward(self, input: Tensor) -> Tensor:
        """Look up: ``(*)`` to ``(*, embedding_dim)``."""
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        sizes = f"{self.num_embeddings}, {self.embedding_dim}"
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return self._settings().replace(sizes, sizes + padding, 1)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer with this table, which does not learn unless `freeze` is ``False``.

        Example:
            >>> import steep
            >>> layer = steep.nn.Embedding.from_pretrained(steep.tensor([[1.0, 2.3], [4.0, 5.1]]))
            >>> layer(steep.tensor([1])).tolist() == [[4.0, 5.099999904632568]]
            True
        """
        rows, columns = cls._check_pretrained(cls.__name__, embeddings)
        return cls(
            num_embeddings=rows,
            embedding_dim=columns,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(_Table):
    """The sum, mean or maximum of bags of a table's rows; see `functional.embedding_bag`.

    What `Embedding` and a reduction over its second dimension give, for bags of any sizes. Shapes:
    input ``(bags, size)``, or ``(count)`` with offsets ``(bags)``; out ``(bags, embedding_dim)``,
    weight ``(num_embeddings, embedding_dim)``, drawn from N(0, 1).

    Args:
        num_embeddings: rows of the table.
        embedding_dim: length of each row.
        max_norm: rows that are looked up and longer than this are scaled down to it, in place.
        norm_type: the order of that norm. Default: 2.
        scale_grad_by_freq: divide a row's gradient by how often it is looked up.
        mode: ``'sum'``, ``'mean'`` or ``'max'``. Default: ``'mean'``.
        sparse: changes nothing: gradients are dense tensors, of the same values.
        include_last_offset: whether offsets end with where the last bag ends.
        padding_idx: numbers that are left out of their bags; its row gets no gradient.
        device: ``None`` or ``'cpu'``.
        dtype: dtype of the table; the default dtype if ``None``.

    Raises:
        ValueError: if a size is negative, `padding_idx` is no row, or (when called) for an unknown
            mode and shapes that do not fit.
        NotImplementedError: for weights beside another mode than 'sum'.
        IndexError: when called with a number that is no row.

    Example:
        >>> import steep
        >>> layer = steep.nn.EmbeddingBag(10, 3, mode="sum")
        >>> numbers, offsets = steep.tensor([1, 2, 4, 5, 4, 3, 2, 9]), steep.tensor([0, 4])
        >>> tuple(layer(numbers, offsets).shape)
        (2, 3)
        >>> layer
        EmbeddingBag(10, 3, mode='sum')
    """

    mode: str
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode, self.include_last_offset = mode, include_last_offset
        shape = (num_embeddings, embedding_dim)
        self._set_up(shape, padding_idx, sparse, _weight, device, dtype)

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Reduce each bag: ``(bags, size)``, or ``(count)`` with offsets, to ``(bags, dim)``."""
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Sizes, the mode, and what differs from the defaults."""
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self._settings()}, mode={self.mode!r}{padding}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer with this table, which does not learn unless `freeze` is ``False``.

        Example:
            >>> import steep
            >>> layer = steep.nn.EmbeddingBag.from_pretrained(steep.ones(3, 2), mode="sum")
            >>> layer(steep.tensor([[1, 0]])).tolist()
            [[2.0, 2.0]]
        """
        rows, columns = cls._check_pretrained(cls.__name__, embeddings)
        bag = cls(
            num_embeddings=rows,
            embedding_dim=columns,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        bag.weight.requires_grad = not freeze
        return bag
