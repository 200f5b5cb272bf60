// Numbers of places checked, and those of several dimensions made one.
#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

struct Places {
  const char* op;  // "" in a subscript
  int64_t n, size, dim;
  int64_t bounds;
};

[[noreturn]] void refuse_place(const char* op, Bounds bounds, int64_t given, int64_t dim,
                               int64_t size) {
  throw Error(bounds == Bounds::runtime_error ? ErrorKind::runtime : ErrorKind::index,
              join(op, *op ? ": " : "", "index ", given, " is out of bounds for dimension ", dim,
                   " with size ", size));
}

// The sign says whether a number lies outside [0, size).
inline int64_t outside(int64_t place, int64_t size) { return place | (size - 1 - place); }

// Operands: index int64[n].
void look_at_places(const kernels::Task& task) {
  const Places& of = kernels::arguments<Places>(task);
  const int64_t* index = static_cast<const int64_t*>(task.data[0]);
  const int64_t n = of.n, size = of.size;
  int64_t bad = 0;
  for (int64_t i = 0; i < n; ++i) bad |= outside(index[i], size);
  if (bad >= 0) return;
  for (int64_t i = 0; i < n; ++i)
    if (outside(index[i], size) < 0)
      refuse_place(of.op, static_cast<Bounds>(of.bounds), index[i], of.dim, size);
}
constexpr Kernel kLook =
    program::checking("look_at_places", "r", program::routines_for<int64_t>(look_at_places));

// The same for numbers that may count from the end.  Operands: out int64[n], index int64[n].
void count_from_front(const kernels::Task& task) {
  const Places& of = kernels::arguments<Places>(task);
  int64_t* out = static_cast<int64_t*>(task.data[0]);
  const int64_t* index = static_cast<const int64_t*>(task.data[1]);
  const int64_t n = of.n, size = of.size;
  int64_t bad = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = index[i] + (index[i] >> 63 & size);
    bad |= outside(place, size);
    out[i] = place;
  }
  if (bad >= 0) return;
  for (int64_t i = 0; i < n; ++i)
    if (index[i] < -size || index[i] >= size)
      refuse_place(of.op, static_cast<Bounds>(of.bounds), index[i], of.dim, size);
}
constexpr Kernel kFromFront =
    program::checking("linear_index", "wr", program::routines_for<int64_t>(count_from_front));

// Where no number may be negative, the index itself.
Tensor checked_places(const Places& of, const Tensor& given) {
  const Tensor index = contiguous(to(given, DType::int64));
  if (static_cast<Bounds>(of.bounds) != Bounds::from_end) {
    program::launch(kLook, DType::int64, {index}, of);
    return index;
  }
  const Tensor out = empty(index.shape(), DType::int64);
  program::launch(kFromFront, DType::int64, {out, index}, of);
  return out;
}

// Followed by the sizes.
struct LinearIndex {
  const char* op;  // "" in a subscript
  int64_t n;
  int64_t first;  // dimension
  int64_t count;  // of dimensions
  int64_t bounds;
};
// Operands: out int64[n], then one int64[n] for each size.
void combine_indices(const kernels::Task& task) {
  const LinearIndex& how = kernels::arguments<LinearIndex>(task);
  const int64_t n = how.n, count = how.count;
  const auto bounds = static_cast<Bounds>(how.bounds);
  const bool from_end = bounds == Bounds::from_end;
  const int64_t* sizes = kernels::sizes_after<LinearIndex>(task);
  int64_t* out = static_cast<int64_t*>(task.data[0]);
  for (int64_t i = 0; i < n; ++i) {
    int64_t place = 0;
    for (int64_t d = 0; d < count; ++d) {
      const int64_t given = static_cast<const int64_t*>(task.data[1 + d])[i];
      if (given < (from_end ? -sizes[d] : 0) || given >= sizes[d]) {
        throw Error(
            bounds == Bounds::runtime_error ? ErrorKind::runtime : ErrorKind::index,
            join(how.op, *how.op ? ": " : "", "index ", given, " is out of bounds for dimension ",
                 how.first + d, " with size ", sizes[d]));
      }
      place = place * sizes[d] + (given < 0 ? given + sizes[d] : given);
    }
    out[i] = place;
  }
}
constexpr Kernel kCombine =
    program::checking("linear_index", "wr", program::routines_for<int64_t>(combine_indices));

}  // namespace

Tensor linear_index(const char* op, const Tensors& indices, const Dims& sizes, int first,
                    Bounds bounds) {
  if (indices.size() == 1)
    return checked_places({op, indices[0].numel(), sizes[0], first, static_cast<int64_t>(bounds)},
                          indices[0]);
  const Tensor out = empty(indices[0].shape(), DType::int64);
  Tensors kept;
  SmallVector<program::Operand, 4> operands{out};
  for (const Tensor& index : indices) {
    kept.push_back(contiguous(to(index, DType::int64)));
    operands.push_back(kept.back());
  }
  const program::ArgumentWords words = program::words_of(
      LinearIndex{op, out.numel(), first, sizes.size(), static_cast<int64_t>(bounds)}, sizes);
  program::launch(program::Call{&kCombine, DType::int64, operands.data(), operands.size(),
                                words.data(), words.size()});
  return out;
}

}  // namespace steep::ops
