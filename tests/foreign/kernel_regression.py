"""A Gaussian process whose kernel is learned, in float64."""

import torch

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
x = torch.linspace(0, 1, 10)[:, None]
y = torch.sin(5 * x).squeeze() + 0.1 * torch.randn(10)
raw = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Rprop([raw], lr=0.05)
for _ in range(5):
    length, noise = torch.nn.functional.softplus(raw)
    kernel = torch.exp(-((x - x.T) ** 2) / (2 * length**2)) + noise * torch.eye(10)
    root = torch.linalg.cholesky(kernel)
    weights = torch.linalg.solve(kernel, y)
    loss = y @ weights / 2 + root.diagonal().log().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), torch.linalg.eigvalsh(kernel.detach())[-1].item())
torch.set_default_dtype(torch.float32)
