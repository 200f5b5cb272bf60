// Walking over windows: which elements make a result, and which results an element of the kernel
// goes to.
#pragma once

#include "kernels/partition.h"
#include "kernels/pool/axis.h"

namespace steep::kernels {
namespace {

// Every dilation-th element from begin on, before end.
inline Range window_of(const PoolAxis& axis, int64_t o) {
  if (axis.kernel == 0) {
    return {o * axis.in / axis.out, ceil_div((o + 1) * axis.in, axis.out)};
  }
  int64_t begin = o * axis.stride - axis.lead;
  const int64_t end = begin + (axis.kernel - 1) * axis.dilation + 1;
  if (begin < 0) begin += ceil_div(-begin, axis.dilation) * axis.dilation;
  return {begin, end < axis.in ? end : axis.in};
}

// Calls f(k, results) for the elements k of the kernel, in order, with those of the results
// [first, end) for which it lies inside the image. Only of windows with a kernel.
template <class F>
inline void for_places(const PoolAxis& axis, Range within, F f) {
  const int64_t reach = axis.in + axis.lead;
  const int64_t furthest = (within.end - 1) * axis.stride, nearest = within.begin * axis.stride;
  // An element k is inside for the last of the results from here on, and for the first until there.
  int64_t k = furthest >= axis.lead ? 0 : ceil_div(axis.lead - furthest, axis.dilation);
  for (; k < axis.kernel && k * axis.dilation + nearest < reach; ++k) {
    const int64_t at = k * axis.dilation;
    Range results = within;
    if (at + nearest < axis.lead) results.begin = ceil_div(axis.lead - at, axis.stride);
    if (at + furthest >= reach) results.end = (reach - 1 - at) / axis.stride + 1;
    if (results.begin < results.end) f(k, results);
  }
}

}  // namespace
}  // namespace steep::kernels
