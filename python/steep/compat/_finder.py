"""The name `torch`: a module that has steep's names, and an importer of its submodules."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import steep

__all__ = ["HOMES", "VERSION", "install"]

VERSION = "2.13.0+steep"  # what is asked is whether it is at least some 1.x or 2.x

# Submodules of PyTorch's whose home is elsewhere; the others have the same path below steep.
HOMES = {
    "_dynamo": "compat.dynamo",
    "accelerator": "compat.accelerator",
    "amp": "compat.amp",
    "amp.autocast_mode": "compat.amp",
    "amp.grad_scaler": "compat.amp",
    "autograd.profiler": "compat.autograd_profiler",
    "backends": "compat.backends",
    "compiler": "compat.compiler",
    "cuda.amp.autocast_mode": "compat.amp",
    "cuda.amp.grad_scaler": "compat.amp",
    "distributed": "compat.distributed",
    "functional": "compat.functional",
    "functorch": "compat.functorch",
    "hub": "compat.hub",
    "jit": "compat.jit",
    "multiprocessing": "compat.multiprocessing",
    "onnx": "compat.onnx",
    "multiprocessing.spawn": "compat.multiprocessing",
    "types": "compat.types",
    "utils._foreach_utils": "compat.foreach_utils",
    "utils.data._utils": "compat.data_utils",
    "utils.data._utils.collate": "data.collate",
    "utils.data.distributed": "compat.distributed_sampler",
    "utils.hooks": "compat.hooks",
    "utils.model_zoo": "compat.hub",
    "utils.tensorboard.writer": "compat.tensorboard",
    "utils.tensorboard": "compat.tensorboard",
    "version": "compat.version",
}


def home_of(path: str) -> str:
    """Where the submodule of PyTorch's lies below steep."""
    if path.startswith("backends."):
        return "compat." + path
    return HOMES.get(path, path)


class _Torch(ModuleType):
    """All of steep's names, and the version of PyTorch whose meanings they follow."""

    def __getattr__(self, name: str) -> Any:
        if name in HOMES:
            return importlib.import_module(f"torch.{name}")
        from steep.compat import _missing, _names

        if name in _missing.DTYPES:
            return _missing.missing_dtype(name)
        if name in _missing.CLASSES:
            return _missing.missing_class(name)
        if hasattr(_names, name):
            return getattr(_names, name)
        return getattr(steep, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(steep), *HOMES})


class _Loader(importlib.abc.Loader):
    """Gives the module that is there already, and leaves its own specification in place."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the submodules of torch below steep, and functorch, which was a package beside it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top, _, rest = fullname.partition(".")
        if fullname != "functorch" and (top != "torch" or not rest):
            return None
        name = f"steep.{home_of(rest or fullname)}"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise  # a library that the module needs
            raise ModuleNotFoundError(
                f"No module named '{fullname}': steep stands in for PyTorch here, and has no "
                f"'{name}'",
                name=fullname,
            ) from None
        has_more = any(path.startswith(f"{rest}.") for path in HOMES)
        return importlib.util.spec_from_loader(fullname, _Loader(module), is_package=has_more)


def _tell_spawned_processes() -> None:
    """Have processes that `multiprocessing` spawns begin with `install` as well."""
    from multiprocessing import spawn

    command_line = spawn.get_command_line

    def with_torch(**kwargs: Any) -> list[str]:
        command: list[str] = command_line(**kwargs)
        if "-c" in command:
            code = command.index("-c") + 1
            command[code] = f"import steep.compat; steep.compat.install(); {command[code]}"
        return command

    spawn.get_command_line = with_torch


def install() -> ModuleType:
    """Make ``import torch`` mean steep for the rest of the process.

    Returns:
        The module that is ``torch`` from now on; a second call gives the same.

    Raises:
        RuntimeError: if PyTorch itself has been imported already.
    """
    found = sys.modules.get("torch")
    if isinstance(found, _Torch):
        return found
    if found is not None:
        raise RuntimeError(
            "steep.compat.install: expected PyTorch not to be imported yet; call install() before "
            "the first `import torch`"
        )
    torch = _Torch("torch", steep.__doc__)
    torch.__dict__.update(__version__=VERSION, __path__=[], __file__=steep.__file__)
    torch.__spec__ = importlib.machinery.ModuleSpec("torch", None, is_package=True)
    sys.modules["torch"] = torch
    _tell_spawned_processes()
    sys.meta_path.insert(0, _Finder())
    return torch
