"""Pairs of views told apart from all others, and balanced assignments."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(19)
net = nn.Sequential(nn.Linear(6, 10), nn.BatchNorm1d(10), nn.ReLU(inplace=True), nn.Linear(10, 4))
anchors = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3, bias=False))
optimizer = torch.optim.SGD([*net.parameters(), *anchors.parameters()], lr=0.1, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
for _ in range(5):
    x = torch.randn(8, 6)
    z = F.normalize(net(torch.cat([x, x + 0.1 * torch.randn_like(x)])), dim=1)
    alike = (z @ z.T / 0.5).masked_fill(torch.eye(16, dtype=torch.bool), float("-inf"))
    loss = F.cross_entropy(alike, torch.arange(16).roll(8))
    with torch.no_grad():
        share = anchors(z[:8]).mul(5).exp()
        for _ in range(3):
            share /= share.sum(0, keepdim=True)
            share /= share.sum(1, keepdim=True)
    loss = loss - (share * anchors(z[8:]).log_softmax(1)).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    print(loss.item(), schedule.get_last_lr()[0])
