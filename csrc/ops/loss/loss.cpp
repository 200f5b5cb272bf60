// Losses of classes: cross entropy (softmax, logarithm and loss in one pass) and the negative log
// likelihood.
#include "ops/loss/loss.h"

#include "kernels/loss/cross_entropy.h"
#include "ops/reduce/reduce.h"
#include "ops/reduce/softmax.h"
#include "ops/registry.h"

namespace steep::ops {

Dims class_shape(const Tensor& x) {
  Dims shape;
  for (int d = 0; d < x.dim(); ++d)
    if (d != (x.dim() == 1 ? 0 : 1)) shape.push_back(x.size(d));
  return shape;
}

// Classes moved last, all else in one dimension.
Tensor rows_of(const Tensor& x) {
  if (x.dim() == 1) return reshape(contiguous(x), {1, x.size(0)});
  if (x.dim() == 2) return contiguous(x);
  Dims order{0};
  for (int d = 2; d < x.dim(); ++d) order.push_back(d);
  order.push_back(1);
  const int64_t classes = x.size(1);
  const int64_t rows = count(class_shape(x));
  return reshape(contiguous(permute(x, order)), {rows, classes});
}

void check_scores(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::not_implemented, op, "a floating-point input", name(x.dtype()),
         "convert with .float() first");
  }
  if (x.dim() == 0) {
    fail(ErrorKind::runtime, op, "an input of shape (C), (N, C) or (N, C, d1, ...)", "a 0-d tensor",
         "give it a dimension for the classes");
  }
}

void check_class_weight(const char* op, const Tensor& x, const Tensor& weight) {
  const int64_t classes = x.size(x.dim() == 1 ? 0 : 1);
  if (!weight.defined() || weight.shape() == Dims{classes}) return;
  fail(ErrorKind::runtime, op, join("a weight for each of the ", classes, " classes"),
       join("weight of shape ", to_string(weight.shape())));
}

namespace {
void check_class_target(const char* op, const Tensor& x, const Tensor& target) {
  const bool fits = target.shape() == class_shape(x) || (x.dim() == 1 && target.numel() == 1);
  if (!fits || !is_integer(target.dtype())) refuse_class_target(op, x, target);
}

}  // namespace

ClassRows class_rows(const char* op, const Tensor& x, const Tensor& target,
                     std::optional<int64_t> ignore_index) {
  check_class_target(op, x, target);
  const Tensor flat = target.dim() == 1 ? target : reshape(target, {target.numel()});
  ClassRows rows{rows_of(x), contiguous(to(flat, DType::int64)), target.shape()};
  check_classes(op, rows.target, rows.x.size(1), ignore_index);
  return rows;
}

namespace {

Tensor fused_cross_entropy(const Tensor& x, const Tensor& target, int64_t ignore_index,
                           Reduce how) {
  const kernels::CrossEntropy arguments{x.size(0), x.size(1), ignore_index, how};
  const int64_t n = arguments.n;
  const Tensor loss = empty(how == Reduce::none ? Dims{n} : Dims{}, x.dtype());
  const Tensor shift = empty({n, 2}, x.dtype()), counted = empty({}, x.dtype());
  program::launch(kernels::kCrossEntropy, x.dtype(), {loss, shift, counted, x, target}, arguments);
  if (!wanted(x)) return loss;
  record("cross_entropy", loss, {x},
         [x = Saved(x), target = Saved(target), shift = Saved(shift), counted = Saved(counted),
          arguments](const Tensor& grad, Grads& grads) {
           const Tensor scores = x.get(), classes = target.get();
           if (tape::grad_enabled()) {
             grads[0] = cross_entropy_slope(grad, scores, classes, counted.get(),
                                            arguments.ignore_index, arguments.reduction);
             return;
           }
           const Tensor grad_x = empty(scores.shape(), scores.dtype()), share = contiguous(grad);
           program::launch(kernels::kCrossEntropyBackward, scores.dtype(),
                           {grad_x, share, shift.get(), counted.get(), scores, classes}, arguments);
           grads[0] = grad_x;
         });
  return loss;
}

}  // namespace

Reduce read_reduction(const char* op, const std::string& reduction,
                      std::optional<bool> size_average, std::optional<bool> reduce) {
  if (size_average || reduce) {
    if (!reduce.value_or(true)) return Reduce::none;
    return size_average.value_or(true) ? Reduce::mean : Reduce::sum;
  }
  if (reduction == "mean") return Reduce::mean;
  if (reduction == "sum") return Reduce::sum;
  if (reduction == "none") return Reduce::none;
  // Where there is no text, there was None: PyTorch's error for it is the same.
  const std::string got = reduction.empty() ? "None" : "'" + reduction + "'";
  fail(ErrorKind::value, op, "reduction to be 'none', 'mean' or 'sum'",
       got + ", which is not a valid value for reduction");
}

Tensor reduced(const Tensor& losses, Reduce how) {
  if (how == Reduce::none) return losses;
  return how == Reduce::mean ? mean(losses, std::nullopt, false, std::nullopt)
                             : sum(losses, std::nullopt, false, std::nullopt);
}

Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                     std::optional<bool> size_average, int64_t ignore_index,
                     std::optional<bool> reduce, const std::string& reduction,
                     double label_smoothing) {
  constexpr const char* kOp = "cross_entropy";
  const Reduce how = read_reduction(kOp, reduction, size_average, reduce);
  check_scores(kOp, x);
  check_class_weight(kOp, x, weight);
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    fail(ErrorKind::runtime, kOp, "label_smoothing between 0.0 and 1.0", join(label_smoothing));
  if (is_floating(target.dtype()) && target.shape() == x.shape())
    return probability_cross_entropy(x, target, weight, ignore_index, how, label_smoothing);
  const ClassRows rows = class_rows(kOp, x, target, ignore_index);
  if (weight.defined() || label_smoothing > 0) {
    const Tensor logs = log_softmax(rows.x, 1, std::nullopt);
    return reduce_weighed(likelihood(logs, rows.target, weight, ignore_index, label_smoothing),
                          rows.shape, how);
  }
  const Tensor loss = fused_cross_entropy(rows.x, rows.target, ignore_index, how);
  return how == Reduce::none && rows.shape != loss.shape() ? reshape(loss, rows.shape) : loss;
}

}  // namespace steep::ops
