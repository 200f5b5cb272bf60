"""A recurrence with its own decay for every input, and one by running maxima."""

import torch
import torch.nn.functional as F

torch.manual_seed(18)
width = 6
gate, value, out = (torch.nn.Linear(width, width) for _ in range(3))
decay = torch.nn.Parameter(torch.linspace(-2, 1, width))
table = torch.nn.Embedding(7, width)
params = [decay, *table.parameters(), *(p for m in (gate, value, out) for p in m.parameters())]
optimizer = torch.optim.RAdam(params, lr=0.02)
text = torch.randint(7, (3, 8))
for _ in range(4):
    h = table(text)
    strength, v = gate(h), value(h)
    top, total, weight, seen = torch.full((3, width), -1e30), 0.0, 0.0, []
    for t in range(8):
        new = torch.maximum(top - F.softplus(decay), strength[:, t])
        old, now = (top - F.softplus(decay) - new).exp(), (strength[:, t] - new).exp()
        total, weight, top = old * total + now * v[:, t], old * weight + now, new
        seen.append(total / weight)
    scores = out(torch.stack(seen, 1) + h) @ table.weight.T
    loss = F.cross_entropy(scores[:, :-1].flatten(0, 1), text[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
