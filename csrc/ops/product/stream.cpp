#include "ops/product/stream.h"

#include <algorithm>
#include <iterator>

#include "kernels/product/stream.h"
#include "ops/elementwise/elementwise.h"

namespace steep::ops {

void stream_peak(const Tensors& arrays, int64_t updated, int64_t written, int64_t rounds) {
  constexpr const char* kOp = "stream_peak";
  const int64_t read = arrays.size() - updated - written;
  const bool known = std::any_of(
      std::begin(kernels::kStreamMixes), std::end(kernels::kStreamMixes), [&](const auto& mix) {
        return mix.updated == updated && mix.read == read && mix.written == written;
      });
  if (!known)
    fail(ErrorKind::value, kOp, "a mix of arrays that there is a loop for",
         join(updated, " updated, ", read, " read and ", written, " written"));
  if (rounds < 0) fail(ErrorKind::value, kOp, "0 or more rounds", join(rounds));
  const int64_t n = arrays[0].numel();
  SmallVector<program::Operand, kernels::kMostStreams> operands;
  for (const Tensor& x : arrays) {
    if (x.dtype() != DType::float32 || x.dim() != 1 || x.numel() != n || n % 64 != 0 ||
        !x.is_contiguous())
      fail(ErrorKind::value, kOp, "vectors of float32 of one length, a multiple of 64",
           join(name(x.dtype()), " of shape ", to_string(x.shape())));
    operands.push_back(x);
  }
  const kernels::Stream stream{rounds, n, updated, read, written};
  program::launch(program::Call{&kernels::kStream, DType::float32, operands.data(), operands.size(),
                                &stream, sizeof(stream) / 8});
}

}  // namespace steep::ops
