// Views: other strided views of the same memory. A rule here is the view that leads back.
#include "ops/shape/view.h"

#include <limits>

#include "ops/elementwise/elementwise.h"
#include "ops/shape/strided_view.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep::ops {

namespace {

// A view of x with its place in x's history; the rule, where one is wanted, is recorded by the
// caller.
Tensor view_of(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset) {
  Tensor out = alias(x, shape, strides, offset);
  tape::mark_view(out, x);
  return out;
}

// Whether a strided view reaches beyond a storage of `held` elements. Sizes and strides may be too
// large to multiply.
bool reaches_past(const Dims& size, const Dims& stride, int64_t offset, int64_t held) {
  // A view without elements may lie anywhere, as slices of empty tensors do; its address must
  // exist.
  if (std::find(size.begin(), size.end(), 0) != size.end()) return offset > (INT64_MAX >> 4);
  int64_t room = held - offset - 1;
  for (int i = 0; i < size.size() && room >= 0; ++i) {
    const int64_t steps = size[i] - 1;
    if (steps > 0 && stride[i] > room / steps) return true;
    room -= steps * stride[i];
  }
  return room < 0;
}

}  // namespace

Tensor as_strided(const Tensor& x, const Dims& size, const Dims& stride,
                  std::optional<int64_t> storage_offset) {
  const int64_t offset = storage_offset.value_or(x->offset);
  if (size.size() != stride.size())
    fail(ErrorKind::runtime, "as_strided", "size and stride of one length",
         join(size.size(), " and ", stride.size()));
  count(size);
  for (int64_t step : stride)
    if (step < 0)
      throw Error(ErrorKind::runtime,
                  join("as_strided: negative strides are not supported, got ", to_string(stride)));
  const int64_t held = static_cast<int64_t>(x->storage->bytes()) / element_size(x.dtype());
  if (offset < 0 || reaches_past(size, stride, offset, held)) {
    throw Error(ErrorKind::runtime,
                join("as_strided: size ", to_string(size), ", stride ", to_string(stride),
                     " and offset ", offset, " reach past the storage of ", held, " elements"));
  }
  Tensor out = view_of(x, size, stride, offset);
  if (wanted(x)) {
    const Layout whole = Layout::of(x), part = Layout::of(out);
    record("as_strided", out, {x}, tape::lasting([whole, part](const Tensor& grad, Grads& grads) {
             grads[0] = put_strided_view(grad, whole, part);
           }));
  }
  return out;
}

namespace {
Tensor reshaped_view(const char* op, const Tensor& x, const Dims& shape, const Dims& strides) {
  Tensor out = view_of(x, shape, strides, x->offset);
  if (wanted(x))
    record(op, out, {x}, tape::lasting([back = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = reshape(grad, back);
           }));
  return out;
}
}  // namespace

Tensor view(const Tensor& x, const Dims& size) {
  const Dims shape = infer_size("view", size, x.numel());
  Dims strides;
  if (!view_strides(x.shape(), x.strides(), shape, strides)) {
    throw Error(
        ErrorKind::runtime,
        join("view: size ", to_string(shape), " is not compatible with input tensor's size ",
             to_string(x.shape()), " and stride ", to_string(x.strides()),
             " (at least one dimension spans across two contiguous subspaces). Use .reshape(...) "
             "instead."));
  }
  return reshaped_view("view", x, shape, strides);
}

Tensor reshape(const Tensor& x, const Dims& target) {
  const Dims shape = infer_size("reshape", target, x.numel());
  Dims strides;
  if (view_strides(x.shape(), x.strides(), shape, strides))
    return reshaped_view("reshape", x, shape, strides);
  return view(contiguous(x), shape);
}

Tensor expand(const Tensor& x, const Dims& size) {
  Dims shape = size;
  const int lead = shape.size() - x.dim();
  for (int i = 0; i < shape.size(); ++i) {
    const bool own = i >= lead;
    if (shape[i] == -1 && own) shape[i] = x.size(i - lead);
    const bool fits =
        shape[i] >= 0 && (!own || x.size(i - lead) == 1 || x.size(i - lead) == shape[i]);
    if (lead < 0 || !fits) {
      throw Error(ErrorKind::runtime,
                  join("expand: The expanded size of the tensor (", to_string(size),
                       ") must match the existing size (", to_string(x.shape()),
                       ") at non-singleton dimension ", i, "; sizes of 1 can grow, others cannot"));
    }
  }
  if (lead < 0) {
    throw Error(ErrorKind::runtime,
                join("expand: the number of sizes provided (", size.size(),
                     ") must be greater or equal to the number of dimensions in the tensor (",
                     x.dim(), ")"));
  }
  Tensor out = view_of(x, shape, broadcast_strides(x.shape(), x.strides(), shape), x->offset);
  // The tape sums a gradient back to the input's shape.
  if (wanted(x))
    record("expand", out, {x},
           tape::lasting([](const Tensor& grad, Grads& grads) { grads[0] = grad; }));
  return out;
}

Tensor permute(const Tensor& x, const Dims& dims) {
  if (dims.size() != x.dim()) {
    fail(ErrorKind::runtime, "permute", join("each of the ", x.dim(), " dimensions once"),
         join("dims ", to_string(dims)));
  }
  const Dims order = wrap_dims("permute", dims, x.dim());
  Dims shape, strides, inverse(x.dim(), 0);
  for (int i = 0; i < order.size(); ++i) {
    shape.push_back(x.size(static_cast<int>(order[i])));
    strides.push_back(x.strides()[order[i]]);
    inverse[order[i]] = i;
  }
  Tensor out = view_of(x, shape, strides, x->offset);
  if (wanted(x))
    record("permute", out, {x}, tape::lasting([inverse](const Tensor& grad, Grads& grads) {
             grads[0] = permute(grad, inverse);
           }));
  return out;
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const int a = wrap_dim("transpose", dim0, x.dim()), b = wrap_dim("transpose", dim1, x.dim());
  Dims shape = x.shape(), strides = x.strides();
  if (x.dim() > 0) {
    std::swap(shape[a], shape[b]);
    std::swap(strides[a], strides[b]);
  }
  Tensor out = view_of(x, shape, strides, x->offset);
  if (wanted(x))
    record("transpose", out, {x}, tape::lasting([a, b](const Tensor& grad, Grads& grads) {
             grads[0] = transpose(grad, a, b);
           }));
  return out;
}

Tensor t(const Tensor& x) {
  if (x.dim() > 2)
    fail(ErrorKind::runtime, "t", "a tensor with at most 2 dimensions", join(x.dim(), "D"),
         "use .mT or transpose(dim0, dim1)");
  return x.dim() < 2 ? transpose(x, 0, 0) : transpose(x, 0, 1);
}

Tensor squeeze(const Tensor& x, std::optional<Dims> dim) {
  Dims shape, strides;
  const Dims chosen = dim ? wrap_dims("squeeze", *dim, x.dim()) : Dims();
  for (int i = 0; i < x.dim(); ++i) {
    const bool named = !dim || std::find(chosen.begin(), chosen.end(), i) != chosen.end();
    if (x.size(i) == 1 && named) continue;
    shape.push_back(x.size(i));
    strides.push_back(x.strides()[i]);
  }
  return reshaped_view("squeeze", x, shape, strides);
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const int at = wrap_dim("unsqueeze", dim, x.dim() + 1);
  Dims shape = x.shape(), strides = x.strides();
  const int64_t step = at < x.dim() ? checked_multiply(x.size(at), x.strides()[at]) : 1;
  shape.insert(at, 1);
  strides.insert(at, step);
  return reshaped_view("unsqueeze", x, shape, strides);
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const int from = wrap_dim("flatten", start_dim, x.dim()),
            to = wrap_dim("flatten", end_dim, x.dim());
  if (from > to)
    throw Error(ErrorKind::runtime,
                "flatten: flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.dim() == 0) return reshape(x, {1});
  if (from == to) return x;
  Dims shape;
  int64_t merged = 1;
  for (int i = 0; i < x.dim(); ++i) {
    if (i < from || i > to) {
      shape.push_back(x.size(i));
    } else {
      merged *= x.size(i);
      if (i == to) shape.push_back(merged);
    }
  }
  return reshape(x, shape);
}

Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes) {
  const int at = wrap_dim("unflatten", dim, x.dim());
  const Dims parts = infer_size("unflatten", sizes, x.size(at));
  Dims shape;
  for (int i = 0; i < x.dim(); ++i) {
    if (i != at) {
      shape.push_back(x.size(i));
    } else {
      for (int64_t part : parts) shape.push_back(part);
    }
  }
  return view(x, shape);
}

// Steps through one dimension: elements start, start + step, ... (length of them).
Tensor stepped(const char* op, const Tensor& x, int dim, int64_t start, int64_t length,
               int64_t step) {
  Dims shape = x.shape(), strides = x.strides();
  shape[dim] = length;
  strides[dim] = checked_multiply(strides[dim], step);
  const int64_t skipped = length > 0 ? checked_multiply(start, x.strides()[dim]) : 0;
  Tensor out = view_of(x, shape, strides, checked_add(x->offset, skipped));
  if (wanted(x)) {
    const Layout whole{x.shape(), contiguous_strides(x.shape()), 0};
    Layout part{shape, whole.strides, length > 0 ? start * whole.strides[dim] : 0};
    part.strides[dim] *= step;
    record(op, out, {x}, tape::lasting([whole, part](const Tensor& grad, Grads& grads) {
             grads[0] = put_strided_view(grad, whole, part);
           }));
  }
  return out;
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  if (x.dim() == 0) throw Error(ErrorKind::runtime, "narrow: cannot be applied to a 0-dim tensor");
  const int at = wrap_dim("narrow", dim, x.dim());
  const int64_t size = x.size(at), from = start < 0 ? start + size : start;
  if (from < 0 || from > size) {
    throw Error(ErrorKind::index, join("narrow: start out of range (expected to be in range of [",
                                       -size, ", ", size, "], but got ", start, ")"));
  }
  if (length < 0 || length > size - from) {
    throw Error(ErrorKind::runtime, join("narrow: start (", start, ") + length (", length,
                                         ") exceeds dimension size (", size, ")"));
  }
  return stepped("narrow", x, at, from, length, 1);
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  if (x.dim() == 0) throw Error(ErrorKind::index, "select: cannot be applied to a 0-dim tensor");
  const int at = wrap_dim("select", dim, x.dim());
  const int64_t size = x.size(at);
  if (index < -size || index >= size) {
    throw Error(ErrorKind::index,
                join("index ", index, " is out of bounds for dimension ", at, " with size ", size));
  }
  const int64_t from = index < 0 ? index + size : index;
  Dims shape = x.shape(), strides = x.strides();
  const Tensor row = stepped("select", x, at, from, 1, 1);
  shape.erase(at);
  strides.erase(at);
  return reshaped_view("select", row, shape, strides);
}

namespace {

// All parts of x along a dimension, whose gradients one node joins: each by itself would be padded to
// the size of x, and then added.
Tensors recorded_parts(const char* op, Tensors parts, const Tensor& x, int at,
                       Tensor (*join_parts)(const Tensors&, int64_t)) {
  if (!wanted(x) || parts.empty()) return parts;
  SmallVector<Dims, 4> shapes;
  for (const Tensor& part : parts) shapes.push_back(part.shape());
  tape::record_many(
      op, parts, {x},
      tape::lasting([shapes, at, join_parts, dtype = x.dtype()](const Tensor* given, Grads& grads) {
        Tensors whole;
        for (int i = 0; i < shapes.size(); ++i)
          whole.push_back(given[i].defined() ? given[i] : full(shapes[i], 0, dtype));
        grads[0] = join_parts(whole, at);
      }));
  return parts;
}

}  // namespace

int part_count(const char* op, int64_t parts) {
  constexpr int kMost = std::numeric_limits<int>::max();
  if (parts > kMost) fail(ErrorKind::runtime, op, join("at most ", kMost, " parts"), join(parts));
  return static_cast<int>(parts);
}

Tensors unbind(const Tensor& x, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::index, "unbind: Dimension specified as 0 but tensor has no dimensions");
  const int at = wrap_dim("unbind", dim, x.dim());
  const int parts = part_count("unbind", x.size(at));
  Tensors out;
  {
    const tape::GradMode off(false);
    for (int i = 0; i < parts; ++i) out.push_back(select(x, at, i));
  }
  return recorded_parts("unbind", std::move(out), x, at, stack);
}

Tensors split_sizes(const Tensor& x, const Dims& sizes, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::runtime, "split: expects at least a 1-dimensional tensor");
  const int at = wrap_dim("split", dim, x.dim());
  int64_t total = 0;
  for (int64_t size : sizes)
    total = checked_add(total, size < 0 ? checked_add(x.size(at), 1) : size);
  if (total != x.size(at)) {
    fail(ErrorKind::runtime, "split",
         join("split_sizes to sum exactly to ", x.size(at), " (input tensor's size at dimension ",
              at, ")"),
         join("split_sizes=", to_string(sizes)));
  }
  Tensors out;
  int64_t start = 0;
  {
    const tape::GradMode off(false);
    for (int64_t size : sizes) {
      out.push_back(narrow(x, at, start, size));
      start += size;
    }
  }
  return recorded_parts("split", std::move(out), x, at, cat);
}

Tensors split(const Tensor& x, int64_t split_size, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::runtime, "split: expects at least a 1-dimensional tensor");
  const int at = wrap_dim("split", dim, x.dim());
  if (split_size < 0 || (split_size == 0 && x.size(at) > 0))
    fail(ErrorKind::runtime, "split", "a positive split_size", join(split_size));
  part_count("split", split_size > 0 ? x.size(at) / split_size : 0);
  Dims sizes;
  for (int64_t rest = x.size(at); rest > 0; rest -= sizes.back())
    sizes.push_back(std::min(split_size, rest));
  if (sizes.empty()) sizes.push_back(0);
  return split_sizes(x, sizes, at);
}

Tensors chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  if (x.dim() == 0)
    throw Error(ErrorKind::runtime, "chunk: expects at least a 1-dimensional tensor");
  if (chunks <= 0) fail(ErrorKind::runtime, "chunk", "chunks greater than 0", join(chunks));
  const int at = wrap_dim("chunk", dim, x.dim());
  if (x.size(at) > 0) return split(x, (x.size(at) - 1) / chunks + 1, at);
  return split_sizes(x, Dims(part_count("chunk", chunks), 0), at);
}

Tensor detach(const Tensor& x) { return alias(x); }

}  // namespace steep::ops
