"""Dense linear algebra, by NumPy's LAPACK, with gradients.

Every function takes batches: matrices are the last two dimensions of float32 or float64 tensors.
Gradients are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), and can be differentiated again. A compiled function that calls
them runs eagerly, but for norms by elements.

Example:
    >>> import steep
    >>> a = steep.tensor([[4.0, 1.0], [1.0, 3.0]])
    >>> steep.linalg.det(a)
    tensor(11.)
"""

from steep.linalg._numpy import LinAlgError
from steep.linalg.decompositions import cholesky, eigh, eigvalsh, qr, svd, svdvals
from steep.linalg.inverse import inv
from steep.linalg.norms import matrix_norm, norm, vector_norm
from steep.linalg.systems import (
    det,
    matrix_power,
    multi_dot,
    pinv,
    slogdet,
    solve,
    solve_triangular,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vector_norm",
]
