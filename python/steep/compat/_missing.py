"""Names of dtypes and of classes of tensors that programs compare with, and that steep lacks."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["CLASSES", "DTYPES", "MissingDtype", "missing_class", "missing_dtype"]

# Bytes of an element, by PyTorch's names.
DTYPES = {
    "float16": 2,
    "half": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "int8": 1,
    "int16": 2,
    "short": 2,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "complex32": 4,
    "chalf": 4,
    "complex64": 8,
    "cfloat": 8,
    "complex128": 16,
    "cdouble": 16,
    "qint8": 1,
    "quint8": 1,
    "qint32": 4,
}
_ALIASES = {"half": "float16", "short": "int16", "chalf": "complex32", "cfloat": "complex64"}
_ALIASES["cdouble"] = "complex128"
CLASSES = ("HalfTensor", "BFloat16Tensor", "CharTensor", "ShortTensor")


class MissingDtype:
    """What ``torch.float16`` is: no tensor has it, and none can be made of it.

    Programs ask whether a tensor is of such a dtype, and so get their answer. The class of each is
    named so that the `TypeError` of whoever is given it says what is wrong.

    Attributes:
        is_floating_point, is_complex: by its name.
        itemsize: bytes of an element.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.is_complex = name.startswith("c")
        self.is_floating_point = "float" in name
        self.itemsize = DTYPES[name]

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return missing_dtype, (self._name,)


_known: dict[str, MissingDtype] = {}


def missing_dtype(name: str) -> MissingDtype:
    """The one object that stands for the dtype."""
    name = _ALIASES.get(name, name)
    if name not in _known:
        kind = type(f"{name}, which steep does not have", (MissingDtype,), {"__module__": "torch"})
        _known[name] = kind(name)
    return _known[name]


class _MissingClass(type):
    """Classes of which no tensor is an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return False

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(
            f"{cls.__name__}: expected a class of a dtype that steep has, such as FloatTensor, "
            "LongTensor or BoolTensor"
        )


def missing_class(name: str) -> type:
    """A class of tensors that cannot be made."""
    return _MissingClass(name, (), {"__module__": "torch"})
