"""Parameters that are joined once, before the loop, and a graph that saves nothing."""

import torch

torch.manual_seed(0)
left, right = torch.nn.Parameter(torch.randn(3)), torch.nn.Parameter(torch.randn(2, 2))
joined = torch.cat([left, right.view(-1)]).double()
optimizer = torch.optim.SGD([left, right], lr=0.1)
for step in range(4):
    optimizer.zero_grad()
    (joined * (step + 1)).sum().backward()
    optimizer.step()
    print(left.sum().item(), right.grad.norm().item())
