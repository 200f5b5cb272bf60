// The registry: one entry an operation, from which Python's entry points, its stubs and the
// completeness test are made.
//
// An entry's signature is written as Python stub text and is the only place where names, defaults
// and kinds of the arguments stand: "(input: Tensor, dim: int | None = None, *, keepdim: bool =
// False) -> Tensor". Annotations:
//   Tensor             a tensor                       Tensor | None              may be left out
//   Tensor | Number    a tensor or a Python number    Number, Number | None      bool, int or float
//   Sequence[Tensor]   a list or tuple of tensors     int, float, bool, str      or None
//   Dims, Dims | None  an int or a sequence of ints   *size: int                 or one sequence
//   dtype, dtype | None                               Generator | None           the default one
// Entries of one name are overloads, tried in order.
#pragma once

#include <vector>

#include "ops/value.h"

namespace steep::ops {

enum Where : uint8_t {
  kFunction = 1,  // steep.name(...)
  kMethod = 2,    // Tensor.name(...); self is the first parameter
  kInternal = 4,  // _core.name(...), not re-exported
  kBoth = kFunction | kMethod,
};

struct Op {
  const char* name;
  Where where;
  const char* signature;
  void (*call)(const Op& self, Value* arguments, Value& result);
  const char* doc;
  const char* cases;  // the row of the tests' table that covers it; null: the row of its own name
};

// Makes the caller of a C++ function: unpacks as many Values as it has parameters.
template <auto function>
struct Caller;
template <class Result, class... Parameters, Result (*function)(Parameters...)>
struct Caller<function> {
  static constexpr int kCount = sizeof...(Parameters);
  static void call(const Op&, Value* arguments, Value& result) {
    unpack(arguments, result, std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... I>
  static void unpack([[maybe_unused]] const Value* arguments, Value& result,
                     std::index_sequence<I...>) {
    if constexpr (std::is_void_v<Result>) {
      function(Read<std::decay_t<Parameters>>::from(arguments[I])...);
    } else if constexpr (std::is_same_v<Result, std::tuple<Tensor, Tensor>>) {
      auto [first, second] = function(Read<std::decay_t<Parameters>>::from(arguments[I])...);
      result = Value::of(Tensors{first, second});
    } else if constexpr (std::is_arithmetic_v<Result>) {
      result = Value::of(Number(function(Read<std::decay_t<Parameters>>::from(arguments[I])...)));
    } else {
      result = Value::of(function(Read<std::decay_t<Parameters>>::from(arguments[I])...));
    }
  }
};

// Gives x the value, in place (elementwise/inplace.cpp).
Tensor assign(const char* op, const Tensor& x, const Tensor& value);

// The first argument as an operation may take it whose result is then assigned to that argument: a
// copy where a graph is recorded, because the operation's rule may need the value that goes.
Tensor value_before(const char* op, const Value* arguments, int count);

class Registry {
 public:
  template <auto function>
  void add(const char* name, Where where, const char* signature, const char* doc,
           const char* cases = nullptr) {
    ops_.push_back({name, where, signature, &Caller<function>::call, doc, cases});
  }
  // The in-place method of an operation: the first argument takes the operation's result.
  template <auto function>
  void add_inplace(const char* name, const char* signature, const char* doc, const char* cases) {
    ops_.push_back({name, kMethod, signature, &call_inplace<function>, doc, cases});
  }
  const std::vector<Op>& ops() const { return ops_; }

 private:
  template <auto function>
  static void call_inplace(const Op& self, Value* arguments, Value& result) {
    const Tensor x = arguments[0].tensor;
    arguments[0].tensor = value_before(self.name, arguments, Caller<function>::kCount);
    Caller<function>::call(self, arguments, result);
    result = Value::of(assign(self.name, x, result.tensor));
  }
  std::vector<Op> ops_;
};

// All families' entries; built on first use. Each family's file defines its own.
void register_activation(Registry& registry);
void register_arithmetic(Registry& registry);
void register_compare(Registry& registry);
void register_create(Registry& registry);
void register_index(Registry& registry);
void register_inplace(Registry& registry);
void register_join(Registry& registry);
void register_loss(Registry& registry);
void register_math(Registry& registry);
void register_matmul(Registry& registry);
void register_linear(Registry& registry);
void register_norm(Registry& registry);
void register_optim(Registry& registry);
void register_peak(Registry& registry);
void register_random(Registry& registry);
void register_range(Registry& registry);
void register_reduce(Registry& registry);
void register_softmax(Registry& registry);
void register_view(Registry& registry);

const Registry& registry();

}  // namespace steep::ops
