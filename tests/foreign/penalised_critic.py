"""A critic whose slope is held near 1, and its generator."""

import torch
from torch import nn

torch.manual_seed(4)
critic = nn.Sequential(nn.Linear(2, 12), nn.LeakyReLU(0.2), nn.Linear(12, 1))
maker = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 2))
ways = [torch.optim.RMSprop(net.parameters(), lr=0.01) for net in (critic, maker)]
for _ in range(6):
    true, false = torch.randn(8, 2) + 2, maker(torch.randn(8, 3))
    share = torch.rand(8, 1)
    between = (share * true + (1 - share) * false.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    loss = critic(false.detach()).mean() - critic(true).mean()
    loss = loss + 10 * (slope.norm(dim=1) - 1).square().mean()
    ways[0].zero_grad()
    loss.backward()
    ways[0].step()
    ways[1].zero_grad()
    (-critic(false).mean()).backward()
    ways[1].step()
    print(loss.item())
