// Matrix products: C = activation(A * B + bias), many at once.
//
//       A(i, p) = trans_a ? a[p * lda + i] : a[i * lda + p]
//       B(p, j) = trans_b ? b[j * ldb + p] : b[p * ldb + j]
//       C(i, j) = c[i * ldc + j]; C overlaps neither A, B nor aux.
// Each element: the product; with accumulate, old C + product; + bias; activation. k may be 0 (the
// product is 0), and so may m, n and batch. Integers wrap around, and know no activation but relu.
//
// The order of the sum. k is cut into slices of 4096; within one, an element starts at 0 and takes
// its products in order of k, one FMA each; slices are added in order. Where one operand is a
// vector (m or n is 1) and the rows of the other lie along k, a slice is 16 lanes instead (element
// p in lane p % 16), added in halves. Shape and strides alone decide.
//
// The work. Each rank computes rectangles of C by itself (gemm_rect.h), with copies in a scratch of
// its own: no barriers. A batch over one B is a product of more rows.
#pragma once

#include "kernels/kernel.h"

namespace steep::kernels {

// What a product may do with each element before it is written. The gradients take the product for
// the gradient of an activation's output, and read that output beside it (aux): they are the
// elementwise kernels of the same names, f(product, aux(i, j)), aux(i, j) = aux[i * aux_row + j].
enum class Activation : int64_t {
  none,
  relu,
  tanh,
  sigmoid,
  leaky_relu,  // of slope Gemm::slope
  relu_backward,
  tanh_backward,
  sigmoid_backward
};
struct Gemm {
  int64_t batch, m, n, k;
  int64_t lda = 0, ldb = 0, ldc = 0;                 // elements between rows as stored
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;  // between matrices; 0 for a, b: one for all
  Flag trans_a = 0, trans_b = 0;
  Activation activation = Activation::none;
  Flag accumulate = 0;
  int64_t aux_row = 0, aux_stride = 0;  // between rows of aux, and between its matrices
  Flag by_rows = 0;  // whether ranks take rows of C, whatever else they might share
  double slope = 0.01;
};

namespace {
constexpr bool is_gradient(Activation activation) {
  return activation == Activation::relu_backward || activation == Activation::tanh_backward ||
         activation == Activation::sigmoid_backward;
}
// Whether the batch is one product of more rows.
constexpr bool is_one_product(const Gemm& x) {
  const int64_t row = is_gradient(x.activation) ? x.aux_row : 0;
  const int64_t stride = is_gradient(x.activation) ? x.aux_stride : 0;
  return x.batch == 1 || (x.b_stride == 0 && !x.trans_a && x.a_stride == x.m * x.lda &&
                          x.c_stride == x.m * x.ldc && stride == x.m * row);
}
}  // namespace

// Gemm.  Operands: as in GemmOperand.
extern Kernel kGemm;
enum GemmOperand { kGemmOut, kGemmLeft, kGemmRight, kGemmBias, kGemmAux, kGemmOperands };

}  // namespace steep::kernels
