// A matrix product in the plainest form that has the packed kernel's bits: three loops, in the
// order of the sum that gemm.cpp promises. Read it to know what that computes; tests hold the two
// against each other, bit for bit. Nothing but tests runs it, on one thread.
#pragma once

#include <cstdint>

namespace steep::kernels {
namespace {

// It shares nothing with the packed kernel's files, whose mistakes would be its own.
constexpr int64_t kNaiveSlice = 4096;
constexpr int64_t kNaiveLanes = 16;

// What is done to each element in the end. The gradients take the product for the gradient of an
// activation's output, which is aux. (tanh and sigmoid are their elementwise kernels' matter.)
enum class NaiveEnd { none, relu, leaky_relu, relu_backward, tanh_backward, sigmoid_backward };

// A matrix, or one for each product of a batch: element (i, j) lies at i * row + j * col.
template <class T>
struct NaiveMatrix {
  T* data;
  int64_t row, col, batch;
  T* at(int64_t number, int64_t i, int64_t j) const {
    return data + number * batch + i * row + j * col;
  }
};

template <class T>
struct NaiveProduct {
  int64_t batch, m, n, k;
  NaiveMatrix<const T> a, b, aux;
  NaiveMatrix<T> c;
  const T* bias;  // [n], or null
  bool accumulate;
  NaiveEnd end;
  T slope;         // of leaky_relu
  bool fused;      // whether the CPU multiplies and adds with one rounding
  bool dot_lanes;  // whether one operand is a vector, and the rows of the other lie along k
};

template <class T>
T naive_multiply_add(const NaiveProduct<T>& of, T x, T y, T sum) {
  if (!of.fused) return x * y + sum;
  if constexpr (sizeof(T) == sizeof(float)) {
    return __builtin_fmaf(x, y, sum);
  } else {
    return __builtin_fma(x, y, sum);
  }
}

// Products number [begin, end) of the sum, in order.
template <class T>
T naive_slice(const NaiveProduct<T>& of, const T* x, int64_t x_step, const T* y, int64_t y_step,
              int64_t begin, int64_t end) {
  T sum = 0;
  for (int64_t p = begin; p < end; ++p)
    sum = naive_multiply_add(of, x[p * x_step], y[p * y_step], sum);
  return sum;
}

// The same in 16 lanes, which are added in halves; absent elements of the last 16 are 0.
template <class T>
T naive_lanes(const NaiveProduct<T>& of, const T* x, int64_t x_step, const T* y, int64_t y_step,
              int64_t begin, int64_t end) {
  T sum[kNaiveLanes] = {};
  for (int64_t p = begin; p < end || p % kNaiveLanes; ++p) {
    const T left = p < end ? x[p * x_step] : 0, right = p < end ? y[p * y_step] : 0;
    sum[p % kNaiveLanes] = naive_multiply_add(of, left, right, sum[p % kNaiveLanes]);
  }
  for (int64_t half = kNaiveLanes / 2; half > 0; half /= 2)
    for (int64_t j = 0; j < half; ++j) sum[j] = sum[j] + sum[j + half];
  return sum[0];
}

template <class T>
T naive_end(const NaiveProduct<T>& of, T x, const T* aux) {
  switch (of.end) {
    case NaiveEnd::none:
      break;
    case NaiveEnd::relu:
      return x <= 0 ? T(0) : x;
    case NaiveEnd::leaky_relu:
      return x > 0 ? x : x * of.slope;
    case NaiveEnd::relu_backward:
      return *aux <= 0 ? T(0) : x;
    case NaiveEnd::tanh_backward:
      return x * naive_multiply_add(of, -*aux, *aux, T(1));
    case NaiveEnd::sigmoid_backward:
      return x * ((1 - *aux) * *aux);
  }
  return x;
}

template <class T>
T naive_element(const NaiveProduct<T>& of, int64_t number, int64_t i, int64_t j) {
  const T* const x = of.a.at(number, i, 0);
  const T* const y = of.b.at(number, 0, j);
  const auto slice = of.dot_lanes ? naive_lanes<T> : naive_slice<T>;
  T sum = 0;
  for (int64_t begin = 0; begin == 0 || begin < of.k; begin += kNaiveSlice) {
    const int64_t end = begin + kNaiveSlice < of.k ? begin + kNaiveSlice : of.k;
    const T part = slice(of, x, of.a.col, y, of.b.row, begin, end);
    sum = begin == 0 ? part : sum + part;
  }
  if (of.accumulate) sum = *of.c.at(number, i, j) + sum;
  if (of.bias) sum = sum + of.bias[j];
  return naive_end(of, sum, of.aux.data ? of.aux.at(number, i, j) : nullptr);
}

template <class T>
void naive_product(const NaiveProduct<T>& of) {
  for (int64_t number = 0; number < of.batch; ++number)
    for (int64_t i = 0; i < of.m; ++i)
      for (int64_t j = 0; j < of.n; ++j) *of.c.at(number, i, j) = naive_element(of, number, i, j);
}

}  // namespace
}  // namespace steep::kernels
