#include "ops/norm/planes.h"

#include "kernels/norm/plane_norm.h"
#include "ops/reduce/reduce.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

void check_channels(const char* op, const char* what, const Tensor& x, const Tensor& values,
                    int64_t channels) {
  if (!values.defined()) return;
  if (values.numel() != channels) {
    throw Error(ErrorKind::runtime, join(op, ": ", what, " should contain ", channels,
                                         " elements not ", values.numel()));
  }
  if (values.dtype() != x.dtype()) {
    fail(ErrorKind::runtime, op, join("input and ", what, " to have the same dtype"),
         join(name(x.dtype()), " and ", name(values.dtype())),
         "convert the input with .to(dtype), or the module");
  }
}

namespace {

// What the rule knows beside tensors.
struct Rule {
  PlaneSets sets;
  bool fixed;
  Dims weight, bias;  // shapes
};

// In the shape [samples, sets, planes, length], and a channel's numbers where its planes are.
Tensor as_sets(const Tensor& x, const PlaneSets& how) {
  return reshape(x, {how.samples, how.sets, how.planes, how.length});
}
Tensor for_planes(const Tensor& values, const PlaneSets& how) {
  const int64_t times = how.sets * how.planes / how.channels;
  const Tensor all = expand(reshape(values, {1, how.channels}), {times, how.channels});
  return reshape(all, {1, how.sets, how.planes, 1});
}
Tensor sum_over_channels(const Tensor& x, const PlaneSets& how, const Dims& shape) {
  const Tensor planes = sum(x, Dims{0, 3}, false, std::nullopt);
  const int64_t times = how.sets * how.planes / how.channels;
  return reshape(sum(reshape(planes, {times, how.channels}), Dims{0}, false, std::nullopt), shape);
}

Tensor mean_of_sets(const Tensor& x) { return mean(x, Dims{0, 2, 3}, true, std::nullopt); }

// In differentiable operations; only what is wanted.
void composite_backward(const Tensor& grad, const Tensor& x, const Tensor& weight,
                        const Tensor& mean, const Tensor& var, const Rule& rule, Grads& grads) {
  const PlaneSets& how = rule.sets;
  const Tensor at = as_sets(x, how), g = as_sets(grad, how);
  const Dims each{1, how.sets, 1, 1};
  const Tensor centred = sub(at, rule.fixed ? reshape(mean, each) : mean_of_sets(at));
  const Tensor spread = rule.fixed ? reshape(var, each) : mean_of_sets(square(centred));
  const Tensor scale = rsqrt(add(spread, Number(how.eps)));
  const Tensor y = mul(centred, scale);
  if (grads.wanted(0)) {
    const Tensor weighted = weight.defined() ? mul(g, for_planes(weight, how)) : g;
    const Tensor own = rule.fixed ? weighted
                                  : sub(sub(weighted, mean_of_sets(weighted)),
                                        mul(y, mean_of_sets(mul(weighted, y))));
    grads[0] = reshape(mul(own, scale), x.shape());
  }
  if (grads.wanted(1)) grads[1] = sum_over_channels(mul(g, y), how, rule.weight);
  if (grads.wanted(2)) grads[2] = sum_over_channels(g, how, rule.bias);
}

void fused_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& mean,
                    const Tensor& spread, const Rule& rule, Grads& grads) {
  const PlaneSets& how = rule.sets;
  const Dims* shapes[] = {&x.shape(), &rule.weight, &rule.bias};
  Tensor made[3];
  for (int i = 0; i < 3; ++i) {
    if (!grads.wanted(i)) continue;
    grads[i] = made[i] = empty(*shapes[i], x.dtype());
  }
  const Tensor rows = contiguous(grad);
  program::launch(kernels::kPlaneNormBackward, x.dtype(),
                  {made[0], made[1], made[2], rows, x, mean, spread, weight},
                  kernels::PlaneNormBackward{how.samples, how.sets, how.planes, how.length,
                                             how.channels, rule.fixed, how.eps});
}

void empty_backward(const Tensor& grad, const Rule& rule, Grads& grads) {
  const Dims* shapes[] = {&grad.shape(), &rule.weight, &rule.bias};
  for (int i = 0; i < 3; ++i)
    if (grads.wanted(i)) grads[i] = zeros(*shapes[i], grad.dtype());
}

// `spread`: rstd, or of fixed statistics the variance.
void record_norm(const char* op, const Tensor& out, const Tensor& x, const Tensor& weight,
                 const Tensor& bias, const Tensor& mean, const Tensor& spread, const Rule& rule) {
  const bool by_x = tape::requires_grad(x);
  const bool by_weight = weight.defined() && tape::requires_grad(weight);
  const bool needed = (by_x || by_weight) && x.numel() > 0;
  record(op, out, {x, weight, bias},
         [x = Saved(x, needed), weight = Saved(weight, by_x), mean = Saved(mean, needed),
          spread = Saved(spread, needed), rule](const Tensor& grad, Grads& grads) {
           if (grad.numel() == 0) {
             empty_backward(grad, rule, grads);
           } else if (!grads.wanted(0) && !grads.wanted(1)) {
             grads[2] = sum_over_channels(as_sets(grad, rule.sets), rule.sets, rule.bias);
           } else if (tape::grad_enabled()) {
             composite_backward(grad, x.get(), weight.get(), mean.get(), spread.get(), rule, grads);
           } else {
             fused_backward(grad, x.get(), weight.get(), mean.get(), spread.get(), rule, grads);
           }
         });
}

Tensor row_major(const Tensor& x) { return x.defined() ? contiguous(x) : x; }
Dims shape_of(const Tensor& x) { return x.defined() ? x.shape() : Dims(); }

// What a kernel brings up to date: row-major memory, copied back where the tensor's is not.
class Updated {
 public:
  Updated(const char* op, const Tensor& x) : op_(op), x_(x) {
    if (!x.defined()) return;
    const tape::GradMode off(false);
    tape::check_writable(op, x);
    memory_ = contiguous(x);
  }
  const Tensor& memory() const { return memory_; }
  void done() const {
    if (!x_.defined()) return;
    if (!memory_.same(x_)) copy_memory(x_, memory_);
    x_->bump(op_);
  }

 private:
  const char* op_;
  Tensor x_, memory_;
};

}  // namespace

Tensor plane_norm(const char* op, const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const PlaneSets& how, const RunningStatistics& running) {
  const Tensor x = contiguous(input), w = row_major(weight), b = row_major(bias);
  const Tensor out = empty(x.shape(), x.dtype());
  const Tensor mean = empty({how.sets}, x.dtype()), rstd = empty({how.sets}, x.dtype());
  if (x.numel() > 0) {
    const Updated kept[] = {{op, running.mean}, {op, running.var}, {op, running.count}};
    program::launch(
        kernels::kPlaneNorm, x.dtype(),
        {out, mean, rstd, kept[0].memory(), kept[1].memory(), kept[2].memory(), x, w, b},
        kernels::PlaneNorm{how.samples, how.sets, how.planes, how.length, how.channels,
                           running.count.defined() && !running.momentum,
                           running.momentum.value_or(0), how.eps});
    for (const Updated& each : kept) each.done();
  }
  if (wanted(x, w, b))
    record_norm(op, out, x, w, b, mean, rstd, {how, false, shape_of(weight), shape_of(bias)});
  return out;
}

Tensor plane_norm_fixed(const char* op, const Tensor& input, const Tensor& mean, const Tensor& var,
                        const Tensor& weight, const Tensor& bias, const PlaneSets& how) {
  const Tensor x = contiguous(input), w = row_major(weight), b = row_major(bias);
  const Tensor m = contiguous(detach(mean)), v = contiguous(detach(var));
  const Tensor out = empty(x.shape(), x.dtype());
  if (x.numel() > 0) {
    program::launch(kernels::kPlaneNormFixed, x.dtype(), {out, x, m, v, w, b},
                    kernels::PlaneNormFixed{how.samples, how.sets, how.planes, how.length,
                                            how.channels, how.eps});
  }
  if (wanted(x, w, b))
    record_norm(op, out, x, w, b, m, v, {how, true, shape_of(weight), shape_of(bias)});
  return out;
}

}  // namespace steep::ops
