// What a kernel is: its name, what it costs, how it is shared between threads, and its loops by
// element type.
//
// Each kernel stands in its family's files alone. The header gives its handle (extern Kernel kName)
// and the struct of its arguments; the source, compiled once per instruction set, has its loops.
// The build of the source that describes (STEEP_DESCRIBES in isa.h) also defines the handle. At
// load the chosen instruction set enters its loops into the handles, which stay as they are from
// then on.
//
// Kernels see raw pointers and sizes alone, and include nothing but their own headers, so that the
// same source can be compiled once per instruction set without a shared inline function leaking
// from one build to another.
#pragma once

#include <cstdint>

#include "kernels/element_types.h"

namespace steep::kernels {

// A function for each element type that has one, null for the others.
template <class Function>
struct PerType {
  Function at[ElementTypes::count] = {};
};

// A number in the compute type's own kind: floats read f, integers i.
union Scalar {
  double f;
  int64_t i;
};

// Arguments are as wide as this, all of them: then a struct of them has no padding, and recordings
// can compare its bytes. A flag is 0 or 1.
using Flag = int64_t;

// An elementwise loop over one block: data[0] is the output, the rest the inputs, each an array of
// n elements (step 1) or a single value (step 0). The output may be the very array of an input; it
// never overlaps one in part. Parameters such as a slope or a bound arrive as inputs with step 0.
using Loop = void (*)(void* const* data, const int64_t* steps, int64_t n);

// A larger kernel, run by `size` threads at once (SPMD): each call does the share of `rank`, and
// all wait for each other in barrier().
struct Task {
  void* const* data;      // operands, in the kernel's order; null for an optional one left out
  const void* arguments;  // the kernel's struct of them
  void* scratch;          // as many bytes as its scratch function asked for; 64-byte aligned
  int rank;
  int size;
  void (*barrier)();  // every rank must call it equally often; does nothing where size is 1
};
using Routine = void (*)(const Task& task);

namespace {
template <class Arguments>
inline const Arguments& arguments(const Task& task) {
  return *static_cast<const Arguments*>(task.arguments);
}
// Sizes that follow the struct, of kernels that take a list of them.
template <class Arguments>
inline const int64_t* sizes_after(const Task& task) {
  return reinterpret_cast<const int64_t*>(&arguments<Arguments>(task) + 1);
}
}  // namespace

enum class Kind : uint8_t { elementwise, cast, reduce, product, opaque };

// One launch, as the kernel's own functions below see it.
struct LaunchView {
  const void* arguments;
  int64_t element_size;  // of the compute type
  bool floating;         // whether that is a float
  double bytes;          // of all operands, once each

  template <class Arguments>
  const Arguments& as() const {
    return *static_cast<const Arguments*>(arguments);
  }
  // Sizes that follow the struct.
  template <class Arguments>
  const int64_t* sizes_after() const {
    return reinterpret_cast<const int64_t*>(&as<Arguments>() + 1);
  }
};

// Floating-point operations and bytes moved: what decides whether threads pay.
struct Cost {
  double flops = 0;
  double bytes = 0;
  double speed = 1;  // how many times the arithmetic a second of other kernels it does
  // How many times as long it must be to be worth sharing, for its data belong to one core.
  double reuse = 1;
};

// How ranks share a launch by rows: rank r takes share(count, 1, r, ranks) of them (partition.h).
struct RowPartition {
  static constexpr int kOperands = 8;
  int64_t count = 0;  // 0: it is shared in another way
  // Elements between the rows of each operand, one after the other from its first element; 0 for an
  // operand of which each rank may touch all.
  int64_t steps[kOperands] = {};
};

struct Kernel {
  const char* name;
  Kind kind;
  // Of each operand: w(rite), r(ead), u(pdate). The last one stands for all that follow, or what
  // comes after a '*' for groups of operands that repeat.
  const char* roles;
  float flops = 1;  // elementwise: for each element of the output
  // How many of the arguments, the last ones, are numbers of the user's; sizes and modes come
  // first.
  int numbers = 0;
  Cost (*cost)(const LaunchView&) = nullptr;  // null: the operands' bytes, once each
  // Bytes of scratch, for all ranks or (own_scratch) for each. More threads than will run is safe,
  // fewer is not.
  int64_t (*scratch)(const LaunchView&, int threads) = nullptr;
  RowPartition (*rows)(const LaunchView&, int ranks) = nullptr;  // null: never by rows
  bool own_scratch = false;
  bool host = false;       // the same for every instruction set, and always on one thread
  bool may_throw = false;  // of a host kernel that may, and cannot be run twice, for it draws
  bool checks = false;     // whether it refuses bad input, and does nothing else twice would change
  PerType<Loop> loops = {};
  PerType<Routine> routines = {};

  constexpr Kernel with_cost(Cost (*function)(const LaunchView&)) const {
    Kernel kernel = *this;
    kernel.cost = function;
    return kernel;
  }
  constexpr Kernel with_scratch(int64_t (*function)(const LaunchView&, int),
                                bool own = false) const {
    Kernel kernel = *this;
    kernel.scratch = function, kernel.own_scratch = own;
    return kernel;
  }
  constexpr Kernel with_rows(RowPartition (*function)(const LaunchView&, int)) const {
    Kernel kernel = *this;
    kernel.rows = function;
    return kernel;
  }
  constexpr Kernel with_numbers(int count) const {
    Kernel kernel = *this;
    kernel.numbers = count;
    return kernel;
  }
};

// out = f(inputs), element by element; flops for each.
constexpr Kernel elementwise(const char* name, float flops = 1) {
  return {name, Kind::elementwise, "wr", flops};
}
constexpr Kernel routine(const char* name, Kind kind, const char* roles) {
  return {name, kind, roles};
}

}  // namespace steep::kernels
