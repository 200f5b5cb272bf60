"""A variational autoencoder of six numbers."""

import torch
from torch import nn

torch.manual_seed(3)
encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.02)
data = torch.rand(32, 6).round()
for _ in range(5):
    mean, log_variance = encoder(data).chunk(2, dim=1)
    code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    rebuilt = nn.functional.binary_cross_entropy_with_logits(decoder(code), data)
    distance = -(1 + log_variance - mean**2 - log_variance.exp()).mean() / 2
    optimizer.zero_grad()
    (rebuilt + 0.1 * distance).backward()
    optimizer.step()
    print(rebuilt.item(), distance.item())
