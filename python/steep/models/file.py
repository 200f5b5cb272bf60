"""One file for a trained network and all that is needed to use it."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from steep import nn, serialize
from steep._core import Tensor
from steep._version import __version__
from steep.models._plain import pack, unpack
from steep.models.description import build, describe

__all__ = ["FORMAT_VERSION", "ModelFile", "load", "save"]

FORMAT_VERSION = 1  # goes up when a reader of the old format would misread the new
_FORMAT = "steep.model"


@dataclass
class ModelFile:
    """What a model file holds.

    Attributes:
        model: the network, in evaluation mode.
        transforms: state of each fitted transform by name, as its `state` returned it.
        columns: names of the input columns, in their order; empty if there are none.
        info: whatever else was saved: plain values.
        version: the format of the file.
        steep: the release of steep that wrote it.
    """

    model: nn.Module
    transforms: dict[str, Any] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    version: int = FORMAT_VERSION
    steep: str = __version__


def save(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    transforms: Mapping[str, Any] | None = None,
    columns: list[str] | None = None,
    info: Mapping[str, Any] | None = None,
) -> None:
    """Write a network's architecture and weights, with what its data needs, to one file.

    The file is a safetensors file, which other readers open too; architecture, transforms and names
    are JSON in its metadata. It appears whole or not at all (see `steep.save`).

    Args:
        path: file to write.
        model: a network that `describe` knows.
        transforms: fitted transforms, which have `state`, or their states, by name. Default: none.
        columns: names of the input columns. Default: none.
        info: further plain values (and arrays), such as the names of the classes. Default: none.

    Raises:
        TypeError: if the network has layers that no file can name, or something cannot be saved.
        OSError: if the file cannot be written; what was there before is untouched.

    Example:
        >>> import os, steep, tempfile
        >>> from steep import models, nn
        >>> path = os.path.join(tempfile.mkdtemp(), "net.steep")
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        >>> models.save(path, net, columns=["a", "b", "c"])
        >>> again = models.load(path)
        >>> again.columns, bool((again.model(steep.ones(1, 3)) == net(steep.ones(1, 3))).all())
        (['a', 'b', 'c'], True)
    """
    states = {
        name: transform.state() if hasattr(transform, "state") else transform
        for name, transform in (transforms or {}).items()
    }
    weights = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    content = {
        "architecture": json.dumps(describe(model)),
        "weights": weights,
        "transforms": pack(states),
        "columns": [str(name) for name in columns or []],
        "info": pack(dict(info or {})),
    }
    head = {"format": _FORMAT, "version": FORMAT_VERSION, "steep": __version__}
    checksum = _checksum([__version__, content])
    serialize.save({**head, "checksum": checksum, "content": content}, path)


def load(path: str | os.PathLike[str]) -> ModelFile:
    """Read what `save` wrote, and build the network. Nothing in the file is executed.

    Raises:
        ValueError: if the file is damaged, of a newer format, or no model file; the message says
            which.
        OSError: if it cannot be read.
    """
    name = os.fspath(path)
    found = serialize.load(path)
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(
            f"{name}: expected a model file, found a safetensors file without an architecture; its "
            "tensors can be read with steep.load"
        )
    version, writer = found.get("version"), found.get("steep")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{name}: the number of its format is {version!r}; the file is damaged")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{name}: expected a model file of format {FORMAT_VERSION} or older, found format "
            f"{version}, written by steep {writer}; upgrade steep, which is {__version__} here"
        )
    content = found.get("content")
    if not isinstance(content, dict) or found.get("checksum") != _checksum([writer, content]):
        raise ValueError(f"{name}: its content is not what was written; the file is damaged")
    try:
        model = _filled(json.loads(content["architecture"]), content)
        return ModelFile(
            model,
            unpack(content["transforms"]),
            list(content["columns"]),
            unpack(content["info"]),
            version,
            str(writer),
        )
    except (ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        if isinstance(error, MemoryError):
            raise
        raise ValueError(f"{name}: {error}") from error


def _filled(architecture: Any, content: dict[str, Any]) -> nn.Module:
    """The network with its weights, which keep their dtypes."""
    model = build(architecture)
    model.load_state_dict(content["weights"], assign=True)
    return model.eval()


def _checksum(value: Any) -> int:
    """CRC-32 of plain values and tensors: a flipped bit anywhere changes it."""
    total = 0

    def add(part: Any) -> None:
        nonlocal total
        if isinstance(part, Tensor):
            total = zlib.crc32(f"{part.dtype}{tuple(part.shape)}".encode(), total)
            if part.numel():
                total = zlib.crc32(memoryview(part.contiguous()).cast("B"), total)
        elif isinstance(part, (dict, list, tuple)):
            total = zlib.crc32(f"{type(part).__name__}{len(part)}".encode(), total)
            for entry in part.items() if isinstance(part, dict) else part:
                add(entry)
        else:
            total = zlib.crc32(repr(part).encode(), total)

    add(value)
    return total
