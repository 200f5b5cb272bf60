// Rows of a table picked by numbers, as layers for symbols do it.
#pragma once

#include "ops/ops.h"

namespace steep::ops {

// How the gradient of a table is made.
struct TableGradient {
  int64_t padding = -1;  // the row that gets none; -1: all get theirs
  bool by_frequency = false;
};

// Refuses what is no table, or no number of rows in it: the first number outside, by its position.
// Returns the numbers as int64, row-major.
Tensor checked_rows(const char* op, const Tensor& index, const Tensor& weight);
// padding_idx counted from the front; -1 for none.
int64_t checked_padding(const char* op, std::optional<int64_t> padding_idx, const Tensor& weight);

// Brings rows of weight at index that are longer than max_norm down to it, in place.
void limit_rows(const char* op, const Tensor& weight, const Tensor& index, double max_norm,
                double norm_type);

// weight[index], index checked: [index.shape..., columns].
Tensor pick_embeddings(const Tensor& weight, const Tensor& index, const TableGradient& how);

}  // namespace steep::ops
