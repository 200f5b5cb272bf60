// Weights that many products of one program read: a product by the transpose of a weight copies it
// into panels first, each time anew. From some products on one transposed copy serves them all, and
// none of them packs.
#include "program/plan.h"
#include "program/product.h"

namespace steep::program {

namespace {

// The copy costs about as much as this many packings.
constexpr size_t kWorthwhile = 8;
constexpr int64_t kTallRows = 24, kLargeBytes = 96 * 1024;

constexpr Kernel kCopy{"copy",
                       Kind::elementwise,
                       static_cast<int>(kernels::Elementwise::copy),
                       "wr",
                       1,
                       nullptr,
                       nullptr,
                       nullptr};

// Products of vectors add up in another order when the weight lies otherwise: they stay as they
// are.
bool packs_weight(const TracedCall& traced) {
  const RecordedCall& call = traced.call;
  if (call.kernel().kind != Kind::product || !is_floating(call.type())) return false;
  const Dims& dims = call.dims();
  if (dims[product::kBatch] != 1 || dims[product::kRows] < 2 || dims[product::kColumns] < 2 ||
      dims[product::kDepth] == 0)
    return false;
  // Tall products copy a large weight into panels however it lies.
  const bool tall = dims[product::kRows] >= kTallRows;
  const int64_t bytes = dims[product::kColumns] * dims[product::kDepth] * element_size(call.type());
  return dims[product::kTransposedRight] == 1 && !(tall && bytes >= kLargeBytes);
}

bool same_weight(const TracedCall& a, const TracedCall& b) {
  const TensorImpl &x = *a.call.operands()[product::kRight].tensor(),
                   &y = *b.call.operands()[product::kRight].tensor();
  const Dims &p = a.call.dims(), &q = b.call.dims();
  return a.values[product::kRight] == b.values[product::kRight] && x.offset == y.offset &&
         a.call.type() == b.call.type() && p[product::kColumns] == q[product::kColumns] &&
         p[product::kDepth] == q[product::kDepth] &&
         p[product::kRightLead] == q[product::kRightLead];
}

// The products from `first` on that read its weight, up to where someone writes to it.
std::vector<int> readers_of(const Plan& plan, int first) {
  std::vector<int> found{first};
  const int weight = plan.calls[first].values[product::kRight];
  for (int i = first + 1; i < static_cast<int>(plan.calls.size()); ++i) {
    if (writes_to(plan.calls[i], weight)) break;
    if (packs_weight(plan.calls[i]) && same_weight(plan.calls[first], plan.calls[i]))
      found.push_back(i);
  }
  return found;
}

// A window on memory that is not there yet.
Tensor window(DType type, const Dims& shape, const Dims& strides, int64_t offset) {
  return Tensor(new TensorImpl(Ref<Storage>(), type, shape, strides, offset));
}

// Adds a value for the transposed weight, the launch that fills it, and lets the products read it.
void share_copy(Plan& plan, const std::vector<int>& readers) {
  const TracedCall& first = plan.calls[readers[0]];
  const DType type = first.call.type();
  const int64_t n = first.call.dims()[product::kColumns], k = first.call.dims()[product::kDepth];
  const int64_t offset = first.call.operands()[product::kRight].tensor()->offset;
  const Tensor copy = window(type, {k, n}, {n, 1}, 0);
  const Tensor weight = window(type, {k, n}, {1, first.call.dims()[product::kRightLead]}, offset);
  Value value;
  value.kind = Value::Kind::made;
  value.bytes = static_cast<size_t>(n * k * element_size(type));
  const int made = static_cast<int>(plan.values.size());
  const Operand operands[] = {copy, weight};
  const Call call{&kCopy, type, operands, 2, nullptr, 0, nullptr, 0};
  TracedCall transpose{RecordedCall(call), {made, first.values[product::kRight]}};
  plan.values.push_back(value);
  for (int at : readers) {
    TracedCall& product = plan.calls[at];
    product.call.replace(product::kRight, copy);
    product.values[product::kRight] = made;
    product.call.dims()[product::kRightLead] = n;
    product.call.dims()[product::kTransposedRight] = 0;
  }
  plan.calls.insert(plan.calls.begin() + readers[0], std::move(transpose));
}

}  // namespace

void reuse_packed(Plan& plan) {
  for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i) {
    if (!packs_weight(plan.calls[i])) continue;
    const std::vector<int> readers = readers_of(plan, i);
    if (readers.size() < kWorthwhile) continue;
    share_copy(plan, readers);
    plan.remarks.push_back(
        join("one transposed copy of a weight serves ", readers.size(), " products"));
  }
}

}  // namespace steep::program
