"""Saving and loading tensors as safetensors files; what PyTorch wrote is loaded as well.

A file is eight bytes (the header's length, little-endian), a JSON header that gives each tensor's
dtype, shape and place, and the tensors' bytes end to end. Nothing in it is executed on loading.
A flat ``dict[str, Tensor]`` gives a file any safetensors reader opens; whatever nests is described
in the header's metadata, which other readers keep as a string.
(Format: https://huggingface.co/docs/safetensors.)
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader, BytesIO
from typing import IO, Any, NamedTuple

from steep._core import Tensor, device, empty, float32, float64, int32, int64, uint8
from steep._core import bool as bool_
from steep._files import write_atomically
from steep._structure import describe, restore
from steep._torch_files import is_archive, read_archive

__all__ = ["load", "save"]

_DTYPES = {
    "BOOL": bool_,
    "U8": uint8,
    "I32": int32,
    "F32": float32,
    "I64": int64,
    "F64": float64,
}
_File = BufferedReader | BytesIO
_STRUCTURE = "steep.structure"
_MAX_HEADER = 100_000_000
_MOST = 2**63 - 1
_KNOWN = {
    b"\x80\x02": "a pickle (PyTorch's format before 1.6?)",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUM": "a NumPy .npy file",
    b"GGUF": "a GGUF file",
}


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Save tensors, plain values, and dicts, lists, tuples and deques of them.

    The file appears whole or not at all: it is written beside its place, flushed to the disk, and
    then put in the place of what was there, whose mode and owner it takes over. A link is followed.

    Args:
        obj: a module's or an optimiser's `state_dict`, or a dict of those; any tensor or container.
            Plain values are ``None``, bools, ints, floats, strings, dtypes and the device; keys of
            dicts are plain as well, or tuples of such.
        f: file to write: a path, or an object with a method ``write``, which gets the bytes in
            their order.

    Raises:
        TypeError: if `obj` is or holds something that cannot be saved, such as a module.
        OSError: if the file cannot be written; what was there before is untouched.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
        >>> net = steep.nn.Linear(3, 2)
        >>> steep.save({"model": net.state_dict(), "epoch": 7}, path)
        >>> steep.load(path)["epoch"]
        7
    """
    tensors: dict[str, Tensor] = {}
    if isinstance(obj, Mapping) and all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in obj.items()
    ):
        tensors.update(obj)
        structure = None
    else:
        structure = describe(obj, "", tensors)
    header, ordered = _layout(tensors, structure)
    chunks = _chunks(header, ordered)
    if not hasattr(f, "write"):
        return write_atomically(os.fspath(f), chunks)
    for chunk in chunks:
        f.write(chunk)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Load what `save` wrote, any safetensors file, or tensors and containers that PyTorch saved.

    Nothing in a file is executed, whichever it is.

    Args:
        f: file to read: a path, or an object with ``read`` and ``seek``.
        map_location: where the tensors are to be: ``None``, ``'cpu'`` and functions all mean here.
        pickle_module, weights_only, mmap: PyTorch's arguments, without effect.

    Returns:
        What was saved; for other writers' safetensors files, a dict of names and tensors.

    Raises:
        ValueError: if the file is truncated, damaged, of another format, or holds a dtype steep
            does not have; the message names the file and what was found.
        RuntimeError: for a `map_location` that is another device.
        OSError: if the file cannot be read.

    Example:
        >>> import os, steep, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
        >>> steep.save({"x": steep.arange(3)}, path)
        >>> steep.load(path)["x"].tolist()
        [0, 1, 2]
    """
    if isinstance(map_location, str | device):
        empty(0, device=map_location)  # refuses what is not the CPU
    if hasattr(f, "read"):
        return _load(BytesIO(f.read()), str(getattr(f, "name", "load")))
    with open(os.fspath(f), "rb") as file:
        return _load(file, os.fspath(f))


def _load(file: _File, name: str) -> Any:
    """The object in a file that is read from its start."""
    if is_archive(file.read(4)):
        return read_archive(file, name)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    header, start = _read_header(file, size, name)
    metadata = _checked_metadata(header.pop("__metadata__", None), name)
    entries = _checked_entries(header, size - start, name)
    tensors = {key: _read_tensor(file, start, key, entry, name) for key, entry in entries.items()}
    if _STRUCTURE not in metadata:
        return tensors
    try:
        return restore(json.loads(metadata[_STRUCTURE]), tensors)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{name}: the description of the saved object is damaged") from error


# ---- writing ----------------------------------------------------------------------------------


def _layout(tensors: dict[str, Tensor], structure: Any) -> tuple[bytes, list[Tensor]]:
    """The header with its length in front, and the tensors in the order of their bytes."""
    codes = {kind: code for code, kind in _DTYPES.items()}
    for key, tensor in tensors.items():
        if hasattr(type(tensor), "cls_to_become"):
            raise TypeError(
                f"save: tensor {key!r} is uninitialized; call its lazy module once before its "
                "state_dict is saved"
            )
        if tensor.dtype not in codes:
            raise TypeError(f"save: tensor {key!r} has dtype {tensor.dtype}, which cannot be saved")
        if key == "__metadata__":
            raise TypeError("save: '__metadata__' is a reserved name in safetensors files")
    # Larger elements first, so that each tensor lies aligned to its own.
    names = sorted(tensors, key=lambda key: -tensors[key].dtype.itemsize)
    places = {}
    end = 0
    for key in names:
        begin, end = end, end + tensors[key].numel() * tensors[key].dtype.itemsize
        places[key] = [begin, end]
    header: dict[str, Any] = {}
    if structure is not None:
        header["__metadata__"] = {_STRUCTURE: json.dumps(structure)}
    for key, tensor in tensors.items():
        code = codes[tensor.dtype]
        shape = [int(n) for n in tensor.shape]
        header[key] = {"dtype": code, "shape": shape, "data_offsets": places[key]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, [tensors[key] for key in names]


def _chunks(header: bytes, tensors: list[Tensor]) -> Iterator[bytes | memoryview]:
    yield header
    for tensor in tensors:
        if tensor.numel():
            yield memoryview(tensor.detach().contiguous()).cast("B")


# ---- reading ----------------------------------------------------------------------------------


def _read_header(file: _File, size: int, name: str) -> tuple[dict[str, Any], int]:
    """The parsed header, and where the tensors' bytes begin."""
    front = file.read(8)
    for magic, what in _KNOWN.items():
        if front.startswith(magic):
            raise ValueError(f"{name}: expected a safetensors file, found {what}")
    if len(front) < 8:
        raise ValueError(
            f"{name}: expected a safetensors file, found only {len(front)} bytes; it is truncated"
        )
    length = int.from_bytes(front, "little")
    if length > _MAX_HEADER:
        raise ValueError(
            f"{name}: expected a safetensors file, found a file that begins with {front!r}"
        )
    if 8 + length > size:
        raise ValueError(
            f"{name}: expected a header of {length} bytes, found {size - 8}; "
            "the file is truncated, or not a safetensors file"
        )
    try:
        header = json.loads(
            file.read(length).decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_short_int,
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{name}: the header is not JSON ({error}); the file is damaged"
        ) from error
    if not isinstance(header, dict):
        raise ValueError(f"{name}: expected the header to be a JSON object; the file is damaged")
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; readers do not agree on which of two equal keys counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"the key {twice!r} occurs twice")
    return found


def _short_int(text: str) -> int:
    """A whole number. Of thousands of digits it would take long to read, and mean nothing."""
    if len(text) > 20:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _checked_metadata(metadata: Any, name: str) -> dict[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(
            f"{name}: expected __metadata__ to be a JSON object of strings; the file is damaged"
        )
    return metadata


class _Entry(NamedTuple):
    """What the header says of a tensor: its dtype's code, its shape, its first byte and its end."""

    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _checked_entries(header: dict[str, Any], available: int, name: str) -> dict[str, _Entry]:
    """Every tensor's dtype, shape and place; the places must tile the data exactly."""
    entries = {key: _checked_entry(key, entry, name) for key, entry in header.items()}
    expected = 0
    for key, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.begin != expected:
            raise ValueError(
                f"{name}: expected tensor {key!r} at byte {expected} of the data, "
                f"found {entry.begin}; the file is damaged"
            )
        expected = entry.end
    if expected != available:
        what = "is truncated" if available < expected else "has bytes that belong to no tensor"
        raise ValueError(
            f"{name}: expected {expected} bytes of tensor data, found {available}; the file {what}"
        )
    return entries


def _checked_entry(key: str, entry: Any, name: str) -> _Entry:
    try:
        code, shape = entry["dtype"], entry["shape"]
        begin, end = entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{name}: the entry of tensor {key!r} is damaged") from error
    if not isinstance(code, str) or not isinstance(shape, list):
        raise ValueError(
            f"{name}: expected tensor {key!r} to have a dtype's name and a list of sizes, "
            f"found {code!r} and {shape!r}"
        )
    numbers = (*shape, begin, end)
    if not all(type(n) is int and 0 <= n <= _MOST for n in numbers):
        raise ValueError(
            f"{name}: expected sizes and places of tensor {key!r} to be whole numbers "
            f"below 2**63, found {entry}"
        )
    if code not in _DTYPES:
        raise ValueError(
            f"{name}: tensor {key!r} has dtype {code}, which steep does not have; "
            f"expected one of {', '.join(_DTYPES)}"
        )
    size = _DTYPES[code].itemsize
    # Sizes besides a 0 count too: strides are made of them.
    if math.prod(n for n in shape if n) * size > _MOST:
        raise ValueError(
            f"{name}: tensor {key!r} has shape {tuple(shape)}, which no memory could hold; "
            "the file is damaged"
        )
    if end - begin != math.prod(shape) * size:
        raise ValueError(
            f"{name}: tensor {key!r} of shape {tuple(shape)} and dtype {code} takes "
            f"{math.prod(shape) * size} bytes, found {end - begin}; the file is damaged"
        )
    return _Entry(code, tuple(shape), begin, end)


def _read_tensor(file: _File, start: int, key: str, entry: _Entry, name: str) -> Tensor:
    dtype = _DTYPES[entry.code]
    try:
        tensor = empty(entry.shape, dtype=uint8 if dtype == bool_ else dtype)
    except MemoryError:  # though it is a RuntimeError as well
        raise
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise ValueError(
            f"{name}: no tensor has the shape of {key!r}, {entry.shape}; the file is damaged"
        ) from error
    if entry.end > entry.begin:
        file.seek(start + entry.begin)
        if file.readinto(memoryview(tensor).cast("B")) != entry.end - entry.begin:
            raise ValueError(f"{name}: file ended while tensor {key!r} was being read")
    if dtype != bool_:
        return tensor
    if (tensor > 1).any():
        raise ValueError(
            f"{name}: expected the bytes of tensor {key!r}, of dtype BOOL, to be 0 or 1; "
            "the file is damaged"
        )
    return tensor.to(bool_)
