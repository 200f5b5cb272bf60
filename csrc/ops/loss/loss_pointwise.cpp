// Losses of pairs of elements. Shapes that differ are refused: broadcasting them is a mistake that
// trains.
#include "kernels/loss/squared_error.h"
#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

void check_shapes(const char* op, const Tensor& x, const Tensor& target) {
  if (x.shape() != target.shape()) {
    fail(ErrorKind::value, op, "input and target of the same shape",
         join("input ", to_string(x.shape()), " and target ", to_string(target.shape())),
         x.numel() == target.numel() ? "they would broadcast to something else; use "
                                       "target.view_as(input), or input.squeeze()"
                                     : "make the target of the input's shape; broadcast it with "
                                       "target.expand_as(input) if that is meant");
  }
}

void check_pair(const char* op, const Tensor& x, const Tensor& target) {
  check_shapes(op, x, target);
  if (!is_floating(result_type({x, {}}, {target, {}}))) {
    fail(ErrorKind::not_implemented, op, "a floating-point input or target",
         join(name(x.dtype()), " and ", name(target.dtype())), "convert with .float() first");
  }
}

}  // namespace

LossPair promoted(const char* op, const Tensor& x, const Tensor& target) {
  check_pair(op, x, target);
  const DType type = result_type({x, {}}, {target, {}});
  return {to(x, type), to(target, type)};
}

namespace {

// The same for losses of which PyTorch has no form for integers on either side.
LossPair both_floating(const char* op, const Tensor& x, const Tensor& target) {
  const LossPair pair = promoted(op, x, target);
  for (const auto& [what, tensor] : {std::pair("input", &x), std::pair("target", &target)})
    if (!is_floating(tensor->dtype()))
      fail(ErrorKind::runtime, op, join("a floating-point ", what), name(tensor->dtype()),
           "convert it with .float(), or .to(the other's dtype)");
  return pair;
}

Tensor one_minus(const Tensor& x) { return sub({{}, 1}, {x, {}}, 1); }
Tensor at_least(const Tensor& x, double low) {
  return clamp(x, TensorOrNumber{{}, low}, std::nullopt);
}
Tensor weighed(const Tensor& losses, const Tensor& weight) {
  return weight.defined() ? mul(losses, weight) : losses;
}

Tensor squared_error_slope(const Tensor& grad, const Tensor& x, const Tensor& target,
                           double factor) {
  const Tensor scale = mul(grad, Number(factor));
  if (tape::grad_enabled()) return mul(sub(x, target), scale);
  const Tensor out = output_for("mse_loss", {&x, &target}, x.dtype());
  program::launch(kernels::kSquaredErrorBackward, x.dtype(), {out, x, target, scale});
  return out;
}

Tensor fused_squared_error(const LossPair& pair, Reduce how) {
  const Tensor &x = pair.x, &target = pair.target;
  const Tensor loss = empty({}, x.dtype());
  const int64_t n = x.numel();
  {
    const tape::GradMode off(false);
    program::launch(kernels::kSquaredError, x.dtype(), {loss, contiguous(x), contiguous(target)},
                    kernels::SquaredError{n, how});
  }
  if (!wanted(x, target)) return loss;
  const double factor = how == Reduce::mean ? 2 / static_cast<double>(n) : 2;
  record("mse_loss", loss, {x, target},
         [x = Saved(x), target = Saved(target), factor](const Tensor& grad, Grads& grads) {
           const Tensor slope = squared_error_slope(grad, x.get(), target.get(), factor);
           if (grads.wanted(0)) grads[0] = slope;
           if (grads.wanted(1)) grads[1] = neg(slope);
         });
  return loss;
}

// -(t log x + (1 - t) log(1 - x)), each logarithm at least -100.
Tensor bernoulli_losses(const Tensor& x, const Tensor& target) {
  Tensor out;
  {
    const tape::GradMode off(false);
    const Tensor yes = at_least(log(x), -100), no = at_least(log1p(neg(x)), -100);
    out = neg(add(mul(target, yes), mul(one_minus(target), no)));
  }
  if (wanted(x, target)) {
    record("binary_cross_entropy", out, {x, target},
           [x = Saved(x), target = Saved(target)](const Tensor& grad, Grads& grads) {
             const Tensor p = x.get();
             if (grads.wanted(0))
               grads[0] =
                   mul(grad, div(sub(p, target.get()), at_least(mul(one_minus(p), p), 1e-12)));
             if (grads.wanted(1)) grads[1] = mul(grad, sub(log1p(neg(p)), log(p)));
           });
  }
  return out;
}

Tensor within(const Tensor& x, double bound) {
  return clamp(x, TensorOrNumber{{}, -bound}, TensorOrNumber{{}, bound});
}

// Records losses whose slope by the difference has a formula of its own: the branches' slopes would give 0 times
// infinity where the difference is infinite.
template <class Slope>
void record_slope(const char* op, const Tensor& losses, const Tensor& difference, Slope slope) {
  if (!wanted(difference)) return;
  record(op, losses, {difference},
         [difference = Saved(difference), slope](const Tensor& grad, Grads& grads) {
           grads[0] = mul(grad, slope(difference.get()));
         });
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                std::optional<bool> reduce, const std::string& reduction) {
  const Reduce how = read_reduction("mse_loss", reduction, size_average, reduce);
  const LossPair pair = promoted("mse_loss", x, target);
  return how == Reduce::none ? square(sub(pair.x, pair.target)) : fused_squared_error(pair, how);
}

Tensor l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
               std::optional<bool> reduce, const std::string& reduction) {
  const Reduce how = read_reduction("l1_loss", reduction, size_average, reduce);
  check_shapes("l1_loss", x, target);
  return reduced(abs(sub(x, target)), how);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                      std::optional<bool> reduce, const std::string& reduction, double beta) {
  const Reduce how = read_reduction("smooth_l1_loss", reduction, size_average, reduce);
  if (!(beta >= 0)) fail(ErrorKind::runtime, "smooth_l1_loss", "beta of at least 0", join(beta));
  const LossPair pair = promoted("smooth_l1_loss", x, target);
  const Tensor difference = sub(pair.x, pair.target);
  if (beta == 0) return reduced(abs(difference), how);
  Tensor losses;
  {
    const tape::GradMode off(false);
    const Tensor size = abs(difference), near = mul(square(difference), Number(0.5 / beta)),
                 far = add(size, Number(-0.5 * beta));
    losses = where(lt({size, {}}, {{}, beta}), TensorOrNumber{near, {}}, TensorOrNumber{far, {}});
  }
  record_slope("smooth_l1_loss", losses, difference,
               [beta](const Tensor& d) { return within(div(d, Number(beta)), 1); });
  return reduced(losses, how);
}

Tensor huber_loss(const Tensor& x, const Tensor& target, const std::string& reduction,
                  double delta) {
  const Reduce how = read_reduction("huber_loss", reduction, std::nullopt, std::nullopt);
  if (!(delta > 0)) fail(ErrorKind::runtime, "huber_loss", "delta above 0", join(delta));
  const LossPair pair = promoted("huber_loss", x, target);
  const Tensor difference = sub(pair.x, pair.target);
  Tensor losses;
  {
    const tape::GradMode off(false);
    const Tensor size = abs(difference), near = mul(square(difference), Number(0.5)),
                 far = mul(add(size, Number(-0.5 * delta)), Number(delta));
    losses = where(le({size, {}}, {{}, delta}), TensorOrNumber{near, {}}, TensorOrNumber{far, {}});
  }
  record_slope("huber_loss", losses, difference,
               [delta](const Tensor& d) { return within(d, delta); });
  return reduced(losses, how);
}

Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                            std::optional<bool> size_average, std::optional<bool> reduce,
                            const std::string& reduction) {
  const Reduce how = read_reduction("binary_cross_entropy", reduction, size_average, reduce);
  const LossPair pair = both_floating("binary_cross_entropy", x, target);
  check_unit_interval("binary_cross_entropy", pair.x);
  return reduced(weighed(bernoulli_losses(pair.x, pair.target), weight), how);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const Tensor& weight,
                                        std::optional<bool> size_average,
                                        std::optional<bool> reduce, const std::string& reduction,
                                        const Tensor& pos_weight) {
  constexpr const char* kOp = "binary_cross_entropy_with_logits";
  const Reduce how = read_reduction(kOp, reduction, size_average, reduce);
  const LossPair pair = both_floating(kOp, x, target);
  // -log(sigmoid(x)) = log(1 + exp(-x)), and -log(1 - sigmoid(x)) is x more.
  Tensor positive = log_one_plus_exp(neg(pair.x));
  if (pos_weight.defined())
    positive = mul(positive, add(mul(pair.target, add(pos_weight, Number(-1))), Number(1)));
  return reduced(weighed(add(mul(one_minus(pair.target), pair.x), positive), weight), how);
}

Tensor kl_div(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
              std::optional<bool> reduce, const std::string& reduction, bool log_target) {
  const bool batch_mean = reduction == "batchmean" && !size_average && !reduce;
  const Reduce how = read_reduction("kl_div", batch_mean ? "sum" : reduction, size_average, reduce);
  const LossPair pair = both_floating("kl_div", x, target);
  const Tensor& t = pair.target;
  Tensor losses;
  if (log_target) {
    losses = mul(exp(t), sub(t, pair.x));
  } else {
    // 0 log 0 = 0: the logarithm of 1 in its place.
    const Tensor safe = where(eq({t, {}}, {{}, 0}), TensorOrNumber{{}, 1.0}, TensorOrNumber{t, {}});
    losses = mul(t, sub(log(safe), pair.x));
  }
  const Tensor out = reduced(losses, how);
  return batch_mean ? div(out, Number(x.dim() == 0 ? int64_t{1} : x.size(0))) : out;
}

}  // namespace steep::ops
