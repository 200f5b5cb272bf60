// What the losses share, and the losses.
#pragma once

#include "kernels/loss/reduction.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

using Reduce = kernels::LossReduction;

// Reads `reduction`, and the two older arguments that PyTorch had in its place.
Reduce read_reduction(const char* op, const std::string& reduction,
                      std::optional<bool> size_average, std::optional<bool> reduce);
Tensor reduced(const Tensor& losses, Reduce how);

// loss.cpp
// The problem (C), (N, C) or (N, C, d1, ...) as one row of classes for each target.
struct ClassRows {
  Tensor x;       // [n, c]
  Tensor target;  // int64 [n]
  Dims shape;     // of the losses
};

// Floating, and with a dimension for the classes; a weight for each of them; targets that fit x.
void check_scores(const char* op, const Tensor& x);
void check_class_weight(const char* op, const Tensor& x, const Tensor& weight);
ClassRows class_rows(const char* op, const Tensor& x, const Tensor& target,
                     std::optional<int64_t> ignore_index);
Dims class_shape(const Tensor& x);
// Classes moved last, all else in one dimension.
Tensor rows_of(const Tensor& x);
Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                     std::optional<bool> size_average, int64_t ignore_index,
                     std::optional<bool> reduce, const std::string& reduction,
                     double label_smoothing);

// loss_classes.cpp
[[noreturn]] void refuse_class_target(const char* op, const Tensor& x, const Tensor& target);
// d loss / dx = (softmax(x) - one_hot(target)) * grad, and 0 in ignored rows; in differentiable
// operations.
Tensor cross_entropy_slope(const Tensor& grad, const Tensor& x, const Tensor& target,
                           const Tensor& counted, int64_t ignore_index, Reduce how);
// Losses of rows, and how much each row counts in the mean.
struct Weighed {
  Tensor losses, shares;
};

// -w_t log p_t from log-probabilities; with smoothing, the classes' average is mixed in.
Weighed likelihood(const Tensor& logs, const Tensor& target, const Tensor& weight,
                   int64_t ignore_index, double smoothing);
Tensor reduce_weighed(const Weighed& weighed, const Dims& shape, Reduce how);
Tensor probability_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                                 int64_t ignore_index, Reduce how, double smoothing);
Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight,
                std::optional<bool> size_average, int64_t ignore_index, std::optional<bool> reduce,
                const std::string& reduction);

// loss_checks.cpp: launches that refuse targets a kernel could not use; a program that is replayed
// checks them again.
void check_classes(const char* op, const Tensor& target, int64_t classes,
                   std::optional<int64_t> ignore_index);
enum class AllowedNumbers : int64_t { above_minus_one, not_negative, signs };
void check_numbers(const char* op, const char* what, const Tensor& x, AllowedNumbers numbers);
void check_finite(const char* op, const Tensor& target);
void check_unit_interval(const char* op, const Tensor& x);

// loss_pointwise.cpp
struct LossPair {
  Tensor x, target;
};
// Both in the dtype they promote to. Refuses shapes that differ, and two that are not floating.
LossPair promoted(const char* op, const Tensor& x, const Tensor& target);
Tensor mse_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                std::optional<bool> reduce, const std::string& reduction, const Tensor& weight);

// loss_pairs.cpp
// Refuses shapes that differ, by the names of the two.
void check_shapes(const char* op, const Tensor& x, const Tensor& target,
                  const char* first = "input", const char* second = "target");
Tensor one_minus(const Tensor& x);
Tensor at_least(const Tensor& x, double low);
// The mean is by weight.
Tensor reduced_by_weight(const char* op, const Tensor& losses, const Tensor& weight, Reduce how);
Tensor l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
               std::optional<bool> reduce, const std::string& reduction, const Tensor& weight);
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                      std::optional<bool> reduce, const std::string& reduction, double beta);
Tensor huber_loss(const Tensor& x, const Tensor& target, const std::string& reduction, double delta,
                  const Tensor& weight);
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                            std::optional<bool> size_average, std::optional<bool> reduce,
                            const std::string& reduction);
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, const Tensor& weight,
                                        std::optional<bool> size_average,
                                        std::optional<bool> reduce, const std::string& reduction,
                                        const Tensor& pos_weight);
Tensor kl_div(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
              std::optional<bool> reduce, const std::string& reduction, bool log_target);

}  // namespace steep::ops
