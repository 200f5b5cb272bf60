// Dropout: a mask by counter-based Philox, so that it depends on the seed and the masks before it,
// not on threads.
#include "kernels/random/dropout.h"
#include "ops/random/alpha.h"
#include "ops/random/random.h"
#include "ops/registry.h"

namespace steep::ops {

namespace {

// {seed, offset} of the counter that this thread's masks are drawn from.
Tensor philox_state() {
  const auto state_of = [](const Generator& generator) {
    return new TensorImpl(generator.philox(), DType::int64, {2}, {1}, 0);
  };
  static const Tensor& standard = *new Tensor(state_of(default_generator()));
  Generator& generator = current_generator();
  return &generator == &default_generator() ? standard : Tensor(state_of(generator));
}

}  // namespace

void check_probability(const char* op, double p) {
  if (!(p >= 0 && p <= 1))
    throw Error(ErrorKind::value,
                join(op, ": dropout probability has to be between 0 and 1, but got ", p));
}

namespace {
void check_scalable(const char* op, const Tensor& x) {
  if (is_floating(x.dtype())) return;
  fail(ErrorKind::runtime, op, "a floating-point input",
       join(name(x.dtype()), ", whose scaled values can't be cast to it"),
       "convert with .float() first");
}

// `scale` times the gradient of what was kept.
void record_dropout(const char* op, const Tensor& out, const Tensor& x, const Tensor& mask,
                    double scale) {
  record(op, out, {x}, [mask = Saved(mask), scale](const Tensor& grad, Grads& grads) {
    if (tape::grad_enabled()) {
      grads[0] = where(mask.get(), mul(grad, Number(scale)), Number(0.0));
      return;
    }
    const Tensor grad_x = empty(grad.shape(), grad.dtype());
    program::launch(kernels::kDropoutBackward, grad.dtype(), {grad_x, contiguous(grad), mask.get()},
                    kernels::DropoutBackward{grad.numel(), scale});
    grads[0] = grad_x;
  });
}
}  // namespace

Tensor noise(const Dims& shape, DType dtype, double keep, double value) {
  const tape::GradMode off(false);
  const Tensor out = empty(shape, dtype), mask = empty(shape, DType::boolean);
  const Tensor values = full(shape, value, dtype);
  program::launch(kernels::kDropout, dtype, {out, mask, values, philox_state()},
                  kernels::Dropout{out.numel(), keep, 1});
  return out;
}

Tensor dropout(const Tensor& x, double p, bool training, bool inplace) {
  check_probability("dropout", p);
  if (!training || p == 0 || x.numel() == 0) return x;
  check_scalable("dropout", x);
  if (p == 1) return inplace ? assign("dropout", x, mul(x, Number(0.0))) : mul(x, Number(0.0));
  const double scale = 1 / (1 - p);
  const Tensor out = empty(x.shape(), x.dtype()), mask = empty(x.shape(), DType::boolean);
  {
    const tape::GradMode off(false);
    program::launch(kernels::kDropout, x.dtype(), {out, mask, contiguous(x), philox_state()},
                    kernels::Dropout{x.numel(), 1 - p, scale});
  }
  if (wanted(x)) record_dropout("dropout", out, x, mask, scale);
  return inplace ? assign("dropout", x, out) : out;
}

namespace {

Tensor alpha_dropout(const Tensor& x, double p, bool training, bool inplace) {
  check_probability("alpha_dropout", p);
  if (!training || p == 0 || x.numel() == 0) return x;
  check_scalable("alpha_dropout", x);
  const AlphaScale by(p);
  const Tensor out = empty(x.shape(), x.dtype()), mask = empty(x.shape(), DType::boolean);
  {
    const tape::GradMode off(false);
    program::launch(
        kernels::kAlphaDropout, x.dtype(), {out, mask, contiguous(x), philox_state()},
        kernels::AlphaDropout{x.numel(), 1 - p, by.scale, by.shift, by.shift + by.dropped});
  }
  if (wanted(x)) record_dropout("alpha_dropout", out, x, mask, by.scale);
  return inplace ? assign("alpha_dropout", x, out) : out;
}

void register_alpha_dropout(Registry& registry) {
  registry.add<&alpha_dropout>(
      "alpha_dropout", kFunctional,
      "(input: Tensor, p: float = 0.5, training: bool | int = False, inplace: bool | int = False) "
      "-> Tensor",
      R"(Sets each element to SELU's lower limit with probability p, and scales and shifts all.

With a mean of 0 and a variance of 1 before, so they are after it. Input itself unless training.
Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks", 2017. Shape: any,
kept. The mask is drawn by Philox from the default generator's counter. Raises ValueError for p
outside [0, 1] and RuntimeError for integers.

>>> steep.nn.functional.alpha_dropout(steep.ones(2), 0.5)
tensor([1., 1.])
)");
}

const Registration registered("random", register_alpha_dropout);

}  // namespace

}  // namespace steep::ops
