#include "program/launch_watch.h"

#include <cmath>
#include <utility>

#include "program/profile.h"

namespace steep::program {

namespace {

thread_local LaunchWatch* t_watch = nullptr;

template <class T>
NotFinite not_finite_in(const T* x, const TensorImpl& tensor, int dim) {
  NotFinite found;
  if (dim == tensor.shape.size()) {
    found.nan = std::isnan(*x);
    found.infinity = std::isinf(*x);
    return found;
  }
  for (int64_t i = 0; i < tensor.shape[dim]; ++i)
    found |= not_finite_in(x + i * tensor.strides[dim], tensor, dim + 1);
  return found;
}

template <class T>
NotFinite not_finite_of(const TensorImpl& tensor) {
  const T* const x = reinterpret_cast<const T*>(tensor.data());
  if (!tensor.contiguous) return not_finite_in(x, tensor, 0);
  NotFinite found;
  for (int64_t i = 0; i < tensor.numel; ++i) {
    found.nan |= std::isnan(x[i]);
    found.infinity |= std::isinf(x[i]);
  }
  return found;
}

}  // namespace

LaunchWatch::LaunchWatch() : outer_(std::exchange(t_watch, this)) { Profile::count_watches(1); }
LaunchWatch::~LaunchWatch() {
  Profile::count_watches(-1);
  t_watch = outer_;
}

LaunchWatch* LaunchWatch::of_thread() { return t_watch; }

NotFinite not_finite(const TensorImpl& x) {
  if (x.numel == 0) return {};
  if (x.dtype == DType::float32) return not_finite_of<float>(x);
  if (x.dtype == DType::float64) return not_finite_of<double>(x);
  return {};
}

}  // namespace steep::program
