"""How far a result may lie from its reference, written once, by dtype.

The reference computes in float64 and rounds once. An elementwise result is a few units in the last
place away; sums of the sizes in the table add a few more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RTOL = {"float32": 4e-6, "float64": 4e-13}
ATOL = {"float32": 2e-6, "float64": 2e-13}

# Central differences in float64, first and second order: steps of 1e-6 leave about 1e-9 of
# truncation and cancellation, which the curvature of the steeper functions multiplies.
SLOPE_STEP = 1e-6
SLOPE = {"rtol": 2e-6, "atol": 2e-7}

# Without FMA a product is rounded before it is added: one more rounding a term.
BASELINE = {"float32": 2e-5, "float64": 2e-12}

# 200 steps of training, against the reference (issue: 1e-9 and 1e-4).
TRAINING = {"float32": 1e-4, "float64": 1e-9}


def close(got: Any, expected: Any, rough: float = 1.0) -> None:
    """Equal within the dtype's tolerance (integers and bools: exactly), in shape and dtype too."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    assert got.dtype == expected.dtype, f"dtype {got.dtype}, expected {expected.dtype}"
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
        return
    rtol, atol = RTOL[got.dtype.name] * rough, ATOL[got.dtype.name] * rough
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


def same_bits(got: Any, expected: Any) -> None:
    """Equal bit for bit, but for the payload of a NaN."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        numbers = ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(expected)[numbers])
