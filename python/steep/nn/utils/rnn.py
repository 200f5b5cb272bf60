"""Sequences of unequal length: padded to one tensor, or packed one time step after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from steep._core import Tensor, arange, as_tensor, cat, empty_like, int64, stack, tensor

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence"]
__all__ += ["pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence"]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of a batch, longest first, by time step; made by `pack_padded_sequence`.

    `batch_sizes` says how many sequences `data` has of each time step; `sorted_indices` where each
    was in the batch, ``None`` if it was sorted, and `unsorted_indices` is the inverse.
    """

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With `data` converted by `Tensor.to`; itself where nothing is to be converted."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def float(self) -> PackedSequence:
        """In float32."""
        return type(self)(self.data.float(), *self[1:])

    def double(self) -> PackedSequence:
        """In float64."""
        return type(self)(self.data.double(), *self[1:])

    def long(self) -> PackedSequence:
        """In int64."""
        return type(self)(self.data.long(), *self[1:])

    def int(self) -> PackedSequence:
        """In int32."""
        return type(self)(self.data.int(), *self[1:])

    def cpu(self) -> PackedSequence:
        """Itself."""
        return self

    @property
    def is_cuda(self) -> bool:
        """``False``."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another; ``None`` for ``None``.

    Example:
        >>> import steep
        >>> steep.nn.utils.rnn.invert_permutation(steep.tensor([2, 0, 1])).tolist()
        [1, 2, 0]
    """
    if permutation is None:
        return None
    inverse = empty_like(permutation)
    inverse[permutation] = arange(permutation.numel(), dtype=permutation.dtype)
    return inverse


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | list[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack a padded batch: the elements of all sequences, one time step after the other.

    `input` is ``(time, batch, *)``, with `batch_first` ``(batch, time, *)``; its sequences stand
    longest first, unless `enforce_sorted` is ``False``.

    Raises:
        RuntimeError: on lengths that do not fit the input, are not sorted, or below 1.

    Example:
        >>> import steep
        >>> padded = steep.tensor([[1, 4], [2, 5], [3, 0]])
        >>> packed = steep.nn.utils.rnn.pack_padded_sequence(padded, [3, 2])
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 5, 3], [2, 2, 1])
    """
    sizes = as_tensor(lengths).tolist()
    x = input.transpose(0, 1) if batch_first else input
    steps, count = x.shape[:2]
    if len(sizes) != count:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={count})"
        )
    order = None
    if not enforce_sorted:
        order = sorted(range(count), key=lambda i: -sizes[i])
        sizes = [sizes[i] for i in order]
    if not sizes or sizes[-1] <= 0 or min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if sizes[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: expected lengths up to {steps}, the input's time steps, got "
            f"{sizes[0]}"
        )
    places = order or range(count)
    rows = [
        t * count + i for t in range(sizes[0]) for i, n in zip(places, sizes, strict=True) if n > t
    ]
    data = x.reshape(steps * count, *x.shape[2:]).index_select(0, tensor(rows))
    at_once = [sum(n > t for n in sizes) for t in range(sizes[0])]
    return PackedSequence(data, tensor(at_once), None if order is None else tensor(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch that was packed, in its order, and the lengths of its sequences.

    It has as many time steps as the longest, or `total_length`; ValueError if these are fewer.

    Example:
        >>> import steep
        >>> from steep.nn.utils.rnn import pack_sequence, pad_packed_sequence
        >>> packed = pack_sequence([steep.tensor([1, 2, 3]), steep.tensor([4, 5])])
        >>> padded, lengths = pad_packed_sequence(packed, batch_first=True, padding_value=-1)
        >>> padded.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, 5, -1]], [3, 2])
    """
    at_once = sequence.batch_sizes.tolist()
    steps = len(at_once) if total_length is None else total_length
    if steps < len(at_once):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {len(at_once)}"
        )
    data, count = sequence.data, at_once[0]
    starts = [sum(at_once[:t]) for t in range(len(at_once))]
    order = sequence.unsorted_indices
    places = range(count) if order is None else order.tolist()
    # The padding is the last row of all.
    rows = [
        starts[t] + i if t < len(at_once) and i < at_once[t] else len(data)
        for t in range(steps)
        for i in places
    ]
    end = data.new_full((1, *data.shape[1:]), padding_value)
    padded = cat([data, end]).index_select(0, tensor(rows, dtype=int64))
    padded = padded.reshape(steps, count, *data.shape[1:])
    lengths = tensor([sum(n > i for n in at_once) for i in places])
    return padded.transpose(0, 1) if batch_first else padded, lengths


def _check_alike(op: str, sequences: list[Any]) -> None:
    """Raise unless they are tensors that differ in their first dimension alone."""
    for i, x in enumerate(sequences):
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}: expected Tensor as element {i}, but got {type(x).__name__}")
        if x.dim() == 0:
            raise RuntimeError(
                f"{op}: expected sequences of shape (length, *), got a number as element {i}; "
                "stack() joins numbers"
            )
        if x.shape[1:] != sequences[0].shape[1:]:
            raise RuntimeError(
                f"{op}: expected sequences that differ in their first dimension alone, got shape "
                f"{tuple(sequences[0].shape)} as element 0 and {tuple(x.shape)} as element {i}"
            )


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of shapes ``(length, *)``, padded to the longest.

    The result is ``(time, batch, *)``, with `batch_first` ``(batch, time, *)``. `padding_side` is
    ``'right'`` or ``'left'``.

    Raises:
        RuntimeError: if there are none, or they differ in other dimensions.

    Example:
        >>> import steep
        >>> sequences = [steep.tensor([1, 2, 3]), steep.tensor([4])]
        >>> steep.nn.utils.rnn.pad_sequence(sequences, batch_first=True).tolist()
        [[1, 2, 3], [4, 0, 0]]
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    _check_alike("pad_sequence", given)
    first, longest = given[0], max(len(x) for x in given)
    padded = []
    for x in given:
        end = first.new_full((longest - len(x), *first.shape[1:]), padding_value)
        x = x.to(first.dtype)
        padded.append(cat([end, x] if padding_side == "left" else [x, end]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each of its own length.

    Example:
        >>> import steep
        >>> padded = steep.tensor([[1, 2, 3], [4, 0, 0]])
        >>> parts = steep.nn.utils.rnn.unpad_sequence(padded, steep.tensor([3, 1]), True)
        >>> [part.tolist() for part in parts]
        [[1, 2, 3], [4]]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [part[:n].clone() for part, n in zip(x, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of shapes ``(length, *)``: `pack_padded_sequence` of `pad_sequence`."""
    lengths = [len(x) for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their order."""
    return unpad_sequence(
        *pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True
    )
