"""Hooks around `state_dict` and `load_state_dict`, and what a module keeps besides tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from steep.nn._base import ModuleBase
from steep.nn._hooks import RemovableHandle, insert_hook

__all__ = ["StateBase", "hooks_of"]

_NONE: Mapping[int, Any] = MappingProxyType({})


class StateBase(ModuleBase):
    """Hooks of one module, with their kinds. Most modules never have one, and hold none of this."""

    # What a state_dict of an earlier version does not have, with the version that brought it.
    _came_with: ClassVar[Mapping[str, int]] = {}

    _state_hooks: Mapping[int, Any] = _NONE

    if TYPE_CHECKING:

        def _load_from_state_dict(self, *args: Any) -> None: ...

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

    def _add_state_hook(self, kind: str, entry: Any) -> RemovableHandle:
        table = self.__dict__.setdefault("_state_hooks", {})
        return insert_hook(table, (kind, entry))

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module's state is collected.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return self._add_state_hook("save_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after it was collected.

        It may change `state_dict` in place, and must return ``None``.

        Returns:
            A handle whose ``remove()`` takes the hook off.

        Example:
            >>> import steep
            >>> layer = steep.nn.Linear(2, 1)
            >>> handle = layer.register_state_dict_post_hook(
            ...     lambda module, state_dict, prefix, metadata: state_dict.pop(prefix + "bias")
            ...     and None)
            >>> list(layer.state_dict())
            ['weight']
        """
        return self._add_state_hook("save_post", (hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The same; what it returns, unless ``None``, is the state_dict instead."""
        return self._add_state_hook("save_post", (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook` before the module's state is looked up in what is loaded.

        As ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``, with a copy of the dict, and lists: it may change all of them in place.

        Returns:
            A handle whose ``remove()`` takes the hook off.

        Example:
            >>> import steep
            >>> layer = steep.nn.Linear(2, 1, bias=False)
            >>> def rename(module, state_dict, prefix, *rest):
            ...     state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            >>> handle = layer.register_load_state_dict_pre_hook(rename)
            >>> layer.load_state_dict({"kernel": steep.ones(1, 2)})
            <All keys matched successfully>
        """
        return self._add_state_hook("load_pre", (hook, True))

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """The same, without the module unless `with_module` is set."""
        return self._add_state_hook("load_pre", (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after the module and its children were loaded.

        It may change the lists ``missing_keys`` and ``unexpected_keys`` in place, which strict
        loading asks afterwards. If it raises, nothing is loaded.

        Returns:
            A handle whose ``remove()`` takes the hook off.
        """
        return self._add_state_hook("load_post", hook)


def hooks_of(module: StateBase, kind: str) -> Iterator[Any]:
    """The entries of a kind: 'save_pre', 'save_post', 'load_pre' or 'load_post'."""
    for of, entry in list(module._state_hooks.values()):
        if of == kind:
            yield entry
