// What a kernel says of itself, and one call of it. A Call holds tensors, not pointers, so that a
// program can keep it, plan its memory and run it again.
#pragma once

#include "kernels/table.h"
#include "tensor/tensor.h"

namespace steep::program {

enum class Kind : uint8_t { elementwise, cast, reduce, product, opaque };

struct Call;

// Floating-point operations and bytes moved: what decides whether threads pay.
struct Cost {
  double flops = 0;
  double bytes = 0;
  double speed = 1;  // how many times the arithmetic a second of other kernels it does
  double reuse =
      1;  // how many times as long it must be to be worth sharing, for its data belong to one core
};

// How ranks share a launch by rows: rank r takes share(count, 1, r, ranks) of them
// (kernels/partition.h). bytes: of a row in each operand, rows one after the other from the
// window's first element; 0, and what is beyond the end of the list, for an operand of which each
// rank may touch all.
struct Rows {
  int64_t count = 0;  // 0: it is shared in another way
  SmallVector<int64_t, 8> bytes;
};

struct Kernel {
  const char* name;
  Kind kind;
  int id;  // kernels::Elementwise or kernels::RoutineId; unused where `host` is set
  // Of each operand: w(rite), r(ead), u(pdate). The last one stands for all that follow, or what
  // comes after a '*' for groups of operands that repeat.
  const char* roles;
  float flops = 1;                      // elementwise: per element of the output
  Cost (*cost)(const Call&) = nullptr;  // other kinds; null means the operands' bytes, once each
  int64_t (*scratch)(const int64_t* dims, int element_size, int threads) = nullptr;
  kernels::Routine host =
      nullptr;  // a routine that is the same for every instruction set, always on one thread
  Rows (*rows)(const Call&, int ranks) = nullptr;  // null: never by rows
  bool own_scratch = false;  // whether each rank has a scratch of its own; scratch() is that of one
  bool may_throw = false;    // of a host routine that may, and cannot be run twice, for it draws
  bool checks =
      false;  // whether it refuses bad input, and does nothing else that twice would differ
};

// A host routine that throws where its input is bad; a program may run it before its turn as well.
constexpr Kernel checking(const char* name, const char* roles, kernels::Routine routine) {
  Kernel kernel{name, Kind::opaque, 0, roles, 1, nullptr, nullptr, routine};
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

// An operand: a tensor, a number in the compute type (broadcast), or nothing (an optional one left
// out).
class Operand {
 public:
  Operand() = default;
  Operand(const Tensor& tensor) : tensor_(tensor.impl()) {}
  Operand(const Number& number) : number_(number), is_number_(true) {}

  TensorImpl* tensor() const { return tensor_; }
  bool is_number() const { return is_number_; }
  const Number& number() const { return number_; }
  // Of a number that every replay is given anew: which of those, and whether it is the negative of
  // it; -1 where it stays as it is.
  int slot() const { return slot_; }
  bool negated() const { return negated_; }
  void fill_from(int slot, bool negated) { slot_ = slot, negated_ = negated; }

 private:
  TensorImpl* tensor_ = nullptr;
  Number number_;
  int slot_ = -1;
  bool is_number_ = false, negated_ = false;
};

constexpr int kMaxElementwiseInputs = 3;

struct Call {
  const Kernel* kernel;
  DType type;  // compute type
  const Operand* operands;
  int operand_count;
  const int64_t* dims;
  int dim_count;
  const kernels::Scalar* scalars;
  int scalar_count;
};

// Rows of a kernel that takes them one by one: `operands` have `count` each, in contiguous memory;
// the others are for all.
Rows rows_in(const Call& call, int64_t count, std::initializer_list<int> operands);

}  // namespace steep::program
