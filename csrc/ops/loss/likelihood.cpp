// Losses by the logarithm of a distribution, or of what is compared.
#include <cmath>

#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr double kHalfLogTwoPi = 0.9189385332046727;

Tensor msle_loss(const Tensor& x, const Tensor& target, const std::string& reduction) {
  const Reduce how = read_reduction("msle_loss", reduction, {}, {});
  const LossPair pair = promoted("msle_loss", x, target);
  check_numbers("msle_loss", "input", pair.x, AllowedNumbers::above_minus_one);
  check_numbers("msle_loss", "target", pair.target, AllowedNumbers::above_minus_one);
  return reduced(square(sub(log1p(pair.x), log1p(pair.target))), how);
}

// Stirling's approximation of log(t!), and 0 up to 1.
Tensor log_factorial(const Tensor& t) {
  const Tensor small = le({t, {}}, {{}, 1});
  const Tensor safe = where(small, TensorOrNumber{{}, 1.0}, TensorOrNumber{t, {}});
  const Tensor value = sub(mul(add(safe, Number(0.5)), log(safe)), safe);
  return where(small, TensorOrNumber{{}, 0.0},
               TensorOrNumber{add(value, Number(kHalfLogTwoPi)), {}});
}

// Counts on both sides are multiplied as such, and their logarithms and exponentials are floats.
LossPair counted_pair(const Tensor& x, const Tensor& target) {
  constexpr const char* kOp = "poisson_nll_loss";
  const DType type = result_type({x, {}}, {target, {}});
  if (is_floating(type) || type == DType::boolean) return promoted(kOp, x, target);
  check_shapes(kOp, x, target);
  return {x, target};
}

Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, bool log_input, bool full_loss,
                        std::optional<bool> average, double eps, std::optional<bool> reduce,
                        const std::string& reduction) {
  const Reduce how = read_reduction("poisson_nll_loss", reduction, average, reduce);
  const LossPair pair = counted_pair(x, target);
  const Tensor& t = pair.target;
  Tensor losses = log_input ? sub(exp(pair.x), mul(t, pair.x))
                            : sub(pair.x, mul(t, log(add(pair.x, Number(eps)))));
  if (full_loss) losses = add(losses, log_factorial(t));
  return reduced(losses, how);
}

// The variance as it broadcasts to x: of x's shape, without its last dimension, or with one size of 1.
Tensor fitted_variance(const Tensor& x, const Tensor& var) {
  if (var.shape() == x.shape()) return var;
  Dims lead = x.shape();
  if (lead.size()) lead.pop_back();
  if (x.dim() > 0 && var.shape() == lead) return unsqueeze(var, -1);
  int64_t other = 0;
  bool fits = var.dim() == x.dim();
  for (int d = 0; fits && d < x.dim(); ++d)
    if (var.size(d) != x.size(d)) {
      ++other;
      fits = var.size(d) == 1;
    }
  if (!fits || other != 1)
    fail(ErrorKind::value, "gaussian_nll_loss",
         "var of input's shape, or with a last size of 1 or none",
         join("var ", to_string(var.shape()), " and input ", to_string(x.shape())),
         "var is of incorrect size");
  return var;
}

// At least eps; as in PyTorch, the gradient does not know.
Tensor raised(const Tensor& var, double eps) {
  Tensor out;
  {
    const tape::GradMode off(false);
    out = at_least(var, eps);
  }
  if (wanted(var)) {
    record("gaussian_nll_loss", out, {var},
           [](const Tensor& grad, Grads& grads) { grads[0] = grad; });
  }
  return out;
}

// The target may be a number, or have sizes of 1, as PyTorch documents: each counts for all of that
// dimension.
Tensor fitted_target(const Tensor& x, const Tensor& target) {
  bool fits = x.dim() == target.dim();
  for (int d = 0; fits && d < x.dim(); ++d)
    fits = target.size(d) == x.size(d) || target.size(d) == 1;
  return fits || target.dim() == 0 ? expand(target, x.shape()) : target;
}

Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const TensorOrNumber& var,
                         bool full_loss, double eps, const std::string& reduction) {
  constexpr const char* kOp = "gaussian_nll_loss";
  const Reduce how = read_reduction(kOp, reduction, {}, {});
  const LossPair pair = promoted(kOp, x, fitted_target(x, target));
  const Tensor given = var.is_tensor() ? var.tensor : full({}, var.number, pair.x.dtype());
  const Tensor fitted = var.is_tensor() ? fitted_variance(pair.x, given) : given;
  check_numbers(kOp, "var", given, AllowedNumbers::not_negative);
  const Tensor spread = raised(fitted, eps);
  const Tensor terms = add(log(spread), div(square(sub(pair.x, pair.target)), spread));
  const Tensor losses = mul(terms, Number(0.5));
  return reduced(full_loss ? add(losses, Number(kHalfLogTwoPi)) : losses, how);
}

Tensor focal_loss(const Tensor& x, const Tensor& target, const TensorOrNumber& alpha, double gamma,
                  int64_t ignore_index, const std::string& reduction) {
  constexpr const char* kOp = "focal_loss";
  const Reduce how = read_reduction(kOp, reduction, {}, {});
  check_scores(kOp, x);
  check_class_weight(kOp, x, alpha.tensor);
  if (!(gamma >= 0)) fail(ErrorKind::value, kOp, "gamma of at least 0", join(gamma));
  const ClassRows rows = class_rows(kOp, x, target, ignore_index);
  const Tensor logs = log_softmax(rows.x, 1, std::nullopt);
  const Weighed plain = likelihood(logs, rows.target, {}, ignore_index, 0);
  Tensor losses = alpha.is_tensor()
                      ? likelihood(logs, rows.target, alpha.tensor, ignore_index, 0).losses
                      : mul(plain.losses, alpha.number);
  // 1 - p, not quite 0: a power below 1 has no slope there.
  const Tensor missing = at_least(neg(expm1(neg(plain.losses))), 1e-30);
  losses = mul(losses, pow({missing, {}}, {{}, gamma}));
  return reduce_weighed({losses, plain.shares}, rows.shape, how);
}

void register_likelihood(Registry& registry) {
  registry.add<&msle_loss>(
      "msle_loss", kFunctional,
      "(input: Tensor, target: Tensor, reduction: str | None = 'mean') -> Tensor",
      R"(Squared error of logarithms: (log(1 + input) - log(1 + target))^2, as in Keras.

Shapes: any, the same for both. Raises ValueError for shapes that differ and for a number of -1 or
below.

>>> steep.nn.functional.msle_loss(steep.tensor([0.0]), steep.tensor([1.0]))
tensor(0.4805)
)");
  registry.add_module("msle_loss", "loss.MSLELoss");
  registry.add<&poisson_nll_loss>(
      "poisson_nll_loss", kFunctional,
      "(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: "
      "bool | None = None, eps: float = 1e-08, reduce: bool | None = None, reduction: str | None = "
      "'mean') -> Tensor",
      R"(Likelihood of counts: e^input - target * input, or input - target * log(input + eps).

full adds Stirling's log(target!) where target is above 1. Shapes: any, the same for both. Raises
ValueError for shapes that differ.

>>> steep.nn.functional.poisson_nll_loss(steep.tensor([0.0]), steep.tensor([3.0]))
tensor(1.)
)");
  registry.add_module("poisson_nll_loss", "loss.PoissonNLLLoss");
  registry.add<&gaussian_nll_loss>(
      "gaussian_nll_loss", kFunctional,
      "(input: Tensor, target: Tensor, var: Tensor | Number, full: bool = False, eps: float = "
      "1e-06, reduction: str | None = 'mean') -> Tensor",
      R"((log(v) + (input - target)^2 / v) / 2, where v = max(var, eps); full adds log(2 pi) / 2.

Shapes: input and target any, the same for both; var too, or with a last size of 1 or none. Raises
ValueError for other shapes, and for a negative var.

>>> steep.nn.functional.gaussian_nll_loss(steep.zeros(1), steep.ones(1), steep.ones(1))
tensor(0.5000)
)");
  registry.add_module("gaussian_nll_loss", "loss.GaussianNLLLoss", nullptr,
                      "(*, full: bool = False, eps: float = 1e-06, reduction: str = 'mean') -> "
                      "None");
  registry.add<&focal_loss>(
      "focal_loss", kFunctional,
      "(input: Tensor, target: Tensor, alpha: Tensor | Number = 1.0, gamma: float = 2.0, "
      "ignore_index: int = -100, reduction: str | None = 'mean') -> Tensor",
      R"(-alpha (1 - p)^gamma log(p), with p = softmax(input)[target] (Lin et al., 2017).

Shapes: input (C), (N, C) or (N, C, d1, ...), target int64 of the same shape without C; alpha a
number, or (C). 'mean' is over the rows that are not ignored. Raises IndexError for a class outside
[0, C), ValueError for a negative gamma.

>>> steep.nn.functional.focal_loss(steep.zeros(1, 2), steep.tensor([1]))
tensor(0.1733)
)");
  registry.add_module("focal_loss", "loss.FocalLoss");
}

const Registration registered("loss", register_likelihood);

}  // namespace

}  // namespace steep::ops
