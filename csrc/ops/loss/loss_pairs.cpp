// Losses of pairs of elements that are made of operations.
#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"

namespace steep::ops {

void check_shapes(const char* op, const Tensor& x, const Tensor& target, const char* first,
                  const char* second) {
  if (x.shape() == target.shape()) return;
  fail(ErrorKind::value, op, join(first, " and ", second, " of the same shape"),
       join(first, " ", to_string(x.shape()), " and ", second, " ", to_string(target.shape())),
       x.numel() == target.numel()
           ? join("they would broadcast to something else; use ", second, ".view_as(", first,
                  "), or ", first, ".squeeze()")
           : join("make the ", second, " of the ", first, "'s shape; broadcast it with ", second,
                  ".expand_as(", first, ") if that is meant"));
}

Tensor one_minus(const Tensor& x) { return sub({{}, 1}, {x, {}}, 1); }
Tensor at_least(const Tensor& x, double low) {
  return clamp(x, TensorOrNumber{{}, low}, std::nullopt);
}

Tensor reduced_by_weight(const char* op, const Tensor& losses, const Tensor& weight, Reduce how) {
  check_shapes(op, losses, weight, "input", "weight");
  const Tensor weighed = mul(losses, weight);
  if (how != Reduce::mean) return reduced(weighed, how);
  return div(reduced(weighed, Reduce::sum), reduced(weight, Reduce::sum));
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

Tensor weighed(const Tensor& losses, const Tensor& weight) {
  return weight.defined() ? mul(losses, weight) : losses;
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

Tensor l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
               std::optional<bool> reduce, const std::string& reduction, const Tensor& weight) {
  const Reduce how = read_reduction("l1_loss", reduction, size_average, reduce);
  check_shapes("l1_loss", x, target);
  const Tensor losses = abs(sub(x, target));
  return weight.defined() ? reduced_by_weight("l1_loss", losses, weight, how)
                          : reduced(losses, how);
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

Tensor huber_loss(const Tensor& x, const Tensor& target, const std::string& reduction, double delta,
                  const Tensor& weight) {
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
  if (weight.defined()) {
    check_shapes("huber_loss", x, weight, "input", "weight");
    return reduced(mul(losses, weight), how);
  }
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
