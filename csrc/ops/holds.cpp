// Conditions on values that Python code states, such as those of distributions on their parameters.
// The check is a launch, so that a replayed program, whose numbers are new every time, looks as well.
#include "ops/holds.h"

#include <cstring>
#include <mutex>
#include <unordered_set>

#include "ops/ops.h"
#include "program/launch.h"

namespace steep::ops {

namespace {

struct Condition {
  const char* text;
  int64_t n;
  DType type;
};

// Operands: holds bool[n], the values it is about [n], or none.
void look_for_false(const kernels::Task& task) {
  const auto& [text, n, type] = kernels::arguments<Condition>(task);
  const char* const holds = static_cast<const char*>(task.data[0]);
  const void* const found = n ? std::memchr(holds, 0, static_cast<size_t>(n)) : nullptr;
  if (!found) return;
  const int64_t at = static_cast<const char*>(found) - holds;
  const char* const values = static_cast<const char*>(task.data[1]);
  const std::string got =
      values ? to_string(number_at(values + at * element_size(type), type)) : "another value";
  throw Error(ErrorKind::value, join(text, ", got ", got, " at position ", at));
}

constexpr kernels::Kernel kHolds =
    program::checking("check_holds", "rr", program::routines_for<bool>(look_for_false));

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
  const bool shown = values.defined() && values.shape() == all.shape() && values.is_contiguous();
  program::launch(kHolds, DType::boolean, {all, shown ? values : Tensor()},
                  Condition{kept(text), all.numel(), values.dtype()});
}

}  // namespace steep::ops
