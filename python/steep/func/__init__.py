"""Functions made of functions: mapped over a batch, differentiated, called with other parameters.

`vmap` runs a function of one example on a batch, by batched operations; `grad`, `vjp`, `jvp`,
`jacrev`, `jacfwd` and `hessian` differentiate it; `functional_call` makes a module a function of
its parameters, and `stack_module_state` a batch of the parameters of several. They can be combined:
the gradient of each example is ``vmap(grad(loss), in_dims=(None, 0, 0))``.

Example:
    >>> import steep
    >>> from steep.func import grad, vmap
    >>> def loss(weight, x, y):
    ...     return (weight @ x - y) ** 2
    >>> x, y = steep.tensor([[1.0, 0.0], [1.0, 2.0]]), steep.zeros(2)
    >>> vmap(grad(loss), in_dims=(None, 0, 0))(steep.tensor([1.0, 1.0]), x, y)
    tensor([[ 2.,  0.],
            [ 6., 12.]])
"""

from __future__ import annotations

from steep.func.derivatives import grad, grad_and_value
from steep.func.jacobians import hessian, jacfwd, jacrev
from steep.func.mapping import vmap
from steep.func.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from steep.func.vectors import jvp, linearize, vjp

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
