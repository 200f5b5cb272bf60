"""An optimiser around another: up to the worst point nearby, then down from there."""

import torch
from torch.optim.optimizer import Optimizer


class Uphill(Optimizer):
    def __init__(self, params, inner, radius, **settings):
        super().__init__(params, {"radius": radius, **settings})
        self.inner = inner(self.param_groups, **settings)
        self.param_groups = self.inner.param_groups

    @torch.no_grad()
    def step(self, closure):
        again = torch.enable_grad()(closure)
        loss = again()
        params = [p for group in self.param_groups for p in group["params"]]
        length = torch.stack([p.grad.norm() for p in params]).norm()
        for p in params:
            self.state[p]["before"] = p.detach().clone()
            p.add_(p.grad * (self.param_groups[0]["radius"] / length))
        again()
        for p in params:
            p.data = self.state[p]["before"]
        self.inner.step()
        return loss


torch.manual_seed(13)
net = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.Mish(), torch.nn.Linear(6, 1))
optimizer = Uphill(net.parameters(), torch.optim.SGD, 0.05, lr=0.1, momentum=0.9)
x = torch.randn(20, 3)


def closure():
    optimizer.zero_grad()
    loss = (net(x) - x.prod(1, keepdim=True)).abs().mean()
    loss.backward()
    return loss


for _ in range(6):
    print(optimizer.step(closure).item())
