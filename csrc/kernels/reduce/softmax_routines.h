// Softmax, its logarithm and their gradients, and log-sum-exp, along rows and down columns.
#pragma once

#include "kernels/reduce/softmax.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/reduce/columns.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/row_exp.h"
#include "kernels/simd/vec_log.h"

namespace steep::kernels {
namespace {

template <class T>
struct Operands {
  T* out;
  const T* x;  // backward: the gradient
  const T* y;  // backward: what forward gave
  int64_t outer, n, inner;
  explicit Operands(const Task& task, bool backward = false)
      : out(static_cast<T*>(task.data[0])),
        x(static_cast<const T*>(task.data[1])),
        y(backward ? static_cast<const T*>(task.data[2]) : nullptr),
        outer(arguments<Extent>(task).outer),
        n(arguments<Extent>(task).n),
        inner(arguments<Extent>(task).inner) {}
};

// ---- forward along contiguous rows ----

// Calls work(first row, rows) for this rank's rows, as many at a time as sum_exp_rows takes.
template <class Work>
void for_rows(const Task& task, int64_t outer, int64_t n, Work work) {
  const int64_t most = rows_at_a_time(n);
  const Range mine = share(outer, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; row += most) {
    work(row, mine.end - row < most ? mine.end - row : most);
  }
}

template <class T>
void log_all(T* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] = vec::log(x[i]);
}

// The results of logsumexp, each where it is wanted. An infinite maximum, beside which all else
// vanishes, is the result itself.
template <class T>
struct LogSumExp {
  T* out;
  T* top;
  T* log_sum;
  explicit LogSumExp(const Task& task)
      : out(static_cast<T*>(task.data[0])),
        top(static_cast<T*>(task.data[2])),
        log_sum(static_cast<T*>(task.data[3])) {}

  void store(int64_t first, int64_t count, const T* highest, const T* log_of_sum) const {
    for (int64_t i = 0; i < count; ++i) {
      const bool infinite = vec::abs(highest[i]) == vec::infinity<T>();
      out[first + i] = infinite ? highest[i] : highest[i] + log_of_sum[i];
      if (!top) continue;
      top[first + i] = infinite ? T(0) : highest[i];
      log_sum[first + i] = infinite ? highest[i] : log_of_sum[i];
    }
  }
};

template <class T>
void softmax_rows(const Task& task, const Operands<T>& a) {
  for_rows(task, a.outer, a.n, [&](int64_t row, int64_t rows) {
    T top[kMostRows], sum[kMostRows];
    T* out = a.out + row * a.n;
    sum_exp_rows(a.x + row * a.n, rows, a.n, top, sum, out);
    for (int64_t r = 0; r < rows; ++r, out += a.n) {
      const T scale = T(1) / sum[r];
#pragma omp simd
      for (int64_t j = 0; j < a.n; ++j) out[j] *= scale;
    }
  });
}

template <class T>
void log_softmax_rows(const Task& task, const Operands<T>& a) {
  for_rows(task, a.outer, a.n, [&](int64_t row, int64_t rows) {
    T top[kMostRows], sum[kMostRows];
    const T* x = a.x + row * a.n;
    T* out = a.out + row * a.n;
    sum_exp_rows(x, rows, a.n, top, sum, static_cast<T*>(nullptr));
    log_all(sum, rows);
    for (int64_t r = 0; r < rows; ++r, x += a.n, out += a.n) {
#pragma omp simd
      for (int64_t j = 0; j < a.n; ++j) out[j] = (x[j] - top[r]) - sum[r];
    }
  });
}

template <class T>
void logsumexp_rows(const Task& task, const Operands<T>& a) {
  const LogSumExp<T> results(task);
  for_rows(task, a.outer, a.n, [&](int64_t row, int64_t rows) {
    T top[kMostRows], sum[kMostRows];
    sum_exp_rows(a.x + row * a.n, rows, a.n, top, sum, static_cast<T*>(nullptr));
    log_all(sum, rows);
    results.store(row, rows, top, sum);
  });
}

// ---- forward along columns: inner > 1 ----

// exp(x - shift), where shift is that of the column.
template <class T>
struct ShiftedExp {
  using Value = T;
  static constexpr bool kInPlace = false;
  const T* x;
  const T* shift;
  T operator()(int64_t at, int64_t group) const { return exp_below(x[at] - shift[group]); }
};

// Calls work(first element, width, first result) for this rank's strips of columns.
template <class T, class Work>
void for_columns(const Task& task, const Operands<T>& a, Work work) {
  for_strips(task.rank, task.size, a.outer, a.inner, kTile<T>,
             [&](int64_t o, int64_t j, int64_t width) {
               work(o * a.n * a.inner + j, width, o * a.inner + j);
             });
}

// highest[j] and sum[j] of a strip, as sum_exp_rows has them for rows.
template <class T>
void sum_exp_columns(const Operands<T>& a, int64_t at, int64_t width, T* top, T* sum) {
  const ColumnStrip strip{at, a.inner, width, 0};
  reduce_strip<Max<T>>(top, Plain<T>{a.x}, strip, a.n);
  reduce_strip<Sum<T>>(sum, ShiftedExp<T>{a.x, top}, strip, a.n);
}

template <class T>
void softmax_columns(const Task& task, const Operands<T>& a) {
  for_columns(task, a, [&](int64_t at, int64_t width, int64_t) {
    alignas(64) T top[kTile<T>], sum[kTile<T>];
    const ColumnStrip strip{at, a.inner, width, 0};
    reduce_strip<Max<T>>(top, Plain<T>{a.x}, strip, a.n);
    for (int64_t r = 0; r < a.n; ++r) {
      const T* x = a.x + at + r * a.inner;
      T* out = a.out + at + r * a.inner;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[j] = exp_below(x[j] - top[j]);
    }
    reduce_strip<Sum<T>>(sum, Plain<T>{a.out}, strip, a.n);
    for (int64_t j = 0; j < width; ++j) sum[j] = T(1) / sum[j];
    for (int64_t r = 0; r < a.n; ++r) {
      T* out = a.out + at + r * a.inner;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[j] *= sum[j];
    }
  });
}

template <class T>
void log_softmax_columns(const Task& task, const Operands<T>& a) {
  for_columns(task, a, [&](int64_t at, int64_t width, int64_t) {
    alignas(64) T top[kTile<T>], sum[kTile<T>];
    sum_exp_columns(a, at, width, top, sum);
    log_all(sum, width);
    for (int64_t r = 0; r < a.n; ++r) {
      const T* x = a.x + at + r * a.inner;
      T* out = a.out + at + r * a.inner;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[j] = (x[j] - top[j]) - sum[j];
    }
  });
}

template <class T>
void logsumexp_columns(const Task& task, const Operands<T>& a) {
  const LogSumExp<T> results(task);
  for_columns(task, a, [&](int64_t at, int64_t width, int64_t group) {
    alignas(64) T top[kTile<T>], sum[kTile<T>];
    sum_exp_columns(a, at, width, top, sum);
    log_all(sum, width);
    results.store(group, width, top, sum);
  });
}

// ---- backward: each rule is a sum along n, and an expression of it ----

// softmax: sum(grad * out), then out * (grad - sum).
template <class T>
struct SoftmaxRule {
  using Value = T;
  static constexpr bool kInPlace = false;
  const T* grad;
  const T* out;
  T operator()(int64_t at, int64_t) const { return grad[at] * out[at]; }
  static T gradient(T grad, T out, T sum) { return out * (grad - sum); }
};

// log_softmax: sum(grad), then grad - exp(out) * sum.
template <class T>
struct LogSoftmaxRule {
  using Value = T;
  static constexpr bool kInPlace = true;
  const T* x;
  const T* out;
  T operator()(int64_t at, int64_t) const { return x[at]; }
  static T gradient(T grad, T out, T sum) { return grad - exp_below(out) * sum; }
};

template <class Rule, class T>
void backward_rows(const Task& task, const Operands<T>& a) {
  const Rule rule{a.x, a.y};
  const Range mine = share(a.outer, 1, task.rank, task.size);
  for (int64_t row = mine.begin; row < mine.end; ++row) {
    const int64_t at = row * a.n;
    const T sum = reduce_row<Sum<T>>(rule, at, a.n);
#pragma omp simd
    for (int64_t j = at; j < at + a.n; ++j) a.out[j] = Rule::gradient(a.x[j], a.y[j], sum);
  }
}

template <class Rule, class T>
void backward_columns(const Task& task, const Operands<T>& a) {
  for_columns(task, a, [&](int64_t at, int64_t width, int64_t) {
    alignas(64) T sum[kTile<T>];
    reduce_strip<Sum<T>>(sum, Rule{a.x, a.y}, ColumnStrip{at, a.inner, width, 0}, a.n);
    for (int64_t r = 0; r < a.n; ++r, at += a.inner) {
      const T* grad = a.x + at;
      const T* y = a.y + at;
      T* out = a.out + at;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[j] = Rule::gradient(grad[j], y[j], sum[j]);
    }
  });
}

// ---- the routines ----

template <class T>
void softmax(const Task& task) {
  const Operands<T> a(task);
  a.inner == 1 ? softmax_rows(task, a) : softmax_columns(task, a);
}
template <class T>
void log_softmax(const Task& task) {
  const Operands<T> a(task);
  a.inner == 1 ? log_softmax_rows(task, a) : log_softmax_columns(task, a);
}
template <class T>
void logsumexp(const Task& task) {
  const Operands<T> a(task);
  a.inner == 1 ? logsumexp_rows(task, a) : logsumexp_columns(task, a);
}
template <class Rule, class T>
void backward(const Task& task) {
  const Operands<T> a(task, true);
  a.inner == 1 ? backward_rows<Rule>(task, a) : backward_columns<Rule>(task, a);
}

template <class T>
void fill() {
  set_routine<T>(kSoftmax, softmax<T>);
  set_routine<T>(kLogSoftmax, log_softmax<T>);
  set_routine<T>(kSoftmaxBackward, backward<SoftmaxRule<T>, T>);
  set_routine<T>(kLogSoftmaxBackward, backward<LogSoftmaxRule<T>, T>);
  set_routine<T>(kLogsumexp, logsumexp<T>);
}

}  // namespace
}  // namespace steep::kernels
