// The largest element of each window, and its gradient by the place where it was.
#include "kernels/pool/max_pool.h"
#include "kernels/index/scatter.h"
#include "kernels/pool/max_tiles.h"
#include "ops/pool/pool.h"

namespace steep::ops {

namespace {

constexpr int64_t kTileRows = 128;  // whose pairs are numbered in a byte

// Whether kernels/pool/max_tiles.h does it: windows that are two wide and lie side by side.
bool are_tiles(const Windows& windows) {
  const PoolAxis& width = windows.axis[2];
  for (const PoolAxis& axis : windows.axis) {
    if (axis.kernel != axis.stride || axis.kernel == 0 || axis.lead != 0) return false;
    if (axis.kernel > 1 && axis.dilation != 1) return false;
    if (axis.out * axis.kernel > axis.in) return false;
  }
  return width.kernel == 2 && windows.axis[0].kernel <= kTileRows &&
         windows.axis[0].kernel * windows.axis[1].kernel <= kTileRows;
}

Tensor pick_tiles(const Tensor& x, const Tensor& place, const Windows& windows);

// x has the result's shape; a tensor of `shape` with x at the places.
Tensor put_tiles(const Tensor& x, const Tensor& place, const Windows& windows, const Dims& shape) {
  const Tensor out = empty(shape, x.dtype());
  {
    const tape::GradMode off(false);
    if (out.numel() > 0)
      program::launch(kernels::kMaxTilesPut, x.dtype(), {out, contiguous(x), place},
                      windows.arguments<kernels::MaxPool>());
  }
  if (wanted(x)) {
    record("max_pool_back", out, {x},
           [place = Saved(place), windows](const Tensor& grad, Grads& grads) {
             grads[0] = pick_tiles(grad, place.get(), windows);
           });
  }
  return out;
}

// The elements of x at the places: each window's sum of what is there, and of nothing else.
Tensor pick_tiles(const Tensor& x, const Tensor& place, const Windows& windows) {
  const Tensor ones = full(windows.shape, 1, x.dtype());
  const Tensor there = ne({put_tiles(ones, place, windows, x.shape()), {}}, {{}, Number(0)});
  return average_windows(where(there, x, Number(0.0)), windows, true, 1);
}

void check_type(const char* op, const Tensor& x) {
  if (x.dtype() == DType::boolean)
    throw Error(ErrorKind::not_implemented,
                join('"', op, "\" not implemented for 'bool'; convert with .float() first"));
}

kernels::Selection in_planes(const Windows& windows) {
  return {windows.planes(), windows.in(), 1, windows.out()};
}

void record_places(const char* op, const Tensor& out, const Tensor& x, const Tensor& place,
                   const Windows& windows) {
  record(op, out, {x},
         [place = Saved(place), windows, shape = x.shape()](const Tensor& grad, Grads& grads) {
           grads[0] = put_in_planes(grad, place.get(), windows, shape);
         });
}

}  // namespace

Tensor put_in_planes(const Tensor& x, const Tensor& index, const Windows& windows,
                     const Dims& shape) {
  const Tensor out = full(shape, 0, x.dtype());
  {
    const tape::GradMode off(false);
    if (x.numel() > 0 && out.numel() > 0)
      program::launch(kernels::kScatterAdd, x.dtype(), {out, contiguous(x), index},
                      in_planes(windows));
  }
  if (wanted(x)) {
    record("max_pool_back", out, {x},
           [index = Saved(index), windows](const Tensor& grad, Grads& grads) {
             grads[0] = pick_in_planes(grad, index.get(), windows);
           });
  }
  return out;
}

Tensor pick_in_planes(const Tensor& x, const Tensor& index, const Windows& windows) {
  const Tensor out = empty(windows.shape, x.dtype());
  {
    const tape::GradMode off(false);
    if (out.numel() > 0)
      program::launch(kernels::kGather, x.dtype(), {out, contiguous(x), index}, in_planes(windows));
  }
  if (wanted(x)) record_places("max_pool", out, x, index, windows);
  return out;
}

std::tuple<Tensor, Tensor> max_and_places(const char* op, const Tensor& x, const Windows& windows) {
  check_type(op, x);
  const Tensor out = empty(windows.shape, x.dtype());
  const Tensor place = empty(windows.shape, DType::int64);
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(kernels::kMaxPool, x.dtype(), {out, place, contiguous(x)},
                    windows.arguments<kernels::MaxPool>());
  }
  if (wanted(x)) record_places(op, out, x, place, windows);
  return {out, place};
}

Tensor max_of_windows(const char* op, const Tensor& x, const Windows& windows) {
  const bool tiles = is_floating(x.dtype()) && are_tiles(windows);
  if (wanted(x) && !tiles) return std::get<0>(max_and_places(op, x, windows));
  check_type(op, x);
  const Tensor out = empty(windows.shape, x.dtype());
  const Tensor place = wanted(x) ? empty(windows.shape, DType::uint8) : Tensor();
  if (out.numel() > 0) {
    const tape::GradMode off(false);
    program::launch(tiles ? kernels::kMaxTiles : kernels::kMaxPool, x.dtype(),
                    {out, place, contiguous(x)}, windows.arguments<kernels::MaxPool>());
  }
  if (wanted(x)) {
    record(op, out, {x},
           [place = Saved(place), windows, shape = x.shape()](const Tensor& grad, Grads& grads) {
             grads[0] = put_tiles(grad, place.get(), windows, shape);
           });
  }
  return out;
}

}  // namespace steep::ops
