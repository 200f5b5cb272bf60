"""Initialisation of weights that have a structure: identities, orthogonal and sparse matrices."""

from __future__ import annotations

import math

from steep._core import Generator, Tensor, eye, from_numpy, no_grad, randperm, zeros_like

__all__ = ["dirac_", "eye_", "orthogonal_", "sparse_"]


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal and zeros elsewhere.

    Raises:
        ValueError: if the tensor does not have two dimensions.

    Example:
        >>> import steep
        >>> steep.nn.init.eye_(steep.empty(2, 3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    _check_matrix(tensor)
    rows, columns = tensor.shape
    with no_grad():
        return tensor.copy_(eye(rows, columns, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes on its input, as many channels as there are.

    Shape ``(out, in, *window)``: ``weight[g * out / groups + i, i, *middle]`` is 1, all else 0.

    Raises:
        ValueError: on another number of dimensions, or outputs that the groups do not divide.

    Example:
        >>> import steep
        >>> steep.nn.init.dirac_(steep.empty(2, 1, 3)).tolist()
        [[[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]
    """
    shape = tuple(tensor.shape)
    if len(shape) not in (3, 4, 5):
        raise ValueError(
            f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {shape}"
        )
    if shape[0] % groups != 0:
        raise ValueError(f"dim 0 must be divisible by groups, got shape {shape}, groups {groups}")
    per_group = shape[0] // groups
    middle = tuple(size // 2 for size in shape[2:])
    with no_grad():
        filled = zeros_like(tensor)
        for first in range(0, shape[0], max(per_group, 1)):
            for i in range(min(per_group, shape[1])):
                place = (first + i, i, *middle)
                filled[place] = 1
        return tensor.copy_(filled)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix times `gain` (Saxe et al., ICLR 2014).

    It is the Q of the QR factorisation (by LAPACK) of a normally distributed matrix, with R's
    diagonal made positive. Dimensions after the first are taken as one.

    Raises:
        ValueError: if the tensor has fewer than two dimensions.

    Example:
        >>> import steep
        >>> w = steep.nn.init.orthogonal_(steep.empty(2, 5))
        >>> bool(steep.allclose(w @ w.T, steep.eye(2), atol=1e-6))
        True
    """
    if tensor.dim() < 2:
        raise ValueError(
            f"Only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}"
        )
    if tensor.numel() == 0:
        return tensor
    import numpy as np

    rows = tensor.shape[0]
    with no_grad():
        drawn = tensor.new_empty((rows, tensor.numel() // rows))
        flat = drawn.normal_(0, 1, generator=generator).numpy()
        wide = flat.shape[0] < flat.shape[1]
        q, r = np.linalg.qr(flat.T if wide else flat)
        q *= np.sign(np.diag(r))
        filled = from_numpy(np.ascontiguousarray(q.T if wide else q))
        return tensor.copy_(filled.reshape(tensor.shape)).mul_(gain)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix from N(0, std^2), with a share of zeros in each column (Martens, ICML 2010).

    `sparsity` is that share, rounded up to whole elements.

    Raises:
        ValueError: if the tensor does not have two dimensions.

    Example:
        >>> import steep
        >>> w = steep.nn.init.sparse_(steep.empty(10, 3), sparsity=0.25)
        >>> (w == 0).sum(0).tolist()
        [3, 3, 3]
    """
    _check_matrix(tensor)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[randperm(rows, generator=generator)[:zeros], column] = 0
    return tensor


def _check_matrix(tensor: Tensor) -> None:
    if tensor.dim() != 2:
        raise ValueError(
            f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}"
        )
