"""`Module`: the base class of every layer and model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from steep._core import (
    Tensor,
    clear_gradients,
    empty_like,
    float32,
    float64,
    set_items,
    set_requires_grad,
)
from steep._layers import followers, in_layer
from steep.nn._convert import apply_to_tensors, casting, check_cpu, parse_to
from steep.nn._hook_tables import any_everywhere
from steep.nn._hooks import call_with_hooks
from steep.nn._members import Members
from steep.nn._state import StatefulModule
from steep.nn._trace import add_path
from steep.nn.parameter import Parameter

__all__ = ["Module"]

_Self = TypeVar("_Self", bound="Module")
_ABSENT = object()


class Module(StatefulModule):
    """Base class of all neural network modules.

    Subclasses call `super().__init__()`, assign parameters and other modules to attributes, and
    define `forward`. Calling the module calls `forward` between its hooks. An exception raised
    inside a nested module carries that module's path, as in
    ``(in Sequential.2: Linear(in_features=64, out_features=10, bias=True))``.

    Attributes:
        training: ``True`` in training mode (the default), ``False`` after `eval()`.

    Example:
        >>> import steep
        >>> class Net(steep.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc = steep.nn.Linear(4, 2)
        ...     def forward(self, x):
        ...         return self.fc(x).relu()
        >>> net = Net()
        >>> tuple(net(steep.ones(3, 4)).shape)
        (3, 2)
        >>> [name for name, _ in net.named_parameters()]
        ['fc.weight', 'fc.bias']
    """

    training: bool
    _modules: Members[Module | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() passed on arguments that Module does not take: "
                f"{[*args, *kwargs]}"
            )
        self.__dict__["training"] = True
        self.__dict__["_hooks"] = None
        self._init_members()

    def __call__(self, first: Any = _ABSENT, /, *rest: Any, **kwargs: Any) -> Any:
        try:
            if rest or kwargs or first is _ABSENT or self._hooks is not None or followers:
                args = rest if first is _ABSENT else (first, *rest)
                if followers:
                    return _call_in_layer(self, args, kwargs)
                if self._hooks is None:
                    return self.forward(*args, **kwargs)
                return call_with_hooks(self, args, kwargs)
            # One argument, no hooks, no profile: nearly every call. Spreading *args would double
            # its cost.
            return self.forward(first)
        except Exception as error:
            add_path(error, self)
            raise

    # ---- modes and conversions --------------------------------------------------------------

    def train(self: _Self, mode: bool = True) -> _Self:
        """Set training mode here and in every module below; returns the module itself.

        Raises:
            ValueError: if `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        modules = list(self.modules())
        if all(type(module).train is Module.train for module in modules):
            set_items([(module.__dict__, "training", mode) for module in modules])
            return self
        # Some have a `train` of their own, which decides for the modules below them.
        before = [(module.__dict__, "training", module.training) for module in modules]
        try:
            self.training = mode
            for child in self.children():
                child.train(mode)
        except BaseException:
            set_items(before)
            raise
        return self

    def eval(self: _Self) -> _Self:
        """Set evaluation mode; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: _Self, requires_grad: bool = True) -> _Self:
        """Record gradients for the parameters (the default), or freeze them."""
        set_requires_grad(list(self.parameters()), requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters.

        Args:
            set_to_none: ``True`` (default) sets each ``.grad`` to ``None``; ``False`` fills it
                with zeros.
        """
        clear_gradients(list(self.parameters()), set_to_none)

    def apply(self: _Self, fn: Callable[[Module], Any]) -> _Self:
        """Call `fn` with every module of the tree, children before parents; returns the module.

        Example:
            >>> import steep
            >>> net = steep.nn.Sequential(steep.nn.Linear(2, 2), steep.nn.ReLU())
            >>> _ = net.apply(lambda module: print(type(module).__name__))
            Linear
            ReLU
            Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self: _Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Self:
        apply_to_tensors(list(self.modules()) if recurse else [self], fn)
        return self

    def to(self: _Self, *args: Any, **kwargs: Any) -> _Self:
        """Convert floating-point parameters and buffers, in place: ``to(dtype)``, ``to(tensor)``.

        A device may be named too, as PyTorch code does; the only one there is is ``'cpu'``.
        Parameters stay the same objects, so an optimiser keeps working; gradients are converted.

        Raises:
            TypeError: if the dtype is not a floating-point one.
            RuntimeError: if the device is not the CPU.

        Example:
            >>> import steep
            >>> layer = steep.nn.Linear(2, 2).to(steep.float64)
            >>> layer.weight.dtype == steep.float64
            True
        """
        dtype = parse_to(args, kwargs)
        return self if dtype is None else self._apply(casting(dtype))

    def cpu(self: _Self) -> _Self:
        """The module itself: everything is on the CPU already."""
        return self

    def cuda(self: _Self, device: Any = None) -> _Self:
        """Refused: the CPU is the only device there is."""
        return self.to("cuda")

    def to_empty(self: _Self, *, device: Any = None, recurse: bool = True) -> _Self:
        """Give all parameters and buffers new memory, whose values are whatever was there.

        Args:
            device: ``None`` or ``'cpu'``.
            recurse: whether to do the same in modules below. Default: ``True``.
        """
        check_cpu("to_empty", device)
        return self._apply(empty_like, recurse)

    def share_memory(self: _Self) -> _Self:
        """The module itself; processes do not share it."""
        return self

    def type(self: _Self, dst_type: Any) -> _Self:
        """Cast all parameters and buffers, integer ones too, to a dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self: _Self) -> _Self:
        """Cast floating-point parameters and buffers to float32."""
        return self._apply(casting(float32))

    def double(self: _Self) -> _Self:
        """Cast floating-point parameters and buffers to float64."""
        return self._apply(casting(float64))

    # ---- walking the tree -----------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Every module of the tree with its path, this one (path ``''``) first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Every module of the tree, this one first; each once."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct children with their names; each once."""
        memo: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in memo:
                memo.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct children; each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self,
        members_of: Callable[[Any], Members[Any]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, Any]]:
        # `members_of` is code that names the attribute: compiled functions follow names.
        memo: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else iter([(prefix, self)])
        )
        for path, module in modules:
            for name, value in members_of(module).items():
                if value is None or id(value) in memo:
                    continue
                if remove_duplicate:
                    memo.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their paths, in the order they were assigned.

        Args:
            prefix: put before every path.
            recurse: whether to descend into children. Default: ``True``.
            remove_duplicate: whether a shared parameter comes once. Default: ``True``.
        """
        yield from self._named_members(
            lambda module: module._parameters, prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Parameters, in the order they were assigned; what an optimiser is given."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their paths; arguments as in `named_parameters`."""
        yield from self._named_members(
            lambda module: module._buffers, prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers, in the order they were registered."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _resolve(self, target: str) -> Module:
        module = self
        for name in target.split(".") if target else []:
            child = module._modules.get(name)
            if child is None:
                if name in module.__dict__:
                    raise AttributeError(f"`{name}` is not an nn.Module")
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = child
        return module

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, as `named_modules` spells it; AttributeError if none."""
        return self._resolve(target)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path, in the place of the one that is there.

        Args:
            target: the path, as `named_modules` spells it.
            module: what stands there from now on.
            strict: whether there must be a module already. Default: ``False``.

        Raises:
            ValueError: if the path is empty, or `module` is none.
            AttributeError: if the path leads nowhere, or to something that is no module.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module).__name__}")
        path, _, name = target.rpartition(".")
        parent = self._resolve(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if not isinstance(getattr(parent, name, module), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path, as `named_parameters` spells it."""
        path, _, name = target.rpartition(".")
        module = self._resolve(path)
        param = module._parameters.get(name)
        if param is None:
            raise AttributeError(f"{type(module).__name__} has no parameter `{name}`")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path, as `named_buffers` spells it."""
        path, _, name = target.rpartition(".")
        module = self._resolve(path)
        buffer = module._buffers.get(name)
        if buffer is None:
            raise AttributeError(f"{type(module).__name__} has no buffer `{name}`")
        return buffer

    # ---- display ----------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; override to show settings."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(m))}" for name, m in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if name and not name[0].isdigit())


def _call_in_layer(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call whose launches are attributed to layers."""
    with in_layer(module):
        if module._hooks is None and not any_everywhere:
            return module.forward(*args, **kwargs)
        return call_with_hooks(module, args, kwargs)


def indented(text: str) -> str:
    """`text` with all lines but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")
