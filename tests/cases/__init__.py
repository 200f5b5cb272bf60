"""The table of cases: one row an operation, a layer, an optimiser. The tests are loops over it.

A new operation gets a row here, which says what is timed of it too, and a reference in
``steep.reference``; tests/test_completeness.py fails until it has them. docs/adding.md tells the
fields.
"""

from __future__ import annotations

from cases.activation import ACTIVATIONS
from cases.adaptive_pool import ADAPTIVE_LAYERS
from cases.arrange import DIAGONALS, GRIDS, STACKS, TURNS
from cases.attention import ATTENTION
from cases.bench import builders
from cases.classifiers import CLASSIFIERS
from cases.compare import COMPARE, NEAR
from cases.conv import CONVOLUTIONS
from cases.create import CREATE, FILL, PEAK
from cases.ctc import CTC, CTC_LAYER
from cases.elementwise import ARITHMETIC, COPIES
from cases.embedding import EMBEDDINGS
from cases.fold import FOLDS
from cases.functions import MATH
from cases.gamma import FAMILIES, SPECIAL
from cases.index import INDEX
from cases.join import JOIN
from cases.layer import Layer
from cases.layers import COMPOSED
from cases.loss import LOSSES
from cases.margin import ROWS_OF_LOSSES
from cases.matmul import PRODUCTS
from cases.norm import NORMS
from cases.norm_layers import NORM_LAYERS
from cases.optim import OPTIMIZERS, SEARCHES, STEPS
from cases.order import ORDER, SEARCH
from cases.planes import PLANES
from cases.pool import POOLING
from cases.random import DRAWS
from cases.recurrent import RECURRENT, RECURRENT_LAYERS
from cases.reduce import EXTREMES, STATISTICS, SUMS
from cases.resample import RESAMPLING, RESAMPLING_LAYERS
from cases.row import Row
from cases.scan import ADDED, SCANS
from cases.scatter import SCATTERS
from cases.shape import VIEWS
from cases.softmax import SOFTMAX
from cases.special import SPECIAL_FUNCTIONS
from cases.transformer import TRANSFORMERS
from registry import ENTRIES

__all__ = ["BENCHMARKS", "LAYERS", "OPTIMIZERS", "SEARCHES", "TABLE"]

TABLE: dict[str, Row] = {
    **ARITHMETIC,
    **MATH,
    **SPECIAL_FUNCTIONS,
    **SPECIAL,
    **COMPARE,
    **ACTIVATIONS,
    **NEAR,
    **COPIES,
    **SUMS,
    **STATISTICS,
    **EXTREMES,
    **SOFTMAX,
    **ATTENTION,
    **VIEWS,
    **JOIN,
    **DIAGONALS,
    **STACKS,
    **GRIDS,
    **TURNS,
    **INDEX,
    **SCATTERS,
    **ORDER,
    **SCANS,
    **ADDED,
    **SEARCH,
    **EMBEDDINGS,
    **PRODUCTS,
    **CONVOLUTIONS,
    **POOLING,
    **FOLDS,
    **RESAMPLING,
    **LOSSES,
    **ROWS_OF_LOSSES,
    **CTC,
    **NORMS,
    **PLANES,
    **RECURRENT,
    **CREATE,
    **FILL,
    **PEAK,
    **DRAWS,
    **FAMILIES,
    **STEPS,
}

LAYERS: dict[str, Layer] = {
    **{row.layer.name: row.layer for row in TABLE.values() if row.layer is not None},
    **COMPOSED,
    **{layer.name: layer for layer in (*ADAPTIVE_LAYERS, *RESAMPLING_LAYERS)},
    **TRANSFORMERS,
    **NORM_LAYERS,
    **RECURRENT_LAYERS,
    CTC_LAYER.name: CTC_LAYER,
    **{layer.name: layer for layer in CLASSIFIERS},
}

BENCHMARKS = builders(TABLE, ENTRIES, LAYERS, OPTIMIZERS | SEARCHES)
