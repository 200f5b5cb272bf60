"""Dense linear algebra, by NumPy's LAPACK, with gradients.

Every function takes batches: matrices are the last two dimensions of float32 or float64 tensors.
Gradients are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), and can be differentiated again. A compiled function that calls
them runs eagerly, but for norms by elements and products.

Example:
    >>> import steep
    >>> a = steep.tensor([[4.0, 1.0], [1.0, 3.0]])
    >>> steep.linalg.det(a)
    tensor(11.)
"""

from steep.linalg._numpy import LinAlgError
from steep.linalg.checked import cholesky_ex, inv_ex, lu_factor_ex, solve_ex
from steep.linalg.decompositions import cholesky, qr
from steep.linalg.exponential import matrix_exp
from steep.linalg.inverse import inv
from steep.linalg.least_squares import lstsq, matrix_rank, pinv
from steep.linalg.norms import matrix_norm, norm, vector_norm
from steep.linalg.products import cross, diagonal, matmul, vander, vecdot
from steep.linalg.spectral import eigh, eigvalsh, svd, svdvals
from steep.linalg.systems import det, matrix_power, multi_dot, slogdet, solve, solve_triangular
from steep.linalg.tensors import cond, tensorinv, tensorsolve
from steep.linalg.triangles import lu, lu_factor, lu_solve

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
