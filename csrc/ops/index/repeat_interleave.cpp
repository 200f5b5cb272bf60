// repeat_interleave: copies of elements beside each other.
#include <algorithm>

#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/reduce/reduce.h"
#include "ops/registry.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

Tensor vector_of(const Tensor& x) { return x.dim() == 0 ? reshape(x, {1}) : x; }

// Row i of x as often as `repeats` says.
Tensor repeated_rows(const Tensor& x, int dim, const Tensor& repeats) {
  program::refuse_recording(
      "the size of its result depends on values (repeat_interleave by a tensor); give an int");
  const Tensor times = contiguous(to(repeats, DType::int64));
  const int64_t* each = times.data<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < times.numel(); ++i) {
    if (each[i] < 0)
      fail(ErrorKind::runtime, "repeat_interleave", "repeats that are not negative",
           join(each[i], " at position ", i));
    total = checked_add(total, each[i]);
  }
  const Tensor index = empty({total}, DType::int64);
  int64_t* out = index.data<int64_t>();
  for (int64_t i = 0; i < times.numel(); ++i) out = std::fill_n(out, each[i], i);
  return index_select(x, dim, index);
}

Tensor repeat_interleave(const Tensor& given, const Tensor& repeats, std::optional<int64_t> dim,
                         std::optional<int64_t> output_size) {
  if (repeats.dtype() != DType::int64 && repeats.dtype() != DType::int32)
    fail(ErrorKind::runtime, "repeat_interleave", "repeats of int64 or int32",
         name(repeats.dtype()));
  if (repeats.dim() > 1)
    fail(ErrorKind::runtime, "repeat_interleave", "repeats of at most one dimension",
         to_string(repeats.shape()));
  const Tensor x = dim ? vector_of(given) : reshape(given, {-1});
  const int at = dim ? wrap_dim("repeat_interleave", *dim, x.dim()) : 0;
  const bool one = repeats.numel() == 1;
  if (!one && repeats.numel() != x.size(at))
    fail(ErrorKind::runtime, "repeat_interleave",
         join("one number, or one for each of the ", x.size(at), " elements of dimension ", at),
         join(repeats.numel()));
  const Tensor out = repeated_rows(x, at, one ? expand(vector_of(repeats), {x.size(at)}) : repeats);
  if (output_size && *output_size != out.size(at))
    fail(ErrorKind::runtime, "repeat_interleave", join("an output_size of ", out.size(at)),
         join(*output_size), "leave it out");
  return out;
}

Tensor repeat_evenly(const Tensor& given, int64_t repeats, std::optional<int64_t> dim,
                     std::optional<int64_t> output_size) {
  if (repeats < 0)
    fail(ErrorKind::runtime, "repeat_interleave", "repeats that are not negative", join(repeats));
  const Tensor x = dim ? vector_of(given) : reshape(given, {-1});
  const int at = dim ? wrap_dim("repeat_interleave", *dim, x.dim()) : 0;
  Dims grown, shape;
  for (int d = 0; d < x.dim(); ++d) {
    grown.push_back(x.size(d));
    if (d == at) grown.push_back(repeats);
    shape.push_back(d == at ? checked_multiply(x.size(d), repeats) : x.size(d));
  }
  if (output_size && *output_size != shape[at])
    fail(ErrorKind::runtime, "repeat_interleave", join("an output_size of ", shape[at]),
         join(*output_size), "leave it out");
  const Tensor out = reshape(expand(unsqueeze(x, at + 1), grown), shape);
  return out->storage == given->storage ? clone(out) : out;
}

Tensor repeats_of(const Tensor& repeats, std::optional<int64_t> output_size) {
  if (repeats.dim() != 1)
    fail(ErrorKind::runtime, "repeat_interleave", "a vector of repeats",
         to_string(repeats.shape()));
  return repeat_interleave(positions(repeats.numel(), 0, 1), repeats, 0, output_size);
}

void register_repeat_interleave(Registry& registry) {
  registry.add<&repeats_of>("repeat_interleave", kFunction,
                            "(repeats: Tensor, *, output_size: int | None = None) -> Tensor",
                            R"(Each element as often as repeats says, copies beside each other.

repeats: a number for all, or a vector of one for each; alone, it repeats 0, 1, ... . Without dim,
the elements are taken in row-major order. Raises RuntimeError for negative repeats, for another
number of them than elements, and when output_size is not the size of the result.

>>> steep.repeat_interleave(steep.tensor([1, 2]), 2)
tensor([1, 1, 2, 2])
>>> steep.repeat_interleave(steep.tensor([1, 2]), steep.tensor([1, 3]))
tensor([1, 2, 2, 2])
)",
                            "repeat_interleave_of_places");
  registry.add<&repeat_interleave>(
      "repeat_interleave", kBoth,
      "(input: Tensor, repeats: Tensor, dim: int | None = None, *, output_size: int | None = None) "
      "-> Tensor",
      "See repeat_interleave(repeats).", "repeat_interleave_by");
  registry.add<&repeat_evenly>(
      "repeat_interleave", kBoth,
      "(input: Tensor, repeats: int, dim: int | None = None, *, output_size: int | None = None) -> "
      "Tensor",
      "See repeat_interleave(repeats).", "repeat_interleave");
}

const Registration registered("indexing", register_repeat_interleave);

}  // namespace

}  // namespace steep::ops
