"""`state_dict` and `load_state_dict`: collecting tensors, and checking all before copying any."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from steep._core import Tensor, copy_values, set_items
from steep._core import float32 as FLOAT32
from steep._core import float64 as FLOAT64
from steep.nn.parameter import Parameter

if TYPE_CHECKING:
    from steep.nn.module import Module

__all__ = ["FLOAT32", "FLOAT64", "IncompatibleKeys", "collect", "load"]

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


def _persistent(module: Module) -> Iterator[tuple[str, Tensor]]:
    for name, param in module._parameters.items():
        if param is not None:
            yield name, param
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield name, buffer


def _has_extra(module: Module, method: str) -> bool:
    from steep.nn.module import Module

    return getattr(type(module), method) is not getattr(Module, method)


def collect(module: Module, destination: Any, prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Fill `destination` with the state of `module` and of all below it."""
    if destination is None:
        destination = _StateDict()
        destination._metadata = OrderedDict()
    metadata = getattr(destination, "_metadata", None)
    if metadata is not None:
        metadata[prefix[:-1]] = {"version": module._version}
    for name, tensor in _persistent(module):
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
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

    def visit(self, module: Module, prefix: str) -> None:
        """Plan the loading of `module`, whose keys begin with `prefix`, and of its children."""
        for name, tensor in _persistent(module):
            key = prefix + name
            self.known.add(key)
            if key not in self.state:
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

    def _plan_tensor(self, module: Module, name: str, tensor: Tensor, key: str) -> None:
        value = self.state[key]
        if not isinstance(value, Tensor):
            self.errors.append(
                f'While copying the parameter named "{key}", expected a Tensor '
                f"from checkpoint but received {type(value).__name__}; "
                "convert it with steep.as_tensor"
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

    def _plan_assignment(self, module: Module, name: str, old: Tensor, value: Tensor) -> None:
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
            return
        # Code of the modules' own may fail: then all is as it was.
        values = [target.detach().clone() for target in self.targets]
        entries = [(holder, name, holder[name]) for holder, name, _ in self.entries]
        try:
            self._change_tensors(self.values, self.entries)
            for action in self.extra:
                action()
        except BaseException:
            self._change_tensors(values, entries)
            raise

    def _change_tensors(self, values: list[Tensor], entries: list[tuple[Any, ...]]) -> None:
        if self.assign:
            set_items(entries)
        else:
            copy_values(self.targets, values)


def load(
    module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool
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
