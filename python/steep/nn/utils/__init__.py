"""Helpers over the parameters of a model: clipping, normalisation, fusion, unequal sequences."""

from typing import TYPE_CHECKING

from steep._lazy import importing
from steep.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from steep.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from steep.nn.utils import fusion, parametrizations, parametrize, prune, rnn
    from steep.nn.utils import stateless as stateless
    from steep.nn.utils._hooked import (
        remove_spectral_norm,
        remove_weight_norm,
        spectral_norm,
        weight_norm,
    )
    from steep.nn.utils.fusion import (
        fuse_conv_bn_eval,
        fuse_conv_bn_weights,
        fuse_linear_bn_eval,
        fuse_linear_bn_weights,
    )
    from steep.nn.utils.init import skip_init
else:
    _HOOKED = ("remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm")
    _FUSED = (
        "fuse_conv_bn_eval",
        "fuse_conv_bn_weights",
        "fuse_linear_bn_eval",
        "fuse_linear_bn_weights",
    )
    __getattr__ = importing(
        "steep.nn.utils",
        *("fusion", "parametrizations", "parametrize", "prune", "rnn", "stateless"),
        **dict.fromkeys(_HOOKED, "_hooked"),
        **dict.fromkeys(_FUSED, "fusion"),
        skip_init="init",
    )

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "fusion",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
