"""Methods of PyTorch's for tensors that steep does not have, each refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["REASONS"]

_SPARSE = "expected a dense tensor, for steep has no sparse ones"
_COMPLEX = "expected real numbers, for steep has no complex ones"
_DEVICE = "expected the CPU, which is the only device there is"

REASONS = {
    **dict.fromkeys(
        (
            *("coalesce", "is_coalesced", "sparse_dim", "sparse_mask", "to_sparse"),
            *("to_sparse_bsc", "to_sparse_bsr", "to_sparse_coo", "to_sparse_csc", "to_sparse_csr"),
        ),
        _SPARSE,
    ),
    **dict.fromkeys(("cdouble", "cfloat", "chalf", "istft", "stft"), _COMPLEX),
    **dict.fromkeys(("ipu", "mtia", "to_mkldnn", "xpu"), _DEVICE),
}


def _refusing(name: str, reason: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise NotImplementedError(f"Tensor.{name}: {reason}")

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


_methods = {name: _refusing(name, reason) for name, reason in REASONS.items()}


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name in _methods:
        return _methods[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
