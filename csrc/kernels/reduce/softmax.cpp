// The handles, and the routines of floats.
#include "kernels/reduce/softmax.h"

#include "kernels/isa.h"
#include "kernels/reduce/softmax_routines.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const Extent& x = launch.as<Extent>();
  return exponential_cost(launch, x.outer * x.n * x.inner);
}
RowPartition rows(const LaunchView& launch, int /*ranks*/) {
  const Extent& x = launch.as<Extent>();
  if (x.inner != 1) return {};
  return {x.outer, {x.n, x.n, x.n}};
}
constexpr Kernel along_rows(const char* name) {
  return routine(name, Kind::reduce, "wr").with_cost(cost).with_rows(rows);
}
}  // namespace

Kernel kSoftmax = along_rows("softmax");
Kernel kLogSoftmax = along_rows("log_softmax");
Kernel kSoftmaxBackward = along_rows("softmax_backward");
Kernel kLogSoftmaxBackward = along_rows("log_softmax_backward");
Kernel kLogsumexp = routine("logsumexp", Kind::reduce, "wrww").with_cost(cost);
#endif

void STEEP_FILL(reduce_softmax)() { fill<float>(); }

}  // namespace steep::kernels
