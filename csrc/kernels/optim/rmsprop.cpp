#include "kernels/optim/rmsprop.h"

#include "kernels/optim/fused_step.h"
#include "kernels/optim/parameters.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
Cost cost(const LaunchView& launch) {
  const RmspropStep& step = launch.as<RmspropStep>();
  return update_cost(launch, launch.sizes_after<RmspropStep>(), step.count, 14);
}
}  // namespace

Kernel kRmspropStep = routine("rmsprop_step", Kind::opaque, "r*uruuuu").with_cost(cost);

namespace {
FusedStep step = {
    &kRmspropStep,
    "RMSprop",
    R"(v = alpha * v + (1 - alpha) * g^2; p = p - lr * g / (sqrt(v) + eps). With grad_avgs, the mean m =
alpha * m + (1 - alpha) * g is taken out: sqrt(v - m^2). With momentum_buffers, b = momentum * b + g /
(sqrt(v) + eps); p = p - lr * b. The kernel raises the step counts by one.)",
    {"lr", "alpha", "eps", "weight_decay", "momentum"},
    {{"square_avgs"},
     {"grad_avgs", StateKind::optional},
     {"momentum_buffers", StateKind::optional},
     {"steps", StateKind::number}},
    {"maximize"}};
const bool described = describe(step);
}  // namespace
#endif

namespace {

template <class T>
struct Rmsprop {
  T lr, alpha, rest, eps, momentum;  // rest: 1 - alpha
  Lerp<T> to_mean;
  Slope<T> slope;
  Choice<T> centered, moves;

  Rmsprop(const double* hyper, const RmspropStep& how)
      : lr(static_cast<T>(hyper[0])),
        alpha(static_cast<T>(hyper[1])),
        rest(static_cast<T>(1 - hyper[1])),
        eps(static_cast<T>(hyper[2])),
        momentum(static_cast<T>(hyper[4])),
        to_mean(rest),
        slope(hyper[3], how.maximize),
        centered(how.centered),
        moves(how.momentum) {}
};

// One loop for all forms, which the square root and the division take as long for. What is left out
// is written where its neighbour is, and as that: `mean` is v itself where there is none, `buffer`
// is p. So they may be the same arrays, but never overlap otherwise.
template <class T>
void rmsprop_update(const Rmsprop<T>& rule, T* p, const T* grad, T* v, T* mean, T* buffer,
                    int64_t n) {
  const T lr = rule.lr, alpha = rule.alpha, rest = rule.rest, eps = rule.eps,
          momentum = rule.momentum;
  const Lerp<T> to_mean = rule.to_mean;
  const Slope<T> slope = rule.slope;
  const Choice<T> centered = rule.centered, moves = rule.moves;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T x = p[i], before = buffer[i], g = slope(x, grad[i]);
    const T first = faded(to_mean(mean[i], g));
    const T second = faded(vec::mul_add(rest * g, g, v[i] * alpha));
    const T spread = centered(vec::mul_add(-first, first, second), second);
    const T part = g / (vec::sqrt(spread) + eps);
    const T moved = moves(faded(vec::mul_add(momentum, before, part)), part);
    const T after = vec::mul_add(-lr, moved, x);
    v[i] = second;
    mean[i] = centered(first, second);
    p[i] = after;
    buffer[i] = moves(moved, after);
  }
}

template <class T>
void rmsprop(const Task& task) {
  const RmspropStep& how = arguments<RmspropStep>(task);
  const Rmsprop<T> rule(static_cast<const double*>(task.data[0]), how);
  for_counted<T>(task, how.count, sizes_after<RmspropStep>(task), 6,
                 [&](void* const* data, int64_t begin, int64_t end, int64_t) {
                   const auto at = [=](int k) { return static_cast<T*>(data[k]) + begin; };
                   rmsprop_update(rule, at(0), at(1), at(2), at(how.centered ? 3 : 2),
                                  at(how.momentum ? 4 : 0), end - begin);
                 });
}

}  // namespace

void STEEP_FILL(optim_rmsprop)() {
  set_routine<float>(kRmspropStep, rmsprop<float>);
  set_routine<double>(kRmspropStep, rmsprop<double>);
}

}  // namespace steep::kernels
