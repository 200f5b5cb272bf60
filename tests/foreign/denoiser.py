"""Noise that is learned from its place in a schedule, and taken off again."""

import torch
from torch import nn

torch.manual_seed(12)
kept = torch.cumprod(1 - torch.linspace(1e-3, 0.2, 10), 0)
net = nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Linear(16, 2))
optimizer = torch.optim.Adamax(net.parameters(), lr=0.02)
for _ in range(5):
    clean, noise, time = torch.rand(16, 2), torch.randn(16, 2), torch.randint(10, (16,))
    mixed = kept[time, None].sqrt() * clean + (1 - kept[time, None]).sqrt() * noise
    loss = nn.functional.mse_loss(net(torch.cat([mixed, time[:, None] / 10], 1)), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
x = torch.randn(4, 2)
with torch.inference_mode():
    for time in reversed(range(10)):
        guess = net(torch.cat([x, torch.full((4, 1), time / 10)], 1))
        x = (x - (1 - kept[time]).sqrt() * guess) / kept[time].sqrt().clip(0.5)
print(x.norm().item())
