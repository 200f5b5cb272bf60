"""Probability distributions, under PyTorch's names: draws, log-probabilities, entropies, KL.

Example:
    >>> import steep
    >>> policy = steep.distributions.Categorical(logits=steep.zeros(2, 3, requires_grad=True))
    >>> loss = -(policy.log_prob(policy.sample()) * steep.ones(2)).mean()
    >>> loss.backward()
"""

from steep.distributions import constraints, kl, transforms, utils
from steep.distributions import more_kl as more_kl
from steep.distributions.beta import Beta
from steep.distributions.binomial import Binomial
from steep.distributions.cauchy import Cauchy
from steep.distributions.chi2 import Chi2
from steep.distributions.constraint_registry import biject_to, transform_to
from steep.distributions.continuous import Exponential, Laplace, Uniform
from steep.distributions.continuous_bernoulli import ContinuousBernoulli
from steep.distributions.correlations import CorrCholeskyTransform
from steep.distributions.dirichlet import Dirichlet
from steep.distributions.discrete import (
    Bernoulli,
    Categorical,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from steep.distributions.distribution import Distribution
from steep.distributions.fishersnedecor import FisherSnedecor
from steep.distributions.gamma import Gamma
from steep.distributions.geometric import Geometric
from steep.distributions.gumbel import Gumbel
from steep.distributions.half_cauchy import HalfCauchy
from steep.distributions.half_normal import HalfNormal
from steep.distributions.inverse_gamma import InverseGamma
from steep.distributions.joined import (
    CatTransform,
    CumulativeDistributionTransform,
    ReshapeTransform,
    StackTransform,
)
from steep.distributions.kl import kl_divergence, register_kl
from steep.distributions.kumaraswamy import Kumaraswamy
from steep.distributions.lkj_cholesky import LKJCholesky
from steep.distributions.logistic_normal import LogisticNormal
from steep.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from steep.distributions.maps import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
    Transform,
)
from steep.distributions.mixture_same_family import MixtureSameFamily
from steep.distributions.multinomial import Multinomial
from steep.distributions.multivariate_normal import MultivariateNormal
from steep.distributions.negative_binomial import NegativeBinomial
from steep.distributions.normal import LogNormal, Normal
from steep.distributions.pareto import Pareto
from steep.distributions.poisson import Poisson
from steep.distributions.regions import (
    AbsTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    SoftmaxTransform,
    StickBreakingTransform,
    identity_transform,
)
from steep.distributions.relaxed_bernoulli import LogitRelaxedBernoulli, RelaxedBernoulli
from steep.distributions.relaxed_categorical import (
    ExpRelaxedCategorical,
    RelaxedOneHotCategorical,
)
from steep.distributions.studentT import StudentT
from steep.distributions.transformed import Independent, TransformedDistribution
from steep.distributions.von_mises import VonMises
from steep.distributions.weibull import Weibull
from steep.distributions.wishart import Wishart

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "CatTransform",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "ContinuousBernoulli",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpRelaxedCategorical",
    "ExpTransform",
    "Exponential",
    "FisherSnedecor",
    "Gamma",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LogitRelaxedBernoulli",
    "LowRankMultivariateNormal",
    "LowerCholeskyTransform",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "constraints",
    "identity_transform",
    "kl",
    "kl_divergence",
    "register_kl",
    "transform_to",
    "transforms",
    "utils",
]

_HOMES = (
    "bernoulli",
    "categorical",
    "exponential",
    "independent",
    "laplace",
    "log_normal",
    "one_hot_categorical",
    "transformed_distribution",
    "uniform",
)


def __getattr__(name: str) -> object:
    """The module that PyTorch has a family in; programs name it without importing it."""
    from steep._lazy import importing

    return importing(__name__, *_HOMES)(name)
