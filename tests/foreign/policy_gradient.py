"""Clipped steps of a policy, with the distribution's own terms."""

import torch
from torch import nn
from torch.distributions import Categorical, Normal

torch.manual_seed(5)
policy, value = nn.Linear(4, 3), nn.Linear(4, 1)
optimizer = torch.optim.AdamW([*policy.parameters(), *value.parameters()], lr=0.01)
seen, chosen, gained = torch.randn(20, 4), torch.randint(0, 3, (20,)), torch.randn(20)
with torch.no_grad():
    before = Categorical(logits=policy(seen)).log_prob(chosen)
for _ in range(5):
    now = Categorical(logits=policy(seen))
    better = gained - value(seen).squeeze(1)
    ratio = (now.log_prob(chosen) - before).exp()
    surrogate = torch.min(ratio * better, ratio.clamp(0.8, 1.2) * better)
    loss = -surrogate.mean() + better.pow(2).mean() / 2 - 0.01 * now.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()
    print(loss.item(), Normal(0.0, 1.0).log_prob(better.detach()).mean().item())
