"""Gradients through gradient steps, and a step size that is learned."""

import torch

torch.manual_seed(9)
start, rate = torch.randn(4, requires_grad=True), torch.tensor(0.1, requires_grad=True)
outer = torch.optim.Adam([start, rate], lr=0.02)
for _ in range(5):
    slope, x = torch.randn(4), torch.randn(12, 4)
    fast = start
    for _ in range(3):
        inner = (x @ (fast - slope)).pow(2).mean()
        (grad,) = torch.autograd.grad(inner, fast, create_graph=True)
        fast = fast - rate * grad
    loss = (torch.randn(6, 4) @ (fast - slope)).pow(2).mean()
    outer.zero_grad()
    loss.backward()
    outer.step()
    print(loss.item(), rate.item(), start.grad.norm().item())
