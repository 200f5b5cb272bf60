"""What the loader's gathering reads: buffers of every layout, and objects that are none."""

from __future__ import annotations

import array
import ctypes

import pytest

import steep
from steep.data import _pipeline


def test_gather_takes_buffers_without_strides() -> None:
    """ctypes exports none, whatever is asked for."""
    source = (ctypes.c_float * 4)(1, 2, 3, 4)
    order = (ctypes.c_int64 * 3)(2, 0, 3)
    out = steep.zeros(3)
    _pipeline.gather(source, order, 0, 3, out)
    assert out.tolist() == [3.0, 1.0, 4.0]


def test_gather_refuses_a_single_number() -> None:
    with pytest.raises((TypeError, ValueError)):
        _pipeline.gather(ctypes.c_float(1), array.array("q", [0]), 0, 1, steep.zeros(1))
    with pytest.raises((TypeError, ValueError)):
        _pipeline.gather(steep.zeros(2), ctypes.c_int64(1), 0, 1, steep.zeros(1))


def test_gathers_own_types_take_no_none() -> None:
    """They are within reach, and an object without a buffer in it would be read as one."""
    with pytest.raises(TypeError):
        _pipeline._Positions(None, 0, 0, 1)
    with pytest.raises(TypeError):
        _pipeline._View(None)
