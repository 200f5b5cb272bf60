"""`Optimizer`: the base class of all optimisers."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from steep._core import Tensor, call_with_grad, clear_gradients, take_steps
from steep.optim import _recorded, _state
from steep.optim._group import ParamGroup
from steep.optim._hooks import (
    HookedOptimizer,
    hooked,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from steep.optim._plan import GroupPlan, MissingState

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

# What optimisers of others name in annotations, and take for a setting that has no default.
ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def __getattr__(name: str) -> Any:
    """What optimisers of others import from here and steep itself has no use for."""
    if name.startswith("__"):  # what the import system asks of every module
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from steep.compat import optimizer

    if name in optimizer.NAMES:
        return getattr(optimizer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Optimizer(HookedOptimizer):
    """Base class of all optimisers.

    A subclass either defines `_hyper`, `_flags`, `_lay_out` and `_calls`, which the fused `step`
    here calls, or a `step` of its own that walks over `param_groups` and `state` as in PyTorch.

    Whatever ends it, an error or a KeyboardInterrupt, the fused step is then taken for all groups
    or for none; so it is with all else that changes the optimiser.

    Args:
        params: parameters, ``(name, parameter)`` pairs, or dicts, each a group with a key
            ``'params'`` and settings of its own.
        defaults: settings of groups that do not give them.

    Attributes:
        param_groups: list of dicts; settings may be changed between steps.
        state: parameter -> dict of what the optimiser remembers about it.
        defaults: the settings given at construction.

    Raises:
        TypeError: if `params` is a tensor, or holds something else than tensors.
        ValueError: if there are none, or one is not a leaf or comes twice.

    Example:
        >>> import steep
        >>> class Descent(steep.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...     @steep.no_grad()
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 p -= group["lr"] * p.grad
        >>> w = steep.ones(1, requires_grad=True)
        >>> (w * 2).sum().backward()
        >>> Descent([w], lr=0.25).step()
        >>> w.item()
        0.5
    """

    _hyper_count = 0
    # Whether its calls return what to write, and change nothing themselves.
    _writes_at_the_end = False
    # A subclass may do without this class's __init__.
    _plans: tuple[GroupPlan, ...] | list[GroupPlan] = ()

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {type(params).__name__}"
            )
        _recorded.note_made(self)
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            step = hooked(cls.__dict__["step"], _recorded.note_step)
            cls.step = step  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        groups = state.get("param_groups", getattr(self, "param_groups", []))
        new = {**state, "param_groups": [ParamGroup(group) for group in groups], "_plans": ()}
        self.__dict__.update(new)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] * (i > 0)
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # ---- the step ---------------------------------------------------------------------------

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: called first, with gradients enabled; computes the loss anew.

        Returns:
            What `closure` returned, or ``None``.
        """
        loss = None if closure is None else call_with_grad(True, closure, (), {})
        plans = self._plans
        if len(plans) != len(self.param_groups):
            plans = self._plans = [GroupPlan(self._hyper_count) for _ in self.param_groups]
        _recorded.note_step(self)
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        changed: list[tuple[int, GroupPlan]] = []
        for i, group in enumerate(self.param_groups):
            params, plan = group["params"], plans[i]
            grads = [grad for p in params if (grad := p.grad) is not None]
            if not grads:
                continue
            if len(grads) != len(params):
                params = [p for p in params if p.grad is not None]
            flags = self._flags(group)
            if not plan.holds(params, self.state, flags):
                known = plan.known(params, self.state, flags)
                if known is not None:
                    plan = known
                    self._plans = plans = [*plans[:i], plan, *plans[i + 1 :]]
                else:
                    plan = plan.replaced(list(params), group["params"], flags)
                    changed.append((i, plan))
                    plan.write(self._hyper(group))  # state may begin with one of them
                    self._prepare(plan)
            plan.write(self._hyper(group))
            calls += self._calls(plan, grads)
        if changed or len(calls) > 1 or self._writes_at_the_end:
            self._take(calls, changed)
        elif calls:
            function, arguments = calls[0]
            function(*arguments)
        return loss

    def _prepare(self, plan: GroupPlan) -> None:
        _recorded.note_preparation()
        state = MissingState(self.state)
        self._lay_out(plan, state)
        plan.missing = state.entries

    def _take(
        self,
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]],
        changed: list[tuple[int, GroupPlan]],
    ) -> None:
        """Take the step of all groups, and keep the state that it has made."""
        if changed:
            # Until the step is taken these plans hold no longer than the state that they lack.
            plans = list(self._plans)
            for i, plan in changed:
                plans[i] = plan
            self._plans = plans
        take_steps(calls, [entry for _, plan in changed for entry in plan.missing])
        for _, plan in changed:
            plan.note_taken()

    def write_hyperparameters(self, plans: Sequence[GroupPlan] | None = None) -> bool:
        """Copy the numbers in `param_groups` to where kernels read them.

        `step` does this itself; a recorded program does it before each replay, so that a changed
        learning rate takes effect there too.

        Args:
            plans: those of the step that was recorded; ``None`` for those of the last step.

        Returns:
            Whether that step is still the one that `step` would take.
        """
        plans = self._plans if plans is None else plans
        if len(plans) != len(self.param_groups):
            return False
        fit = len(plans) == len(self._plans)
        for group, plan, last in zip(self.param_groups, plans, self._plans, strict=False):
            if plan.family is not last.family:
                return False
            if plan.params and not plan.fits(group["params"], self.state, self._flags(group)):
                fit = False
            plan.write(self._hyper(group))
        return fit

    def _hyper(self, group: dict[str, Any]) -> tuple[float, ...]:
        """The group's hyperparameters, in the order the kernel reads them."""
        raise NotImplementedError(
            f"{type(self).__name__} defines neither step() nor the parts of the fused step"
        )

    def _flags(self, group: dict[str, Any]) -> tuple[bool, ...]:
        """The group's switches, which are fixed in a recorded program."""
        raise NotImplementedError(
            f"{type(self).__name__} defines neither step() nor the parts of the fused step"
        )

    def _lay_out(self, plan: GroupPlan, state: MissingState) -> None:
        """Fill `plan.lists` with the state of `plan.params`; what is missing, `state` makes."""
        raise NotImplementedError

    def _calls(
        self, plan: GroupPlan, grads: list[Tensor]
    ) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
        """The calls of fused kernels that make the group's step, as functions and arguments."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters.

        Args:
            set_to_none: ``True`` (default) sets each ``.grad`` to ``None``; ``False`` fills it
                with zeros.
        """
        clear_gradients([p for group in self.param_groups for p in group["params"]], set_to_none)

    # ---- groups -----------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with settings of its own.

        Args:
            param_group: a dict with ``'params'`` (a tensor, or an ordered collection of tensors
                or ``(name, tensor)`` pairs) and any settings that differ from the defaults.

        Raises:
            TypeError: if it is no dict, its parameters are a set, or one is not a tensor.
            ValueError: if a parameter is not a leaf, is in another group already, or a setting
                without default is missing.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, Tensor):
            given = [given]
        elif isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params, names = _split_names(list(given))
        for p in params:
            _check_parameter(p)
        for name, default in self.defaults.items():
            if name not in param_group and default is _state.REQUIRED:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
        ids = {id(p) for p in params}
        if len(ids) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                UserWarning,
                stacklevel=3,
            )
        if any(id(p) in ids for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        group = ParamGroup({**param_group, "params": params})
        if names is not None:
            group["param_names"] = names
        for name, default in self.defaults.items():
            group.setdefault(name, default)
        _recorded.note_added(self)
        self.param_groups.append(group)

    # ---- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Settings and state, with parameters numbered in the order of the groups.

        Returns:
            ``{'state': {number: dict}, 'param_groups': [dict]}``; the state's tensors share
            storage with the optimiser's.

        Example:
            >>> import steep
            >>> adam = steep.optim.Adam([steep.ones(1, requires_grad=True)], lr=0.5)
            >>> adam.state_dict()["param_groups"][0]["lr"]
            0.5
        """
        self._pass_state_hooks("state_dict_pre")
        collected = _state.collect(self.param_groups, self.state)
        result: dict[str, Any] = self._pass_state_hooks("state_dict_post", collected)
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over settings and state from what `state_dict` returned.

        State may be of any shape, and need not be tensors. Tensors are copied, and cast to their
        parameter's dtype, step counts excepted. Everything is checked first: when it raises,
        nothing has changed.

        Raises:
            ValueError: if the groups or their sizes do not fit, if settings are missing, as of
                another optimiser, or a fused step could not use the state.
        """
        given = self._pass_state_hooks("load_state_dict_pre", dict(state_dict))
        new = _state.loaded(self.param_groups, given, self._loaded_state, self._loaded_group)
        _state.complete(type(self).__name__, new["param_groups"], self.defaults)
        before = dict(self.__dict__)
        try:
            self.__setstate__(new)
        except BaseException:  # of a subclass, which does more
            self.__dict__.update(before)
            raise
        self._pass_state_hooks("load_state_dict_post")

    def _loaded_state(self, param: Tensor, number: Any, entry: Any) -> Any:
        """One parameter's loaded state, as the step needs it; ValueError if it cannot be used."""
        return entry

    def _loaded_group(self, group: dict[str, Any]) -> dict[str, Any]:
        """A loaded group's settings, as the step needs them."""
        return group


def _split_names(given: list[Any]) -> tuple[list[Any], list[str] | None]:
    """Parameters and, if they came as pairs, their names."""
    named = [isinstance(entry, tuple) for entry in given]
    if not any(named):
        return given, None
    if not all(named):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [param for _, param in given], [name for name, _ in given]


def _check_parameter(param: Any) -> None:
    if not isinstance(param, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}"
        )
    if not param.is_leaf:
        raise ValueError("can't optimize a non-leaf Tensor")
