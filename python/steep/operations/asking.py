"""Questions about tensors and dtypes, and views that real numbers leave as they are."""

from __future__ import annotations

from steep._core import Tensor, dtype, ones_like
from steep._core import bool as bool_
from steep._core import uint8 as uint8_
from steep._out import takes_out

__all__ = [
    "adjoint",
    "can_cast",
    "conj",
    "conj_physical",
    "is_distributed",
    "is_inference",
    "is_neg",
    "is_same_size",
    "is_signed",
    "isreal",
    "real",
    "resolve_conj",
    "resolve_neg",
]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of one dtype may be written into a tensor of another, as in place.

    Floating numbers do not become whole ones, nor any numbers bool.

    Args:
        from_: the result's dtype.
        to: the tensor's.

    Raises:
        TypeError: For what is no dtype.

    Example:
        >>> import steep
        >>> steep.can_cast(steep.int64, steep.float32), steep.can_cast(steep.float32, steep.int64)
        (True, False)
    """
    for given in (from_, to):
        if not isinstance(given, dtype):
            raise TypeError(f"can_cast: expected a dtype, got {type(given).__name__}")
    if from_.is_floating_point:
        return to.is_floating_point
    return to != bool_ or from_ == bool_


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape.

    Raises:
        TypeError: For what is no tensor.

    Example:
        >>> import steep
        >>> steep.is_same_size(steep.ones(2), steep.ones(2, 1))
        False
    """
    for given in (input, other):
        if not isinstance(given, Tensor):
            raise TypeError(f"is_same_size: expected a Tensor, got {type(given).__name__}")
    return input.shape == other.shape


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    Example:
        >>> import steep
        >>> steep.is_signed(steep.ones(2).byte())
        False
    """
    return input.dtype not in (uint8_, bool_)


def is_neg(input: Tensor) -> bool:
    """False: no tensor stands for the negative of its memory.

    Example:
        >>> import steep
        >>> steep.is_neg(steep.ones(2))
        False
    """
    return False


def is_inference(input: Tensor) -> bool:
    """False: what `inference_mode` makes is a tensor as any other.

    Example:
        >>> import steep
        >>> steep.is_inference(steep.ones(2))
        False
    """
    return False


def is_distributed(input: Tensor) -> bool:
    """False: there is one process.

    Example:
        >>> import steep
        >>> steep.is_distributed(steep.ones(2))
        False
    """
    return False


def isreal(input: Tensor) -> Tensor:
    """True for each element: numbers are real.

    Example:
        >>> import steep
        >>> steep.isreal(steep.ones(2))
        tensor([True, True])
    """
    return ones_like(input, dtype=bool_)


def real(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real.

    Example:
        >>> import steep
        >>> steep.real(steep.ones(1))
        tensor([1.])
    """
    return input


def conj(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real.

    Example:
        >>> import steep
        >>> steep.conj(steep.ones(1))
        tensor([1.])
    """
    return input


@takes_out
def conj_physical(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real.

    Example:
        >>> import steep
        >>> steep.conj_physical(steep.ones(1))
        tensor([1.])
    """
    return input


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: numbers are real.

    Example:
        >>> import steep
        >>> steep.resolve_conj(steep.ones(1))
        tensor([1.])
    """
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: none stands for the negative of its memory.

    Example:
        >>> import steep
        >>> steep.resolve_neg(steep.ones(1))
        tensor([1.])
    """
    return input


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged: a view.

    Args:
        input: at least two dimensions.

    Raises:
        RuntimeError: For fewer.

    Example:
        >>> import steep
        >>> steep.adjoint(steep.tensor([[1, 2], [3, 4]]))
        tensor([[1, 3],
                [2, 4]])
    """
    return input.mT
