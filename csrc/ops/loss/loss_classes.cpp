// Losses of classes that are made of operations, and what cross entropy seldom needs.
#include <cmath>
#include <string_view>

#include "ops/elementwise/compare.h"
#include "ops/elementwise/math.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "ops/registry.h"

namespace steep::ops {

[[noreturn]] void refuse_class_target(const char* op, const Tensor& x, const Tensor& target) {
  const std::string expected = join("an int64 target of shape ", to_string(class_shape(x)),
                                    " for an input of shape ", to_string(x.shape()));
  const std::string got = join(name(target.dtype()), " of shape ", to_string(target.shape()));
  const bool takes_probabilities = std::string_view(op) == "cross_entropy";
  if (!is_integer(target.dtype())) {
    fail(ErrorKind::runtime, op, expected, got,
         takes_probabilities
             ? "convert the target with .long(), or give probabilities of the input's shape"
             : "convert the target with .long()");
  }
  if (takes_probabilities && target.shape() == x.shape()) {
    fail(ErrorKind::runtime, op,
         join(expected, ", or a floating point type for target with class probabilities"), got,
         "convert probabilities with .float(), or one-hot rows with .argmax(1)");
  }
  const bool other_batch = x.dim() == 2 && target.dim() == 1;
  if (other_batch || (x.dim() == 1 && target.dim() == 1))
    fail(ErrorKind::value, op, expected, got, "the input's batch size must match the target's");
  fail(ErrorKind::runtime, op, expected, got, "reshape the target");
}

// d loss / dx = (softmax(x) - one_hot(target)) * grad, and 0 in ignored rows; in differentiable
// operations.
Tensor cross_entropy_slope(const Tensor& grad, const Tensor& x, const Tensor& target,
                           const Tensor& counted, int64_t ignore_index, Reduce how) {
  const Tensor column = reshape(target, {target.numel(), 1});
  const Tensor chosen = to(eq({positions(x.size(1), 1, 2), {}}, {column, {}}), x.dtype());
  const Tensor share = how == Reduce::mean   ? div(grad, counted)
                       : how == Reduce::none ? reshape(grad, column.shape())
                                             : grad;
  return where(ne({column, {}}, {{}, ignore_index}),
               mul(sub(softmax(x, 1, std::nullopt), chosen), share), Number(0.0));
}

// -w_t log p_t from log-probabilities; with smoothing, the classes' average is mixed in.
Weighed likelihood(const Tensor& logs, const Tensor& target, const Tensor& weight,
                   int64_t ignore_index, double smoothing) {
  const Tensor column = reshape(target, {target.numel(), 1});
  const Tensor kept = ne({column, {}}, {{}, ignore_index});
  const Tensor chosen =
      bitwise_and({eq({positions(logs.size(1), 1, 2), {}}, {column, {}}), {}}, {kept, {}});
  const Tensor weighed = weight.defined() ? mul(logs, weight) : logs;
  const auto row_sum = [](const Tensor& x) { return sum(x, Dims{1}, false, std::nullopt); };
  Weighed out;
  out.losses = neg(row_sum(where(chosen, weighed, Number(0.0))));
  out.shares = weight.defined() ? row_sum(where(chosen, weight, Number(0.0)))
                                : to(reshape(kept, target.shape()), logs.dtype());
  if (smoothing > 0) {
    const Tensor even = neg(row_sum(where(kept, weighed, Number(0.0))));
    out.losses = add(mul(out.losses, Number(1 - smoothing)),
                     mul(even, Number(smoothing / static_cast<double>(logs.size(1)))));
  }
  return out;
}

Tensor reduce_weighed(const Weighed& weighed, const Dims& shape, Reduce how) {
  if (how == Reduce::none) return reshape(weighed.losses, shape);
  const Tensor total = sum(weighed.losses, std::nullopt, false, std::nullopt);
  return how == Reduce::sum ? total
                            : div(total, sum(weighed.shares, std::nullopt, false, std::nullopt));
}

Tensor probability_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                                 int64_t ignore_index, Reduce how, double smoothing) {
  if (ignore_index >= 0) {
    fail(ErrorKind::runtime, "cross_entropy",
         "class indices as target where ignore_index is given (it is not supported for floating "
         "point target)",
         join(name(target.dtype()), " probabilities and ignore_index=", ignore_index),
         "leave ignore_index out, and give those rows probabilities of 0");
  }
  check_finite("cross_entropy", target);
  const DType type = promote(x.dtype(), target.dtype());
  const Tensor logs = log_softmax(to(rows_of(x), type), 1, std::nullopt);
  Tensor share = to(rows_of(target), type);
  if (smoothing > 0)
    share = add(mul(share, Number(1 - smoothing)),
                Number(smoothing / static_cast<double>(logs.size(1))));
  Tensor terms = mul(logs, share);
  if (weight.defined()) terms = mul(terms, weight);
  const Tensor losses = neg(sum(terms, Dims{1}, false, std::nullopt));
  return how == Reduce::none ? reshape(losses, class_shape(x)) : reduced(losses, how);
}

Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight,
                std::optional<bool> size_average, int64_t ignore_index, std::optional<bool> reduce,
                const std::string& reduction) {
  constexpr const char* kOp = "nll_loss";
  const Reduce how = read_reduction(kOp, reduction, size_average, reduce);
  check_scores(kOp, x);
  check_class_weight(kOp, x, weight);
  const ClassRows rows = class_rows(kOp, x, target, ignore_index);
  return reduce_weighed(likelihood(rows.x, rows.target, weight, ignore_index, 0), rows.shape, how);
}

}  // namespace steep::ops
