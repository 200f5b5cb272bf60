"""The nearest of some vectors, with a gradient that passes straight through."""

import torch
import torch.nn.functional as F

torch.manual_seed(14)
book, encoder, decoder = (
    torch.nn.Embedding(5, 3),
    torch.nn.Conv1d(1, 3, 4, 2, 1),
    torch.nn.ConvTranspose1d(3, 1, 4, 2, 1),
)
optimizer = torch.optim.Adam(
    [*book.parameters(), *encoder.parameters(), *decoder.parameters()], lr=0.02
)
waves = torch.sin(torch.arange(64.0).view(4, 1, 16) / 3)
for _ in range(5):
    z = encoder(waves).transpose(1, 2)
    nearest = torch.cdist(z.reshape(-1, 3), book.weight).argmin(1).view(z.shape[:2])
    q = book(nearest)
    loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
    loss = loss + F.mse_loss(decoder((z + (q - z).detach()).transpose(1, 2)), waves)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    used = torch.bincount(nearest.flatten(), minlength=5)
    print(loss.item(), used.tolist())
