"""LBFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from steep._core import Tensor, call_with_grad, cat, no_grad, refuse_recording, take_steps
from steep.optim._line_search import Point, strong_wolfe
from steep.optim._settings import as_float, number_of
from steep.optim.optimizer import Optimizer

__all__ = ["LBFGS"]

_LEAST_CURVATURE = 1e-10  # of a pair that is remembered


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989), a quasi-Newton method for full batches.

    One step is up to `max_iter` iterations. With all parameters as one vector x, gradients g, the
    last pairs ``s = x' - x`` and ``y = g' - g``, and ``r = 1 / (y . s)``, the direction -H g is::

        q = -g;  for the pairs from the last to the first: a = r * (s . q);  q = q - a * y
        q = q * (s . y) / (y . y)                                           of the last pair
        for the pairs from the first to the last: q = q + s * (a - r * (y . q))

    and ``x = x + t * q``, where t is `lr` (at the very first iteration at most ``lr / |g|_1``), or
    what the line search makes of it. A pair is kept if ``y . s > 1e-10``.

    Args:
        params: parameters, in one group; see `Optimizer`.
        lr: the step, or the first one that the line search tries. Default: 1.
        max_iter: most iterations of a step. Default: 20.
        max_eval: most calls of the closure in a step. Default: ``max_iter * 5 // 4``.
        tolerance_grad: a step ends where no element of the gradient is larger. Default: 1e-7.
        tolerance_change: it also ends where neither the loss nor any parameter has changed by
            more. Default: 1e-9.
        history_size: most pairs that are remembered; each takes twice the memory of the
            parameters. Default: 100.
        line_search_fn: ``'strong_wolfe'`` for steps that fulfil the strong Wolfe conditions;
            ``None``, the default, for steps of `lr`.

    How often a step calls the closure depends on the losses, so a compiled function that holds the
    step runs eagerly. The closure itself, where the time goes, can be a compiled function: each of
    its calls is then a replay of the forward and backward pass.

    If the closure raises, the parameters and the state are as before the step.

    Raises:
        ValueError: if the learning rate is negative, or there is more than one group.

    Example:
        >>> import steep
        >>> x = steep.tensor([-1.0, 2.0], requires_grad=True)
        >>> lbfgs = steep.optim.LBFGS([x], line_search_fn="strong_wolfe")
        >>> @steep.compile
        ... def closure():
        ...     lbfgs.zero_grad()
        ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2  # Rosenbrock
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(3):
        ...     loss = lbfgs.step(closure)
        >>> round(x[0].item(), 3), round(x[1].item(), 3)
        (1.0, 1.0)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if not as_float("lr", lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the one group that there is."""
        if self.param_groups:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to `max_iter` iterations.

        Args:
            closure: called with gradients enabled as often as needed; clears the gradients,
                computes the loss, calls ``backward`` and returns the loss.

        Returns:
            What the first call of `closure` returned.

        Raises:
            RuntimeError: if `line_search_fn` is neither None nor ``'strong_wolfe'``.
            TypeError: if `closure` returns no number.
        """
        refuse_recording(
            "LBFGS decides by the loss how often it calls the closure; compile the closure, and "
            "call step outside the function"
        )
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(
                f"only 'strong_wolfe' is supported, got line_search_fn={group['line_search_fn']!r}"
            )
        params = list(group["params"])
        entry = dict(self.state.get(params[0], {}))
        before = [p.clone() for p in params]
        descent = _Descent(params, group, closure, entry)
        try:
            result = descent.run()
            # One assignment: an interrupt leaves the old state or the new one.
            take_steps([], [(self.state, params[0], entry)])
        except BaseException:
            _assign(params, before)
            raise
        return result

    def _loaded_state(self, param: Tensor, number: Any, entry: Any) -> Any:
        size = sum(p.numel() for p in self.param_groups[0]["params"])
        vectors = {name: [entry.get(name)] for name in ("d", "prev_flat_grad")}
        vectors |= {name: entry.get(name) or [] for name in ("old_dirs", "old_stps")}
        for name, given in vectors.items():
            for x in given:
                if x is not None and (not isinstance(x, Tensor) or tuple(x.shape) != (size,)):
                    got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
                    raise ValueError(
                        f"loaded state dict: expected {name} to have shape {(size,)}, got {got}"
                    )
        counts = {len(entry.get(name) or []) for name in ("old_dirs", "old_stps", "ro")}
        if len(counts) > 1:
            raise ValueError(
                "loaded state dict: expected old_dirs, old_stps and ro to be of one length"
            )
        return entry


class _Descent:
    """One step, with `state` as it is to become."""

    def __init__(
        self,
        params: list[Tensor],
        group: dict[str, Any],
        closure: Callable[[], Any],
        state: dict[str, Any],
    ) -> None:
        self.params, self.group, self.closure, self.state = params, group, closure, state
        self.calls = 0
        for name in ("func_evals", "n_iter"):
            state.setdefault(name, 0)
        for name in ("old_dirs", "old_stps", "ro"):  # which are changed on the way
            if name in state:
                state[name] = list(state[name])

    def run(self) -> Any:
        group, state = self.group, self.state
        result, loss, grad = self.evaluate()
        if _largest(grad) <= group["tolerance_grad"]:
            return result
        previous = state.get("prev_loss")
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            state["d"] = d = self.direction(grad)
            state["prev_flat_grad"] = grad
            state["prev_loss"] = previous = loss
            t = number_of(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(grad.abs().sum()))
            state["t"] = t
            slope = float(grad.dot(d))
            if slope > -group["tolerance_change"]:
                break
            is_last = i == group["max_iter"]
            loss, grad, t = self.move(Point(0.0, loss, slope, grad), d, t, is_last)
            state["t"] = t
            if is_last or self.calls >= group["max_eval"] or self.has_ended(grad, d, t):
                break
            if abs(loss - previous) < group["tolerance_change"]:
                break
        return result

    def has_ended(self, grad: Tensor, d: Tensor, t: float) -> bool:
        group = self.group
        flat: bool = _largest(grad) <= group["tolerance_grad"]
        return flat or bool(_largest(d) * abs(t) <= group["tolerance_change"])

    def evaluate(self) -> tuple[Any, float, Tensor]:
        """The closure's result, the loss as a number, and the gradient as one vector."""
        result = call_with_grad(True, self.closure, (), {})
        self.calls += 1
        self.state["func_evals"] += 1
        try:
            loss = float(result)
        except (TypeError, ValueError) as error:
            raise TypeError(
                "LBFGS: expected the closure to return the loss, one number, got "
                f"{type(result).__name__}; end it with 'return loss'"
            ) from error
        parts = [(p.new_zeros(p.shape) if p.grad is None else p.grad) for p in self.params]
        return result, loss, cat([g.reshape(-1) for g in parts])

    def direction(self, grad: Tensor) -> Tensor:
        """Minus the approximate inverse Hessian times the gradient."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return grad.neg()
        ys, steps, ro = self.remember(grad)
        al: list[Any] = [None] * max(self.group["history_size"], len(ys))
        q: Tensor = grad.neg()
        for i in range(len(ys) - 1, -1, -1):
            al[i] = steps[i].dot(q) * ro[i]
            q.add_(ys[i], alpha=-float(al[i]))
        q = q * state["H_diag"]
        for i in range(len(ys)):
            q.add_(steps[i], alpha=float(al[i] - ys[i].dot(q) * ro[i]))
        state["al"] = al
        return q

    def remember(self, grad: Tensor) -> tuple[list[Tensor], list[Tensor], list[Any]]:
        """Take the last iteration's pair into the history, and let the oldest go."""
        state = self.state
        ys, steps, ro = history = state["old_dirs"], state["old_stps"], state["ro"]
        y = grad - state["prev_flat_grad"]
        s = state["d"] * float(state["t"])
        product = y.dot(s)
        if float(product) > _LEAST_CURVATURE:
            for items, item in zip(history, (y, s, 1 / product), strict=True):
                items.append(item)
                del items[: max(0, len(items) - self.group["history_size"])]
            state["H_diag"] = product / y.dot(y)
        return ys, steps, ro

    def move(self, start: Point, d: Tensor, t: float, is_last: bool) -> tuple[float, Tensor, float]:
        """Go along a direction: the loss and the gradient there, and the step.

        Without a line search the last iteration does not ask for them again.
        """
        group = self.group
        if group["line_search_fn"] is None:
            self.shift(d, t)
            if is_last:
                return start.loss, start.grad, t
            _, loss, grad = self.evaluate()
            return loss, grad, t
        origin = [p.clone() for p in self.params]

        def at(t: float) -> Point:
            self.shift(d, t)
            _, loss, grad = self.evaluate()
            _assign(self.params, origin)
            return Point(t, loss, float(grad.dot(d)), grad)

        most = group["max_eval"] - self.calls
        found = strong_wolfe(at, start, t, _largest(d), group["tolerance_change"], most)
        self.shift(d, found.t)
        return found.loss, found.grad, found.t

    def shift(self, d: Tensor, t: float) -> None:
        """Move all parameters by t times their part of a direction."""
        at = 0
        for p in self.params:
            p.add_(d[at : at + p.numel()].view(p.shape), alpha=t)
            at += p.numel()


def _assign(params: list[Tensor], values: list[Tensor]) -> None:
    for p, value in zip(params, values, strict=True):
        p.copy_(value)


def _largest(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0
