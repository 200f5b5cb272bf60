// Sums, means and maxima of bags of rows: what an embedding followed by a reduction gives.
#include "ops/index/embedding.h"

#include "ops/elementwise/elementwise.h"
#include "ops/index/index.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

constexpr const char* kOp = "embedding_bag";

struct Bags {
  int64_t count, bags, offsets, padding;
};
// Operands: bag int64[count], the bag of each number, -1 for padding; size int64[bags], without
// padding; offsets int64[offsets], where each bag begins, and perhaps where the last one ends;
// index int64[count].
void number_bags(const kernels::Task& task) {
  const auto& [count, bags, offsets, padding] = kernels::arguments<Bags>(task);
  auto* const bag = static_cast<int64_t*>(task.data[0]);
  auto* const size = static_cast<int64_t*>(task.data[1]);
  const auto* const begin = static_cast<const int64_t*>(task.data[2]);
  const auto* const index = static_cast<const int64_t*>(task.data[3]);
  for (int64_t i = 0; i < offsets; ++i) {
    const int64_t least = i == 0 ? 0 : begin[i - 1];
    if (i == 0 ? begin[0] != 0 : begin[i] < least || begin[i] > count)
      throw Error(ErrorKind::runtime,
                  i == 0 ? join(kOp,
                                ": offsets[0] has to be 0, i.e., the first bag begins with the "
                                "first number; got ",
                                begin[0])
                         : join(kOp, ": expected offsets in rising order, up to the ", count,
                                " numbers there are, got ", begin[i], " at position ", i));
  }
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t end = b + 1 < offsets ? begin[b + 1] : count;
    size[b] = 0;
    for (int64_t k = begin[b]; k < end; ++k) {
      bag[k] = index[k] == padding ? -1 : b;
      size[b] += index[k] != padding;
    }
  }
  const int64_t last = offsets > bags ? begin[bags] : bags > 0 ? count : 0;
  for (int64_t k = last; k < count; ++k) bag[k] = -1;
}
constexpr Kernel kNumberBags =
    program::checking("number_bags", "wwrr", program::routines_for<int64_t>(number_bags));

struct BagMaximum {
  int64_t count, bags, rows, inner;
};
// Operands: out int64[bags, inner], the row of the first largest number of each bag and column, -1
// for an empty bag; weight[rows, inner]; index, bag int64[count].
template <class T>
void find_maxima(const kernels::Task& task) {
  const auto& [count, bags, rows, inner] = kernels::arguments<BagMaximum>(task);
  auto* const out = static_cast<int64_t*>(task.data[0]);
  const T* const weight = static_cast<const T*>(task.data[1]);
  const auto* const index = static_cast<const int64_t*>(task.data[2]);
  const auto* const bag = static_cast<const int64_t*>(task.data[3]);
  std::fill(out, out + bags * inner, -1);
  for (int64_t k = 0; k < count; ++k) {
    if (bag[k] < 0 || index[k] < 0 || index[k] >= rows) continue;
    int64_t* const best = out + bag[k] * inner;
    const T* const row = weight + index[k] * inner;
    for (int64_t j = 0; j < inner; ++j)
      if (best[j] < 0 || row[j] > weight[best[j] * inner + j]) best[j] = index[k];
  }
}
constexpr Kernel kFindMaxima = program::host_kernel(
    "bag_maxima", "wrrr",
    program::routines_for<float, double>(find_maxima<float>, find_maxima<double>));

// Numbers, their bags and what they weigh, all in one dimension.
struct BagsOfRows {
  Tensor index, bag, size, weights;
  int64_t bags;
};

void check_shapes(const Tensor& input, const Tensor& offsets, const Tensor& weights) {
  if (weights.defined() && weights.shape() != input.shape())
    fail(ErrorKind::value, kOp, "per_sample_weights of the same shape as input",
         join(to_string(weights.shape()), " and ", to_string(input.shape())));
  if (input.dim() == 2 && offsets.defined())
    fail(ErrorKind::value, kOp, "no offsets beside an input of two dimensions, whose rows are bags",
         join("offsets of shape ", to_string(offsets.shape())));
  if (input.dim() != 1 && input.dim() != 2)
    throw Error(ErrorKind::value, join(kOp,
                                       ": input has to be 1D or 2D Tensor, but got Tensor of "
                                       "dimension ",
                                       input.dim()));
  if (input.dim() == 1 && (!offsets.defined() || offsets.dim() != 1))
    throw Error(ErrorKind::value,
                join(kOp, ": offsets has to be a 1D Tensor beside a 1D input, but got ",
                     offsets.defined() ? to_string(offsets.shape()) : "None"));
  if (offsets.defined() && offsets.dtype() != DType::int64 && offsets.dtype() != DType::int32)
    fail(ErrorKind::runtime, kOp, "offsets of dtype int64 or int32", name(offsets.dtype()),
         "convert them with .long()");
}

BagsOfRows bags_of(const Tensor& input, const Tensor& weight, const Tensor& offsets,
                   const Tensor& weights, bool include_last, int64_t padding) {
  BagsOfRows of;
  const Tensor numbers = checked_rows(kOp, input, weight);
  of.index = reshape(numbers, {numbers.numel()});
  of.weights = weights.defined() ? reshape(weights, {numbers.numel()}) : weights;
  Tensor begin;
  if (input.dim() == 2) {
    const int64_t bags = input.size(0), each = input.size(1);
    begin = empty({bags}, DType::int64);
    for (int64_t i = 0; i < bags; ++i) begin.data<int64_t>()[i] = i * each;
    of.bags = bags;
  } else {
    begin = contiguous(to(offsets, DType::int64));
    of.bags = begin.numel() - include_last;
    if (of.bags < 0)
      throw Error(ErrorKind::runtime,
                  join(kOp, ": include_last_offset: numel() of offsets should be at least 1"));
  }
  of.bag = empty(of.index.shape(), DType::int64);
  of.size = empty({of.bags}, DType::int64);
  program::launch(kNumberBags, DType::int64, {of.bag, of.size, begin, of.index},
                  Bags{of.index.numel(), of.bags, begin.numel(), padding});
  return of;
}

// By bag, in the order of the numbers.
Tensor sum_of_bags(const Tensor& weight, const BagsOfRows& of, const TableGradient& how) {
  Tensor rows = pick_embeddings(weight, of.index, how);
  if (of.weights.defined()) rows = mul(rows, unsqueeze(of.weights, -1));
  const int64_t columns = weight.size(1);
  return add_rows(rows, of.bag, {1, of.bags, columns, {}, {columns}, {of.bags, columns}});
}

Tensor maximum_of_bags(const Tensor& weight, const BagsOfRows& of) {
  const int64_t rows = weight.size(0), columns = weight.size(1);
  const Tensor best = empty({of.bags, columns}, DType::int64);
  {
    const tape::GradMode off(false);
    program::launch(kFindMaxima, weight.dtype(), {best, contiguous(weight), of.index, of.bag},
                    BagMaximum{of.index.numel(), of.bags, rows, columns});
  }
  return gather_places(weight, 0, best);
}

Tensor embedding_bag(const Tensor& input, const Tensor& weight, const Tensor& offsets,
                     std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq,
                     const std::string& mode, bool /*sparse*/, const Tensor& per_sample_weights,
                     bool include_last_offset, std::optional<int64_t> padding_idx) {
  if (mode != "sum" && mode != "mean" && mode != "max")
    throw Error(ErrorKind::value,
                join(kOp, ": mode has to be one of sum, mean or max, got '", mode, "'"));
  if (mode == "max" && scale_grad_by_freq)
    throw Error(ErrorKind::value,
                join(kOp, ": max mode does not support scaling the gradient by the frequency"));
  if (mode != "sum" && per_sample_weights.defined())
    fail(ErrorKind::not_implemented, kOp, "per_sample_weights with mode='sum' alone",
         "mode='" + mode + "'");
  check_shapes(input, offsets, per_sample_weights);
  if (per_sample_weights.defined() && per_sample_weights.dtype() != weight.dtype())
    fail(ErrorKind::runtime, kOp, "weight and per_sample_weights to have the same dtype",
         join(name(weight.dtype()), " and ", name(per_sample_weights.dtype())));
  if (!is_floating(weight.dtype()))
    fail(ErrorKind::runtime, kOp, "a floating-point weight", name(weight.dtype()),
         "convert it with .float()");
  const int64_t padding = checked_padding(kOp, padding_idx, weight);
  const BagsOfRows of =
      bags_of(input, weight, offsets, per_sample_weights, include_last_offset, padding);
  if (max_norm) limit_rows(kOp, weight, of.index, *max_norm, norm_type);
  if (mode == "max") return maximum_of_bags(weight, of);
  const Tensor sums = sum_of_bags(weight, of, {padding, scale_grad_by_freq});
  if (mode == "sum") return sums;
  const Tensor size =
      to(where(eq({of.size, {}}, {{}, 0}), TensorOrNumber{{}, 1}, TensorOrNumber{of.size, {}}),
         weight.dtype());
  return div(sums, unsqueeze(size, -1));
}

void register_embedding_bag(Registry& registry) {
  registry.add<&embedding_bag>(
      "embedding_bag", kFunctional,
      "(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = "
      "None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = 'mean', sparse: "
      "bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False, "
      "padding_idx: int | None = None) -> Tensor",
      R"(Sum, mean or maximum of the rows of a table that each bag of numbers names.

out[b] = sum over k in bag b of per_sample_weights[k] * weight[input[k]], or their mean, or the
largest number of each column; 0 for an empty bag. Shapes: input (bags, size), or (count) with
offsets (bags), where each bag begins (and with include_last_offset one more, where the last one
ends); weight (rows, columns), out (bags, columns). Numbers that are padding_idx are left out.
max_norm, norm_type, scale_grad_by_freq and sparse are those of embedding.

Raises IndexError for a number that is no row of weight, ValueError for shapes and settings that do
not fit, RuntimeError for offsets that do not rise from 0, and NotImplementedError for
per_sample_weights in another mode than 'sum'.

>>> table = steep.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> numbers, begins = steep.tensor([0, 1, 1]), steep.tensor([0, 1])
>>> steep.nn.functional.embedding_bag(numbers, table, begins, mode="sum")
tensor([[1., 2.],
        [6., 8.]])
)");
}

const Registration registered("indexing", register_embedding_bag);

}  // namespace

}  // namespace steep::ops
