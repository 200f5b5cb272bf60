// Distinct elements or slices. How many there are depends on the values, so no call is replayed.
#include <algorithm>
#include <numeric>

#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/order/order.h"
#include "ops/registry.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// -1, 0 or 1; a nan is greater than any number, and not equal to another.
template <class T>
int compare_rows(const char* a, const char* b, int64_t m) {
  using E = ElementOf<Type<T>>;
  for (int64_t i = 0; i < m; ++i) {
    const auto at = i * static_cast<int64_t>(sizeof(E));
    const E x = Type<T>::load(a + at), y = Type<T>::load(b + at);
    if (x == y) continue;
    if (x != x) return y != y && a == b ? 0 : 1;
    return y != y || x < y ? -1 : 1;
  }
  return 0;
}

using Compare = int (*)(const char*, const char*, int64_t);

// n slices of m elements, each in a row.
struct Slices {
  Tensor memory;
  int64_t n, m;
  Compare compare;

  explicit Slices(const Tensor& x, int64_t n) : memory(contiguous(x)), n(n) {
    m = n > 0 ? x.numel() / n : 0;
    compare = visit(x.dtype(),
                    [](auto type) -> Compare { return compare_rows<ElementOf<decltype(type)>>; });
  }
  const char* row(int64_t i) const { return memory->data() + i * m * element_size(memory.dtype()); }
  int operator()(int64_t i, int64_t j) const { return compare(row(i), row(j), m); }
};

struct Distinct {
  Tensor first, inverse,
      counts;  // int64: of each distinct one, of each slice, of each distinct one
};

// Runs of equal slices, in the order given.
Distinct runs_of(const Slices& slices, const std::vector<int64_t>& order) {
  Distinct out;
  out.inverse = empty({slices.n}, DType::int64);
  int64_t* inverse = out.inverse.data<int64_t>();
  std::vector<int64_t> first, counts;
  for (int64_t i = 0; i < slices.n; ++i) {
    const int64_t at = order[static_cast<size_t>(i)];
    if (i == 0 || slices(order[static_cast<size_t>(i - 1)], at) != 0) {
      first.push_back(at);
      counts.push_back(0);
    }
    ++counts.back();
    inverse[at] = static_cast<int64_t>(first.size()) - 1;
  }
  const auto tensor = [](const std::vector<int64_t>& from) {
    const Tensor to = empty({static_cast<int64_t>(from.size())}, DType::int64);
    std::copy(from.begin(), from.end(), to.data<int64_t>());
    return to;
  };
  out.first = tensor(first);
  out.counts = tensor(counts);
  return out;
}

// Of a vector sorted already: neighbours are looked at as numbers.
template <class T>
Tensor distinct_values(const Tensor& sorted, Tensor* counts) {
  const char* from = sorted->data();
  const int64_t n = sorted.numel();
  const auto at = [from](int64_t i) {
    return Type<T>::load(from + i * static_cast<int64_t>(sizeof(T)));
  };
  int64_t found = 0;
  for (int64_t i = 0; i < n; ++i) found += i == 0 || !(at(i) == at(i - 1));
  const Tensor out = empty({found}, sorted.dtype());
  if (counts) *counts = empty({found}, DType::int64);
  int64_t to = -1, start = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i > 0 && at(i) == at(i - 1)) continue;
    if (counts && to >= 0) counts->data<int64_t>()[to] = i - start;
    start = i;
    Type<T>::store(out->data() + ++to * static_cast<int64_t>(sizeof(T)), at(i));
  }
  if (counts && to >= 0) counts->data<int64_t>()[to] = n - start;
  return out;
}

AnyValue distinct_numbers(const Tensor& x, bool return_counts) {
  const Tensor sorted = std::get<0>(sort(reshape(x, {-1}), 0, false, true));
  Tensor counts;
  const Tensor out = visit(x.dtype(), [&](auto type) {
    return distinct_values<ElementOf<decltype(type)>>(sorted, return_counts ? &counts : nullptr);
  });
  if (!return_counts) return AnyValue::of(out);
  return AnyValue::of(Tensors{out, counts});
}

std::vector<int64_t> natural_order(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<int64_t> sorted_order(const Tensor& x, const Slices& slices) {
  std::vector<int64_t> order = natural_order(slices.n);
  if (slices.m == 1) {
    const Tensor places = std::get<1>(sort(reshape(x, {-1}), 0, false, true));
    std::copy_n(places.data<int64_t>(), slices.n, order.begin());
  } else {
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t i, int64_t j) { return slices(i, j) < 0; });
  }
  return order;
}

AnyValue distinct(const char* op, const Tensor& x, bool sorted, bool return_inverse,
                  bool return_counts, std::optional<int64_t> dim) {
  program::refuse_recording(join("the size of its result depends on values (", op, ")"));
  const tape::GradMode off(false);
  if (sorted && !dim && !return_inverse) return distinct_numbers(x, return_counts);
  const int at = dim ? wrap_dim(op, *dim, x.dim()) : 0;
  const bool along = dim && x.dim() > 0;
  if (along && x.numel() == 0 && x.size(at) > 0)
    fail(ErrorKind::runtime, op, "slices with elements", to_string(x.shape()));
  const Tensor rows = contiguous(along ? transpose(x, 0, at) : reshape(x, {-1}));
  const Slices slices(rows, rows.size(0));
  const Distinct found =
      runs_of(slices, sorted ? sorted_order(rows, slices) : natural_order(slices.n));
  Tensors out;
  const Tensor picked = index_select(rows, 0, found.first);
  out.push_back(along ? contiguous(transpose(picked, 0, at)) : picked);
  if (return_inverse) out.push_back(along ? found.inverse : reshape(found.inverse, x.shape()));
  if (return_counts) out.push_back(found.counts);
  return out.size() == 1 ? AnyValue::of(out[0]) : AnyValue::of(std::move(out));
}

AnyValue unique(const Tensor& x, bool, bool return_inverse, bool return_counts,
                std::optional<int64_t> dim) {
  return distinct("unique", x, true, return_inverse, return_counts, dim);
}
AnyValue unique_consecutive(const Tensor& x, bool return_inverse, bool return_counts,
                            std::optional<int64_t> dim) {
  return distinct("unique_consecutive", x, false, return_inverse, return_counts, dim);
}

void register_unique(Registry& registry) {
  registry.add<&unique>(
      "unique", kBoth,
      "(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = "
      "False, dim: int | None = None) -> Tensor | tuple[Tensor, ...]",
      R"(The distinct elements in order; with dim, the distinct slices of a dimension.

Asked for, two more follow: the place of each element among the distinct ones, and how often each of
these is there. They are sorted, with sorted or without; a nan differs from another. Shape: (count),
or input's with count at dim. Raises IndexError for a dimension that does not exist.

>>> steep.unique(steep.tensor([3, 1, 3]))
tensor([1, 3])
>>> steep.unique(steep.tensor([3, 1, 3]), return_counts=True)[1]
tensor([1, 2])
)");
  registry.add<&unique_consecutive>(
      "unique_consecutive", kBoth,
      "(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None "
      "= None) -> Tensor | tuple[Tensor, ...]",
      R"(The elements without those that repeat the one before them; with dim, slices of a dimension.

Asked for, two more follow: the place of each element in the result, and how often it came there.
Raises IndexError for a dimension that does not exist.

>>> steep.unique_consecutive(steep.tensor([1, 1, 2, 1]))
tensor([1, 2, 1])
)");
}

const Registration registered("order", register_unique);

}  // namespace

}  // namespace steep::ops
