"""Rules by which pruning chooses what is held at 0, and how a module is put under one."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from steep._core import Tensor, ones_like
from steep.nn.module import Module
from steep.nn.utils._computed import computed, set_computed

__all__ = ["BasePruningMethod", "PruningContainer"]


def _masked(name: str, module: Module) -> Tensor:
    """What is read as the pruned parameter."""
    weight: Tensor = getattr(module, f"{name}_orig") * getattr(module, f"{name}_mask")
    return weight


class BasePruningMethod(ABC):
    """A rule that makes a mask; one of one's own is a subclass with `compute_mask`.

    It is kept among the module's hooks before the forward pass, where programs look for it.

    Attributes:
        PRUNING_TYPE: what it leaves of a tensor that is pruned already: ``'unstructured'`` looks at
            the elements that are left, ``'structured'`` at the channels along `dim` that are, and
            ``'global'`` at everything.

    Example:
        >>> import steep
        >>> class EveryOther(steep.nn.utils.prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask.view(-1)[::2] = 0
        ...         return mask
        >>> layer = steep.nn.Linear(2, 2)
        >>> method = EveryOther.apply(layer, "weight")
        >>> layer.weight_mask
        tensor([[0., 1.],
                [0., 1.]])
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:  # noqa: B027 - meant to be empty
        """Nothing before a call: the product is computed when it is read."""

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of a tensor, 1 for what is kept.

        Args:
            t: the importance of each element: the parameter, if nothing else was said.
            default_mask: what earlier prunings have left, of the same shape.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter under its mask."""
        return _masked(self._tensor_name, module)

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A tensor of which the rule has set part to 0.

        Raises:
            ValueError: for importances of another shape.
        """
        scores = _scores_of(importance_scores, t)
        left = ones_like(t) if default_mask is None else default_mask
        pruned: Tensor = t * self.compute_mask(scores, default_mask=left)
        return pruned

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Put a parameter under a rule made with these arguments, or under it too.

        Args:
            module: the module.
            name: its parameter.
            importance_scores: what the rule looks at instead of the parameter. Default: None.

        Returns:
            The rule; a `PruningContainer` of all of them from the second one on.

        Raises:
            ValueError: for importances of another shape.
            AttributeError: if the module has no such parameter. Nothing is changed then, nor where
                the rule raises.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        before = method_of(module, name)
        if before is None:
            return _first(method, module, name, importance_scores)
        container = PruningContainer(
            *(before if isinstance(before, PruningContainer) else (before,))
        )
        container._tensor_name = name
        container.add_pruning_method(method)
        left = getattr(module, f"{name}_mask")
        scores = _scores_of(importance_scores, getattr(module, name))
        mask = container.compute_mask(scores.detach(), left.detach().clone())
        _drop_hook(module, name)
        module.register_buffer(f"{name}_mask", mask)
        module.register_forward_pre_hook(container)
        return container

    def remove(self, module: Module) -> None:
        """Make the product the parameter, for good."""
        name = self._tensor_name
        attributes = computed(module)
        del attributes[name]
        original = module._parameters[f"{name}_orig"]
        assert original is not None
        original.data = self.apply_mask(module).detach()
        set_computed(module, attributes)
        delattr(module, f"{name}_orig")
        delattr(module, f"{name}_mask")
        module.register_parameter(name, original)


def _first(
    method: BasePruningMethod, module: Module, name: str, importance_scores: Tensor | None
) -> BasePruningMethod:
    original = module._parameters.get(name)
    if original is None:
        raise AttributeError(f"prune: expected a parameter called {name!r}, {module} has none")
    scores = _scores_of(importance_scores, original).detach()
    mask = method.compute_mask(scores, default_mask=ones_like(original.detach()))
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", original)
    module.register_buffer(f"{name}_mask", mask.to(original.dtype))
    attributes = computed(module)
    attributes[name] = property(functools.partial(_masked, name))
    set_computed(module, attributes)
    module.register_forward_pre_hook(method)
    return method


def _scores_of(given: Tensor | None, t: Tensor) -> Tensor:
    if given is None:
        return t
    if given.shape != t.shape:
        raise ValueError(
            "prune: expected importance_scores of the shape of what is pruned, "
            f"{tuple(t.shape)}, got {tuple(given.shape)}"
        )
    return given


def method_of(module: Module, name: str | None = None) -> BasePruningMethod | None:
    """The rule that a parameter of the module is under; any one without a name."""
    table = {} if module._hooks is None else module._hooks.forward_pre
    for hook, _ in table.values():
        if isinstance(hook, BasePruningMethod) and name in (None, hook._tensor_name):
            return hook
    return None


def _drop_hook(module: Module, name: str) -> None:
    module._drop_forward_pre_hook(
        lambda hook: isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    )


def remove_from(module: Module, name: str) -> None:
    """Make the product the parameter, and forget the rule."""
    method = method_of(module, name)
    if method is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    method.remove(module)
    _drop_hook(module, name)


class PruningContainer(BasePruningMethod):
    """Rules that a parameter was put under, one after the other.

    Each looks at what those before have left.
    """

    PRUNING_TYPE = "container"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """A further rule, of the same parameter.

        Raises:
            TypeError: for what is no rule.
            ValueError: for one of another parameter.
        """
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer, got '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last rule, of what those before have left.

        Raises:
            ValueError: for a rule of an unknown kind.
        """
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype).clone()
        kind = method.PRUNING_TYPE
        if kind == "unstructured":
            left: Any = mask == 1
        elif kind == "structured":
            dim = getattr(method, "dim") % t.dim()  # noqa: B009 - the rule's own
            others = tuple(d for d in range(t.dim()) if d != dim)
            left = tuple(
                (mask.sum(others) != 0) if d == dim else slice(None) for d in range(t.dim())
            )
        elif kind == "global":
            left = ...
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
        mask[left] = method.compute_mask(t[left], default_mask=mask[left]).to(mask.dtype)
        return mask
