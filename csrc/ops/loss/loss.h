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
Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                     std::optional<bool> size_average, int64_t ignore_index,
                     std::optional<bool> reduce, const std::string& reduction,
                     double label_smoothing);
Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight,
                std::optional<bool> size_average, int64_t ignore_index, std::optional<bool> reduce,
                const std::string& reduction);

// loss_checks.cpp: launches that refuse targets a kernel could not use; a program that is replayed
// checks them again.
void check_classes(const char* op, const Tensor& target, int64_t classes, int64_t ignore_index);
void check_finite(const char* op, const Tensor& target);
void check_unit_interval(const char* op, const Tensor& x);

// loss_pointwise.cpp
struct LossPair {
  Tensor x, target;
};
// Both in the dtype they promote to. Refuses shapes that differ, and two that are not floating.
LossPair promoted(const char* op, const Tensor& x, const Tensor& target);
Tensor mse_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                std::optional<bool> reduce, const std::string& reduction);
Tensor l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
               std::optional<bool> reduce, const std::string& reduction);
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, std::optional<bool> size_average,
                      std::optional<bool> reduce, const std::string& reduction, double beta);
Tensor huber_loss(const Tensor& x, const Tensor& target, const std::string& reduction,
                  double delta);
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
