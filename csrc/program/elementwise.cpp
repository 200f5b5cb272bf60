#include "program/elementwise.h"

#include <algorithm>
#include <cstring>

#include "kernels/elementwise/arithmetic.h"
#include "kernels/partition.h"
#include "runtime/threads.h"
#include "tensor/shape.h"

namespace steep::program {

namespace {

using kernels::Loop;
constexpr int64_t kBlock = 1024;     // elements gathered at a time, if an operand is strided
constexpr int64_t kShareGrain = 64;  // elements; shares of threads begin at multiples of it

void add_dimension(LoopNest& nest, int64_t size, const int64_t* strides) {
  if (size == 1) return;
  if (!nest.shape.empty()) {
    bool merges = true;
    for (int i = 0; i < nest.operands; ++i) merges &= nest.strides[i].back() == strides[i] * size;
    if (merges) {
      nest.shape.back() *= size;
      for (int i = 0; i < nest.operands; ++i) nest.strides[i].back() = strides[i];
      return;
    }
  }
  nest.shape.push_back(size);
  for (int i = 0; i < nest.operands; ++i) nest.strides[i].push_back(strides[i]);
}

void fill_dimensions(const Call& call, LoopNest& nest) {
  const TensorImpl& out = *call.operands[0].tensor();
  Dims strides[kMaxOperands];
  strides[0] = out.strides;
  for (int i = 1; i < call.operand_count; ++i) {
    const TensorImpl* x = call.operands[i].tensor();
    strides[i] = x ? broadcast_strides(x->shape, x->strides, out.shape) : Dims(out.shape.size(), 0);
  }
  for (int64_t d : order_by_stride(out.shape, out.strides)) {
    int64_t step[kMaxOperands];
    for (int i = 0; i < call.operand_count; ++i) step[i] = strides[i][d];
    add_dimension(nest, out.shape[d], step);
  }
  if (nest.shape.empty()) {
    const int64_t none[kMaxOperands] = {0, 0, 0, 0};
    nest.shape.push_back(1);
    for (int i = 0; i < call.operand_count; ++i) nest.strides[i].push_back(none[i]);
  }
}

// One run along the innermost dimension, in blocks where an operand has to be gathered or
// scattered.
void run_row(const LoopNest& nest, char* const* at, int64_t n, char (*buffers)[kBlock * 8]) {
  int64_t inner[kMaxOperands], steps[kMaxOperands];
  bool strided = false;
  for (int i = 0; i < nest.operands; ++i) {
    inner[i] = n == 1 ? (i == 0 ? 1 : 0) : nest.strides[i].back();
    steps[i] = inner[i] == 0 && i > 0 ? 0 : 1;
    strided |= inner[i] != steps[i];
  }
  if (!strided) {
    nest.loop(reinterpret_cast<void* const*>(at), steps, n);
    return;
  }
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t length = std::min(kBlock, n - begin);
    void* data[kMaxOperands];
    for (int i = 0; i < nest.operands; ++i) {
      char* start = at[i] + begin * inner[i] * nest.size[i];
      const bool direct = inner[i] == steps[i];
      data[i] = direct ? start : buffers[i];
      if (!direct && i > 0)
        kernels::moves[nest.size[i]].gather(buffers[i], start, inner[i], length);
    }
    nest.loop(data, steps, length);
    if (inner[0] != 1)
      kernels::moves[nest.size[0]].scatter(buffers[0], at[0] + begin * inner[0] * nest.size[0],
                                           inner[0], length);
  }
}

// A place in the nest, and where each operand's element of it lies.
struct Walk {
  const LoopNest& nest;
  Dims index;
  char* at[kMaxOperands];

  Walk(const LoopNest& walked, int64_t begin) : nest(walked), index(walked.shape.size(), 0) {
    for (int d = nest.shape.size() - 1; d >= 0; --d) {
      index[d] = begin % nest.shape[d];
      begin /= nest.shape[d];
    }
    for (int i = 0; i < nest.operands; ++i) {
      at[i] = nest.data[i];
      for (int d = 0; d < nest.shape.size(); ++d)
        at[i] += index[d] * nest.strides[i][d] * nest.size[i];
    }
  }
  // On by n along dimension d, at most to its end.
  void advance(int d, int64_t n) {
    index[d] += n;
    for (int i = 0; i < nest.operands; ++i) at[i] += n * nest.strides[i][d] * nest.size[i];
    for (; d > 0 && index[d] == nest.shape[d]; --d) {
      index[d] = 0;
      ++index[d - 1];
      for (int i = 0; i < nest.operands; ++i)
        at[i] += (nest.strides[i][d - 1] - nest.strides[i][d] * nest.shape[d]) * nest.size[i];
    }
  }
};

// Elements [begin, end) of the output, counted in the order of the nest.
void run_range(const LoopNest& nest, int64_t begin, int64_t end) {
  alignas(64) char buffers[kMaxOperands][kBlock * 8];
  const int last = nest.shape.size() - 1;
  Walk walk(nest, begin);
  while (begin < end) {
    const int64_t n = std::min(nest.shape[last] - walk.index[last], end - begin);
    run_row(nest, walk.at, n, buffers);
    begin += n;
    walk.advance(last, n);
  }
}

// The same of a copy: whole rows that follow each other in the dimension above go at once.
void copy_range(const LoopNest& nest, int64_t begin, int64_t end) {
  const int last = nest.shape.size() - 1, above = last > 0 ? last - 1 : 0;
  const int64_t row = nest.shape[last];
  Walk walk(nest, begin);
  while (begin < end) {
    kernels::Rectangle part{1, std::min(row - walk.index[last], end - begin), 0, 0, 0, 0};
    const bool several = last > 0 && part.cols == row;
    if (several) part.rows = std::min(nest.shape[above] - walk.index[above], (end - begin) / row);
    part.to_row = nest.strides[0][above], part.to_col = nest.strides[0][last];
    part.from_row = nest.strides[1][above], part.from_col = nest.strides[1][last];
    nest.transfer(walk.at[0], walk.at[1], part);
    begin += part.rows * part.cols;
    walk.advance(several ? above : last, several ? part.rows : part.cols);
  }
}

void run_some(const LoopNest& nest, int64_t begin, int64_t end) {
  nest.transfer ? copy_range(nest, begin, end) : run_range(nest, begin, end);
}

void run_rank(void* context, int rank, int size, void (*)()) {
  run_share(*static_cast<LoopNest*>(context), rank, size);
}

}  // namespace

NumberBits bits_of(const Number& number, DType type) {
  const kernels::Scalar scalar = number.as_scalar(type);
  NumberBits value;
  visit(type, [&](auto described) {
    using T = ElementOf<decltype(described)>;
    static_assert(sizeof(T) <= sizeof value.element, "room for every type");
    if constexpr (described.is_floating) {
      described.store(value.element, static_cast<T>(scalar.f));
    } else {
      described.store(value.element, static_cast<T>(scalar.i));
    }
  });
  return value;
}

Loop loop_of(const Call& call) {
  const Kernel& kernel = *call.kernel;
  const int type = type_index(call.type);
  const Loop loop = kernel.kind == Kind::cast
                        ? kernels::casts.at[type].at[type_index(call.operands[0].tensor()->dtype)]
                        : kernel.loops.at[type];
  if (!loop)
    throw Error(ErrorKind::not_implemented,
                join("\"", kernel.name, "\" not implemented for '", name(call.type), "'"));
  return loop;
}

bool is_flat(const Call& call, int64_t* steps) {
  const TensorImpl& out = *call.operands[0].tensor();
  if (!out.contiguous) return false;
  steps[0] = 1;
  for (int i = 1; i < call.operand_count; ++i) {
    const TensorImpl* x = call.operands[i].tensor();
    if (!x || x->numel == 1) {
      steps[i] = 0;
      continue;
    }
    const bool same = x == &out || (x->numel == out.numel && x->shape == out.shape);
    if (!x->contiguous || !same) return false;
    steps[i] = 1;
  }
  return true;
}

void describe(const Call& call, LoopNest& nest) {
  nest.loop = loop_of(call);
  nest.total = call.operands[0].tensor()->numel;
  nest.operands = call.operand_count;
  for (int i = 0; i < call.operand_count; ++i) {
    const TensorImpl* tensor = call.operands[i].tensor();
    nest.size[i] = element_size(tensor ? tensor->dtype : call.type);
    if (tensor) continue;
    nest.numbers[i] = bits_of(call.operands[i].number(), call.type);
    nest.data[i] = reinterpret_cast<char*>(&nest.numbers[i]);
  }
  nest.flat = is_flat(call, nest.steps);
  if (nest.flat || nest.total == 0) return;
  fill_dimensions(call, nest);
  if (call.kernel == &kernels::kCopy && call.operands[1].tensor() && nest.size[0] == nest.size[1])
    nest.transfer = kernels::moves[nest.size[0]].transfer;
}

Share share_of(int64_t n, int64_t rows, int rank, int size) {
  const int64_t grain = rows > 0 ? n / rows : kShareGrain;
  const kernels::Range mine = kernels::share(n, grain, rank, size);
  return {mine.begin, mine.end};
}

void run_share(const LoopNest& nest, int rank, int size) {
  const Share mine = share_of(nest.total, nest.rows, rank, size);
  if (mine.begin >= mine.end) return;
  if (!nest.flat) return run_some(nest, mine.begin, mine.end);
  void* data[kMaxOperands];
  for (int i = 0; i < nest.operands; ++i)
    data[i] = nest.data[i] + mine.begin * nest.steps[i] * nest.size[i];
  nest.loop(data, nest.steps, mine.end - mine.begin);
}

void execute_elementwise(const Call& call, Terms& terms) {
  LoopNest nest;
  describe(call, nest);
  for (int i = 0; i < call.operand_count; ++i)
    if (const TensorImpl* tensor = call.operands[i].tensor()) nest.data[i] = tensor->data();
  if (nest.total == 0) return;
  const RunningKernel running(call, terms);
  if (terms.threads > 1) {
    runtime::run_team(terms.threads, run_rank, &nest);
  } else if (nest.flat) {
    nest.loop(reinterpret_cast<void* const*>(nest.data), nest.steps, nest.total);
  } else {
    run_some(nest, 0, nest.total);
  }
}

}  // namespace steep::program
