// Making tensors: constants, copies, conversions.
#include "kernels/elementwise/cast.h"
#include "ops/elementwise/elementwise.h"
#include "ops/memory_format.h"
#include "ops/options.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

namespace {}  // namespace

void cast_into(const Tensor& x, const Tensor& value) {
  program::launch(kernels::kCast, value.dtype(), {x, value});
}

Tensor to(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor out = empty_like(x, dtype);
  cast_into(out, x);
  if (is_floating(dtype) && wanted(x))
    record("to", out, {x},
           tape::lasting([](const Tensor& grad, Grads& grads) { grads[0] = grad; }));
  return out;
}

Tensor clone(const Tensor& x) {
  Tensor out = empty_like(x, x.dtype());
  copy_memory(out, x);
  if (wanted(x))
    record("clone", out, {x},
           tape::lasting([](const Tensor& grad, Grads& grads) { grads[0] = grad; }));
  return out;
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor out = empty(x.shape(), x.dtype());
  copy_memory(out, x);
  if (wanted(x))
    record("contiguous", out, {x},
           tape::lasting([](const Tensor& grad, Grads& grads) { grads[0] = grad; }));
  return out;
}

Tensor full(const Dims& size, const Number& value, std::optional<DType> dtype) {
  const DType type = dtype.value_or(value.dtype());
  Tensor out = empty(size, type);
  program::launch(kernels::kFill, type, {out, value});
  return out;
}

Tensor zeros(const Dims& size, std::optional<DType> dtype) {
  return full(size, 0, dtype.value_or(default_dtype()));
}

namespace {

Tensor marked(const Tensor& out, bool requires_grad) {
  if (requires_grad) tape::set_requires_grad(out, true);
  return out;
}

Tensor filled_like(const Tensor& x, const Number& value, std::optional<DType> dtype,
                   bool requires_grad, const MemoryFormat& format) {
  const DType type = dtype.value_or(x.dtype());
  const Tensor out = empty_like(x, type, format);
  program::launch(kernels::kFill, type, {out, value});
  return marked(out, requires_grad);
}

Tensor clone_as(const Tensor& x, const MemoryFormat& format) {
  if (is_channels_last(format)) return channels_last("clone", x, format, true);
  if (!is_row_major(format) || x.is_contiguous()) return clone(x);
  return contiguous(x);  // which is a copy
}
Tensor contiguous_as(const Tensor& x, const MemoryFormat& format) {
  if (is_channels_last(format)) return channels_last("contiguous", x, format, false);
  if (format && !is_row_major(format))
    fail(ErrorKind::runtime, "contiguous", "steep.contiguous_format", "steep." + *format,
         "leave memory_format out");
  return contiguous(x);
}

Tensor make_zeros(const Dims& size, std::optional<DType> dtype, bool requires_grad) {
  return marked(zeros(size, dtype), requires_grad);
}
Tensor make_ones(const Dims& size, std::optional<DType> dtype, bool requires_grad) {
  return marked(full(size, 1, dtype.value_or(default_dtype())), requires_grad);
}
Tensor make_empty(const Dims& size, std::optional<DType> dtype, bool requires_grad,
                  const MemoryFormat& format) {
  return marked(empty_in(size, dtype.value_or(default_dtype()), format), requires_grad);
}
Tensor make_full(const Dims& size, const Number& value, std::optional<DType> dtype,
                 bool requires_grad) {
  check_fits("full", value, dtype.value_or(value.dtype()));
  return marked(full(size, value, dtype), requires_grad);
}
Tensor zeros_like(const Tensor& x, std::optional<DType> dtype, bool requires_grad,
                  const MemoryFormat& format) {
  return filled_like(x, 0, dtype, requires_grad, format);
}
Tensor ones_like(const Tensor& x, std::optional<DType> dtype, bool requires_grad,
                 const MemoryFormat& format) {
  return filled_like(x, 1, dtype, requires_grad, format);
}
Tensor empty_as(const Tensor& x, std::optional<DType> dtype, bool requires_grad,
                const MemoryFormat& format) {
  return marked(empty_like(x, dtype.value_or(x.dtype()), format), requires_grad);
}
Tensor full_like(const Tensor& x, const Number& value, std::optional<DType> dtype,
                 bool requires_grad, const MemoryFormat& format) {
  check_fits("full_like", value, dtype.value_or(x.dtype()));
  return filled_like(x, value, dtype, requires_grad, format);
}
Tensor new_zeros(const Tensor& x, const Dims& size, std::optional<DType> dtype,
                 bool requires_grad) {
  return marked(full(size, 0, dtype.value_or(x.dtype())), requires_grad);
}
Tensor new_ones(const Tensor& x, const Dims& size, std::optional<DType> dtype, bool requires_grad) {
  return marked(full(size, 1, dtype.value_or(x.dtype())), requires_grad);
}
Tensor new_full(const Tensor& x, const Dims& size, const Number& value, std::optional<DType> dtype,
                bool requires_grad) {
  const DType type = dtype.value_or(x.dtype());
  check_fits("new_full", value, type);
  return marked(full(size, value, type), requires_grad);
}
Tensor new_empty(const Tensor& x, const Dims& size, std::optional<DType> dtype,
                 bool requires_grad) {
  return marked(empty(size, dtype.value_or(x.dtype())), requires_grad);
}

Tensor eye(int64_t n, std::optional<int64_t> m, std::optional<DType> dtype, bool requires_grad) {
  const int64_t columns = m.value_or(n);
  if (n < 0 || columns < 0)
    throw Error(ErrorKind::runtime,
                join("eye: n and m must be greater or equal to 0, got ", n, " and ", columns));
  Tensor out = zeros({n, columns}, dtype);
  if (out.numel() > 0) {
    const Tensor diagonal = alias(out, {std::min(n, columns)}, {columns + 1}, 0);
    program::launch(kernels::kFill, out.dtype(), {diagonal, Number(1)});
  }
  return marked(out, requires_grad);
}

}  // namespace

#define STEEP_LIKE STEEP_OPTIONS STEEP_FORMAT

namespace {

void register_create(Registry& registry) {
  registry.add<&make_zeros>("zeros", kFunction | kOut, "(*size: int, " STEEP_OPTIONS ") -> Tensor",
                            R"(A tensor of zeros. dtype defaults to the default floating dtype.

Raises RuntimeError for a negative size.

>>> steep.zeros(2, 3)
tensor([[0., 0., 0.],
        [0., 0., 0.]])
)");
  registry.add<&make_ones>("ones", kFunction | kOut, "(*size: int, " STEEP_OPTIONS ") -> Tensor",
                           R"(A tensor of ones. dtype defaults to the default floating dtype.

Raises RuntimeError for a negative size.

>>> steep.ones(3)
tensor([1., 1., 1.])
)");
  registry.add<&make_empty>(
      "empty", kFunction | kOut, "(*size: int, " STEEP_OPTIONS STEEP_FORMAT ") -> Tensor",
      R"(A tensor whose elements are whatever the memory held. dtype defaults to the default floating dtype.

Raises RuntimeError for a negative size.

>>> steep.empty(2, 3).shape
steep.Size([2, 3])
)");
  registry.add<&make_full>(
      "full", kFunction | kOut, "(size: Dims, fill_value: Number, *, " STEEP_OPTIONS ") -> Tensor",
      R"(A tensor of one value. dtype defaults to the value's: bool, int64 or the default floating dtype.

Raises RuntimeError for a negative size and for a value that the dtype cannot hold.

>>> steep.full((2,), 7)
tensor([7, 7])
)");
  registry.add<&zeros_like>("zeros_like", kFunction, "(input: Tensor, *, " STEEP_LIKE ") -> Tensor",
                            R"(Zeros in input's shape and dtype.

>>> steep.zeros_like(steep.tensor([1, 2]))
tensor([0, 0])
)");
  registry.add<&ones_like>("ones_like", kFunction, "(input: Tensor, *, " STEEP_LIKE ") -> Tensor",
                           R"(Ones in input's shape and dtype.

>>> steep.ones_like(steep.tensor([1, 2]))
tensor([1, 1])
)");
  registry.add<&empty_as>("empty_like", kFunction, "(input: Tensor, *, " STEEP_LIKE ") -> Tensor",
                          R"(Memory in input's shape and dtype, not written to.

>>> steep.empty_like(steep.tensor([1, 2])).shape
steep.Size([2])
)");
  registry.add<&full_like>("full_like", kFunction,
                           "(input: Tensor, fill_value: Number, *, " STEEP_LIKE ") -> Tensor",
                           R"(One value in input's shape and dtype.

Raises RuntimeError for a value that the dtype cannot hold.

>>> steep.full_like(steep.tensor([1, 2]), 5)
tensor([5, 5])
)");
  registry.add<&new_zeros>("new_zeros", kMethod,
                           "(input: Tensor, *size: int, " STEEP_OPTIONS ") -> Tensor",
                           R"(Zeros of a given size in this tensor's dtype.

Raises RuntimeError for a negative size.

>>> steep.tensor([1, 2]).new_zeros(2)
tensor([0, 0])
)",
                           "zeros");
  registry.add<&new_ones>("new_ones", kMethod,
                          "(input: Tensor, *size: int, " STEEP_OPTIONS ") -> Tensor",
                          R"(Ones of a given size in this tensor's dtype.

Raises RuntimeError for a negative size.

>>> steep.tensor([1, 2]).new_ones(2)
tensor([1, 1])
)",
                          "ones");
  registry.add<&new_full>("new_full", kMethod,
                          "(input: Tensor, size: Dims, fill_value: Number, *, " STEEP_OPTIONS
                          ") -> Tensor",
                          R"(One value of a given size in this tensor's dtype.

Raises RuntimeError for a negative size and for a value that the dtype cannot hold.

>>> steep.tensor([1, 2]).new_full((2,), 7)
tensor([7, 7])
)",
                          "full");
  registry.add<&new_empty>("new_empty", kMethod,
                           "(input: Tensor, *size: int, " STEEP_OPTIONS ") -> Tensor",
                           R"(Unwritten memory of a given size in this tensor's dtype.

Raises RuntimeError for a negative size.

>>> steep.tensor([1, 2]).new_empty(3).shape
steep.Size([3])
)",
                           "empty");
  registry.add<&eye>("eye", kFunction | kOut,
                     "(n: int, m: int | None = None, *, " STEEP_OPTIONS ") -> Tensor",
                     R"(The identity matrix, n by m (n by n): ones on the diagonal, zeros elsewhere.

Raises RuntimeError for a negative size.

>>> steep.eye(2)
tensor([[1., 0.],
        [0., 1.]])
)");
  registry.add<&clone_as>("clone", kBoth, "(input: Tensor, *" STEEP_FORMAT ") -> Tensor",
                          R"(A copy with memory of its own; gradients pass through.

>>> steep.clone(steep.tensor([1.0]))
tensor([1.])
)");
  registry.add<&contiguous_as>("contiguous", kMethod,
                               "(input: Tensor, *" STEEP_FORMAT ") -> Tensor",
                               R"(This tensor where its memory is row-major, else a copy that is.

>>> steep.eye(2).t().contiguous().is_contiguous()
True
)");
}

const Registration registered("creation", register_create);

}  // namespace

#undef STEEP_LIKE

}  // namespace steep::ops
