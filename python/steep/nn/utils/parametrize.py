"""Parameters and buffers as functions of others, under PyTorch's names."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from steep._core import Tensor, is_recording, no_grad, refuse_recording
from steep.nn.container import ModuleDict, ModuleList
from steep.nn.module import Module
from steep.nn.parameter import Parameter
from steep.nn.utils._computed import base_class, computed, set_computed

__all__ = ["ParametrizationList", "cached", "is_parametrized", "register_parametrization"]
__all__ += ["remove_parametrizations", "type_before_parametrizations"]


class _Cache:
    """What `cached` keeps: tensors by their `ParametrizationList`."""

    depth = 0
    begun_recording = False
    kept: dict[Any, Tensor]


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Within the block, each parametrised tensor is computed once, when it is first read.

    Example:
        >>> import steep
        >>> from steep.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(steep.nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     layer.weight is layer.weight
        True
    """
    if _cache.depth == 0:
        _cache.kept = {}
        _cache.begun_recording = is_recording()
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if _cache.depth == 0:
            _cache.kept = {}


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, in order, and what they are applied to.

    It lies in ``module.parametrizations[name]``, and has the parameter or buffer as `original`, or
    `original0`, `original1`, ... where `right_inverse` gives several.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else _count(new)
        if self.is_tensor:
            if new.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            before = original.data
            _put(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if isinstance(original, Parameter):
                    part = Parameter(part.detach(), original.requires_grad)
                _register(self, f"original{i}", part)
        if unsafe:
            return
        try:
            _check(self(), shape, dtype, "Registering a parametrization")
        except BaseException:
            if self.is_tensor:
                original.data = before
            raise

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that this value comes out."""
        new: Any = value
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
            new = module.right_inverse(new)
        parts = [new] if self.is_tensor else new
        if _count(parts) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(parts)}."
            )
        originals = self._originals()
        for i, (part, original) in enumerate(zip(parts, originals, strict=True)):
            if part.dtype != original.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while the "
                    f"original has dtype {original.dtype}"
                )
        for part, original in zip(parts, originals, strict=True):
            _put(original, part)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The tensor: the first parametrisation of the originals, the next of that, and so on."""
        first, *others = self
        x: Tensor = first(*self._originals())
        for module in others:
            x = module(x)
        return x


def _count(parts: Any) -> int:
    """How many tensors a `right_inverse` has returned."""
    if not isinstance(parts, (list, tuple)):
        raise ValueError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
            f"{type(parts).__name__}"
        )
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got element {i} of the sequence with type {type(part).__name__}."
            )
    return len(parts)


def _put(original: Tensor, new: Tensor) -> None:
    if new is not original:
        original.data = new.detach()


def _register(module: Module, name: str, value: Any) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check(got: Any, shape: Any, dtype: Any, what: str) -> None:
    """Raise unless what a parametrisation returns may take the place of the tensor."""
    if not isinstance(got, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(got).__name__}.")
    for name, old, new in (("dtype", dtype, got.dtype), ("shape", shape, got.shape)):
        if old != new:
            raise ValueError(
                f"{what} may not change the {name} of the tensor, unless `unsafe` flag is "
                f"enabled.\nunparametrized {name}: {old}\nparametrized {name}: {new}"
            )


def _read(name: str, module: Module) -> Tensor:
    function = module.parametrizations[name]
    if _cache.depth == 0:
        made: Tensor = function()
        return made
    if is_recording() and not _cache.begun_recording:
        refuse_recording(
            "it reads a parametrized tensor under `parametrize.cached()`, which was entered "
            "outside; enter it inside the function"
        )
    kept = _cache.kept.get(function)
    if kept is None:
        kept = _cache.kept[function] = function()
    return kept


def _write(name: str, module: Module, value: Tensor) -> None:
    module.parametrizations[name].right_inverse(value)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make a parameter or buffer of a module the output of another module, applied to it.

    ``module.weight`` is then ``parametrization(module.parametrizations.weight.original)``, computed
    whenever it is read; the original is trained. Writing ``module.weight = value`` needs a
    `right_inverse` in the parametrisation, which gives the original, or several, for a value; where
    there is one, the tensor keeps its value now. A second parametrisation is applied to the first.

    The module, which is returned, gets a class of its own, ``Parametrized...``. With `unsafe` shape
    and dtype may change.

    Raises:
        ValueError: if there is no such tensor, or the parametrisation changes shape or dtype.
        TypeError: if the parametrisation is no module, such as a plain function.

    Example:
        >>> import steep
        >>> class Symmetric(steep.nn.Module):
        ...     def forward(self, x):
        ...         return (x + x.T) / 2
        >>> layer = steep.nn.Linear(3, 3)
        >>> _ = steep.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool(steep.allclose(layer.weight, layer.weight.T))
        True
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'parametrizations.weight.original']
    """
    if not isinstance(parametrization, Module):
        raise TypeError(
            "register_parametrization: expected the parametrization to be an nn.Module, got "
            f"{parametrization!r}; give a module whose forward calls it"
        )
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(getattr(module, tensor_name), parametrization)
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        functions = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        attributes = computed(module)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = functions
        attributes[tensor_name] = property(
            functools.partial(_read, tensor_name), functools.partial(_write, tensor_name)
        )
        set_computed(module, attributes, "Parametrized")
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_next(value: Tensor, parametrization: Module) -> None:
    """Raise unless another parametrisation keeps what comes out of those there are."""
    result = parametrization(value)
    _check(result, value.shape, value.dtype, "Registering a parametrization")
    if hasattr(parametrization, "right_inverse"):
        try:
            result = parametrization.right_inverse(result)
        except NotImplementedError:
            return
        _check(result, value.shape, value.dtype, "parametrization.right_inverse")


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor of this name, or any, is parametrised.

    Example:
        >>> import steep
        >>> steep.nn.utils.parametrize.is_parametrized(steep.nn.Linear(2, 2))
        False
    """
    found = module.__dict__.get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrised tensor a parameter or buffer again.

    It keeps its value, or without `leave_parametrized` gets the original back. Returns the module.

    Raises:
        ValueError: if it is not parametrised, or there are several originals to give back.

    Example:
        >>> import steep
        >>> layer = steep.nn.utils.parametrizations.weight_norm(steep.nn.Linear(2, 2))
        >>> _ = steep.nn.utils.parametrize.remove_parametrizations(layer, "weight")
        >>> list(layer.state_dict())
        ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    if not held.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    result = held.original if held.is_tensor else None
    if leave_parametrized:
        value = getattr(module, tensor_name)
        if result is not None:
            _put(result, value)
        else:
            result = Parameter(value.detach()) if value.requires_grad else value
    attributes = computed(module)
    del attributes[tensor_name], module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
    set_computed(module, attributes, "Parametrized" if is_parametrized(module) else "")
    _register(module, tensor_name, result)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of a module, or the one it had before anything of it was parametrised."""
    return base_class(module)
