// Losses with a margin: what is right by more than it costs nothing.
#include "kernels/loss/reduction.h"
#include "ops/elementwise/activation.h"
#include "ops/elementwise/compare.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

using Older = std::optional<bool>;

Tensor row_sum(const Tensor& x) { return sum(x, Dims{1}, false, std::nullopt); }

Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, double margin, Older average,
                            Older reduce, const std::string& reduction) {
  constexpr const char* kOp = "hinge_embedding_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  need_floating(kOp, x);
  check_shapes(kOp, x, target);
  check_numbers(kOp, "target", target, AllowedNumbers::signs);
  const Tensor far = at_least(sub({{}, margin}, {x, {}}, 1), 0);
  return reduced(add(where(ne({target, {}}, {{}, -1}), x, Number(0.0)),
                     where(ne({target, {}}, {{}, 1}), far, Number(0.0))),
                 how);
}

Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Older average, Older reduce,
                        const std::string& reduction) {
  const Reduce how = read_reduction("soft_margin_loss", reduction, average, reduce);
  const LossPair pair = promoted("soft_margin_loss", x, target);
  return reduced(log_one_plus_exp(neg(mul(pair.x, pair.target))), how);
}

Tensor margin_ranking_loss(const Tensor& x, const Tensor& other, const Tensor& target,
                           double margin, Older average, Older reduce,
                           const std::string& reduction) {
  constexpr const char* kOp = "margin_ranking_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  check_shapes(kOp, x, other, "input1", "input2");
  check_shapes(kOp, x, target, "input1", "target");
  const Tensor wrong = add(mul(neg(target), sub(x, other)), Number(margin));
  return reduced(at_least(wrong, 0), how);
}

// One number is the score of one class.
Tensor with_classes(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

// Rows (N, C), or one (C), with a class for each.
ClassRows one_class_rows(const char* op, const Tensor& x, const Tensor& target) {
  check_scores(op, x);
  if (x.dim() > 2)
    fail(ErrorKind::runtime, op, "an input of shape (C) or (N, C)", to_string(x.shape()));
  return class_rows(op, x, target, std::nullopt);
}

Tensor multi_margin_loss(const Tensor& input, const Tensor& target, int64_t p, double margin,
                         const Tensor& weight, Older average, Older reduce,
                         const std::string& reduction) {
  constexpr const char* kOp = "multi_margin_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  if (p != 1 && p != 2) fail(ErrorKind::value, kOp, "p to be 1 or 2", join(p));
  const Tensor x = with_classes(input);
  const ClassRows rows = one_class_rows(kOp, x, target);
  check_class_weight(kOp, x, weight);
  const int64_t classes = rows.x.size(1);
  const Tensor column = reshape(rows.target, {rows.target.numel(), 1});
  const Tensor right = eq({positions(classes, 1, 2), {}}, {column, {}});
  const Tensor score = unsqueeze(row_sum(where(right, rows.x, Number(0.0))), 1);
  // Nothing at the corner, as relu.
  Tensor wrong = relu(add(sub(rows.x, score), Number(margin)));
  if (p == 2) wrong = square(wrong);
  if (weight.defined())
    wrong = mul(wrong, unsqueeze(row_sum(where(right, weight, Number(0.0))), 1));
  const Tensor others = where(right, TensorOrNumber{{}, 0.0}, TensorOrNumber{wrong, {}});
  const Tensor losses = div(row_sum(others), Number(classes));
  return how == Reduce::none ? reshape(losses, rows.shape) : reduced(losses, how);
}

struct Labelled {
  int64_t n, classes;
};
// Operands: losses T[n], slopes T[n, classes], x T[n, classes], target int64[n, classes], of which each row's labels end at
// the first -1.
template <class T>
void multilabel_margins(const kernels::Task& task) {
  const auto& [n, classes] = kernels::arguments<Labelled>(task);
  T *losses = static_cast<T*>(task.data[0]), *slopes = static_cast<T*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  const int64_t* target = static_cast<const int64_t*>(task.data[3]);
  const T share = T(1) / static_cast<T>(classes);
  for (int64_t i = 0; i < n; ++i, x += classes, slopes += classes, target += classes) {
    const auto is_label = [&](int64_t c) {
      for (int64_t j = 0; j < classes && target[j] >= 0; ++j)
        if (target[j] == c) return true;
      return false;
    };
    T loss = 0;
    for (int64_t c = 0; c < classes; ++c) slopes[c] = 0;
    for (int64_t c = 0; c < classes; ++c) {
      if (is_label(c)) continue;
      for (int64_t j = 0; j < classes && target[j] >= 0; ++j) {
        const T wrong = 1 - x[target[j]] + x[c];
        if (wrong <= 0) continue;
        loss += wrong;
        slopes[c] += share;
        slopes[target[j]] -= share;
      }
    }
    losses[i] = loss * share;
  }
}
constexpr Kernel kMultilabel = program::host_kernel(
    "multilabel_margin", "wwrr",
    program::routines_for<float, double>(multilabel_margins<float>, multilabel_margins<double>));

Tensor multilabel_margin_loss(const Tensor& input, const Tensor& classes_of, Older average,
                              Older reduce, const std::string& reduction) {
  constexpr const char* kOp = "multilabel_margin_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  const Tensor x = with_classes(input), target = with_classes(classes_of);
  check_scores(kOp, x);
  check_shapes(kOp, x, target);
  if (x.dim() > 2 || target.dtype() != DType::int64)
    fail(ErrorKind::runtime, kOp, "an input of shape (C) or (N, C) and an int64 target",
         join("input ", to_string(x.shape()), " and ", name(target.dtype()), " target"));
  const Tensor rows = rows_of(x), labels = rows_of(target);
  const int64_t n = rows.size(0), classes = rows.size(1);
  check_classes(kOp, labels, classes, -1);
  const Tensor losses = empty({n}, x.dtype()), slopes = empty({n, classes}, x.dtype());
  program::launch(kMultilabel, x.dtype(), {losses, slopes, rows, labels}, Labelled{n, classes});
  if (wanted(rows)) {
    record(kOp, losses, {rows}, [slopes = Saved(slopes)](const Tensor& grad, Grads& grads) {
      grads[0] = mul(slopes.get(), unsqueeze(grad, 1));
    });
  }
  return how == Reduce::none ? reshape(losses, class_shape(x).size() ? Dims{n} : Dims{})
                             : reduced(losses, how);
}

Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight,
                                   Older average, Older reduce, const std::string& reduction) {
  constexpr const char* kOp = "multilabel_soft_margin_loss";
  const Reduce how = read_reduction(kOp, reduction, average, reduce);
  check_scores(kOp, x);
  check_shapes(kOp, x, target);
  const Tensor losses =
      binary_cross_entropy_with_logits(x, to(target, x.dtype()), weight, {}, {}, "none", {});
  return reduced(mean(losses, Dims{-1}, false, std::nullopt), how);
}

void register_pairs(Registry& registry) {
  registry.add<&hinge_embedding_loss>(
      "hinge_embedding_loss", kFunctional,
      "(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, "
      "reduce: bool | None = None, reduction: str | None = 'mean') -> Tensor",
      R"(The input where target is 1, max(0, margin - input) where it is -1.

Shapes: any, the same for both. Another target warns, and adds both up, as in PyTorch. Raises
ValueError for shapes that differ.

>>> steep.nn.functional.hinge_embedding_loss(steep.tensor([3.0, 0.5]), steep.tensor([1, -1]))
tensor(1.7500)
)");
  registry.add_module("hinge_embedding_loss", "loss.HingeEmbeddingLoss");
  registry.add<&soft_margin_loss>(
      "soft_margin_loss", kFunctional,
      "(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = "
      "None, reduction: str | None = 'mean') -> Tensor",
      R"(log(1 + e^(-target * input)), for targets of 1 and -1.

Shapes: any, the same for both. Raises ValueError for shapes that differ.

>>> steep.nn.functional.soft_margin_loss(steep.tensor([0.0]), steep.tensor([1.0]))
tensor(0.6931)
)");
  registry.add_module("soft_margin_loss", "loss.SoftMarginLoss");
  registry.add<&margin_ranking_loss>(
      "margin_ranking_loss", kFunctional,
      "(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: bool | "
      "None = None, reduce: bool | None = None, reduction: str | None = 'mean') -> Tensor",
      R"(max(0, margin - target * (input1 - input2)): with target 1, input1 is to be the greater.

Shapes: any, the same for all. Raises ValueError for shapes that differ.

>>> one, two = steep.tensor([1.0]), steep.tensor([2.0])
>>> steep.nn.functional.margin_ranking_loss(one, two, steep.tensor([1.0]), margin=0.5)
tensor(1.5000)
)");
  registry.add_module("margin_ranking_loss", "loss.MarginRankingLoss");
}

void register_rows(Registry& registry) {
  registry.add<&multi_margin_loss>(
      "multi_margin_loss", kFunctional,
      "(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = "
      "None, size_average: bool | None = None, reduce: bool | None = None, reduction: str | None = "
      "'mean') -> Tensor",
      R"(Sum over the wrong classes i of max(0, margin - input[target] + input[i])^p, divided by C.

Shapes: input (N, C) or (C), target int64 (N) or (), weight (C), by which rows are scaled. Raises
ValueError for another p than 1 and 2, IndexError for a class outside [0, C).

>>> steep.nn.functional.multi_margin_loss(steep.tensor([[0.0, 0.5]]), steep.tensor([0]))
tensor(0.7500)
)");
  registry.add_module("multi_margin_loss", "loss.MultiMarginLoss");
  registry.add<&multilabel_margin_loss>(
      "multilabel_margin_loss", kFunctional,
      "(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = "
      "None, reduction: str | None = 'mean') -> Tensor",
      R"(Sum over labels y and other classes i of max(0, 1 - input[y] + input[i]), divided by C.

Shapes: input (N, C) or (C); target int64 of the same shape, each row's labels ended by -1. Raises
ValueError for shapes that differ, IndexError for a label outside [-1, C).

>>> steep.nn.functional.multilabel_margin_loss(steep.tensor([0.0, 0.5]), steep.tensor([1, -1]))
tensor(0.2500)
)");
  registry.add_module("multilabel_margin_loss", "loss.MultiLabelMarginLoss");
  registry.add<&multilabel_soft_margin_loss>(
      "multilabel_soft_margin_loss", kFunctional,
      "(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
      "None, reduce: bool | None = None, reduction: str | None = 'mean') -> Tensor",
      R"(Mean over the classes (the last dimension) of binary_cross_entropy_with_logits.

Shapes: input and target (*, C), weight broadcasts to them; the losses (*). Raises ValueError for
shapes that differ.

>>> steep.nn.functional.multilabel_soft_margin_loss(steep.zeros(1, 2), steep.ones(1, 2))
tensor(0.6931)
)");
  registry.add_module("multilabel_soft_margin_loss", "loss.MultiLabelSoftMarginLoss");
}

void register_margin(Registry& registry) {
  register_pairs(registry);
  register_rows(registry);
}

const Registration registered("loss", register_margin);

}  // namespace

}  // namespace steep::ops
