// The table of inner loops: one per instruction set, filled by the kernel files, chosen once at
// load.
//
// Kernels see raw pointers and sizes alone. This header and those beside it are all they include,
// so that the same source can be compiled once per instruction set without a shared inline function
// leaking from one build to another.
#pragma once

#include <cstdint>

// The tables below are laid out by hand.
// clang-format off

namespace steep::kernels {

// The engine's data types in the order of its DType (checked there by static_assert).
enum Type { kFloat32, kFloat64, kInt64, kInt32, kUInt8, kBool, kTypeCount };

// What a launch carries beside its operands: a number in the compute type's own kind (floats read
// f, integers i).
union Scalar {
  double f;
  int64_t i;
};

// An elementwise loop over one block: data[0] is the output, the rest the inputs, each an array of
// n elements (step 1) or a single value (step 0). The output may be the very array of an input; it
// never overlaps one in part. Parameters such as a slope or a bound arrive as inputs with step 0.
using Loop = void (*)(void* const* data, const int64_t* steps, int64_t n);

// Moves n elements between a strided array (stride in elements, may be 0 or negative) and a
// contiguous block.
using Move = void (*)(void* block, void* strided, int64_t stride, int64_t n);

// A larger kernel, run by `size` threads at once (SPMD): each call does the share of `rank`, and
// all meet in barrier().
struct Task {
  // operands, in the order the kernel documents; an absent optional one is null
  void* const* data;
  const int64_t* dims;   // sizes and flags, in the order the kernel documents
  const Scalar* scalars;
  // as many bytes as the kernel's *_scratch() function in scratch.h asked for; 64-byte aligned
  void* scratch;
  int rank;
  int size;
  void (*barrier)();     // every rank must call it equally often; a no-op when size is 1
};
using Routine = void (*)(const Task& task);

// Elementwise operations. The comment gives inputs -> output; T is the compute type, b one byte
// holding 0 or 1.
enum class Elementwise : uint16_t {
  // T -> T
  copy, neg, abs, sign, floor, ceil, round, trunc, sqrt, rsqrt, reciprocal, square,
  exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh,
  sigmoid, erf, erfc,
  softplus, silu, gelu, gelu_tanh, relu, bitwise_not,
  // T -> b
  logical_not, isnan, isinf, isfinite,
  // T, T -> T
  add, sub, mul, div, floor_divide, remainder, fmod, pow, maximum, minimum, atan2,
  bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift,
  leaky_relu,        // x, slope
  elu,               // x, alpha
  tanh_backward,     // grad, out -> grad * (1 - out * out)
  sigmoid_backward,  // grad, out -> grad * out * (1 - out)
  relu_backward,     // grad, out -> out <= 0 ? 0 : grad
  // T, T -> b
  eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor,
  // T, T, T -> T
  add_scaled,           // x, y, alpha -> x + alpha * y (one rounding where the CPU has FMA)
  clamp,                // x, low, high -> min(max(x, low), high), NaN kept
  leaky_relu_backward,  // grad, x, slope -> x > 0 ? grad : grad * slope
  elu_backward,         // grad, out, alpha -> out <= 0 ? grad * (out + alpha) : grad
  squared_error_backward,  // x, y, scale -> scale * (x - y)
  silu_backward,        // grad, x (third input unused, step 0)
  gelu_backward,        // grad, x (third input unused, step 0)
  // b, T, T -> T
  where,
  count
};
constexpr int kElementwiseCount = static_cast<int>(Elementwise::count);

// Routines. dims and data are documented beside each kernel's source; `type` is the compute type.
enum class RoutineId : uint16_t {
  // reduce.cpp: x viewed as [outer, n, inner], contiguous; reduces n.   dims: outer, n, inner
  sum, prod, max, min,      // data: out[outer, inner] (T), x
  // scalars: divisor.  data: out f64[outer, inner], x -> sum of x / divisor, added up in float64
  wide_mean,
  // scalars: divisor.  data: out (T), x, mean f64[outer, inner] -> sum of (x - mean)^2 / divisor;
  // its root
  variance, deviation,
  // data: out (int64), x: first index of the extreme; NaN counts as extreme
  argmax, argmin,
  any, all,                 // data: out (b), x
  // softmax.cpp: [outer, n, inner] along n.   dims: outer, n, inner
  softmax, log_softmax,                    // data: out, x
  softmax_backward, log_softmax_backward,  // data: grad_x, grad, out
  // data: out[outer, inner], x, top|null, log_sum|null (both as out)
  logsumexp,
  // loss.cpp: x is [n, c] contiguous, target int64[n].   dims: n, c, ignore_index, mean (1) or sum
  // (0) or none (2)
  // data: loss (1, or n when none), shift[n, 2], count[1] (T, rows not ignored), x, target
  cross_entropy,
  cross_entropy_backward,  // data: grad_x, grad (1, or n when none), shift, count, x, target
  squared_error,           // dims: n, mean (1) or sum (0).  data: loss[1], x[n], y[n]
  // norm.cpp: x is [rows, n] contiguous.   dims: rows, n, whether sums over rows are wanted
  // (backward)
  // scalars: eps.  data: out, mean[rows], rstd[rows], x, weight[n]|null, bias[n]|null
  layer_norm,
  // data: grad_x|null, grad_weight[n]|null, grad_bias[n]|null, grad, x, mean, rstd, weight|null
  layer_norm_backward,
  // index.cpp: x is [outer, length, inner].   dims: outer, length, inner, count
  // data: out[outer, count, inner], x, index int64[count], each in [0, length) (checked by the
  // caller)
  index_select,
  // data: out[outer, length, inner] += source[outer, count, inner] at index, in the order of index
  index_add,
  // data: out[outer, length, inner] = source[outer, count, inner] at index; the last one wins
  index_put,
  gather,        // data: out[outer, count, inner], x, index int64[outer, count, inner]
  scatter_add,   // data: out[outer, length, inner] += source at index, both [outer, count, inner]
  // create.cpp
  iota,       // dims: n.  scalars: start, step.  data: out[n] = start + i * step
  // Philox4x32-10.  dims: n.  scalars: keep probability, scale.  data: out[n], mask b[n], x[n],
  // state int64[2] {seed, offset}, which the kernel advances.  scratch: 16 bytes for all ranks, if
  // there are several
  dropout,
  // dims: n.  scalars: scale.  data: grad_x[n], grad[n], mask b[n] -> mask ? grad * scale : 0
  dropout_backward,
  // optim.cpp: a step over many parameters.  dims: count, flags..., then numel of each parameter
  // dims: count, has_momentum, nesterov, maximize, first.  data: hyper f64[4] {lr, momentum,
  // dampening, weight_decay}, then per parameter: p, grad, buffer|null
  sgd,
  // dims: count, amsgrad, maximize, decoupled.  data: hyper f64[5] {lr, beta1, beta2, eps,
  // weight_decay}, then per parameter: p, grad, m, v, vmax|null, step f32[1]
  adam,
  // peak.cpp: see there
  fma_peak,
  // gemm.cpp: see there
  gemm,
  count
};
constexpr int kRoutineCount = static_cast<int>(RoutineId::count);

struct Table {
  const char* name;                             // "avx2", ...
  Loop elementwise[kElementwiseCount][kTypeCount];  // null where a type has no such operation
  // from, to: C conversion; to bool is x != 0; float to integer truncates
  Loop cast[kTypeCount][kTypeCount];
  Move gather[9];                               // by element size (1, 4, 8): strided -> block
  Move scatter[9];                              // block -> strided
  Routine routines[kRoutineCount][kTypeCount];
};

// clang-format on

}  // namespace steep::kernels
