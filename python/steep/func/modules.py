"""Modules as functions of their parameters, and the parameters of several as one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steep._core import Tensor, is_recording, set_items, stack
from steep._replaced import note_replaced
from steep.nn.batchnorm import _BatchNorm
from steep.nn.module import Module

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]

State = Mapping[str, Any]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: State | Sequence[State],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    For the time of the call the module holds the given tensors. What the call writes to a buffer in
    place is written to the given one.

    Args:
        module: what is called. Those of its members that are not named keep their values.
        parameter_and_buffer_dicts: tensors by their names in `state_dict`, or several such dicts.
            Names that the module has not are passed over.
        args: the arguments; what is no tuple is the only one. Default: none.
        kwargs: the arguments by keyword. Default: none.
        tie_weights: whether a tensor that the module has under several names is replaced under all
            of them. Default: ``True``.
        strict: whether every parameter and buffer must be named, and nothing else. Default:
            ``False``.

    Returns:
        What the module returns.

    Raises:
        TypeError: for a module that is none, or a value that is no tensor.
        ValueError: for a key in several of the dicts, and different values for tied weights.
        RuntimeError: by `strict`.

    Example:
        >>> import steep
        >>> layer = steep.nn.Linear(2, 1)
        >>> state = {"weight": steep.ones(1, 2), "bias": steep.zeros(1)}
        >>> steep.func.functional_call(layer, state, steep.tensor([3.0, 4.0]))
        tensor([7.])
    """
    if not isinstance(module, Module):
        raise TypeError(f"functional_call: expected a Module, got {type(module).__name__}")
    state = _merged(parameter_and_buffer_dicts)
    given = args if isinstance(args, tuple) else () if args is None else (args,)
    changes = _changes(module, state, tie_weights, strict)
    before = [(owner, name, owner._parameters.get(name, owner._buffers.get(name)))
              for owner, name, _ in changes]  # fmt: skip
    try:
        _set(changes)
        return module(*given, **(kwargs or {}))
    finally:
        _set(before)
        if is_recording():
            note_replaced((owner.__dict__, name) for owner, name, _ in before)


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(one, Mapping) for one in dicts):
        raise ValueError(
            "functional_call: expected parameter_and_buffer_dicts to be a dict or a list/tuple of "
            f"dicts, but got {type(dicts)}"
        )
    state: dict[str, Any] = {}
    for one in dicts:
        repeated = set(one) & set(state)
        if repeated:
            raise ValueError(
                f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional "
                "call is ambiguous"
            )
        state.update(one)
    return state


Places = dict[str, tuple[Module, str]]


def _places(module: Module) -> Places:
    """The owner of each parameter and buffer, and its name there; under every name it has."""
    found: Places = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for members in (owner._parameters, owner._buffers):
            for name, value in members.items():
                if value is not None:
                    found[f"{path}.{name}" if path else name] = owner, name
    return found


def _changes(
    module: Module, state: dict[str, Any], tie_weights: bool, strict: bool
) -> list[tuple[Module, str, Any]]:
    places = _places(module)
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{value} is not an instance of Tensor; functional_call got it as {key}"
            )
    known = {key: value for key, value in state.items() if key in places}
    everywhere = _tied(places, known) if tie_weights else known
    missing = [key for key in places if key not in everywhere]
    unexpected = [key for key in state if key not in places]
    if strict and (missing or unexpected):
        raise RuntimeError(
            f"Error(s) in reparametrizing for {type(module).__name__}: unexpected key(s): "
            f"{unexpected}; missing key(s): {missing}"
        )
    return [(*places[key], value) for key, value in everywhere.items()]


def _tied(places: Places, state: dict[str, Any]) -> dict[str, Any]:
    """The values for all names of the tensors that are replaced."""

    def current(key: str) -> Any:
        owner, name = places[key]
        return owner._parameters.get(name, owner._buffers.get(name))

    values: dict[int, tuple[str, Any]] = {}
    for key, value in state.items():
        first, other = values.setdefault(id(current(key)), (key, value))
        if other is not value:
            raise ValueError(
                f"functional_call: {first} and {key} are one tensor of the module, but got "
                "different values; pass one of them, or tie_weights=False"
            )
    return {key: values[id(current(key))][1] for key in places if id(current(key)) in values}


def _set(changes: Sequence[tuple[Module, str, Any]]) -> None:
    """Put values where modules look for them: all of them, or none."""
    entries: list[tuple[Any, ...]] = []
    for owner, name, value in changes:
        members = owner._parameters if name in owner._parameters else owner._buffers
        entries += [(members, name, value), (owner.__dict__, name, value)]
    set_items(entries)


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one architecture, each as one batch.

    With `vmap` and `functional_call` the modules run as one, by batched operations.

    Args:
        models: a sequence of modules, all of one class, in one mode.

    Returns:
        ``(params, buffers)``: by name, tensors with a first dimension over the modules. They are
        copies; parameters are leaves that require a gradient where those of the modules do.

    Raises:
        RuntimeError: for no modules, modules of different classes or modes, and parameters of which
            only some require a gradient.

    Example:
        >>> import steep
        >>> from steep.func import functional_call, stack_module_state, vmap
        >>> models = [steep.nn.Linear(2, 3) for _ in range(4)]
        >>> params, buffers = stack_module_state(models)
        >>> def run(params, buffers, x):
        ...     return functional_call(models[0], (params, buffers), (x,))
        >>> vmap(run, in_dims=(0, 0, None))(params, buffers, steep.ones(5, 2)).shape
        steep.Size([4, 5, 3])
    """
    several = list(models)
    if not several:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != several[0].training for model in several):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(model) is not type(several[0]) for model in several):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in several]
    buffers = [dict(model.named_buffers()) for model in several]
    return (
        {name: _stacked(name, [own[name] for own in parameters]) for name in parameters[0]},
        {name: _stacked(name, [own[name] for own in buffers]) for name in buffers[0]},
    )


def _stacked(name: str, tensors: list[Any]) -> Any:
    wants = {x.requires_grad for x in tensors}
    if len(wants) > 1:
        raise RuntimeError(
            f"stack_module_state: Expected {name} of all models to have the same requires_grad "
            "setting"
        )
    batch = stack([x.detach() for x in tensors])
    return batch.requires_grad_(wants.pop())


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Make all batch normalisations below a module use the statistics of the batch alone.

    Their running statistics would be written to in training, which a vmap refuses of tensors that
    it does not map over.

    Args:
        root: a module; changed in place.

    Returns:
        The module.

    Example:
        >>> import steep
        >>> net = steep.nn.Sequential(steep.nn.BatchNorm1d(3))
        >>> steep.func.replace_all_batch_norm_modules_(net)[0].running_mean is None
        True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
