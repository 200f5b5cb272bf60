"""Masks on weights and their gradients, by hooks."""

import torch
from torch import nn

torch.manual_seed(17)
net = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 1))
first = {name: p.detach().clone() for name, p in net.named_parameters()}
masks = {name: torch.ones_like(p) for name, p in net.named_parameters() if p.dim() > 1}
for name, p in net.named_parameters():
    if name in masks:
        p.register_hook(lambda grad, name=name: grad * masks[name])
x = torch.randn(24, 5)
for _ in range(3):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    for _ in range(4):
        loss = nn.functional.huber_loss(net(x), x.sum(1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name, p in net.named_parameters():
        if name in masks:
            alive = p.data[masks[name].bool()].abs()
            masks[name] *= p.data.abs() >= torch.quantile(alive, 0.3)
        p.data = first[name] * masks.get(name, 1)
    print(loss.item(), [int(mask.sum()) for mask in masks.values()])
