"""Einstein's sums: `einsum`, and `tensordot`, which is one.

Two operands at a time become one batched matrix product: labels that both have and that go on are
its batch, those that end here are summed in it.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from steep import _core
from steep._core import Tensor, any_batched, is_recording

__all__ = ["einsum", "tensordot"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products, as subscripts say: ``"ij,jk->ik"`` is a matrix product.

    Args:
        equation: labels of the dimensions of each operand, separated by commas, and after ``->``
            those of the result. Labels that the result lacks are summed over; a label twice in one
            operand takes its diagonal; ``...`` stands for dimensions that broadcast. Without
            ``->`` the result has the labels that occur once, in the order of the alphabet.
        operands: the tensors, or one list of them. Also ``einsum(x, [0, 1], y, [1, 2], [0, 2])``,
            with numbers from 0 to 51 for labels.

    Returns:
        A tensor with the result's labels as dimensions. Operands are multiplied from left to right.

    Raises:
        RuntimeError: For an equation that is none, that does not fit the operands' dimensions, and
            sizes of one label that differ (unless one is 1).

    Example:
        >>> import steep
        >>> a = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> steep.einsum("ij,j->i", a, steep.tensor([1.0, 1.0]))
        tensor([3., 7.])
        >>> steep.einsum("ii", a)
        tensor(5.)
    """
    if isinstance(equation, Tensor):
        equation, operands = _of_sublists([equation, *operands])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise TypeError(f"einsum: expected an equation as a str, got {type(equation).__name__}")
    if not operands:
        raise RuntimeError("einsum: expected at least one operand, got none")
    # Not in a recording, whose sizes may stand for others, nor of a vmap's operands.
    if len(operands) == 2 and not (is_recording() or any_batched(operands)):
        plan = _plan_of(equation, *operands)
        if plan is not None:
            return _planned(plan, *operands)
    inputs, output = _labels(equation, [x.dim() for x in operands])
    pairs = [_without_repeats(*pair) for pair in zip(operands, inputs, strict=True)]
    _check_sizes(pairs)
    result, labels = pairs[0]
    for i, (other, theirs) in enumerate(pairs[1:], start=1):
        needed = set(output).union(*(later for _, later in pairs[i + 1 :]))
        result, labels = _contracted(result, labels, other, theirs, needed)
    return _arranged(result, labels, output)


class _Plan(NamedTuple):
    """How two operands become one product; None where there is nothing to do."""

    left_order: tuple[int, ...] | None
    left_shape: tuple[int, ...] | None
    right_order: tuple[int, ...] | None
    right_shape: tuple[int, ...] | None
    has_batch: bool
    shape: tuple[int, ...] | None
    order: tuple[int, ...] | None


_plans: dict[Any, _Plan | None] = {}
_MOST_PLANS = 512


def _plan_of(equation: str, a: Tensor, b: Tensor) -> _Plan | None:
    """The plan for operands of these shapes, made once; None where there is more to do."""
    key = (equation, a.shape, b.shape)
    try:
        return _plans[key]
    except KeyError:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        _plans[key] = plan = _made_plan(*key)
        return plan


def _made_plan(equation: str, of_a: Sequence[int], of_b: Sequence[int]) -> _Plan | None:
    (left, right), output = _labels(equation, [len(of_a), len(of_b)])
    sizes = dict(zip(left, of_a, strict=True))
    every = {**sizes, **dict(zip(right, of_b, strict=True))}
    repeats = len(sizes) < len(left) or len(set(right)) < len(right)
    if repeats or any(sizes.get(x, size) != size for x, size in zip(right, of_b, strict=True)):
        return None
    both = [label for label in left if label in right]
    batch, inner = ([x for x in both if (x in output) == goes_on] for goes_on in (True, False))
    rows = [label for label in left if label not in both]
    columns = [label for label in right if label not in both]
    if not inner or any(label not in output for label in (*rows, *columns)):
        return None  # no product, or a sum in one operand alone

    def order_of(given: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
        order = tuple(given.index(label) for label in wanted)
        return None if order == tuple(range(len(order))) else order

    def shape_of(*groups: Sequence[str]) -> tuple[int, ...] | None:
        parts = groups if batch else groups[1:]
        if all(len(part) == 1 for part in parts):
            return None
        return tuple(math.prod(every[label] for label in part) for part in parts)

    made = [*batch, *rows, *columns]
    single = shape_of(batch, rows, columns) is None
    return _Plan(
        order_of(left, [*batch, *rows, *inner]),
        shape_of(batch, rows, inner),
        order_of(right, [*batch, *inner, *columns]),
        shape_of(batch, inner, columns),
        bool(batch),
        None if single else tuple(every[label] for label in made),
        order_of(made, output),
    )


def _planned(plan: _Plan, a: Tensor, b: Tensor) -> Tensor:
    left_order, left_shape, right_order, right_shape, has_batch, shape, order = plan
    if left_order is not None:
        a = a.permute(left_order)
    if left_shape is not None:
        a = a.reshape(left_shape)
    if right_order is not None:
        b = b.permute(right_order)
    if right_shape is not None:
        b = b.reshape(right_shape)
    out = a.bmm(b) if has_batch else a.mm(b)
    if shape is not None:
        out = out.reshape(shape)
    return out if order is None else out.permute(order)


def _of_sublists(given: list[Any]) -> tuple[str, tuple[Any, ...]]:
    """The equation of ``x, [0, 1], y, [1, 2], [0, 2]``, and the operands."""

    def spelled(labels: Sequence[Any]) -> str:
        return "".join("..." if at is Ellipsis else _LETTERS[at] for at in labels)

    operands, texts = given[0 : len(given) // 2 * 2 : 2], given[1::2]
    equation = ",".join(spelled(labels) for labels in texts)
    if len(given) % 2:
        equation += "->" + spelled(given[-1])
    return equation, tuple(operands)


def _refuse(equation: str, why: str) -> RuntimeError:
    return RuntimeError(f"einsum: {why} in the equation {equation!r}")


def _split(equation: str, count: int) -> tuple[list[str], str | None]:
    """The texts of the operands and of the result, if it is said."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != count:
        raise _refuse(
            equation, f"expected subscripts for {count} operand(s), got {len(texts)} of them"
        )
    for text in (*texts, right):
        rest = text.replace("...", "", 1)
        if not all(letter in _LETTERS for letter in rest):
            raise _refuse(equation, f"expected letters, ',', '...' and one '->', got {text!r}")
    return texts, right if arrow else None


def _labels(equation: str, ranks: Sequence[int]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand's dimensions, and of the result's. Those of ``...`` are numbers,
    counted from the last."""
    texts, right = _split(equation, len(ranks))
    inputs, hidden = [], 0
    for text, rank in zip(texts, ranks, strict=True):
        before, dots, after = text.partition("...")
        own = rank - len(before) - len(after)
        if own < 0 or (own > 0 and not dots):
            raise _refuse(
                equation, f"expected {text!r} to name the dimensions of an operand that has {rank}"
            )
        hidden = max(hidden, own)
        inputs.append([*before, *(str(i) for i in range(own, 0, -1)), *after])
    dotted = [str(i) for i in range(hidden, 0, -1)]
    if right is None:
        every = [label for labels in inputs for label in labels if label.isalpha()]
        return inputs, dotted + sorted(x for x in set(every) if every.count(x) == 1)
    before, dots, after = right.partition("...")
    output = [*before, *(dotted if dots else ()), *after]
    known = {label for labels in inputs for label in labels}
    for label in output:
        if label not in known or output.count(label) > 1:
            raise _refuse(equation, f"expected {label!r} once, and among the operands' labels,")
    return inputs, output


def _without_repeats(x: Tensor, labels: list[str]) -> tuple[Tensor, list[str]]:
    """Diagonals in the place of labels that an operand has more than once."""
    labels = list(labels)
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise RuntimeError(
                    f"einsum: expected one size for the label {label!r} of an operand, got "
                    f"{x.shape[first]} and {x.shape[second]}"
                )
            x = x.diagonal(0, first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    return x, labels


def _check_sizes(pairs: Sequence[tuple[Tensor, list[str]]]) -> None:
    sizes: dict[str, int] = {}
    for x, labels in pairs:
        for label, size in zip(labels, x.shape, strict=True):
            known = sizes.get(label, 1)
            if 1 not in (known, size) and known != size:
                raise RuntimeError(
                    f"einsum: expected one size for the label {label!r}, got {known} and {size}"
                )
            sizes[label] = size if known == 1 else known


def _arranged(x: Tensor, labels: list[str], wanted: Sequence[str]) -> Tensor:
    """Summed over labels that are not wanted; the wanted ones in their order, size 1 if missing."""
    gone = [i for i, label in enumerate(labels) if label not in wanted]
    if gone:
        x = x.sum(gone)
        labels = [label for label in labels if label in wanted]
    present = [label for label in wanted if label in labels]
    order = [labels.index(label) for label in present]
    if order != sorted(order):
        x = x.permute(order)
    for i, label in enumerate(wanted):
        if label not in labels:
            x = x.unsqueeze(i)
    return x


def _contracted(
    a: Tensor, of_a: list[str], b: Tensor, of_b: list[str], needed: set[str]
) -> tuple[Tensor, list[str]]:
    """The product of two operands, summed over the labels that nothing needs any more."""
    # What one of them alone has, and nothing needs, or has with size 1, is summed first.
    a, of_a = _reduced(a, of_a, b, of_b, needed)
    b, of_b = _reduced(b, of_b, a, of_a, needed)
    both = [label for label in of_a if label in of_b]
    batch = [label for label in both if label in needed]
    inner = [label for label in both if label not in needed]
    rows = [label for label in of_a if label not in both]
    columns = [label for label in of_b if label not in both]
    if not inner:
        labels = [*batch, *rows, *columns]
        return _arranged(a, of_a, labels) * _arranged(b, of_b, labels), labels
    size = {**dict(zip(of_b, b.shape, strict=True)), **dict(zip(of_a, a.shape, strict=True))}

    def product(labels: Sequence[str]) -> int:
        out = 1
        for label in labels:
            out *= size[label]
        return out

    left = _arranged(a, of_a, [*batch, *rows, *inner])
    right = _arranged(b, of_b, [*batch, *inner, *columns])
    left = left.reshape(product(batch), product(rows), product(inner))
    right = right.reshape(product(batch), product(inner), product(columns))
    out = left.bmm(right) if batch else left[0].mm(right[0])
    labels = [*batch, *rows, *columns]
    return out.reshape([size[label] for label in labels]), labels


def _reduced(
    x: Tensor, labels: list[str], other: Tensor, theirs: list[str], needed: set[str]
) -> tuple[Tensor, list[str]]:
    """Without labels that are summed in this operand alone: the other lacks them, or x has size 1
    where the other has not."""
    gone = []
    for i, label in enumerate(labels):
        if label not in theirs:
            if label not in needed:
                gone.append(i)
        elif x.shape[i] == 1 and other.shape[theirs.index(label)] != 1:
            gone.append(i)
    if not gone:
        return x, labels
    return x.sum(gone), [label for i, label in enumerate(labels) if i not in gone]


def tensordot(
    a: Tensor, b: Tensor, dims: int | Tensor | Sequence[Any] = 2, *, out: Tensor | None = None
) -> Tensor:
    """The product of two tensors, summed over pairs of dimensions.

    Args:
        a: one tensor.
        b: the other, of the same dtype.
        dims: a number: so many, the last of `a` with the first of `b`. Or two lists: dimensions of
            `a`, and those of `b` that they go with. Default: 2.
        out: a tensor that takes the result.

    Returns:
        A tensor with the other dimensions of `a`, then those of `b`.

    Raises:
        RuntimeError: When sizes of a pair differ and neither is 1, or there are not so many
            dimensions.

    Example:
        >>> import steep
        >>> steep.tensordot(steep.ones(2, 3), steep.ones(3, 4), 1).shape
        steep.Size([2, 4])
    """
    first, second = _pairs(a, b, dims)
    for i, j in zip(first, second, strict=True):
        if a.shape[i] == 1:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif b.shape[j] == 1:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"tensordot: expected sizes of a pair of dimensions to agree, got {a.shape[i]} in "
                f"dimension {i} of {tuple(a.shape)} and {b.shape[j]} in dimension {j} of "
                f"{tuple(b.shape)}"
            )
    rows = [d for d in range(a.dim()) if d not in first]
    columns = [d for d in range(b.dim()) if d not in second]
    inner = 1
    for d in first:
        inner *= a.shape[d]
    shape = [*(a.shape[d] for d in rows), *(b.shape[d] for d in columns)]
    height = width = 1
    for d in rows:
        height *= a.shape[d]
    for d in columns:
        width *= b.shape[d]
    left = a.permute([*rows, *first]).reshape(height, inner)
    right = b.permute([*second, *columns]).reshape(inner, width)
    result = left.mm(right).reshape(shape)
    return result if out is None else _core.add(result, 0, out=out)


def _pairs(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.dim(), b.dim()):
            raise RuntimeError(
                f"tensordot: expected dims between 0 and {min(a.dim(), b.dim())}, got {dims}"
            )
        return list(range(a.dim() - dims, a.dim())), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise RuntimeError(
            f"tensordot: expected as many dimensions of both tensors, got {first} and {second}"
        )
    for x, given in ((a, first), (b, second)):
        for d in given:
            if not -x.dim() <= d < x.dim():
                raise IndexError(
                    f"tensordot: Dimension out of range (expected to be in range of [{-x.dim()}, "
                    f"{x.dim() - 1}], but got {d})"
                )
    return [d % a.dim() for d in first], [d % b.dim() for d in second]
