"""`state_dict` and `load_state_dict`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from steep.nn._loading import EXTRA, IncompatibleKeys, has_extra, load, load_own, persistent
from steep.nn._state_hooks import StateBase, hooks_of
from steep.nn.parameter import is_lazy

__all__ = ["IncompatibleKeys", "StatefulModule"]


class _StateDict(OrderedDict[str, Any]):
    """An ordered dict that also remembers each module's version, as PyTorch's does."""

    _metadata: OrderedDict[str, dict[str, Any]]

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


class StatefulModule(StateBase):
    """What a module does with its state: `state_dict` and `load_state_dict`."""

    _version = 1

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
        return _collect(self, destination, prefix, keep_vars)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put what the module itself owns into `destination`; may be overridden."""
        for name, tensor in persistent(self):
            as_it_is = keep_vars or is_lazy(tensor)
            destination[prefix + name] = tensor if as_it_is else tensor.detach()
        if has_extra(self, "get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

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
        return load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what the module itself owns; may be overridden, and called from there.

        Nothing is copied before the whole tree was checked.
        """
        load_own(self, state_dict, prefix, missing_keys, error_msgs)


def _collect(
    module: StatefulModule, destination: Any, prefix: str, keep_vars: bool
) -> dict[str, Any]:
    """Fill `destination` with the state of `module` and of all below it."""
    if destination is None:
        destination = _StateDict()
        destination._metadata = OrderedDict()
    metadata = getattr(destination, "_metadata", None)
    own = {"version": module._version}
    if metadata is not None:
        metadata[prefix[:-1]] = own
    for hook in hooks_of(module, "save_pre"):
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    for hook, may_replace in hooks_of(module, "save_post"):
        changed = hook(module, destination, prefix, own)
        if changed is None:
            continue
        if not may_replace:
            raise RuntimeError("state_dict post-hook must return None")
        destination = changed
    result: dict[str, Any] = destination
    return result
