"""`state_dict` and `load_state_dict`: collecting tensors, and checking all before copying any."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from steep._core import Tensor, copy_values, set_items
from steep.nn._base import ModuleBase
from steep.nn.parameter import Parameter, is_lazy

__all__ = ["IncompatibleKeys", "StatefulModule"]

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found: keys the module misses, and keys it does not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class _StateDict(OrderedDict[str, Any]):
    """An ordered dict that also remembers each module's version, as PyTorch's does."""

    _metadata: OrderedDict[str, dict[str, Any]]


class StatefulModule(ModuleBase):
    """What a module does with its state: `state_dict` and `load_state_dict`."""

    _version = 1
    # What a state_dict of an earlier version does not have, with the version that brought it.
    _came_with: ClassVar[Mapping[str, int]] = {}

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
        return _collect(self, destination, prefix, keep_vars)

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
        return _load(self, state_dict, strict, assign)


def _persistent(module: StatefulModule) -> Iterator[tuple[str, Tensor]]:
    for name, param in module._parameters.items():
        if param is not None:
            yield name, param
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield name, buffer


def _has_extra(module: StatefulModule, method: str) -> bool:
    return getattr(type(module), method) is not getattr(StatefulModule, method)


def _collect(
    module: StatefulModule, destination: Any, prefix: str, keep_vars: bool
) -> dict[str, Any]:
    """Fill `destination` with the state of `module` and of all below it."""
    if destination is None:
        destination = _StateDict()
        destination._metadata = OrderedDict()
    metadata = getattr(destination, "_metadata", None)
    if metadata is not None:
        metadata[prefix[:-1]] = {"version": module._version}
    for name, tensor in _persistent(module):
        as_it_is = keep_vars or is_lazy(tensor)
        destination[prefix + name] = tensor if as_it_is else tensor.detach()
    if _has_extra(module, "get_extra_state"):
        destination[prefix + _EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    result: dict[str, Any] = destination
    return result


class _Plan:
    """What a state_dict would change in a module tree, and what is wrong with it."""

    def __init__(self, state: Mapping[str, Any], assign: bool) -> None:
        self.state = state
        self.assign = assign
        self.known: set[str] = set()
        self.missing: list[str] = []
        self.errors: list[str] = []
        self.targets: list[Tensor] = []
        self.values: list[Tensor] = []
        self.entries: list[tuple[Any, ...]] = []
        self.extra: list[Callable[[], None]] = []
        self.shapeless: list[tuple[Any, Tensor]] = []  # and what they become

    def visit(self, module: StatefulModule, prefix: str) -> None:
        """Plan the loading of `module`, whose keys begin with `prefix`, and of its children."""
        version = self._version_of(prefix)
        for name, tensor in _persistent(module):
            key = prefix + name
            self.known.add(key)
            if key not in self.state:
                if version >= module._came_with.get(name, 0):
                    self.missing.append(key)
            else:
                self._plan_tensor(module, name, tensor, key)
        if _has_extra(module, "set_extra_state"):
            key = prefix + _EXTRA
            self.known.add(key)
            if key in self.state:
                value = self.state[key]
                self.extra.append(lambda: module.set_extra_state(value))
            else:
                self.missing.append(key)
        for name, child in module._modules.items():
            if child is not None:
                self.visit(child, f"{prefix}{name}.")

    def _version_of(self, prefix: str) -> int:
        """The version that the state_dict was written with; 0 if it does not say."""
        metadata = getattr(self.state, "_metadata", None) or {}
        return metadata.get(prefix[:-1], {}).get("version") or 0

    def _plan_tensor(self, module: StatefulModule, name: str, tensor: Tensor, key: str) -> None:
        value = self.state[key]
        if not isinstance(value, Tensor):
            self.errors.append(
                f'While copying the parameter named "{key}", expected a Tensor '
                f"from checkpoint but received {type(value).__name__}; "
                "convert it with steep.as_tensor"
            )
            return
        if is_lazy(tensor):
            self._plan_first_values(module, name, tensor, value)
            return
        if is_lazy(value):
            self.errors.append(
                f'"{key}" is uninitialized in the checkpoint and initialized here; call the '
                "lazy module that was saved once before its state_dict is taken"
            )
            return
        if tensor.dim() == 0 and tuple(value.shape) == (1,):
            value = value[0]
        expected, got = tuple(tensor.shape), tuple(value.shape)
        if expected != got:
            self.errors.append(
                f"size mismatch for {key}: copying a param with shape {got} from checkpoint, "
                f"the shape in current model is {expected}."
            )
        elif self.assign:
            self._plan_assignment(module, name, tensor, value)
        else:
            self.targets.append(tensor)
            self.values.append(value)

    def _plan_first_values(
        self, module: StatefulModule, name: str, old: Any, value: Tensor
    ) -> None:
        """Of a tensor whose shape is not known yet: it takes the loaded one's."""
        if is_lazy(value):
            return
        if self.assign:
            self._plan_assignment(module, name, old, value)
        else:
            self.shapeless.append((old, value.detach().to(old.dtype).clone()))

    def _plan_assignment(
        self, module: StatefulModule, name: str, old: Tensor, value: Tensor
    ) -> None:
        if not isinstance(old, Parameter):
            self.entries += module._buffers.entries(name, value)
            return
        if not isinstance(value, Parameter):
            value = Parameter(value.detach(), old.requires_grad)
        elif value.requires_grad != old.requires_grad:
            value.requires_grad_(old.requires_grad)
        self.entries += module._parameters.entries(name, value)

    def carry_out(self) -> None:
        """Make the changes: tensors in one go, then what modules keep besides."""
        if not self.extra:
            self._change_tensors(self.values, self.entries)
            self._give_shapes()
            return
        # Code of the modules' own may fail: then all is as it was.
        values = [target.detach().clone() for target in self.targets]
        entries = [(holder, name, holder[name]) for holder, name, _ in self.entries]
        try:
            self._change_tensors(self.values, self.entries)
            for action in self.extra:
                action()
            self._give_shapes()
        except BaseException:
            self._change_tensors(values, entries)
            raise

    def _give_shapes(self) -> None:
        for tensor, value in self.shapeless:
            tensor.materialize((0,))
            tensor.data = value

    def _change_tensors(self, values: list[Tensor], entries: list[tuple[Any, ...]]) -> None:
        if self.assign:
            set_items(entries)
        else:
            copy_values(self.targets, values)


def _load(
    module: StatefulModule, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Check the whole of `state_dict` against the module tree, then copy; see Module."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    plan = _Plan(state_dict, assign)
    plan.visit(module, "")
    unexpected = [key for key in state_dict if key not in plan.known]
    errors = plan.errors
    if strict:
        for what, keys in (("Unexpected", unexpected), ("Missing", plan.missing)):
            if keys:
                listed = ", ".join(f'"{key}"' for key in keys)
                errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
    if errors:
        joined = "\n\t".join(errors)
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{joined}"
        )
    plan.carry_out()
    return IncompatibleKeys(plan.missing, unexpected)
