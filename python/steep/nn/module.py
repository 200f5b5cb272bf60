"""`Module`: the base class of every layer and model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from steep._core import Tensor, clear_gradients, set_items, set_requires_grad
from steep._layers import followers, in_layer
from steep.nn import _state
from steep.nn._base import ModuleBase
from steep.nn._convert import apply_to_tensors, casting, parse_to
from steep.nn._hooks import ModuleHooks, RemovableHandle, add_hook, call_with_hooks
from steep.nn._state import IncompatibleKeys
from steep.nn._trace import add_path

__all__ = ["Module"]

_Self = TypeVar("_Self", bound="Module")
_ABSENT = object()


class Module(ModuleBase):
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
    _hooks: ModuleHooks | None
    _version = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() passed on arguments that Module does not take: "
                f"{[*args, *kwargs]}"
            )
        self.__dict__["training"] = True
        self.__dict__["_hooks"] = None
        self._init_members()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

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
        apply_to_tensors(self, fn, recurse)
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

    def type(self: _Self, dst_type: Any) -> _Self:
        """Cast all parameters and buffers, integer ones too, to a dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self: _Self) -> _Self:
        """Cast floating-point parameters and buffers to float32."""
        return self._apply(casting(_state.FLOAT32))

    def double(self: _Self) -> _Self:
        """Cast floating-point parameters and buffers to float64."""
        return self._apply(casting(_state.FLOAT64))

    # ---- hooks ------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every `forward`.

        What it returns, unless ``None``, replaces the arguments. With `with_kwargs` it is called
        as ``hook(module, args, kwargs)`` and may return ``(args, kwargs)``.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return add_hook(self, "forward_pre", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every `forward`.

        What it returns, unless ``None``, replaces the output. With `with_kwargs` it is called as
        ``hook(module, args, kwargs, output)``; with `always_call` also when `forward` raised.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return add_hook(self, "forward", (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients reach the inputs.

        Both are tuples, with ``None`` for what takes no gradient. A tuple returned by the hook
        replaces `grad_input`.

        Returns:
            A handle whose ``remove()`` takes the hook off.

        Example:
            >>> import steep
            >>> layer = steep.nn.Tanh()
            >>> seen = []
            >>> handle = layer.register_full_backward_hook(
            ...     lambda module, grad_input, grad_output: seen.append(grad_output[0].item()))
            >>> layer(steep.zeros(1, requires_grad=True)).sum().backward()
            >>> seen
            [1.0]
        """
        return add_hook(self, "backward", hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's gradients are computed.

        A tuple returned by the hook replaces `grad_output`.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return add_hook(self, "backward_pre", hook, prepend)

    # ---- state ------------------------------------------------------------------------------

    def get_extra_state(self) -> Any:
        """Override, with `set_extra_state`, to keep more than tensors in the state_dict."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called."
        )

    def set_extra_state(self, state: Any) -> None:
        """Override to take back what `get_extra_state` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called."
        )

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by path.

        The tensors share storage with the module; clone them for a snapshot.

        Args:
            destination: dict to fill and return; a new ordered one by default.
            prefix: put before every key.
            keep_vars: keep the tensors attached to the graph. Default: ``False``.

        Example:
            >>> import steep
            >>> list(steep.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        return _state.collect(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values from a state_dict into the module's parameters and buffers.

        Everything is checked before anything is copied: when it raises, nothing has changed.

        Args:
            state_dict: what `state_dict` returned, or a mapping like it.
            strict: whether the keys must match exactly. Default: ``True``.
            assign: take the given tensors themselves instead of copying their values.

        Returns:
            A named tuple ``(missing_keys, unexpected_keys)``.

        Raises:
            RuntimeError: on missing or unexpected keys (with `strict`), values that are not
                tensors, or shapes that differ.
            TypeError: if `state_dict` is not a mapping.
        """
        return _state.load(self, state_dict, strict, assign)

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
    """A call whose launches somebody wants to know the layer of."""
    with in_layer(module):
        if module._hooks is None:
            return module.forward(*args, **kwargs)
        return call_with_hooks(module, args, kwargs)


def indented(text: str) -> str:
    """`text` with all lines but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")
