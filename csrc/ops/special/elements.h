// Functions of single numbers applied to the elements of tensors, one after another: for what is
// too rare for a kernel of every instruction set.
#pragma once

#include "ops/elementwise/elementwise.h"

namespace steep::ops {

// What the function takes beside the elements: whatever number it is about.
struct Elements {
  int64_t n, setting;
};

// Operands: out T[n], x T[n].
template <class T, double (*function)(double)>
void each_element(const kernels::Task& task) {
  T* const out = static_cast<T*>(task.data[0]);
  const T* const x = static_cast<const T*>(task.data[1]);
  const int64_t n = kernels::arguments<Elements>(task).n;
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(function(x[i]));
}
template <class T, double (*function)(double, int64_t)>
void each_with_setting(const kernels::Task& task) {
  T* const out = static_cast<T*>(task.data[0]);
  const T* const x = static_cast<const T*>(task.data[1]);
  const Elements& how = kernels::arguments<Elements>(task);
  for (int64_t i = 0; i < how.n; ++i) out[i] = static_cast<T>(function(x[i], how.setting));
}
// Operands: out T[n], x T[n], y T[n], and z T[n] for a function of three.
template <class T, auto function>
void each_pair(const kernels::Task& task) {
  T* const out = static_cast<T*>(task.data[0]);
  const T* const x = static_cast<const T*>(task.data[1]);
  const T* const y = static_cast<const T*>(task.data[2]);
  const int64_t n = kernels::arguments<Elements>(task).n;
  if constexpr (std::is_invocable_v<decltype(function), double, double>) {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(function(x[i], y[i]));
  } else {
    const T* const z = static_cast<const T*>(task.data[3]);
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(function(x[i], y[i], z[i]));
  }
}

template <double (*function)(double)>
constexpr Kernel kernel_of_one(const char* name) {
  return program::host_kernel(name, "wr",
                              program::routines_for<float, double>(each_element<float, function>,
                                                                   each_element<double, function>));
}
// `single`: a quicker one for floats.
template <auto function, auto single = function>
constexpr Kernel kernel_of_several(const char* name) {
  return program::host_kernel(
      name, "wr",
      program::routines_for<float, double>(each_pair<float, single>, each_pair<double, function>));
}

// function(x[i]), integers in the default dtype. Unrecorded.
Tensor of_elements(const Kernel& kernel, const Tensor& x, int64_t setting = 0);
// The same of tensors that broadcast, in the dtype to which they promote.
Tensor of_elements(const char* op, const Kernel& kernel,
                   std::initializer_list<TensorOrNumber> operands, DType type);

}  // namespace steep::ops
