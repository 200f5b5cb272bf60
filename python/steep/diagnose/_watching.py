"""Hooks that see a training go by, and change nothing of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from steep._core import Tensor, is_grad_enabled
from steep.diagnose._events import Context, LayerCall, ParameterStep, Step
from steep.diagnose._numbers import Array, array, norm, sample
from steep.nn.module import Module
from steep.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

__all__ = ["Listener", "Observer", "Remembered", "tensors_in"]


class Listener:
    """A hook that a copy of the model, or a pickle of it, has as one that does nothing."""

    def __init__(self, listen: Callable[..., None] | None = None) -> None:
        self.listen = listen

    def __call__(self, *args: Any) -> None:
        if self.listen is not None:
            self.listen(*args)

    def __deepcopy__(self, memo: dict[int, Any]) -> Listener:
        return Listener()

    def __reduce__(self) -> tuple[Any, ...]:
        return Listener, ()


class _Gradient:
    """What is known of one parameter's gradient since the optimiser's last step."""

    def __init__(self, param: Tensor) -> None:
        self.param = param
        self.handle: Any = None
        self.used = False  # the gradient that is there has been through a step
        self.stale = False  # and another one was added to it
        self.passes = 0  # backward passes that reached it
        self.fruitful = 0  # and brought anything but zeros
        self.total = 0  # passes since the beginning

    def follow(self, listen: Callable[..., None] | None) -> None:
        """Listen to what is added to it; with None, no longer."""
        if self.handle is not None:
            self.handle.remove()
        self.handle = None if listen is None else self.param.register_hook(Listener(listen))


class Observer:
    """Puts hooks on a model, its parameters and on optimisers; tells of calls and of steps.

    Args:
        context: whose model is watched; counts of calls and steps are kept in it.
        on_layer: is told of each call of a module with gradients.
        on_step: is told of each step of an optimiser that has any of the parameters.
    """

    def __init__(
        self,
        context: Context,
        on_layer: Callable[[LayerCall], None],
        on_step: Callable[[Step], None],
    ) -> None:
        self.context, self.on_layer, self.on_step = context, on_layer, on_step
        self.handles: list[Any] = []
        self.gradients: dict[str, _Gradient] = {}
        self.before: dict[str, tuple[Array, Array | None, float]] = {}

    # ---- on and off -------------------------------------------------------------------------

    def attach(self) -> None:
        """Put the hooks on."""
        for name, module in self.context.model.named_modules():
            listen = Listener(_named(self._called, name))
            self.handles.append(module.register_forward_hook(listen, with_kwargs=True))
        self.handles.append(register_optimizer_step_pre_hook(Listener(self._before_step)))
        self.handles.append(register_optimizer_step_post_hook(Listener(self._after_step)))
        self._follow_gradients()

    def detach(self) -> None:
        """Take all of them off."""
        for handle in self.handles:
            handle.remove()
        for gradient in self.gradients.values():
            gradient.follow(None)
        self.handles, self.before = [], {}

    def _follow_gradients(self) -> None:
        """Listen to what is added to each parameter's gradient, new parameters' too."""
        for name, param in self.context.parameters().items():
            known = self.gradients.get(name)
            if known is None or known.param is not param:
                if known is not None:
                    known.follow(None)
                known = self.gradients[name] = _Gradient(param)
            if known.handle is None and param.requires_grad and param.is_leaf:
                known.follow(_named(self._arriving, name))

    # ---- what is seen -----------------------------------------------------------------------

    def _called(self, name: str, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        recorded = is_grad_enabled()
        called = self.context.called
        if recorded and not called.get(name, False):
            called[name] = True
            if not module._modules:
                self.context.order.append(name)
        called.setdefault(name, False)
        if recorded:
            inputs = [*tensors_in(args), *tensors_in(kwargs)]
            out = next((t for t in tensors_in(output) if t.is_floating_point()), None)
            leaf = not module._modules
            self.on_layer(LayerCall(name, module, inputs, out, recorded, leaf))
        if name == "":
            self._follow_gradients()

    def _arriving(self, name: str, grad: Tensor) -> None:
        state = self.gradients.get(name)
        if state is None:
            return
        there = state.param.grad
        if there is None or (state.used and not array(there).any()):
            state.used = state.stale = False
        elif state.used:
            state.stale = True
        state.passes += 1
        state.total += 1
        self.context.backwards = max(self.context.backwards, state.total)
        state.fruitful += bool(array(grad).any())

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._follow_gradients()
        if self._concerns(optimizer):
            with np.errstate(all="ignore"):
                self._note_weights()

    def _concerns(self, optimizer: Optimizer) -> bool:
        """Whether it is the one that is watched, or has a parameter of the model.

        Another model's may be recorded by `steep.compile`, which looking at weights would hinder.
        """
        own = {id(param) for param in self.context.parameters().values()}
        there = (param for group in optimizer.param_groups for param in group["params"])
        return optimizer is self.context.optimizer or any(id(param) in own for param in there)

    def _note_weights(self) -> None:
        self.before = {
            name: (sample(array(param)), *_gradient(param))
            for name, param in self.context.parameters().items()
        }

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        groups = optimizer.param_groups
        members = {id(param) for group in groups for param in group["params"]}
        self.context.stepped |= members
        self.context.optimizers.add(id(optimizer))
        if not self._concerns(optimizer):
            return
        # A closure makes the gradients within the step.
        within = len(args) > 1 or kwargs.get("closure") is not None
        with np.errstate(all="ignore"):
            params = list(self._stepped(members, within))
        if optimizer is self.context.optimizer or any(p.member for p in params):
            seen = [s for s in self.gradients.values() if id(s.param) in members]
            passes = max((s.passes for s in seen), default=0)
            fruitful = max((s.fruitful for s in seen), default=0)
            rates = [float(group.get("lr", 0.0)) for group in groups]
            self.on_step(Step(optimizer, rates, params, passes, fruitful))
        for state in self.gradients.values():
            if id(state.param) in members:
                state.used, state.stale, state.passes, state.fruitful = True, False, 0, 0
        self.before = {}

    def _stepped(self, members: set[int], within: bool) -> Iterator[ParameterStep]:
        for name, param in self.context.parameters().items():
            was, grad, grad_norm = self.before.get(name, (None, None, 0.0))
            if within:
                grad, grad_norm = _gradient(param)
            now, state = sample(array(param)), self.gradients.get(name)
            scale = np.sqrt(param.numel() / max(1, now.size))
            with np.errstate(all="ignore"):
                moved = was is not None and was.shape == now.shape
                update = norm(now - was) * scale if moved else 0.0
                share = float((now != was).mean()) if moved and now.size else 0.0
            stale = state is not None and state.stale
            weight = norm(now) * scale
            member = id(param) in members
            yield ParameterStep(name, param, grad, grad_norm, weight, update, share, stale, member)


def _gradient(param: Tensor) -> tuple[Array | None, float]:
    if param.grad is None:
        return None, 0.0
    grad = array(param.grad)
    return grad, norm(grad)


def _named(listen: Callable[..., None], name: str) -> Callable[..., None]:
    return lambda *args: listen(name, *args)


def tensors_in(value: Any, depth: int = 2) -> list[Tensor]:
    """The tensors in a value, and in the tuples, lists and dicts that it is made of."""
    if isinstance(value, Tensor):
        return [value]
    if depth < 0 or not isinstance(value, (tuple, list, dict)):
        return []
    entries = value.values() if isinstance(value, dict) else value
    return [tensor for entry in entries for tensor in tensors_in(entry, depth - 1)]


class Remembered:
    """The last input of a model, and its output, as long as somebody else has that."""

    def __init__(self) -> None:
        self.x: Tensor | None = None
        self.output: weakref.ref[Tensor] | None = None

    def note(self, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        """Take them from a hook."""
        xs, outs = [*tensors_in(args), *tensors_in(kwargs)], tensors_in(output)
        self.x = xs[0] if xs else None
        self.output = weakref.ref(outs[0]) if outs else None

    def input_of(self, output: Any) -> Tensor | None:
        """The input that led to this output; None if that is another's."""
        if self.output is None or self.output() is not output:
            return None
        return self.x

    def both(self) -> tuple[Tensor | None, Tensor | None]:
        """Input and output, each None if it is gone."""
        return self.x, None if self.output is None else self.output()
