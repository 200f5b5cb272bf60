"""A normal distribution that is bent by a map of one's own."""

import torch
from torch.distributions import Independent, Normal, TransformedDistribution, constraints
from torch.distributions.transforms import AffineTransform, Transform

torch.manual_seed(12)


class Planar(Transform):
    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, weight, along, bias):
        super().__init__()
        self.weight, self.along, self.bias = weight, along, bias

    def _call(self, z):
        return z + self.along * torch.tanh(z @ self.weight + self.bias).unsqueeze(-1)

    def log_abs_det_jacobian(self, x, y):
        slope = 1 - torch.tanh(x @ self.weight + self.bias) ** 2
        return torch.log(torch.abs(1 + slope * (self.weight @ self.along)))


class Cubic(Transform):
    domain = codomain = constraints.real
    bijective = True

    def _call(self, x):
        return x**3

    def _inverse(self, y):
        return y.sign() * y.abs() ** (1 / 3)

    def log_abs_det_jacobian(self, x, y):
        return (3 * x**2).log()


weight, along, bias = (torch.randn(n, requires_grad=True) for n in (2, 2, 1))
optimizer = torch.optim.RMSprop([weight, along, bias], lr=0.02)
base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
bent = Planar(weight, along, bias)
for _ in range(5):
    z = base.sample((64,))
    x = bent(z)
    wanted = Normal(x[:, 0].detach() ** 2, 0.5).log_prob(x[:, 1]) + Normal(0.0, 2.0).log_prob(
        x[:, 0]
    )
    loss = -(wanted + bent.log_abs_det_jacobian(z, x)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), bent.event_dim)
print(TransformedDistribution(base, [bent]).rsample((3,)).shape == (3, 2))
cubes = TransformedDistribution(Normal(0.0, 1.0), [Cubic(), AffineTransform(1.0, 2.0)])
print(cubes.log_prob(torch.tensor([0.5, 3.0])))
