// Taking from places and weighing them, each with its gradient.
#include "kernels/resample/resample.h"

#include "kernels/resample/take.h"
#include "ops/resample/tables.h"

namespace steep::ops {

namespace {

struct Taken {
  kernels::Take how;
  Dims in, out;  // shapes
};

Tensor take_places(const Tensor& x, const Tensors& places, const Taken& taken);

// x has the result's shape; what each element of the image has given, added up.
Tensor give_back(const Tensor& x, const Tensors& places, const Taken& taken) {
  const Tensor out = empty(taken.in, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kTakeBack, x.dtype(),
                    {out, contiguous(x), places[0], places[1], places[2]}, taken.how);
  }
  if (wanted(x)) {
    record("take_back", out, {x},
           [d = Saved(places[0]), h = Saved(places[1]), w = Saved(places[2]), taken](
               const Tensor& grad, Grads& grads) {
             grads[0] = take_places(grad, {d.get(), h.get(), w.get()}, taken);
           });
  }
  return out;
}

Tensor take_places(const Tensor& x, const Tensors& places, const Taken& taken) {
  const Tensor out = empty(taken.out, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kTake, x.dtype(),
                    {out, contiguous(x), places[0], places[1], places[2]}, taken.how);
  }
  if (wanted(x)) {
    record("take", out, {x},
           [d = Saved(places[0]), h = Saved(places[1]), w = Saved(places[2]), taken](
               const Tensor& grad, Grads& grads) {
             grads[0] = give_back(grad, {d.get(), h.get(), w.get()}, taken);
           });
  }
  return out;
}

// x as [outer, size, inner] around a dimension.
kernels::Resample around(const Dims& shape, int dim, const Sampled& axis, int64_t taps) {
  kernels::Resample how{1, axis.in, axis.out, 1, taps};
  for (int d = 0; d < shape.size(); ++d) {
    if (d < dim) how.outer *= shape[d];
    if (d > dim) how.inner *= shape[d];
  }
  return how;
}

Tensor resample_back(const Tensor& x, int dim, const Sampled& axis, const SampleTable& table);

Tensor resample_by(const Tensor& x, int dim, const Sampled& axis, const SampleTable& table) {
  Dims shape = x.shape();
  shape[dim] = axis.out;
  const Tensor out = empty(shape, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kResample, x.dtype(), {out, contiguous(x), table.place, table.weight},
                    around(shape, dim, axis, table.place.size(0)));
  }
  if (wanted(x)) {
    record("resample", out, {x},
           [place = Saved(table.place), weight = Saved(table.weight), dim, axis](const Tensor& grad,
                                                                                 Grads& grads) {
             grads[0] = resample_back(grad, dim, axis, {place.get(), weight.get()});
           });
  }
  return out;
}

Tensor resample_back(const Tensor& x, int dim, const Sampled& axis, const SampleTable& table) {
  Dims shape = x.shape();
  shape[dim] = axis.in;
  const Tensor out = empty(shape, x.dtype());
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kResampleBack, x.dtype(),
                    {out, contiguous(x), table.place, table.weight},
                    around(shape, dim, axis, table.place.size(0)));
  }
  if (wanted(x)) {
    record("resample_back", out, {x},
           [place = Saved(table.place), weight = Saved(table.weight), dim, axis](const Tensor& grad,
                                                                                 Grads& grads) {
             grads[0] = resample_by(grad, dim, axis, {place.get(), weight.get()});
           });
  }
  return out;
}

}  // namespace

Tensor take(const Tensor& x, const Sampled (&axes)[3], int count) {
  Taken taken{{1, {1, 1}, {1, 1}, {1, 1}}, x.shape(), x.shape()};
  kernels::TakeAxis* sizes[] = {&taken.how.depth, &taken.how.height, &taken.how.width};
  Tensors places;
  const int first = x.dim() - count;
  for (int d = 0; d < first; ++d) taken.how.planes *= x.size(d);
  for (int i = 0; i < 3; ++i) {
    *sizes[i] = {axes[i].in, axes[i].out};
    places.push_back(places_of(axes[i], x.dtype()));
    if (i >= 3 - count) taken.out[first + i - (3 - count)] = axes[i].out;
  }
  return take_places(x, places, taken);
}

Tensor resample(const Tensor& x, int dim, const Sampled& axis) {
  return resample_by(x, dim, axis, weights_of(axis, x.dtype()));
}

}  // namespace steep::ops
