"""`jacrev`, `jacfwd` and `hessian`: all derivatives of a function at once.

A function that is run on copies of its input, one for each row or column of the Jacobian, needs one
pass backward for all of them, by batched operations.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from steep import _core
from steep._core import enable_grad
from steep.func._batched import Batched, expanded
from steep.func._levels import Level, entered
from steep.func._trees import flatten, unflatten
from steep.func.derivatives import Argnums, Tracked, outputs_of, split_aux
from steep.func.vectors import Pushed, pulled

__all__ = ["hessian", "jacfwd", "jacrev"]


def _check_chunk(name: str, chunk_size: Any) -> None:
    if chunk_size is not None and not (isinstance(chunk_size, int) and chunk_size > 0):
        raise ValueError(f"{name}: `chunk_size` should be greater than 0. (got {chunk_size})")


def _basis(like: Sequence[Any], begin: int, end: int) -> list[Any]:
    """Rows of the unit matrix over the elements of all tensors, cut into vectors of each."""
    total = sum(x.numel() for x in like)
    rows, at = [], 0
    for x in like:
        own = _core.zeros((end - begin, x.numel()), dtype=x.dtype)
        first, last = max(begin, at), min(end, at + x.numel())
        if first < last:
            unit = _core.eye(last - first, dtype=x.dtype)
            own[first - begin : last - begin, first - at : last - at] = unit
        rows.append(own.reshape((end - begin, *x.shape)))
        at += x.numel()
    assert at == total
    return rows


def _chunks(total: int, chunk_size: int | None) -> Iterator[tuple[int, int]]:
    step = chunk_size or max(total, 1)
    for begin in range(0, total, step):
        yield begin, min(begin + step, total)


def _in_copies(
    parts: Callable[[Level, list[Any]], list[Any]], like: Sequence[Any], chunk_size: int | None,
    randomness: str = "error",
) -> list[Any]:  # fmt: skip
    """What `parts` gives for unit vectors, each for a copy of everything; the copies come first."""
    total = sum(x.numel() for x in like)
    found = []
    for begin, end in _chunks(total, chunk_size):
        with entered(end - begin, randomness, copies=True) as level:
            vectors = [Batched(v, level) for v in _basis(like, begin, end)]
            found.append([expanded(x, level) for x in parts(level, vectors)])
    if len(found) == 1:
        return found[0]
    return [_core.cat(list(column)) for column in zip(*found, strict=True)]


def _one_by_one(part: Callable[[list[Any]], list[Any]], like: Sequence[Any]) -> list[Any]:
    """The same by one pass for each unit vector."""
    total = sum(x.numel() for x in like)
    each = [part([v[0] for v in _basis(like, i, i + 1)]) for i in range(total)]
    return [_core.stack(list(column)) for column in zip(*each, strict=True)]


def _cut(found: Any, like: Sequence[Any]) -> list[Any]:
    """Rows of several tensors' elements, in the shapes of those tensors."""
    cut, at = [], 0
    for x in like:
        rows = found.narrow(0, at, x.numel())
        cut.append(rows.reshape((*x.shape, *found.shape[1:])))
        at += x.numel()
    return cut


def _tell(name: str, error: Exception) -> None:
    warnings.warn(
        f"{name}: computed by one pass for each element, for the function cannot run on copies of "
        f"its input: {error}",
        UserWarning,
        stacklevel=3,
    )


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function to the Jacobian of `func`, by passes backward: for more inputs than outputs.

    `func` runs once for its value, and where that has several elements once more, on a copy of its
    input for each of them; then one pass backward gives all rows. A function that cannot run on
    copies (one that draws random numbers, say) has one pass for each element, and a warning.

    Args:
        func: of tensors, or trees of them, to the same.
        argnums: which positional arguments the Jacobian is taken by: a number, or a tuple of them.
            Default: 0.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.
        chunk_size: at most how many rows are computed at once; all if ``None``. 1 is one pass for
            each, without copies. Default: ``None``.

    Returns:
        A function with the arguments of `func` to the Jacobian, with `has_aux` to
        ``(jacobian, aux)``: in the place of each output y, for each input x, a tensor of shape
        ``(*y.shape, *x.shape)``; by an `argnums` that is a tuple, a tuple of such.

    Raises:
        RuntimeError: for results that are no tensors, and argnums that there are not.
        ValueError: where an argument holds what is no tensor, and for a chunk_size below 1.

    Example:
        >>> import steep
        >>> steep.func.jacrev(steep.sin)(steep.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_chunk("jacrev", chunk_size)

    @functools.wraps(func, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def run(*args: Any) -> Any:
        name = "jacrev(f)(*args)"
        tracked = Tracked(name, args, argnums)
        with enable_grad():
            result, aux = split_aux(name, func(*tracked.args), has_aux)
            outputs, tree = outputs_of(name, result)
            recorded = tracked.to_record(outputs)
            rows = _rows_backward(func, args, argnums, has_aux, chunk_size, tracked, outputs,
                                  recorded)  # fmt: skip
        jacobian = _nested(rows, outputs, tree, tracked.tree)
        jacobian = tracked.let_go(jacobian, recorded)
        return (jacobian, tracked.let_go(aux, recorded)) if has_aux else jacobian

    return run


def _rows_backward(
    func: Callable[..., Any], args: Any, argnums: Argnums, has_aux: bool, chunk_size: int | None,
    tracked: Tracked, outputs: list[Any], recorded: bool,
) -> list[Any]:  # fmt: skip
    """For each leaf of the arguments, the derivatives of all outputs' elements, those first."""

    def one(vectors: list[Any]) -> list[Any]:
        return pulled(outputs, tracked.leaves, vectors, tracked.levels, recorded)

    def all_at_once(level: Level, vectors: list[Any]) -> list[Any]:
        again = Tracked("jacrev", args, argnums)
        result, _ = split_aux("jacrev", func(*again.args), has_aux)
        own, _ = outputs_of("jacrev", result)
        return pulled(own, again.leaves, vectors, again.levels, again.to_record(own))

    total = sum(y.numel() for y in outputs)
    if total == 0:
        return [x.new_zeros((0, *x.shape)) for x in tracked.leaves]
    if total > 1 and chunk_size != 1:
        try:
            return _in_copies(all_at_once, outputs, chunk_size)
        except RuntimeError as error:
            _tell("jacrev", error)
    return _one_by_one(one, outputs)


def _nested(rows: Sequence[Any], outputs: Sequence[Any], tree: Any, own: Any) -> Any:
    """Jacobians in the outputs' structure, of trees like the arguments."""
    columns = [_cut(x, outputs) for x in rows]
    return unflatten(
        tree, [unflatten(own, [column[i] for column in columns]) for i in range(len(outputs))]
    )


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function to the Jacobian of `func`, column by column: for more outputs than inputs.

    `func` runs once, on a copy of its input for each of the input's elements. There is no forward
    mode: a product with the Jacobian is two passes backward (see `jvp`), so `jacrev` is the quicker
    one unless there are about three times as many outputs as inputs.

    Args:
        func: of tensors, or trees of them, to the same.
        argnums: which positional arguments the Jacobian is taken by: a number, or a tuple of them.
            Default: 0.
        has_aux: whether `func` returns a pair, of which only the first is differentiated. Default:
            ``False``.
        chunk_size: at most how many columns are computed at once; all if ``None``. Default:
            ``None``.
        randomness: as of `vmap`. Default: ``'error'``.

    Returns:
        A function to what `jacrev` gives.

    Raises:
        RuntimeError, ValueError: as `jacrev`, and as `vmap`.

    Example:
        >>> import steep
        >>> steep.func.jacfwd(lambda x: x**2)(steep.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_chunk("jacfwd", chunk_size)

    @functools.wraps(func, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def run(*args: Any) -> Any:
        probe = Tracked("jacfwd(f)(*args)", args, argnums)
        leaves = [x.detach() for x in probe.leaves]
        kept: dict[str, Any] = {}

        def all_at_once(level: Level, vectors: list[Any]) -> list[Any]:
            pushed = _pushed_along(func, args, argnums, has_aux)
            kept.setdefault("tree", pushed.tree)
            kept.setdefault("aux", _without(level, pushed.shown(pushed.aux)))
            kept.setdefault("like", [_without(level, y) for y in pushed.outputs])
            own, _ = flatten(pushed(vectors, retain=False))
            return own

        columns = _in_copies(all_at_once, leaves, chunk_size, randomness)
        jacobian = _turned(columns, leaves, kept["like"], kept["tree"], probe.tree)
        return (jacobian, kept["aux"]) if has_aux else jacobian

    return run


def _pushed_along(func: Callable[..., Any], args: Any, argnums: Argnums, has_aux: bool) -> Pushed:
    """The map from tangents of the chosen arguments to those of the results."""
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    where = [i % len(args) for i in places]

    def of_chosen(*chosen: Any) -> Any:
        own = dict(zip(where, chosen, strict=True))
        return func(*[own.get(i, x) for i, x in enumerate(args)])

    return Pushed("jacfwd(f)(*args)", of_chosen, tuple(args[i] for i in where), has_aux)


def _without(level: Level, tree: Any) -> Any:
    """One of the copies, of all tensors of a tree."""
    own, shape = flatten(tree)
    return unflatten(shape, [
        x.value[0].detach() if type(x) is Batched and x.level is level else x for x in own
    ])  # fmt: skip


def _turned(
    columns: Sequence[Any], leaves: Sequence[Any], like: Sequence[Any], tree: Any, own: Any
) -> Any:
    """Columns, the inputs' elements first, as Jacobians with the outputs' dimensions first."""
    jacobians = []
    for column, y in zip(columns, like, strict=True):
        parts = [
            part.movedim(tuple(range(x.ndim)), tuple(range(-x.ndim, 0))) if x.ndim else part
            for part, x in zip(_cut(column, leaves), leaves, strict=True)
        ]
        jacobians.append(unflatten(own, parts))
        assert column.ndim == y.ndim + 1
    return unflatten(tree, jacobians)


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function to the second derivatives of `func`: the Jacobian of its Jacobian.

    Both by passes backward, `jacrev` of `jacrev`: a function to one number has one pass to its
    gradient, and one more for all rows of the Hessian.

    Args:
        func: of tensors, or trees of them, to the same.
        argnums: which positional arguments: a number, or a tuple of them. Default: 0.

    Returns:
        A function with the arguments of `func` to a tensor ``(*y.shape, *x.shape, *x.shape)`` for
        output y and input x; trees as `jacrev` has them, twice.

    Raises:
        RuntimeError, ValueError: as `jacrev`.

    Example:
        >>> import steep
        >>> steep.func.hessian(lambda x: (x**3).sum())(steep.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
