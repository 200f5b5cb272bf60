// softmax and its kin along n of x, viewed as [outer, n, inner] and contiguous.
//
//   softmax      e / sum(e),  e = exp(x - max(x))         grad_x = out * (grad - sum(grad * out))
//   log_softmax  (x - max(x)) - log(sum(e))               grad_x = grad - exp(out) * sum(grad)
//   logsumexp    max(x) + log(sum(e)), or an infinite maximum itself; top and log_sum are the two,
//                or 0 and the infinite maximum: exp((x - top) - log_sum) is the gradient
//
// A row of -inf alone, or one that holds +inf or NaN, has a softmax of NaN, as its formula says.
#pragma once

#include "kernels/reduce/reduce.h"

namespace steep::kernels {

// Extent.  Operands: out, x.
extern Kernel kSoftmax, kLogSoftmax;
// Extent.  Operands: grad_x, grad, out.
extern Kernel kSoftmaxBackward, kLogSoftmaxBackward;
// Extent.  Operands: out[outer, inner], x, top and log_sum (each as out, or left out).
extern Kernel kLogsumexp;

// What an exponential of each of so many elements takes.
constexpr Cost exponential_cost(const LaunchView& launch, int64_t elements) {
  constexpr double kFlops = 8;
  return {kFlops * static_cast<double>(elements), launch.bytes};
}

}  // namespace steep::kernels
