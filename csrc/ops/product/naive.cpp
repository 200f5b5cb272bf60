// The naive product as a kernel of its own, which takes the launches of the packed one.
#include "ops/product/naive.h"

#include "kernels/product/naive.h"
#include "ops/elementwise/elementwise.h"
#include "runtime/cpu.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

using kernels::NaiveEnd;
using kernels::NaiveMatrix;

NaiveEnd end_of(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return NaiveEnd::relu;
    case Activation::leaky_relu:
      return NaiveEnd::leaky_relu;
    case Activation::relu_backward:
      return NaiveEnd::relu_backward;
    case Activation::tanh_backward:
      return NaiveEnd::tanh_backward;
    case Activation::sigmoid_backward:
      return NaiveEnd::sigmoid_backward;
    case Activation::none:
    case Activation::tanh:
    case Activation::sigmoid:
      break;
  }
  return NaiveEnd::none;
}

template <class T>
NaiveMatrix<T> matrix(void* data, int64_t lead, bool transposed, int64_t batch_stride) {
  return {static_cast<T*>(data), transposed ? 1 : lead, transposed ? lead : 1, batch_stride};
}

// Takes what kGemm takes.
template <class T>
void naive(const kernels::Task& task) {
  const auto& gemm = kernels::arguments<kernels::Gemm>(task);
  const bool gradient = kernels::is_gradient(gemm.activation);
  kernels::NaiveProduct<T> of{};
  of.batch = gemm.batch, of.m = gemm.m, of.n = gemm.n, of.k = gemm.k;
  of.c = matrix<T>(task.data[kernels::kGemmOut], gemm.ldc, false, gemm.c_stride);
  of.a = matrix<const T>(task.data[kernels::kGemmLeft], gemm.lda, gemm.trans_a, gemm.a_stride);
  of.b = matrix<const T>(task.data[kernels::kGemmRight], gemm.ldb, gemm.trans_b, gemm.b_stride);
  of.bias = static_cast<const T*>(task.data[kernels::kGemmBias]);
  if (gradient)
    of.aux = matrix<const T>(task.data[kernels::kGemmAux], gemm.aux_row, false, gemm.aux_stride);
  of.end = end_of(gemm.activation);
  of.accumulate = gemm.accumulate;
  of.slope = static_cast<T>(gemm.slope);
  of.fused = std::string(runtime::level_name()) != "baseline";
  // A batch over one B, its rows evenly apart, is a product of more rows.
  const bool more_rows = gemm.batch > 1 && kernels::is_one_product(gemm);
  const bool row = of.m == 1 && !more_rows, column = of.n == 1;
  of.dot_lanes = (column && !gemm.trans_a) || (row && (gemm.trans_b || column));
  kernels::naive_product(of);
}

constexpr Kernel kNaive =
    program::host_kernel("naive_product", "urrr",
                         program::routines_for<float, double>(naive<float>, naive<double>))
        .with_numbers(1);

struct Named {
  const char* name;
  Activation activation;
};
constexpr Named kActivations[] = {{"none", Activation::none},
                                  {"relu", Activation::relu},
                                  {"tanh", Activation::tanh},
                                  {"sigmoid", Activation::sigmoid},
                                  {"leaky_relu", Activation::leaky_relu},
                                  {"relu_backward", Activation::relu_backward},
                                  {"tanh_backward", Activation::tanh_backward},
                                  {"sigmoid_backward", Activation::sigmoid_backward}};

bool has(const Tensor& x, DType dtype, const Dims& shape) {
  return x.dtype() == dtype && x.shape() == shape;
}

void check_operands(const Tensor& out, const ProductOperands& of) {
  const int rows = of.a.dim() - 2, columns = of.a.dim() - 1;
  const bool ranks = (of.a.dim() == 2 || of.a.dim() == 3) && of.b.dim() == of.a.dim();
  bool good = ranks && is_floating(of.a.dtype());
  if (good) {
    Dims right = of.a.shape(), made = of.a.shape();
    right[rows] = of.a.size(columns), right[columns] = made[columns] = of.b.size(columns);
    good = has(of.b, of.a.dtype(), right) && has(out, of.a.dtype(), made) &&
           (out.size(columns) == 1 || out.strides()[columns] == 1) &&
           (!of.bias.defined() || has(of.bias, of.a.dtype(), {made[columns]})) &&
           (of.activation < Activation::relu_backward ||
            (of.aux.defined() && has(of.aux, of.a.dtype(), made) && of.aux.is_contiguous()));
  }
  if (!good)
    fail(ErrorKind::value, "product_into", "operands of one floating dtype that fit each other",
         join(to_string(out.shape()), " of ", to_string(of.a.shape()), " and ",
              to_string(of.b.shape())));
}

}  // namespace

Activation product_activation(const std::string& name) {
  for (const Named& known : kActivations)
    if (name == known.name) return known.activation;
  fail(ErrorKind::value, "product_into", "the name of an activation", name);
}

void product_into(const Tensor& out, const ProductOperands& of, bool naive) {
  const tape::GradMode off(false);
  check_operands(out, of);
  const bool curved = of.activation == Activation::tanh || of.activation == Activation::sigmoid;
  if (naive && curved)
    fail(ErrorKind::value, "product_into", "an activation other than tanh and sigmoid", "one",
         "apply it to the naive product");
  launch_product(naive ? kNaive : kernels::kGemm, out, of);
}

}  // namespace steep::ops
