"""Lazy modules, which take their sizes from the first input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from steep._core import Tensor, refuse_recording
from steep.nn._trace import add_path
from steep.nn.parameter import MaterializedBuffer, is_lazy

__all__ = ["LazyModuleMixin"]

if TYPE_CHECKING:
    from steep.nn.module import Module as _Base
else:
    _Base = object


class LazyModuleMixin(_Base):
    """What makes a module lazy: parameters whose shapes the first call finds out.

    A lazy class derives from this and from a module's class, in this order, gives itself
    `UninitializedParameter` and `UninitializedBuffer` for members, and defines
    `initialize_parameters`. The first call hands its arguments to that before anything else, and
    the module then becomes one of the class `cls_to_become`.

    Parameters stay the same objects, so that an optimiser may have been given them before. What
    else is done with the module beforehand acts on what it will be: `to`, `double`, `train`,
    `requires_grad_`, copies and pickles; `state_dict` has the uninitialised parameters
    themselves, and `load_state_dict` gives them the shapes of what it loads. `steep.save` refuses
    them.

    A function that is compiled sees the first call as any other that is not recorded yet; from
    then on it has to do with the module's later class.

    Attributes:
        cls_to_become: the class after the first call; ``None``: the same.

    Example:
        >>> import steep
        >>> from steep import nn
        >>> class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.UninitializedParameter()
        ...     def initialize_parameters(self, input):
        ...         self.factor.materialize(input.shape[-1:])
        ...         nn.init.ones_(self.factor)
        ...     def forward(self, input):
        ...         return input * self.factor
        >>> scale = Scale()
        >>> scale.factor
        <UninitializedParameter>
        >>> tuple(scale(steep.zeros(5, 3)).shape), tuple(scale.factor.shape)
        ((5, 3), (3,))
    """

    cls_to_become: ClassVar[type[Any] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["_is_waiting"] = True  # for the first call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._is_waiting:
            try:
                self._infer_parameters(args, kwargs)
            except Exception as error:
                add_path(error, self)
                raise
            module: Any = self  # of another class now, if there is one for it
            return module(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialise and draw what is uninitialised, for the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of its own has no shape yet."""
        return any(is_lazy(tensor) for tensor in self._own_tensors())

    def _own_tensors(self) -> Iterator[Tensor | None]:
        yield from self._parameters.values()
        yield from self._buffers.values()

    def _infer_parameters(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        refuse_recording(
            f"{type(self).__name__} finds out the sizes of its parameters; call the module once "
            "before the function is recorded"
        )
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        for name, buffer in list(self._buffers.items()):
            if isinstance(buffer, MaterializedBuffer):
                self._buffers[name] = buffer.detach()
        del self.__dict__["_is_waiting"]
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become

    # What a class that stays lazy finds after its first call.
    _is_waiting = False


def materialize_all(module: Any, **shapes: tuple[int, ...]) -> None:
    """Give all of a lazy module's parameters their shapes, and draw them.

    Raises:
        RuntimeError: if some were loaded and others not: drawing would overwrite the former.
    """
    params = {name: param for name in shapes if (param := getattr(module, name)) is not None}
    loaded = [name for name, param in params.items() if not is_lazy(param)]
    if loaded:
        raise RuntimeError(
            f"{type(module).__name__}: expected a state_dict with all of {list(params)}, but only "
            f"{loaded} had been loaded; load the others too, or none"
        )
    for name, param in params.items():
        param.materialize(shapes[name])
    module.reset_parameters()
