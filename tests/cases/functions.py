"""Functions of one number, and the arcus tangent of two."""

from __future__ import annotations

import numpy as np

from cases import accuracy
from cases.accuracy import Accuracy
from cases.elementwise import binary, saved_input, unary
from cases.extreme import GRADIENT, Accepted
from cases.fused import Fused
from cases.layer import Layer, Made
from cases.row import ALL, arr, call

MATH = {
    "exp": unary(
        "exp", dtypes=ALL, counts=saved_input(1), accuracy=Accuracy(np.exp, (-750, 715), 1.2, 1.2)
    ),
    "exp2": unary("exp2", dtypes=ALL, accuracy=Accuracy(np.exp2, (-1080, 1030), 1.2, 1.2)),
    "expm1": unary(
        "expm1", dtypes=ALL, accuracy=Accuracy(np.expm1, (-45, 715), 1.3, 1.3, odd=True)
    ),
    "log": unary(
        "log",
        "positive",
        dtypes=ALL,
        counts=saved_input(1),
        accuracy=Accuracy(np.log, (0, 3), 1.1, 1.1),
    ),
    "log2": unary("log2", "positive", dtypes=ALL, accuracy=Accuracy(np.log2, (0, 3), 1.1, 1.1)),
    "log10": unary("log10", "positive", dtypes=ALL, accuracy=Accuracy(np.log10, (0, 3), 1.1, 1.1)),
    "log1p": unary(
        "log1p", "positive", dtypes=ALL, accuracy=Accuracy(np.log1p, (-1, 3), 1.2, 1.2, odd=True)
    ),
    "sqrt": unary("sqrt", "positive", dtypes=ALL, counts=saved_input(2)),
    "rsqrt": unary("rsqrt", "positive", dtypes=ALL),
    "sin": unary(
        "sin",
        dtypes=ALL,
        counts=saved_input(2),
        accuracy=Accuracy(np.sin, (-100, 100), 0.6, 1.0, odd=True),
    ),
    "cos": unary("cos", dtypes=ALL, accuracy=Accuracy(np.cos, (-100, 100), 0.6, 1.0)),
    "tan": unary(
        "tan", "unit", dtypes=ALL, accuracy=Accuracy(np.tan, (-100, 100), 0.6, 1.2, odd=True)
    ),
    "asin": unary(
        "asin", "unit", dtypes=ALL, accuracy=Accuracy(np.arcsin, (-1, 1), 1.8, 1.8, odd=True)
    ),
    "acos": unary("acos", "unit", dtypes=ALL, accuracy=Accuracy(np.arccos, (-1, 1), 1.5, 1.5)),
    "atan": unary("atan", dtypes=ALL, accuracy=Accuracy(np.arctan, (-8, 8), 1.5, 1.5, odd=True)),
    "sinh": unary("sinh", dtypes=ALL, accuracy=Accuracy(np.sinh, (-12, 12), 1.8, 2.0, odd=True)),
    "cosh": unary("cosh", dtypes=ALL, accuracy=Accuracy(np.cosh, (-12, 12), 1.6, 1.7)),
    "tanh": unary(
        "tanh",
        dtypes=ALL,
        counts=saved_input(1),
        fused=(Fused(("tanh", "tanh_backward"), cancels=True),),
        layer=Layer("Tanh", (Made(call(), (arr(3, 4),), "Tanh()"),)),
        accuracy=Accuracy(np.tanh, (-20, 20), 1.5, 1.5, odd=True),
    ),
    "sigmoid": unary(
        "sigmoid",
        dtypes=ALL,
        counts=saved_input(1),
        accepted=(Accepted("out (1 - out), rounded as 1 is", lambda x: 30 <= x < 100, GRADIENT),),
        fused=(Fused(("sigmoid", "sigmoid_backward"), cancels=True),),
        layer=Layer("Sigmoid", (Made(call(), (arr(3, 4),), "Sigmoid()"),)),
        accuracy=Accuracy(accuracy.sigmoid, (-120, 40), 1.5, 1.7),
    ),
    "erf": unary("erf", dtypes=ALL, accuracy=Accuracy(accuracy.erf, (-6, 6), 1.2, 1.2)),
    "erfc": unary("erfc", dtypes=ALL, accuracy=Accuracy(accuracy.erfc, (-6, 28), 2.6, 3.2)),
    "atan2": binary(
        "atan2",
        "real",
        "beyond",
        dtypes=ALL,
        accuracy=Accuracy(np.arctan2, None, 1.6, 1.6),
        accepted=(
            Accepted(
                "1 / other, or what is next to it; PyTorch's square of `other` is 0",
                lambda x, y: max(abs(x), abs(y)) < 1e-18,
                GRADIENT,
            ),
        ),
    ),
}
