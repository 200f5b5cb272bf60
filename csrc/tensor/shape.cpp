#include "tensor/shape.h"

#include <algorithm>

#include "tensor/sizes.h"
#include "tensor/tensor.h"

namespace steep {

Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b) {
  if (a == b) return a;
  const int rank = std::max(a.size(), b.size());
  Dims out(rank, 1);
  for (int i = 0; i < rank; ++i) {
    const int from_a = i - (rank - a.size()), from_b = i - (rank - b.size());
    const int64_t size_a = from_a >= 0 ? a[from_a] : 1, size_b = from_b >= 0 ? b[from_b] : 1;
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      fail(ErrorKind::runtime, op,
           "shapes that broadcast (sizes equal or 1, counted from the last dimension)",
           join(to_string(a), " and ", to_string(b), ": the size of tensor a (", size_a,
                ") must match the size of tensor b (", size_b, ") at non-singleton dimension ", i));
    }
    out[i] = size_a == 1 ? size_b : size_a;
  }
  return out;
}

bool broadcasts_to(const Dims& from, const Dims& to) {
  if (from.size() > to.size()) return false;
  for (int i = 0; i < from.size(); ++i) {
    const int64_t size = from[i];
    if (size != 1 && size != to[i + to.size() - from.size()]) return false;
  }
  return true;
}

Dims broadcast_strides(const Dims& shape, const Dims& strides, const Dims& to) {
  Dims out(to.size(), 0);
  const int lead = to.size() - shape.size();
  for (int i = 0; i < shape.size(); ++i) out[lead + i] = shape[i] == 1 ? 0 : strides[i];
  return out;
}

int wrap_dim(const char* op, int64_t dim, int rank) {
  const int64_t limit = std::max(rank, 1);
  if (dim < -limit || dim >= limit) {
    throw Error(ErrorKind::index, join(op, ": Dimension out of range (expected to be in range of [",
                                       -limit, ", ", limit - 1, "], but got ", dim, ")"));
  }
  return static_cast<int>(dim < 0 ? dim + limit : dim);
}

Dims wrap_dims(const char* op, const Dims& dims, int rank) {
  Dims out;
  for (int64_t dim : dims) {
    const int64_t wrapped = wrap_dim(op, dim, rank);
    if (std::find(out.begin(), out.end(), wrapped) != out.end())
      throw Error(ErrorKind::runtime,
                  join(op, ": dim ", wrapped, " appears multiple times in the list of dims"));
    out.push_back(wrapped);
  }
  return out;
}

Dims order_by_stride(const Dims& shape, const Dims& strides) {
  Dims order;
  for (int i = 0; i < shape.size(); ++i) order.push_back(i);
  // Insertion sort: ranks are small, and equal strides must keep their order.
  for (int i = 1; i < order.size(); ++i)
    for (int j = i; j > 0 && strides[order[j - 1]] < strides[order[j]]; --j)
      std::swap(order[j - 1], order[j]);
  return order;
}

Dims infer_size(const char* op, const Dims& target, int64_t numel) {
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < target.size(); ++i) {
    if (target[i] == -1) {
      if (unknown >= 0)
        throw Error(ErrorKind::runtime, join(op, ": only one dimension can be inferred, got shape ",
                                             to_string(target), "; write -1 once"));
      unknown = i;
    } else if (target[i] < 0) {
      throw Error(ErrorKind::runtime,
                  join(op, ": invalid shape dimension ", target[i], " at index ", i, " of shape ",
                       to_string(target), "; sizes are 0 or more, or -1 for one to be inferred"));
    } else if (__builtin_mul_overflow(known, target[i], &known)) {
      throw Error(ErrorKind::runtime,
                  join(op, ": shape '", to_string(target),
                       "' has more elements than 64 bits can count; its sizes must have ",
                       "the product ", numel));
    }
  }
  Dims out = target;
  if (unknown >= 0) {
    if (known == 0) {
      throw Error(
          ErrorKind::runtime,
          join(op, ": cannot reshape tensor of ", numel, " elements into shape ", to_string(target),
               " because the unspecified dimension size -1 can be any value and is ambiguous; "
               "write the size"));
    }
    out[unknown] = numel / known;
    known *= out[unknown];  // at most numel
  }
  if (known != numel) {
    throw Error(ErrorKind::runtime,
                join(op, ": shape '", to_string(target), "' is invalid for input of size ", numel,
                     "; the product of its sizes must be ", numel));
  }
  return out;
}

bool view_strides(const Dims& shape, const Dims& strides, const Dims& target, Dims& out) {
  if (count(shape) == 0) {
    out = contiguous_strides(target);
    return true;
  }
  out = Dims(target.size(), 1);
  int to = target.size() - 1;
  int64_t chunk = 1,
          covered =
              1;  // elements of the current run of memory, and how many of them target has taken
  int64_t base = shape.empty() ? 1 : strides.back();
  for (int from = shape.size() - 1; from >= 0; --from) {
    chunk *= shape[from];
    const bool ends =
        from == 0 || (shape[from - 1] != 1 && strides[from - 1] != checked_multiply(chunk, base));
    if (!ends) continue;
    while (to >= 0 && (covered < chunk || target[to] == 1)) {
      out[to] = checked_multiply(covered, base);
      covered *= target[to--];
    }
    if (covered != chunk) return false;
    if (from > 0) {
      base = strides[from - 1];
      chunk = covered = 1;
    }
  }
  for (; to >= 0; --to) out[to] = 1;
  return true;
}

}  // namespace steep
