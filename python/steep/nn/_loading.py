"""What `load_state_dict` does: checks all before it copies any, between the hooks of modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from steep._core import Tensor, copy_values, set_items
from steep.nn._state_hooks import StateBase, hooks_of
from steep.nn.parameter import Parameter, is_lazy

__all__ = ["EXTRA", "IncompatibleKeys", "has_extra", "load", "load_own", "persistent"]

EXTRA = "_extra_state"


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


class _Planned(OrderedDict[str, Any]):
    """The dict that is loaded from, with its plan."""

    plan: Plan


def persistent(module: StateBase) -> Iterator[tuple[str, Tensor]]:
    for name, param in module._parameters.items():
        if param is not None:
            yield name, param
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield name, buffer


def has_extra(module: StateBase, method: str) -> bool:
    return getattr(type(module), method) is not getattr(StateBase, method)


class Plan:
    """What a state_dict would change in a module tree, and what is wrong with it."""

    def __init__(self, state: Mapping[str, Any], assign: bool) -> None:
        # A copy, which hooks may change; a module's own loading finds the plan by it.
        self.state = _Planned(state)
        self.state.plan = self
        self.metadata: Mapping[str, Any] = getattr(state, "_metadata", None) or {}
        self.assign = assign
        self.known: set[str] = set()
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.post_hooks: list[tuple[Callable[..., Any], StateBase]] = []
        self.errors: list[str] = []
        self.targets: list[Tensor] = []
        self.values: list[Tensor] = []
        self.entries: list[tuple[Any, ...]] = []
        self.extra: list[Callable[[], None]] = []
        self.shapeless: list[tuple[Any, Tensor]] = []  # and what they become

    def visit(self, module: StateBase, prefix: str) -> None:
        """Plan the loading of `module`, whose keys begin with `prefix`, and of its children."""
        metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            metadata["assign_to_params_buffers"] = True
        given = (self.state, prefix, metadata, True, self.missing, self.unexpected, self.errors)
        for hook, with_module in hooks_of(module, "load_pre"):
            hook(*((module, *given) if with_module else given))
        module._load_from_state_dict(*given)
        for name, child in module._modules.items():
            if child is not None:
                self.visit(child, f"{prefix}{name}.")
        self.post_hooks += [(hook, module) for hook in hooks_of(module, "load_post")]

    def take(self, module: StateBase, prefix: str, missing: list[str], errors: list[str]) -> None:
        """Plan what the module itself owns; what is wrong goes into the lists."""
        version = self._version_of(prefix)
        for name, tensor in persistent(module):
            key = prefix + name
            self.known.add(key)
            if key not in self.state:
                if version >= module._came_with.get(name, 0):
                    missing.append(key)
            else:
                self._plan_tensor(module, name, tensor, key, errors)
        if has_extra(module, "set_extra_state"):
            key = prefix + EXTRA
            self.known.add(key)
            if key in self.state:
                value = self.state[key]
                self.extra.append(lambda: module.set_extra_state(value))
            else:
                missing.append(key)

    def _version_of(self, prefix: str) -> int:
        """The version that the state_dict was written with; 0 if it does not say."""
        return self.metadata.get(prefix[:-1], {}).get("version") or 0

    def _plan_tensor(
        self, module: StateBase, name: str, tensor: Tensor, key: str, errors: list[str]
    ) -> None:
        value = self.state[key]
        if not isinstance(value, Tensor):
            errors.append(
                f'While copying the parameter named "{key}", expected a Tensor '
                f"from checkpoint but received {type(value).__name__}; "
                "convert it with steep.as_tensor"
            )
            return
        if is_lazy(tensor):
            self._plan_first_values(module, name, tensor, value)
            return
        if is_lazy(value):
            errors.append(
                f'"{key}" is uninitialized in the checkpoint and initialized here; call the '
                "lazy module that was saved once before its state_dict is taken"
            )
            return
        if tensor.dim() == 0 and tuple(value.shape) == (1,):
            value = value[0]
        expected, got = tuple(tensor.shape), tuple(value.shape)
        if expected != got:
            errors.append(
                f"size mismatch for {key}: copying a param with shape {got} from checkpoint, "
                f"the shape in current model is {expected}."
            )
        elif self.assign:
            self._plan_assignment(module, name, tensor, value)
        else:
            self.targets.append(tensor)
            self.values.append(value)

    def _plan_first_values(self, module: StateBase, name: str, old: Any, value: Tensor) -> None:
        """Of a tensor whose shape is not known yet: it takes the loaded one's."""
        if is_lazy(value):
            return
        if self.assign:
            self._plan_assignment(module, name, old, value)
        else:
            self.shapeless.append((old, value.detach().to(old.dtype).clone()))

    def _plan_assignment(self, module: StateBase, name: str, old: Tensor, value: Tensor) -> None:
        if not isinstance(old, Parameter):
            self.entries += module._buffers.entries(name, value)
            return
        if not isinstance(value, Parameter):
            value = Parameter(value.detach(), old.requires_grad)
        elif value.requires_grad != old.requires_grad:
            value.requires_grad_(old.requires_grad)
        self.entries += module._parameters.entries(name, value)

    def carry_out(self, check: Callable[[], None]) -> None:
        """Make the changes: tensors in one go, then what modules keep besides; then check."""
        if not self.extra and not self.post_hooks:
            check()
            self._change_tensors(self.values, self.entries)
            self._give_shapes()
            return
        # Code of the modules' own may fail, and hooks may change what is missing: then all is as it
        # was.
        values = [target.detach().clone() for target in self.targets]
        entries = [(holder, name, holder[name]) for holder, name, _ in self.entries]
        if not self.post_hooks:
            check()
        try:
            self._change_tensors(self.values, self.entries)
            for action in self.extra:
                action()
            self._run_post_hooks()
            check()
            self._give_shapes()
        except BaseException:
            self._change_tensors(values, entries)
            raise

    def _run_post_hooks(self) -> None:
        found = IncompatibleKeys(self.missing, self.unexpected)
        for hook, module in self.post_hooks:
            if hook(module, found) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values, if incompatible_keys need to be modified, it should be "
                    "done inplace."
                )

    def _give_shapes(self) -> None:
        for tensor, value in self.shapeless:
            tensor.materialize((0,))
            tensor.data = value

    def _change_tensors(self, values: list[Tensor], entries: list[tuple[Any, ...]]) -> None:
        if self.assign:
            set_items(entries)
        else:
            copy_values(self.targets, values)


def load(
    module: StateBase, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Check the whole of `state_dict` against the module tree, then copy; see Module."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    plan = Plan(state_dict, assign)
    plan.visit(module, "")
    known = {*plan.known, *plan.unexpected}
    plan.unexpected += [key for key in plan.state if key not in known]

    def check() -> None:
        errors = list(plan.errors)
        if strict:
            for what, keys in (("Unexpected", plan.unexpected), ("Missing", plan.missing)):
                if keys:
                    listed = ", ".join(f'"{key}"' for key in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
        if errors:
            joined = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{joined}"
            )

    plan.carry_out(check)
    return IncompatibleKeys(plan.missing, plan.unexpected)


def load_own(
    module: StateBase,
    state_dict: Mapping[str, Any],
    prefix: str,
    missing: list[str],
    errors: list[str],
) -> None:
    """Plan what a module itself owns, or load it at once from a dict that no plan knows."""
    plan = getattr(state_dict, "plan", None)
    if plan is not None:
        plan.take(module, prefix, missing, errors)
        return
    alone = Plan(state_dict, assign=False)
    alone.take(module, prefix, missing, errors)
    if not errors:
        alone.carry_out(lambda: None)
