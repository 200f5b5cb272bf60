"""A loop of PyTorch's first years: Variable, .data, numbers before tensors."""

import torch
from torch.autograd import Variable

torch.manual_seed(2)
x, y = Variable(torch.randn(16, 3)), Variable(torch.LongTensor(16).random_(0, 2))
weight = Variable(torch.randn(3, 2), requires_grad=True)
moment = torch.zeros(3, 2)
for _ in range(5):
    loss = torch.nn.functional.nll_loss(torch.log_softmax(x.mm(weight), 1), y)
    loss.backward()
    moment.mul_(0.9).add_(0.1, weight.grad.data)
    weight.data.addcdiv_(-0.5, moment, moment.abs().add_(1e-3))
    weight.grad.data.zero_()
    print(loss.data.item(), weight.data.sum().item())
