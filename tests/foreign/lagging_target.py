"""Values learned from a copy that follows slowly, in both ways to write that."""

import copy
import torch
from torch import nn

torch.manual_seed(6)
online = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=0.01, amsgrad=True)
for step in range(6):
    state, action, later = torch.randn(10, 3), torch.randint(0, 2, (10, 1)), torch.randn(10, 3)
    alive = torch.rand(10) > 0.2
    goal = torch.zeros(10)
    goal[alive] = target(later[alive]).max(1).values
    loss = nn.functional.smooth_l1_loss(online(state).gather(1, action).squeeze(1), goal + 1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.data.mul_(0.9).add_(fast.data, alpha=0.1)
    if step == 3:
        target.load_state_dict(
            {k: (v + online.state_dict()[k]) / 2 for k, v in target.state_dict().items()}
        )
    print(loss.item())
