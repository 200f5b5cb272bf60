// Cross entropy of rows of logits against class indices, and its gradient.
#pragma once

#include "kernels/loss/cross_entropy.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/softmax.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/row_exp.h"
#include "kernels/simd/vec_log.h"

namespace steep::kernels {
namespace {

struct Targets {
  const int64_t* target;
  int64_t n, c, ignore_index;

  bool ignored(int64_t row) const { return target[row] == ignore_index; }
  bool valid(int64_t row) const {
    return static_cast<uint64_t>(target[row]) < static_cast<uint64_t>(c);
  }
  int64_t count() const {
    int64_t kept = 0;
    for (int64_t row = 0; row < n; ++row) kept += !ignored(row);
    return kept;
  }
};

// loss and shift of `rows` rows from `first`, as many as sum_exp_rows takes at a time.
template <class T>
void cross_entropy_rows(const Targets& targets, const T* x, int64_t first, int64_t rows, T* loss,
                        T* shift) {
  const int64_t c = targets.c;
  x += first * c, loss += first, shift += 2 * first;
  if (rows == 1 && targets.ignored(first)) {
    loss[0] = shift[0] = shift[1] = 0;
    return;
  }
  T top[kMostRows], sum[kMostRows], picked[kMostRows];
  sum_exp_rows(x, rows, c, top, sum, static_cast<T*>(nullptr));
  for (int64_t r = 0; r < rows; ++r) {
    const bool valid = targets.valid(first + r);
    picked[r] = valid ? x[r * c + targets.target[first + r]] : static_cast<T>(__builtin_nan(""));
  }
#pragma omp simd
  for (int64_t r = 0; r < rows; ++r) {
    sum[r] = vec::log(sum[r]);
    loss[r] = sum[r] - (picked[r] - top[r]);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const bool ignored = targets.ignored(first + r);
    if (ignored) loss[r] = 0;
    shift[2 * r] = ignored ? T(0) : top[r];
    shift[2 * r + 1] = ignored ? T(0) : sum[r];
  }
}

template <class T>
void cross_entropy(const Task& task) {
  const CrossEntropy& how = arguments<CrossEntropy>(task);
  const Targets targets{static_cast<const int64_t*>(task.data[4]), how.n, how.classes,
                        how.ignore_index};
  const bool each = how.reduction == LossReduction::none;
  T* out = static_cast<T*>(task.data[0]);
  T* loss = each ? out : static_cast<T*>(task.scratch);
  const int64_t most = rows_at_a_time(targets.c);
  const Range mine = share(targets.n, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; row += most) {
    cross_entropy_rows(targets, static_cast<const T*>(task.data[3]), row,
                       mine.end - row < most ? mine.end - row : most, loss,
                       static_cast<T*>(task.data[1]));
  }
  task.barrier();
  if (task.rank != 0) return;
  const T count = static_cast<T>(targets.count());
  *static_cast<T*>(task.data[2]) = count;
  if (each) return;
  const T sum = reduce_row<Sum<T>>(Plain<T>{loss}, 0, targets.n);
  *out = how.reduction == LossReduction::mean ? sum / count : sum;
}

// grad_x of columns [first, end) of one row.
template <class T>
void cross_entropy_row_backward(T* grad_x, const T* x, int64_t first, int64_t end, int64_t target,
                                const T* shift, T scale) {
  const T top = shift[0], log_sum = shift[1];
  if (log_sum == log_sum) {  // so the maximum is finite, as is all of the row but -inf
    const T share = exp_not_nan(-log_sum) * scale;
    for_exp_blocks<true>(grad_x + first, x + first, end - first, top, [&](T* e, int64_t) {
#pragma omp simd
      for (int j = 0; j < kLanes; ++j) e[j] *= share;
    });
  } else {
    for (int64_t j = first; j < end; ++j) grad_x[j] = log_sum;
  }
  if (target >= first && target < end) {
    grad_x[target] = (exp_below((x[target] - top) - log_sum) - T(1)) * scale;
  }
}

// The same of rows [begin, end), short ones whose gradients have one scale, in loops over all of
// them.
template <class T>
void cross_entropy_short_rows_backward(const Targets& targets, T* grad_x, const T* x,
                                       const T* shift, int64_t begin, int64_t end, T scale) {
  const int64_t c = targets.c, n = (end - begin) * c;
  T* const first = grad_x + begin * c;
  for (int64_t row = begin; row < end; ++row) {
    const T top = shift[2 * row], log_sum = shift[2 * row + 1];
    for (int64_t j = row * c; j < (row + 1) * c; ++j) grad_x[j] = (x[j] - top) - log_sum;
  }
  exp_all(first, n);
  for (int64_t row = begin; row < end; ++row) {
    if (targets.valid(row)) grad_x[row * c + targets.target[row]] -= T(1);
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) first[i] *= scale;
  for (int64_t row = begin; row < end; ++row) {
    if (targets.ignored(row)) __builtin_memset(grad_x + row * c, 0, c * sizeof(T));
  }
}

template <class T>
void cross_entropy_backward(const Task& task) {
  const CrossEntropy& how = arguments<CrossEntropy>(task);
  const Targets targets{static_cast<const int64_t*>(task.data[5]), how.n, how.classes,
                        how.ignore_index};
  const int64_t c = how.classes;
  const bool each = how.reduction == LossReduction::none;
  T* grad_x = static_cast<T*>(task.data[0]);
  const T* grad = static_cast<const T*>(task.data[1]);
  const T* shift = static_cast<const T*>(task.data[2]);
  const T count = *static_cast<const T*>(task.data[3]);
  const T* x = static_cast<const T*>(task.data[4]);
  // Of none there is a gradient for each row, and perhaps no row.
  const T all = each ? T(0) : how.reduction == LossReduction::mean ? *grad / count : *grad;
  if (c <= kShortRow && !each) {
    const Range rows = share(targets.n, 1, task.rank, task.size);
    const int64_t most = rows_at_a_time(c);
    for (int64_t row = rows.begin; row < rows.end; row += most) {
      const int64_t end = rows.end - row < most ? rows.end : row + most;
      cross_entropy_short_rows_backward(targets, grad_x, x, shift, row, end, all);
    }
    return;
  }
  const int64_t pieces = ceil_div(c, kRowPiece);  // long rows are shared in pieces
  const Range mine = share(targets.n * pieces, 1, task.rank, task.size);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t row = i / pieces, first = i % pieces * kRowPiece;
    const int64_t end = c - first < kRowPiece ? c : first + kRowPiece;
    if (targets.ignored(row)) {
      for (int64_t j = first; j < end; ++j) grad_x[row * c + j] = 0;
      continue;
    }
    cross_entropy_row_backward(grad_x + row * c, x + row * c, first, end, targets.target[row],
                               shift + 2 * row, each ? grad[row] : all);
  }
}

template <class T>
void fill() {
  set_routine<T>(kCrossEntropy, cross_entropy<T>);
  set_routine<T>(kCrossEntropyBackward, cross_entropy_backward<T>);
}

}  // namespace
}  // namespace steep::kernels
