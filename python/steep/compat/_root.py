"""Names of the module torch that are at home elsewhere: functions of nn, methods."""

from __future__ import annotations

import importlib
from typing import Any

from steep._core import Tensor
from steep.compat import _left_out

__all__ = ["find"]

# Functions with arguments in another order, in `_functions`.
REORDERED = ("batch_norm", "embedding", "instance_norm")
# Under the name that they have in nn.functional.
SAME = (
    *("adaptive_avg_pool1d", "alpha_dropout", "bilinear", "celu_", "conv1d", "conv2d", "conv3d"),
    *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "feature_alpha_dropout"),
    *("max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d", "pdist", "rrelu_"),
    *("selu_", "threshold_"),
)
# Methods that write into their first argument.
IN_PLACE = (
    *("abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_"),
    *("arctan_", "arctanh_", "as_strided_", "asin_", "asinh_", "atan_", "atanh_", "ceil_"),
    *("clamp_", "clamp_max_", "clamp_min_", "clip_", "cos_", "cosh_", "deg2rad_", "detach_"),
    *("erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_"),
    *("index_put_", "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_"),
    *("nan_to_num_", "neg_", "negative_", "rad2deg_", "reciprocal_", "resize_as_", "round_"),
    *("rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "square_", "tan_", "tanh_"),
    *("trunc_", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "xlogy_", "zero_"),
)


def find(name: str) -> Any:
    """What `steep.name` is.

    Raises:
        AttributeError: If there is no such name; where PyTorch has it, with the reason.
    """
    if name in REORDERED:
        return getattr(importlib.import_module("steep.compat._functions"), name)
    if name in SAME:
        return getattr(importlib.import_module("steep.nn.functional"), name)
    if name in IN_PLACE:
        return getattr(Tensor, name)
    reason = _left_out.reason("torch", name)
    raise AttributeError(f"module 'steep' has no attribute {name!r}" + (reason and f": {reason}"))
