"""Products of vectors and matrices, and matrices of powers; all of them can be replayed."""

from __future__ import annotations

from steep import _core
from steep._core import Tensor
from steep._out import takes_out

__all__ = ["cross", "diagonal", "matmul", "vander", "vecdot"]


@takes_out
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of products along one dimension.

    Args:
        x: any shape.
        y: one that broadcasts with it.
        dim: along which the vectors lie. Default: the last one.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit.
        IndexError: For a `dim` that there is not.

    Example:
        >>> import steep
        >>> steep.linalg.vecdot(steep.tensor([[1.0, 2.0], [3.0, 4.0]]), steep.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    if x.dtype != y.dtype:
        raise RuntimeError(f"linalg.vecdot: expected one dtype, got {x.dtype} and {y.dtype}")
    return (x * y).sum(dim)


def vander(x: Tensor, N: int | None = None) -> Tensor:  # noqa: N803 - PyTorch's name
    """The powers of each element from 0 to N - 1: Vandermonde's matrix.

    Args:
        x: (*, n); a single number is a vector of one.
        N: how many powers. Default: n.

    Returns:
        (*, n, N).

    Raises:
        RuntimeError: For an N below 2.

    Example:
        >>> import steep
        >>> steep.linalg.vander(steep.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [1, 2, 4],
                [1, 3, 9]])
    """
    x = x.reshape(1) if x.dim() == 0 else x
    count = x.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError(f"linalg.vander: expected N to be at least 2, got {N}")
    if not x.is_floating_point():
        x = x.long()
    ones = x.new_ones(*x.shape, 1)
    further = x.unsqueeze(-1).expand(*x.shape, max(count - 1, 0)).cumprod(-1)
    return _core.cat((ones, further), -1)[..., :count]


@takes_out
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of 3 elements; see `steep.cross`.

    Args:
        input: with a size of 3 at `dim`.
        other: one that broadcasts with it.
        dim: along which the vectors lie. Default: the last one.

    Raises:
        RuntimeError: For shapes that do not fit, and sizes other than 3.

    Example:
        >>> import steep
        >>> steep.linalg.cross(steep.tensor([1.0, 0.0, 0.0]), steep.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    return _core.cross(input, other, dim)


def diagonal(
    A: Tensor,  # noqa: N803 - PyTorch's name
    *,
    offset: int = 0,
    dim1: int = -2,
    dim2: int = -1,
) -> Tensor:
    """The diagonals of matrices: `steep.diagonal`, of the last two dimensions.

    Args:
        A: at least two dimensions.
        offset: above 0 for a diagonal above the main one. Default: 0.
        dim1: of rows. Default: the last but one.
        dim2: of columns. Default: the last one.

    Raises:
        IndexError: For dimensions that there are not.

    Example:
        >>> import steep
        >>> steep.linalg.diagonal(steep.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    return A.diagonal(offset, dim1, dim2)


@takes_out
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product: `steep.matmul`.

    Raises:
        RuntimeError: For shapes or dtypes that do not fit.

    Example:
        >>> import steep
        >>> steep.linalg.matmul(steep.eye(2), steep.ones(2)).tolist()
        [1.0, 1.0]
    """
    return _core.matmul(input, other)
