// Running sums along one dimension.
#include <algorithm>
#include <type_traits>

#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

constexpr int64_t kColumns = 256;  // taken together, so that their totals stay in the cache

struct Cumulation {
  Extent extent;
  kernels::Flag backwards;  // from the end
};

// The totals run in Total, which is wider than T where T is float32: the error of a running sum
// grows with every step.
// Operands: out, x, both [outer, n, inner] and row-major.
template <class T, class Total>
void cumulate(const kernels::Task& task) {
  const auto& [extent, backwards] = kernels::arguments<Cumulation>(task);
  const int64_t outer = extent.outer, n = extent.n, inner = extent.inner;
  T* out = static_cast<T*>(task.data[0]);
  const T* x = static_cast<const T*>(task.data[1]);
  const int64_t first = backwards ? (n - 1) * inner : 0, next = backwards ? -inner : inner;
  for (int64_t o = 0; o < outer; ++o, out += n * inner, x += n * inner) {
    if (inner == 1) {
      Total total = 0;
      for (int64_t step = 0, i = first; step < n; ++step, i += next)
        out[i] = static_cast<T>(total += x[i]);
      continue;
    }
    for (int64_t begin = 0; begin < inner; begin += kColumns) {
      const int64_t width = std::min(kColumns, inner - begin);
      Total total[kColumns] = {};
      for (int64_t step = 0, row = first + begin; step < n; ++step, row += next)
        for (int64_t j = 0; j < width; ++j) out[row + j] = static_cast<T>(total[j] += x[row + j]);
    }
  }
}

// Integers are added unsigned, where wrapping is defined.
constexpr Kernel kCumulate =
    program::host_kernel("cumsum", "wr",
                         program::routines_for<float, double, int64_t, int32_t>(
                             cumulate<float, double>, cumulate<double, double>,
                             cumulate<uint64_t, uint64_t>, cumulate<uint32_t, uint32_t>));

Tensor running_sum(const Tensor& input, int dim, bool backwards) {
  Tensor out;
  Extent extent;
  for (int d = 0; d < input.dim(); ++d)
    (d < dim ? extent.outer : d > dim ? extent.inner : extent.n) *= input.size(d);
  {
    const tape::GradMode off(false);
    const Tensor x = contiguous(input);
    out = empty(x.shape(), x.dtype());
    program::launch(kCumulate, x.dtype(), {out, x}, Cumulation{extent, backwards});
  }
  if (wanted(input)) {
    record("cumsum", out, {input}, [dim, backwards](const Tensor& grad, Grads& grads) {
      grads[0] = running_sum(grad, dim, !backwards);
    });
  }
  return out;
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t along, std::optional<DType> dtype) {
  const int dim = wrap_dim("cumsum", along, x.dim());
  const DType type = dtype.value_or(is_floating(x.dtype()) ? x.dtype() : DType::int64);
  check_total_type("cumsum", x, type);
  return to(running_sum(to(x, counted_in(type)), dim, false), type);
}

}  // namespace steep::ops
