"""The members of a module: registration and attribute semantics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steep._core import Tensor, set_items
from steep.nn._hook_tables import registered, registrations
from steep.nn._hooks import HookedModule
from steep.nn._members import Members
from steep.nn.parameter import Buffer, Parameter

_MEMBERS = ("_parameters", "_buffers", "_modules")


class ModuleBase(HookedModule):
    """What a module owns, and how it is set and replaced."""

    _parameters: Members[Parameter | None]
    _buffers: Members[Tensor | None]
    _modules: Members[Any]
    _non_persistent_buffers_set: set[str]

    def _init_members(self) -> None:
        for kind in _MEMBERS:
            self.__dict__[kind] = Members(self)
        self.__dict__["_non_persistent_buffers_set"] = set()

    if TYPE_CHECKING:
        # Members lie in the instance's __dict__; this only tells type checkers they may exist.
        def __getattr__(self, name: str) -> Any: ...

    # ---- members --------------------------------------------------------------------------

    def _check_name(self, kind: str, name: Any, members: Mapping[str, Any]) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in members:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; ``None`` reserves the name (as a layer without bias does).

        Raises:
            TypeError: if `param` is neither a `Parameter` nor ``None``.
            KeyError: if `name` is empty, holds a dot, or is taken by another attribute.
        """
        self._check_parameter(name, param)
        if registrations["parameter"]:
            param = registered("parameter", self, name, param)
        self._parameters[name] = param

    def _check_parameter(self, name: str, param: Any, replaces: bool = False) -> None:
        """Raise unless `param` may be a parameter called `name`, in the place of what is there."""
        members = self.__dict__.get("_parameters", {})
        self._check_name("parameter", name, {name: None} if replaces else members)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                "(steep.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but is not trained.

        Args:
            name: attribute under which it is reached.
            tensor: its value, or ``None``.
            persistent: whether `state_dict` holds it. Default: ``True``.

        Raises:
            TypeError: if `tensor` is neither a tensor nor ``None``.
            KeyError: if `name` is empty, holds a dot, or is taken by another attribute.
        """
        self._check_name("buffer", name, self.__dict__.get("_buffers", {}))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' "
                "(steep.Tensor or None required)"
            )
        if registrations["buffer"]:
            tensor = registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)
        self._buffers[name] = tensor

    def register_module(self, name: str, module: ModuleBase | None) -> None:
        """Add a child module under `name`; the same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: ModuleBase | None) -> None:
        """Add a child module under `name`.

        Raises:
            TypeError: if `module` is neither a `Module` nor ``None``.
            KeyError: if `name` is empty, holds a dot, or is taken by another attribute.
        """
        self._check_module(name, module)
        if registrations["module"]:
            module = registered("module", self, name, module)
        self._modules[name] = module

    def _check_module(self, name: str, module: Any) -> None:
        if module is not None and not isinstance(module, ModuleBase):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, self.__dict__.get("_modules", {}))

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._place(name, value, "_parameters", "parameters")
        elif isinstance(value, ModuleBase):
            self._place(name, value, "_modules", "module")
        elif name == "training":
            self.__dict__[name] = value
        elif isinstance(value, Buffer) and name not in self.__dict__.get("_buffers", {}):
            self.register_buffer(name, value, value.persistent)
        elif name == "forward":
            self._replace_forward(value)
        elif "_modules" not in self.__dict__ or not self._set_member(name, value):
            object.__setattr__(self, name, value)

    def _place(self, name: str, value: Any, kind: str, what: str) -> None:
        """Make `value` a member of `kind`, in the place of whatever else `name` was."""
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if kind == "_parameters":
            if isinstance(getattr(type(self), name, None), property) and hasattr(self, name):
                raise KeyError(f"attribute '{name}' already exists")
            self._check_parameter(name, value, replaces=True)
            if registrations["parameter"]:
                value = registered("parameter", self, name, value)
        elif registrations["module"]:
            value = registered("module", self, name, value)
        changes: list[tuple[Any, ...]] = []
        for other in _MEMBERS:
            if other != kind and name in self.__dict__[other]:
                changes += self.__dict__[other].removals(name)
        set_items(changes + self.__dict__[kind].entries(name, value))
        self._non_persistent_buffers_set.discard(name)

    def _set_member(self, name: str, value: Any) -> bool:
        """Assign a value that is no parameter or module; False if `name` is a plain attribute."""
        for kind, what in (("_parameters", "parameter"), ("_modules", "child module")):
            if name in self.__dict__[kind]:
                if value is not None:
                    expected = "nn.Parameter" if kind == "_parameters" else "nn.Module"
                    raise TypeError(
                        f"cannot assign '{type(value).__name__}' as {what} '{name}' "
                        f"(steep.{expected} or None expected)"
                    )
                self.__dict__[kind][name] = None
                return True
        if name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as buffer '{name}' "
                    "(steep.Tensor or None expected)"
                )
            if registrations["buffer"]:
                value = registered("buffer", self, name, value)
            self._buffers[name] = value
            return True
        return False

    def __delattr__(self, name: str) -> None:
        for kind in _MEMBERS:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for kind in _MEMBERS:
            self.__dict__[kind] = Members(self, dict(state[kind]).items())
