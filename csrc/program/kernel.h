// One call of a kernel. It holds tensors, not pointers, so that a program can keep it, plan its
// memory and run it again.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/kernel.h"
#include "tensor/tensor.h"

namespace steep::program {

using kernels::Cost;
using kernels::Kernel;
using kernels::Kind;

// How ranks share a launch by rows: rank r takes share(count, 1, r, ranks) of them
// (kernels/partition.h). bytes: from one row of each operand to the next, beginning at its first
// element; 0, and missing at the end of the list, for an operand that any rank may touch as a
// whole.
struct PartitionedRows {
  int64_t count = 0;  // 0: not shared by rows
  SmallVector<int64_t, 8> bytes;
};

template <class>
using RoutineFor = kernels::Routine;
// A routine for each of these types.
template <class... Types>
constexpr kernels::PerType<kernels::Routine> routines_for(RoutineFor<Types>... routines) {
  kernels::PerType<kernels::Routine> out;
  ((out.at[kernels::kTypeIndex<Types>] = routines), ...);
  return out;
}

// A kernel that is the same for every instruction set, always run on one thread.
constexpr Kernel host_kernel(const char* name, const char* roles,
                             const kernels::PerType<kernels::Routine>& routines) {
  Kernel kernel = kernels::routine(name, Kind::opaque, roles);
  kernel.host = true;
  kernel.routines = routines;
  return kernel;
}
// A kernel that checks its input and throws if that is bad; a program may run it early, before its
// steps.
constexpr Kernel checking(const char* name, const char* roles,
                          const kernels::PerType<kernels::Routine>& routines) {
  Kernel kernel = host_kernel(name, roles, routines);
  kernel.checks = true;
  return kernel;
}

constexpr int cycle_length(const char* roles) {
  int length = 0;
  while (roles[length]) ++length;
  return length;
}
constexpr char role_of(const Kernel& kernel, int operand) {
  const char* roles = kernel.roles;
  for (int i = 0; i < operand; ++i) {
    ++roles;
    if (*roles == '*') return roles[1 + (operand - i - 1) % cycle_length(roles + 1)];
    if (!*roles) return roles[-1];
  }
  return *roles;
}
inline bool writes(const Kernel& kernel, int operand) { return role_of(kernel, operand) != 'r'; }
inline bool reads(const Kernel& kernel, int operand) { return role_of(kernel, operand) != 'w'; }

// An operand: a tensor, a number (broadcast) in the compute type, or nothing, where an optional one
// is left out.
class Operand {
 public:
  Operand() = default;
  Operand(const Tensor& tensor) : tensor_(tensor.impl()) {}
  Operand(const Number& number) : number_(number), is_number_(true) {}

  TensorImpl* tensor() const { return tensor_; }
  bool is_number() const { return is_number_; }
  const Number& number() const { return number_; }
  // For a number that each replay is given: its index among the program's number inputs, and
  // whether the operand is its negative. -1 for a number that stays as it is.
  int number_input() const { return number_input_; }
  bool negated() const { return negated_; }
  void fill_from(int input, bool negated) { number_input_ = input, negated_ = negated; }

 private:
  TensorImpl* tensor_ = nullptr;
  Number number_;
  int number_input_ = -1;
  bool is_number_ = false, negated_ = false;
};

constexpr int kMaxElementwiseInputs = 3;

struct Call {
  const Kernel* kernel;
  DType type;  // compute type
  const Operand* operands;
  int operand_count;
  const void* arguments;  // the kernel's struct of arguments, and the sizes that follow it
  int argument_words;     // of 8 bytes each
};

// The arguments of a kernel, in words of 8 bytes.
using ArgumentWords = SmallVector<int64_t, 8>;
// What a struct of arguments must be. It must not have members narrower than a word either, for
// padding would make its bytes differ by chance: tests/test_kernel_arguments.py checks that.
template <class Arguments>
constexpr bool are_words = std::is_trivially_copyable_v<Arguments> && alignof(Arguments) == 8 &&
                           sizeof(Arguments) % 8 == 0;
static_assert(sizeof(void*) == 8, "addresses among the arguments are words as well");
// A struct of arguments, and the sizes that follow it.
template <class Arguments>
ArgumentWords words_of(const Arguments& arguments, const Dims& sizes) {
  static_assert(are_words<Arguments>, "every argument is 8 bytes wide");
  constexpr int kOwn = sizeof(Arguments) / sizeof(int64_t);
  ArgumentWords words(kOwn + sizes.size(), 0);
  std::memcpy(words.data(), &arguments, sizeof(Arguments));
  std::copy(sizes.begin(), sizes.end(), words.begin() + kOwn);
  return words;
}

// The kernel's routine for a type; throws if it has none.
kernels::Routine routine_of(const Kernel& kernel, DType type);
// Bytes of all operands, once each.
double operand_bytes(const Call& call);
// The call in the form in which the kernel's own functions see it.
kernels::LaunchView seen_by_kernel(const Call& call, double bytes);
inline kernels::LaunchView seen_by_kernel(const Call& call) {
  return seen_by_kernel(call, operand_bytes(call));
}

}  // namespace steep::program
