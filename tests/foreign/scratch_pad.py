"""A solver that writes its stages into one tensor through .data."""

import torch


class Fill(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pad, value, column):
        ctx.column = column
        pad.data[:, column] = value
        return pad

    @staticmethod
    def backward(ctx, grad):
        return grad, grad[:, ctx.column], None


torch.manual_seed(1)
rate = torch.nn.Parameter(torch.rand(4))
optimizer = torch.optim.Adam([rate], lr=0.05)
for _ in range(4):
    state, stages = torch.ones(4), torch.empty(4, 3)
    for i in range(3):
        stages = Fill.apply(stages, -rate * (state + 0.1 * stages[:, :i].sum(1)), i)
    loss = ((state + 0.1 * stages.mean(1)) - 0.5).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
