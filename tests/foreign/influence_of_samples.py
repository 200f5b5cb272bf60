"""Products with a Hessian, and a system solved by them."""

import torch
import torch.nn.functional as F

torch.manual_seed(16)
x, kinds = torch.randn(15, 3).double(), torch.randint(0, 2, (15,))
weight = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)


def risk(w):
    return F.cross_entropy(F.linear(x, w), kinds) + 0.05 * w.pow(2).sum()


def product(v):
    (grad,) = torch.autograd.grad(risk(weight), weight, create_graph=True)
    return torch.autograd.grad((grad * v).sum(), weight)[0]


(one,) = torch.autograd.grad(F.cross_entropy(F.linear(x[:1], weight), kinds[:1]), weight)
answer, rest = torch.zeros_like(one), one.clone()
direction = rest
for _ in range(6):
    turned = product(direction)
    length = rest.pow(2).sum() / (direction * turned).sum()
    answer, after = answer + length * direction, rest - length * turned
    direction, rest = after + after.pow(2).sum() / rest.pow(2).sum() * direction, after
    print(rest.norm().item() < 10, answer.norm().item())
hessian = torch.autograd.functional.hessian(risk, weight.detach()).view(6, 6)
print(torch.linalg.solve(hessian, one.flatten()).norm().item())
