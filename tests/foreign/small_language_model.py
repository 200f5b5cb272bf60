"""Causal attention, shared embeddings, and groups with and without decay."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(8)


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.mix, self.out = (
            nn.LayerNorm(width),
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )

    def forward(self, x):
        heads = [
            h.unflatten(-1, (2, -1)).transpose(1, 2) for h in self.mix(self.norm(x)).chunk(3, -1)
        ]
        seen = F.scaled_dot_product_attention(*heads, is_causal=True)
        return x + self.out(seen.transpose(1, 2).flatten(2))


table = nn.Embedding(11, 8)
body = nn.Sequential(Layer(8), Layer(8), nn.LayerNorm(8))
given = [*table.parameters(), *body.parameters()]
groups = [{"params": [p for p in given if p.dim() > 1]}]
groups.append({"params": [p for p in given if p.dim() < 2], "weight_decay": 0.0})
optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1, betas=(0.9, 0.95))
text = torch.randint(11, (4, 9))
for _ in range(5):
    scores = body(table(text[:, :-1])) @ table.weight.t()
    loss = F.cross_entropy(scores.reshape(-1, 11), text[:, 1:].reshape(-1), label_smoothing=0.1)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    print(loss.item())
