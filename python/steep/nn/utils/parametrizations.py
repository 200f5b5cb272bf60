"""Parametrisations of weights: by length and direction, spectral norm, orthogonal matrices."""

from __future__ import annotations

from steep._core import Tensor, dot, mv, no_grad, norm, normalize
from steep.nn.module import Module
from steep.nn.utils._orthogonal import MAPS, _Orthogonal
from steep.nn.utils.parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def checked_dim(weight: Tensor, dim: int) -> int:
    """A dimension of a weight, counted from the front; IndexError if there is none such."""
    dims = weight.dim()
    if not -dims <= dim < dims:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{dims}, {dims - 1}] but got "
            f"{dim})"
        )
    return dim % dims


def norm_except(x: Tensor, dim: int) -> Tensor:
    """The norm over all dimensions but one, which keep size 1; over all for -1."""
    if dim == -1:
        return norm(x)
    kept = checked_dim(x, dim)
    return norm(x, 2, [d for d in range(x.dim()) if d != kept], keepdim=True)


def normalized(x: Tensor, eps: float) -> Tensor:
    """A vector over its norm, or over `eps` where that is greater."""
    return normalize(x, dim=0, eps=eps)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight with one dimension first, and all others as one."""
    dims = list(range(weight.dim()))
    first = dims.pop(dim)
    return weight.permute(first, *dims).flatten(1)


def drawn_vectors(weight: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """Vectors for the power method to begin with: one for rows, one for columns."""
    rows, columns = as_matrix(weight, dim).shape
    u, v = (weight.detach().new_empty(size).normal_(0, 1) for size in (rows, columns))
    return normalized(u, eps), normalized(v, eps)


def over_sigma(weight: Tensor, u: Tensor, v: Tensor, dim: int) -> Tensor:
    """A weight over its largest singular value, whose vectors are about `u` and `v`."""
    # Copies: the vectors are written in place by the next step of the power method.
    u, v = u.clone(), v.clone()
    return weight / dot(u, mv(as_matrix(weight, dim), v))


def check_iterations(count: int) -> None:
    """Raise unless the power method is to take a step."""
    if count <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={count}"
        )


def default_dim(module: Module, dim: int | None) -> int:
    """The dimension of a weight's outputs, which is the second in transposed convolutions."""
    if dim is not None:
        return dim
    return int(any(cls.__name__.startswith("ConvTranspose") for cls in type(module).__mro__))


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.dim = checked_dim(weight, dim)
        check_iterations(n_power_iterations)
        self.eps = eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            u, v = drawn_vectors(weight, self.dim, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._power_method(weight, 15)

    @no_grad()
    def _power_method(self, weight: Tensor, count: int) -> None:
        matrix = as_matrix(weight, self.dim)
        for _ in range(count):
            self._u.copy_(normalized(mv(matrix, self._v), self.eps))
            self._v.copy_(normalized(mv(matrix.T, self._u), self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return normalized(weight, self.eps)
        if self.training:
            self._power_method(weight, self.n_power_iterations)
        return over_sigma(weight, self._u, self._v, self.dim)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal: its columns, or rows where there are fewer, are orthonormal.

    The last two dimensions are the matrix Q, of shape (m, n); wide ones are the transposes of tall
    ones. For tall ones, with X what is trained and A the skew-symmetric ``tril(X) - tril(X).T``,
    filled up with zeros to a square, Q is the first n columns of

    - ``'matrix_exp'``: ``exp(A)``, which is accurate for norms of A up to 4096;
    - ``'cayley'``: ``(I - A / 2)^-1 (I + A / 2)``;
    - ``'householder'``: the product of the reflections ``I - 2 v v.T / (v . v)`` whose v are the
      columns of X below its diagonal, with ones on it, times the diagonal of X, each 1 or -1.

    With `use_trivialization` Q is multiplied by a constant orthogonal matrix, the buffer ``base``
    (Lezcano-Casado, 2019), so that training begins at the weight as it is; it is also what writing
    ``module.weight = value`` changes. A weight that is not orthogonal is made so first, by the QR
    factorisation (of LAPACK).

    Computed of matrix products alone, without pivoting or choices that depend on values: a compiled
    step replays it. PyTorch's results are the same up to rounding, and so are its keys.

    Args:
        module: the module that has the weight.
        name: its name. Default: ``'weight'``.
        orthogonal_map: one of the three; ``None``, the default, is the first for square matrices,
            and the last for others.
        use_trivialization: whether there is a `base`. Default: ``True``.

    Returns:
        The module.

    Raises:
        ValueError: if the module has no such tensor, it has fewer than two dimensions, or there is
            no such map.
        NotImplementedError: if a value is written under the first two maps without a `base`.

    Example:
        >>> import steep
        >>> layer = steep.nn.utils.parametrizations.orthogonal(steep.nn.Linear(3, 5))
        >>> q = layer.weight
        >>> bool(steep.allclose(q.T @ q, steep.eye(3), atol=1e-6))
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.dim() < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    function = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, function, unsafe=True)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train a weight's length and direction apart: w = g * v / ||v|| (Salimans and Kingma, 2016).

    Each slice along `dim` has a length of its own; with ``None`` there is one. Returns the module.

    Raises:
        ValueError: if the module has no such tensor.
        IndexError: if `dim` is out of range.

    Example:
        >>> import steep
        >>> layer = steep.nn.utils.parametrizations.weight_norm(steep.nn.Linear(3, 2))
        >>> {name: tuple(x.shape) for name, x in layer.parametrizations.weight.named_parameters()}
        {'original0': (2, 1), 'original1': (2, 3)}
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value (Miyato et al., ICLR 2018).

    That is followed by the power method, `n_power_iterations` steps of it each time the weight is
    computed in training mode. `dim` is that of the outputs: 0, in transposed convolutions 1. A
    vector is divided by its norm, which is taken for `eps` at least. Returns the module.

    Raises:
        ValueError: if the module has no such tensor, or there are no steps.
        IndexError: if `dim` is out of range.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(2, 2, bias=False)
        >>> _ = steep.nn.init.eye_(layer.weight.data).mul_(3)
        >>> layer = steep.nn.utils.parametrizations.spectral_norm(layer)
        >>> bool(steep.allclose(layer.weight, steep.eye(2)))
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    function = _SpectralNorm(weight, n_power_iterations, default_dim(module, dim), eps)
    return register_parametrization(module, name, function)
