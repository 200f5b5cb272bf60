#include "program/plan/rows.h"

#include <algorithm>

#include "kernels/partition.h"
#include "tensor/shape.h"

namespace steep::program {

namespace {

// How many elements one row of x spans, a row being x without its first dimension.
int64_t row_extent(const TensorImpl& x) {
  int64_t extent = 1;
  for (int d = 1; d < x.shape.size(); ++d) extent += (x.shape[d] - 1) * x.strides[d];
  return extent;
}

// Bytes from one row to the next of an operand whose first dimension is the result's; 0 if rows
// overlap or are broadcast.
int64_t row_bytes(const TensorImpl& x, const TensorImpl& out) {
  if (x.shape.size() != out.shape.size() || x.shape[0] != out.shape[0]) return 0;
  return x.strides[0] >= row_extent(x) ? x.strides[0] * element_size(x.dtype) : 0;
}

// An elementwise launch can be shared by the first dimension if its result is row-major, for it is
// walked in memory order.
PartitionedRows elementwise_rows(const Call& call) {
  const TensorImpl& out = *call.operands[0].tensor();
  if (!out.contiguous || out.shape.empty() || out.numel == 0) return {};
  PartitionedRows rows;
  rows.count = out.shape[0];
  for (int i = 0; i < call.operand_count; ++i) {
    const TensorImpl* x = call.operands[i].tensor();
    rows.bytes.push_back(x ? row_bytes(*x, out) : 0);
  }
  return rows;
}

// The launches of a group are flat and of one size: rows of the first are ranges of elements for
// the others.
PartitionedRows group_rows(const Plan& plan, const Step& step) {
  const TensorImpl& first = *plan.calls[step.calls[0]].call.operands()[0].tensor();
  PartitionedRows rows;
  if (first.shape.empty()) return rows;
  rows.count = first.shape[0];
  for (int at : step.calls) {
    const RecordedCall& call = plan.calls[at].call;
    if (call.kernel().kind == Kind::reduce) return {};  // its chunks are not rows
    for (const Operand& operand : call.operands()) {
      const TensorImpl* x = operand.tensor();
      const bool whole = !x || x->numel != first.numel;
      rows.bytes.push_back(whole ? 0 : x->numel / rows.count * element_size(x->dtype));
    }
  }
  return rows;
}

// As the kernel partitions it.
PartitionedRows routine_rows(const Call& call, int ranks) {
  const kernels::RowPartition partition = call.kernel->rows(seen_by_kernel(call), ranks);
  PartitionedRows rows;
  rows.count = partition.count;
  const int operands = std::min(call.operand_count, kernels::RowPartition::kOperands);
  for (int i = 0; i < operands && rows.count > 0; ++i) {
    const TensorImpl* x = call.operands[i].tensor();
    rows.bytes.push_back(x ? partition.steps[i] * element_size(x->dtype) : 0);
  }
  return rows;
}

}  // namespace

PartitionedRows rows_of(const Plan& plan, const Step& step, int ranks) {
  if (step.calls.size() > 1) return group_rows(plan, step);
  const Call call = plan.calls[step.calls[0]].call.call();
  const Kernel& kernel = *call.kernel;
  if (kernel.kind == Kind::elementwise || kernel.kind == Kind::cast) return elementwise_rows(call);
  return kernel.rows ? routine_rows(call, ranks) : PartitionedRows{};
}

std::vector<Touched> touched_by(const Plan& plan, const Step& step, int rank) {
  const PartitionedRows rows = step.rows ? rows_of(plan, step, step.threads) : PartitionedRows{};
  const kernels::Range mine = kernels::share(rows.count, 1, rank, step.threads);
  std::vector<Touched> out;
  int operand = 0;
  for (int at : step.calls) {
    const TracedCall& traced = plan.calls[at];
    for (int i = 0; i < traced.values.size(); ++i, ++operand) {
      const int v = traced.values[i];
      if (v < 0) continue;
      const int64_t offset = plan.offsets.empty() ? -1 : plan.offsets[v];
      Touched touched{offset < 0 ? v : -1, 0, static_cast<int64_t>(plan.values[v].bytes),
                      traced.call.writes(i)};
      const int64_t bytes = operand < rows.bytes.size() ? rows.bytes[operand] : 0;
      if (bytes > 0) {
        const TensorImpl& x = *traced.call.operands()[i].tensor();
        const int64_t start = x.offset * element_size(x.dtype);
        touched.begin = start + mine.begin * bytes;
        touched.end = start + mine.end * bytes;
      }
      if (offset >= 0) touched.begin += offset, touched.end += offset;
      if (touched.begin < touched.end) out.push_back(touched);
    }
  }
  if (step.scratch_offset >= 0)
    out.push_back({-1, step.scratch_offset,
                   step.scratch_offset + scratch_of(plan, step, step.threads), true});
  return out;
}

}  // namespace steep::program
