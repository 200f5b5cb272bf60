"""Derivatives of a network by its input, and the second order method."""

import torch
from torch import nn

torch.manual_seed(15)
net = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1))
stiffness = nn.Parameter(torch.tensor(0.5))
times = torch.linspace(0, 2, 15)[:, None].double().requires_grad_().float()
optimizer = torch.optim.LBFGS(
    [*net.parameters(), stiffness], max_iter=4, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    place = net(times)
    (speed,) = torch.autograd.grad(place.sum(), times, create_graph=True)
    (change,) = torch.autograd.grad(speed.sum(), times, create_graph=True)
    loss = (change + stiffness * place).pow(2).mean() + (place - times.cos()).pow(2).mean()
    loss.backward()
    return loss


for _ in range(3):
    print(optimizer.step(closure).item(), stiffness.item())
