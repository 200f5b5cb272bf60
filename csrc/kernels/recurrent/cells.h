// The arithmetic of one row of a recurrent layer in one step, forward and back: gates and state in
// one loop. recurrent.h has the formulas.
#pragma once

#include <cstdint>

#include "kernels/partition.h"
#include "kernels/simd/vec_exp.h"

namespace steep::kernels {
namespace {

// One row in one step; c and c_before belong to an LSTM, h_before and other to a GRU.
template <class T>
struct CellRow {
  T* gates;        // in: before the activations; out: activated
  T* h;            // the state: before, then after the step
  T* c;            // likewise
  T* out;          // h again, where results lie
  const T* other;  // GRU: the state's part of n
};

template <class T>
void lstm_row(const CellRow<T>& row, int64_t hidden, const Range& units) {
  T *const i_gate = row.gates, *const f_gate = i_gate + hidden;
  T *const g_gate = f_gate + hidden, *const o_gate = g_gate + hidden;
  T *const h = row.h, *const c = row.c, *const out = row.out;
#pragma omp simd
  for (int64_t j = units.begin; j < units.end; ++j) {
    const T i = vec::sigmoid(i_gate[j]), f = vec::sigmoid(f_gate[j]);
    const T g = vec::tanh(g_gate[j]), o = vec::sigmoid(o_gate[j]);
    const T now = vec::mul_add(f, c[j], i * g);
    i_gate[j] = i, f_gate[j] = f, g_gate[j] = g, o_gate[j] = o;
    c[j] = now;
    h[j] = out[j] = o * vec::tanh(now);
  }
}

template <class T>
void gru_row(const CellRow<T>& row, int64_t hidden, const Range& units) {
  T *const r_gate = row.gates, *const z_gate = r_gate + hidden, *const n_gate = z_gate + hidden;
  T *const h = row.h, *const out = row.out;
  const T* const other = row.other;
#pragma omp simd
  for (int64_t j = units.begin; j < units.end; ++j) {
    const T r = vec::sigmoid(r_gate[j]), z = vec::sigmoid(z_gate[j]);
    const T n = vec::tanh(vec::mul_add(r, other[j], n_gate[j]));
    r_gate[j] = r, z_gate[j] = z, n_gate[j] = n;
    h[j] = out[j] = vec::mul_add(z, h[j] - n, n);
  }
}

// Its one gate is its result.
template <class T>
void rnn_row(const CellRow<T>& row, bool relu, const Range& units) {
  T *const gate = row.gates, *const h = row.h;
  if (relu) {
#pragma omp simd
    for (int64_t j = units.begin; j < units.end; ++j)
      h[j] = gate[j] = gate[j] <= T(0) ? T(0) : gate[j];
  } else {
#pragma omp simd
    for (int64_t j = units.begin; j < units.end; ++j) h[j] = gate[j] = vec::tanh(gate[j]);
  }
}

// One row on the way back; gradients of states are those after the step, then before it.
template <class T>
struct CellRowBack {
  T* grad_gates;    // before the activations
  T* grad_other;    // GRU: of the state's part of each gate
  T* grad_h;        // of the state, besides what comes by the recurrent product
  T* grad_c;        // likewise
  const T* grad;    // of the result, beside grad_h
  const T* gates;   // activated
  const T* before;  // the state before the step: h of a GRU, c of an LSTM
  const T* other;   // GRU: the state's part of n
};

// 0 < s < 1, a sigmoid's value, and what its argument's gradient is times.
template <class T>
STEEP_INLINE T sigmoid_slope(T s) {
  return s * (T(1) - s);
}
template <class T>
STEEP_INLINE T tanh_slope(T t) {
  return vec::mul_add(-t, t, T(1));
}

template <class T>
void lstm_row_back(const CellRowBack<T>& row, int64_t hidden, const Range& units) {
  const T *const i_gate = row.gates, *const f_gate = i_gate + hidden;
  const T *const g_gate = f_gate + hidden, *const o_gate = g_gate + hidden;
  T *const grad_i = row.grad_gates, *const grad_f = grad_i + hidden;
  T *const grad_g = grad_f + hidden, *const grad_o = grad_g + hidden;
  T *const grad_h = row.grad_h, *const grad_c = row.grad_c;
  const T *const grad = row.grad, *const before = row.before;
#pragma omp simd
  for (int64_t j = units.begin; j < units.end; ++j) {
    const T i = i_gate[j], f = f_gate[j], g = g_gate[j], o = o_gate[j], c = before[j];
    const T t = vec::tanh(vec::mul_add(f, c, i * g)), of_h = grad_h[j] + grad[j];
    const T of_c = vec::mul_add(of_h * o, tanh_slope(t), grad_c[j]);
    grad_i[j] = of_c * g * sigmoid_slope(i);
    grad_f[j] = of_c * c * sigmoid_slope(f);
    grad_g[j] = of_c * i * tanh_slope(g);
    grad_o[j] = of_h * t * sigmoid_slope(o);
    grad_c[j] = of_c * f;
  }
}

template <class T>
void gru_row_back(const CellRowBack<T>& row, int64_t hidden, const Range& units) {
  const T *const r_gate = row.gates, *const z_gate = r_gate + hidden;
  const T *const n_gate = z_gate + hidden, *const before = row.before, *const other = row.other;
  T *const grad_r = row.grad_gates, *const grad_z = grad_r + hidden;
  T *const grad_n = grad_z + hidden, *const grad_h = row.grad_h;
  T *const other_r = row.grad_other, *const other_z = other_r + hidden;
  T* const other_n = other_z + hidden;
  const T* const grad = row.grad;
#pragma omp simd
  for (int64_t j = units.begin; j < units.end; ++j) {
    const T r = r_gate[j], z = z_gate[j], n = n_gate[j], of_h = grad_h[j] + grad[j];
    const T of_n = of_h * (T(1) - z) * tanh_slope(n);
    const T of_r = of_n * other[j] * sigmoid_slope(r);
    const T of_z = of_h * (before[j] - n) * sigmoid_slope(z);
    grad_r[j] = other_r[j] = of_r;
    grad_z[j] = other_z[j] = of_z;
    grad_n[j] = of_n;
    other_n[j] = of_n * r;
    grad_h[j] = of_h * z;
  }
}

template <class T>
void rnn_row_back(const CellRowBack<T>& row, bool relu, const Range& units) {
  T* const grad_gate = row.grad_gates;
  const T *const grad_h = row.grad_h, *const grad = row.grad, *const h = row.gates;
  if (relu) {
#pragma omp simd
    for (int64_t j = units.begin; j < units.end; ++j)
      grad_gate[j] = h[j] <= T(0) ? T(0) : grad_h[j] + grad[j];
  } else {
#pragma omp simd
    for (int64_t j = units.begin; j < units.end; ++j)
      grad_gate[j] = (grad_h[j] + grad[j]) * tanh_slope(h[j]);
  }
}

}  // namespace
}  // namespace steep::kernels
