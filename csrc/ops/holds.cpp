// Conditions on values that Python code states, such as those of distributions on their parameters.
// The check is a launch, so that a replayed program, whose numbers are new every time, looks as well.
#include "ops/holds.h"

#include <cstring>
#include <mutex>
#include <type_traits>
#include <unordered_set>

#include "ops/ops.h"
#include "program/launch.h"

namespace steep::ops {

namespace {

struct Condition {
  const char* text;
  int64_t n;
};

// The first place where a condition on n values does not hold; -1 if it holds everywhere.
int64_t first_false(const void* holds, int64_t n) {
  const void* const found = n ? std::memchr(holds, 0, static_cast<size_t>(n)) : nullptr;
  return found ? static_cast<const char*>(found) - static_cast<const char*>(holds) : -1;
}

template <class T>
Number number_of(T value) {
  if constexpr (std::is_same_v<T, bool>) return value;
  if constexpr (std::is_floating_point_v<T>) return static_cast<double>(value);
  return static_cast<int64_t>(value);
}

[[noreturn]] void refuse(const char* text, const std::string& got, int64_t at) {
  throw Error(ErrorKind::value, join(text, ", got ", got, " at position ", at));
}

// Operands: holds bool[n], the values it is about T[n], or none.
template <class T>
void look_for_false(const kernels::Task& task) {
  const auto& [text, n] = kernels::arguments<Condition>(task);
  const int64_t at = first_false(task.data[0], n);
  if (at < 0) return;
  const T* const values = static_cast<const T*>(task.data[1]);
  refuse(text, values ? to_string(number_of(values[at])) : "another value", at);
}

constexpr kernels::Kernel kHolds =
    program::checking("check_holds", "rr",
                      program::routines_for<float, double, int64_t, int32_t, uint8_t, bool>(
                          look_for_false<float>, look_for_false<double>, look_for_false<int64_t>,
                          look_for_false<int32_t>, look_for_false<uint8_t>, look_for_false<bool>));

// Launches point at their texts, and programs outlive who states them. There are few.
const char* kept(const std::string& text) {
  static std::mutex lock;
  static auto& texts = *new std::unordered_set<std::string>;
  const std::lock_guard<std::mutex> guard(lock);
  return texts.insert(text).first->c_str();
}

}  // namespace

void check_holds(const Tensor& holds, const Tensor& values, const std::string& text) {
  if (holds.dtype() != DType::boolean)
    fail(ErrorKind::type, "check_holds", "a condition of dtype bool", name(holds.dtype()));
  const Tensor all = contiguous(holds);
  const bool shown = values.shape() == all.shape() && values.is_contiguous();
  program::launch(kHolds, values.dtype(), {all, shown ? values : Tensor()},
                  Condition{kept(text), all.numel()});
}

}  // namespace steep::ops
