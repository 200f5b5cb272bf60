"""Reading the files that PyTorch's `save` writes, without running anything that is in them.

Such a file is a ZIP archive: `data.pkl` describes the objects, and each tensor's memory is a member
of its own, `data/KEY`. The description is a pickle, a program that could call anything; here it may
call what follows in `_KNOWN`, which makes ordered dicts, sizes and tensors, and nothing else.
(Format: torch/csrc/jit/serialization, and torch.serialization's notes.)
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from steep._core import Size, Tensor, as_strided, from_numpy, no_grad
from steep.nn.parameter import Parameter

__all__ = ["is_archive", "read_archive"]

_ELEMENTS = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_OTHERS = ("Half", "BFloat16", "Char", "Short", "ComplexFloat", "ComplexDouble", "UInt16")


class _RefusedError(Exception):
    """The file is whole, but not what can be loaded."""


class _Kind(NamedTuple):
    """A class of PyTorch's storages: the NumPy dtype of its elements."""

    dtype: str


def is_archive(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a ZIP archive."""
    return start[:4] == b"PK\x03\x04"


def read_archive(file: IO[bytes], name: str) -> Any:
    """The object that PyTorch saved.

    Raises:
        ValueError: if the archive is damaged, not of PyTorch's, or holds more than tensors and
            plain containers; the message names the file and what was found.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {member.filename: member for member in archive.infolist()}
            described = [member for member in members if member.endswith("/data.pkl")]
            if len(described) != 1:
                raise _RefusedError(
                    "expected an archive that PyTorch's save wrote, found a ZIP archive without a "
                    "data.pkl"
                )
            folder = described[0][: -len("data.pkl")]
            order = folder + "byteorder"
            if order in members and archive.read(order) != b"little":
                raise _RefusedError("expected numbers in little-endian order")
            text = io.BytesIO(archive.read(described[0]))
            with no_grad():
                return _Reader(text, archive, folder).load()
    except _RefusedError as error:
        raise ValueError(f"{name}: {error}") from None
    # The archive's own errors and the description's are of a dozen classes.
    except Exception as error:
        raise ValueError(
            f"{name}: the archive is damaged ({type(error).__name__}: {error})"
        ) from error


class _Reader(pickle.Unpickler):
    """Reads the description; asks the archive for the memory of tensors."""

    def __init__(self, file: io.BytesIO, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What the description may name."""
        if module == "torch" and name in _ELEMENTS:
            return _Kind(_ELEMENTS[name])
        if module == "torch" and name.removesuffix("Storage") in _OTHERS:
            kind = name.removesuffix("Storage").lower()
            raise _RefusedError(
                "expected tensors of float32, float64, int64, int32, uint8 or bool, found "
                f"{kind}; convert them with .float() before they are saved"
            )
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        raise _RefusedError(
            f"expected tensors and plain containers, found {module}.{name}, which is not loaded "
            "because it could run code; save model.state_dict() instead"
        )

    def persistent_load(self, pid: Any) -> Tensor:
        """The memory of tensors: ``('storage', kind, key, place, elements)``."""
        what, kind, key, _, elements = pid
        if what != "storage" or not isinstance(kind, _Kind) or not isinstance(key, str):
            raise ValueError(f"expected the memory of a tensor, found {what!r}")
        if key not in self._storages:
            self._storages[key] = self._read(kind, key, elements)
        return self._storages[key]

    def _read(self, kind: _Kind, key: str, elements: int) -> Tensor:
        import numpy as np

        member = self._archive.getinfo(f"{self._folder}data/{key}")
        size = elements * np.dtype(kind.dtype).itemsize
        if member.file_size != size:
            raise ValueError(
                f"expected {size} bytes for the tensor data/{key}, found {member.file_size}"
            )
        memory = np.frombuffer(bytearray(self._archive.read(member)), kind.dtype)
        return from_numpy(memory)


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *_: Any
) -> Tensor:
    """A tensor in a storage, if it lies within."""
    sizes, strides = tuple(size), tuple(stride)
    numbers = (offset, *sizes, *strides)
    if not isinstance(storage, Tensor) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError("a tensor's place is described by something else than numbers")
    if len(sizes) != len(strides):
        raise ValueError(f"a tensor of sizes {sizes} has strides {strides}")
    last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if 0 not in sizes and last >= storage.numel():
        raise ValueError("a tensor lies beyond its memory")
    whole = offset == 0 and sizes == tuple(storage.shape) and strides == (1,)
    found = storage if whole else as_strided(storage, sizes, strides, offset if last >= 0 else 0)
    return found.detach().requires_grad_(requires_grad is True)


def _parameter(data: Any, requires_grad: Any, *_: Any) -> Parameter:
    return Parameter(data, requires_grad is True)


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): Size,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
