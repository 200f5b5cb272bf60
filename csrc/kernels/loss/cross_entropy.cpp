// The handles, and the routines of floats.
#include "kernels/loss/cross_entropy.h"

#include "kernels/isa.h"
#include "kernels/loss/cross_entropy_routines.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const CrossEntropy& loss = launch.as<CrossEntropy>();
  return exponential_cost(launch, loss.n * loss.classes);
}
// The loss of each row, before they are added.
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  return launch.as<CrossEntropy>().n * launch.element_size;
}
RowPartition rows(const LaunchView& launch, int /*ranks*/) {
  const CrossEntropy& loss = launch.as<CrossEntropy>();
  const int64_t each = loss.reduction == LossReduction::none ? 1 : 0;
  return {loss.n, {each, 2, 0, loss.classes, 1}};
}
// Very long rows are shared in pieces.
RowPartition backward_rows(const LaunchView& launch, int /*ranks*/) {
  const CrossEntropy& loss = launch.as<CrossEntropy>();
  if (loss.classes > kRowPiece) return {};
  const int64_t each = loss.reduction == LossReduction::none ? 1 : 0;
  return {loss.n, {loss.classes, each, 2, 0, loss.classes, 1}};
}
}  // namespace

Kernel kCrossEntropy = routine("cross_entropy", Kind::reduce, "wwwr")
                           .with_cost(cost)
                           .with_scratch(scratch)
                           .with_rows(rows);
Kernel kCrossEntropyBackward =
    routine("cross_entropy_backward", Kind::opaque, "wr").with_cost(cost).with_rows(backward_rows);
#endif

void STEEP_FILL(loss_cross_entropy)() { fill<float>(); }

}  // namespace steep::kernels
