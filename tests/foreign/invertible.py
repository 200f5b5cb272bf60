"""Couplings that are run both ways, with the logarithm of their determinant."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

torch.manual_seed(11)
nets = nn.ModuleList(nn.Sequential(nn.Linear(1, 8), nn.SiLU(), nn.Linear(8, 2)) for _ in range(4))
base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
optimizer = torch.optim.NAdam(nets.parameters(), lr=0.02)
angle = torch.linspace(0, 6, 24)
points = torch.stack([angle.cos(), angle.sin()], 1)
for _ in range(5):
    z, volume = points, torch.zeros(24)
    for net in nets:
        kept, moved = z.split(1, dim=1)
        scale, shift = net(kept).chunk(2, 1)
        z = torch.cat([moved * scale.tanh().exp() + shift, kept], 1)
        volume = volume + scale.tanh().squeeze(1)
    loss = -(base.log_prob(z) + volume).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
with torch.no_grad():
    for net in reversed(nets):
        kept, moved = z[:, 1:], z[:, :1]
        scale, shift = net(kept).chunk(2, 1)
        z = torch.cat([kept, (moved - shift) / scale.tanh().exp()], 1)
print(z.abs().mean().item())
