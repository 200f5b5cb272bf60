"""Blocks that are computed again in the backward pass, rising rates, an average of weights."""

import io

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(8)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        blocks = [nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.SiLU()) for _ in range(4)]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        x = checkpoint_sequential(self.blocks, 2, self.first(x), use_reentrant=False)
        return self.last(checkpoint(torch.sin, x, use_reentrant=False)).squeeze(-1)


class Rising(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        return [rate * 10 ** (self.last_epoch / 4) for rate in self.base_lrs]


x = torch.randn(24, 4)
y = x.prod(1).tanh()
net = Net()
order = []
for name, parameter in net.named_parameters():
    parameter.register_post_accumulate_grad_hook(
        lambda _, name=name: order.append(name.split(".")[0])
    )
optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
file = io.BytesIO()
torch.save({("net", 0): net.state_dict(), "optimizer": optimizer.state_dict()}, file)
rates = Rising(optimizer)
shadow = {name: p.detach().clone() for name, p in net.named_parameters()}
for _ in range(6):
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    rates.step()
    for name, p in net.named_parameters():
        shadow[name].lerp_(p.detach(), 0.1)
    print(loss.item(), net.first.weight.grad.norm().item(), rates.get_last_lr()[0])
print(len(order), order[-1], sum(p.sum() for p in shadow.values()).item())
file.seek(0)
saved = torch.load(file)
net.load_state_dict(saved["net", 0])
print(nn.functional.mse_loss(net(x), y))
