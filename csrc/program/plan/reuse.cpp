// Transposes weights that many products read. A product by a transposed weight first packs it into
// panels, each time anew. With enough products, one transposed copy for all of them is faster, and
// none of them packs.
#include <algorithm>
#include <map>
#include <tuple>

#include "kernels/elementwise/arithmetic.h"
#include "kernels/product/gemm.h"
#include "program/plan/plan.h"

namespace steep::program {

namespace {

// The copy costs about as much as packing this often.
constexpr size_t kWorthwhile = 8;
constexpr int64_t kTallRows = 24, kLargeBytes = 96 * 1024;

// Products with vectors are left alone: they would add up in another order with the weight
// transposed.
bool packs_weight(const TracedCall& traced) {
  const RecordedCall& call = traced.call;
  if (call.kernel().kind != Kind::product || !is_floating(call.type())) return false;
  const auto& gemm = call.arguments<kernels::Gemm>();
  if (gemm.batch != 1 || gemm.m < 2 || gemm.n < 2 || gemm.k == 0) return false;
  // Tall products pack a large weight in any case.
  const bool tall = gemm.m >= kTallRows;
  const int64_t bytes = gemm.n * gemm.k * element_size(call.type());
  return gemm.trans_b && !(tall && bytes >= kLargeBytes);
}

// What products must have in common to share a copy: the weight, with no write to it between them,
// and how they read it.
using Weight = std::tuple<int, int, int64_t, DType, int64_t, int64_t, int64_t>;

Weight weight_of(const TracedCall& traced, const std::vector<int>& writes_so_far) {
  const int value = traced.values[kernels::kGemmRight];
  const auto& gemm = traced.call.arguments<kernels::Gemm>();
  return {value,
          writes_so_far[value],
          traced.call.operands()[kernels::kGemmRight].tensor()->offset,
          traced.call.type(),
          gemm.n,
          gemm.k,
          gemm.ldb};
}

// For each weight, the products that pack it, ordered by the first product.
std::vector<std::vector<int>> readers_of(const Plan& plan) {
  std::map<Weight, size_t> known;
  std::vector<std::vector<int>> readers;
  std::vector<int> writes_so_far(plan.values.size());
  for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i) {
    const TracedCall& traced = plan.calls[i];
    traced.call.each_written([&](int k) {
      if (traced.values[k] >= 0) ++writes_so_far[traced.values[k]];
    });
    if (!packs_weight(traced)) continue;
    const auto [found, is_new] =
        known.try_emplace(weight_of(traced, writes_so_far), readers.size());
    if (is_new) readers.emplace_back();
    readers[found->second].push_back(i);
  }
  return readers;
}

// A view of memory that does not exist yet.
Tensor strided(DType type, const Dims& shape, const Dims& strides, int64_t offset) {
  return Tensor(new TensorImpl(Ref<Storage>(), type, shape, strides, offset));
}

// Adds a value for the transposed weight, which the products then read; returns the launch that
// fills it.
TracedCall share_copy(Plan& plan, const std::vector<int>& readers) {
  const TracedCall& first = plan.calls[readers[0]];
  const DType type = first.call.type();
  const auto& gemm = first.call.arguments<kernels::Gemm>();
  const int64_t n = gemm.n, k = gemm.k, ldb = gemm.ldb;
  const int64_t offset = first.call.operands()[kernels::kGemmRight].tensor()->offset;
  const Tensor copy = strided(type, {k, n}, {n, 1}, 0);
  const Tensor weight = strided(type, {k, n}, {1, ldb}, offset);
  Value value;
  value.kind = Value::Kind::made;
  value.bytes = static_cast<size_t>(n * k * element_size(type));
  const int made = static_cast<int>(plan.values.size());
  const Operand operands[] = {copy, weight};
  const Call call{&kernels::kCopy, type, operands, 2, nullptr, 0};
  TracedCall transpose(RecordedCall(call), 0);
  transpose.values = {made, first.values[kernels::kGemmRight]};
  plan.values.push_back(value);
  for (int at : readers) {
    TracedCall& product = plan.calls[at];
    product.call.replace(kernels::kGemmRight, copy);
    product.values[kernels::kGemmRight] = made;
    auto& changed = product.call.change_arguments<kernels::Gemm>();
    changed.ldb = n;
    changed.trans_b = 0;
  }
  return transpose;
}

}  // namespace

void reuse_packed(Plan& plan) {
  if (!plan.had(Kind::product)) return;
  const auto packing = std::count_if(plan.calls.begin(), plan.calls.end(), packs_weight);
  if (static_cast<size_t>(packing) < kWorthwhile) return;
  std::vector<std::pair<int, TracedCall>> copies;  // each with the call that it comes before
  for (const std::vector<int>& readers : readers_of(plan)) {
    if (readers.size() < kWorthwhile) continue;
    copies.emplace_back(readers[0], share_copy(plan, readers));
    plan.remarks.push_back(
        join("one transposed copy of a weight serves ",
             counted(static_cast<int64_t>(readers.size()), "product", "products")));
  }
  if (copies.empty()) return;
  std::vector<TracedCall> calls;
  calls.reserve(plan.calls.size() + copies.size());
  size_t next = 0;
  for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i) {
    if (next < copies.size() && copies[next].first == i)
      calls.push_back(std::move(copies[next++].second));
    calls.push_back(std::move(plan.calls[i]));
  }
  plan.calls = std::move(calls);
}

}  // namespace steep::program
