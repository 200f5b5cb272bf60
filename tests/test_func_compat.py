"""Programs that import torch.func or functorch run as they are."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import steep.compat
steep.compat.install()
import torch
import torch.func
import functorch
from functorch import combine_state_for_ensemble, make_functional, make_functional_with_buffers
from torch import vmap
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, stack_module_state, vjp
from torch.nn.utils import stateless
from torch.nn.utils.stateless import functional_call as former

assert torch.func.vmap is vmap is torch.vmap is functorch.vmap
assert functorch.grad is grad
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
x = torch.ones(4, 2)
try:
    make_functional(model)
except RuntimeError as error:
    assert "has buffers" in str(error)
f, params = make_functional(model[0], disable_autograd_tracking=True)
assert not params[0].requires_grad
assert torch.equal(f(params, x), model[0](x))
each = vmap(grad(lambda p, one: f(p, one).sum()), (None, 0))(params, x)
assert each[0].shape == (4, 3, 2)
f, params, buffers = combine_state_for_ensemble([model, model])
assert vmap(f, in_dims=(0, 0, None))(params, buffers, x).shape == (2, 4, 3)
state = dict(model[0].named_parameters())
assert torch.equal(former(model[0], state, x), functional_call(model[0], state, (x,)))
"""


def test_programs_for_functorch() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
