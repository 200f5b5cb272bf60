"""The table of cases: one row an operation. The tests are loops over it.

A new operation gets a row here, a reference in ``steep.reference`` and a row in
``benchmarks/rows.py``; tests/test_completeness.py fails until it has them.
"""

from __future__ import annotations

from cases.activation import ACTIVATIONS
from cases.compare import COMPARE, NEAR
from cases.create import CREATE, FILL, PEAK
from cases.elementwise import ARITHMETIC, COPIES, MATH
from cases.index import INDEX
from cases.loss import LOSSES
from cases.matmul import PRODUCTS
from cases.norm import NORMS
from cases.optim import STEPS
from cases.random import DRAWS
from cases.reduce import EXTREMES, SOFTMAX, STATISTICS, SUMS
from cases.row import Row
from cases.shape import JOIN, VIEWS

TABLE: dict[str, Row] = {
    **ARITHMETIC,
    **MATH,
    **COMPARE,
    **ACTIVATIONS,
    **NEAR,
    **COPIES,
    **SUMS,
    **STATISTICS,
    **EXTREMES,
    **SOFTMAX,
    **VIEWS,
    **JOIN,
    **INDEX,
    **PRODUCTS,
    **LOSSES,
    **NORMS,
    **CREATE,
    **FILL,
    **PEAK,
    **DRAWS,
    **STEPS,
}
