// The registry: one entry an operation, from which Python's entry points and stubs, the lists of
// names, simple modules, the API page and the completeness test are made. docs/adding.md shows how
// an operation is added.
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

#include <deque>
#include <vector>

#include "ops/value.h"

namespace steep::ops {

enum Exposure : uint8_t {
  kFunction = 1,    // steep.name(...)
  kMethod = 2,      // Tensor.name(...); self is the first parameter
  kInternal = 4,    // _core.name(...) alone
  kFunctional = 8,  // steep.nn.functional.name(...)
  kOut = 16,        // the function writes into out=, too, as PyTorch documents it
  kOutApart = 48,   // out= that shares no memory with the operands
  kOutAlike = 112,  // the same, of the result's own dtype
  kBoth = kFunction | kMethod,
};
constexpr Exposure operator|(Exposure a, Exposure b) {
  return static_cast<Exposure>(int{a} | int{b});
}

class Registration;

struct Op {
  using Call = void (*)(const Op& self, AnyValue* arguments, AnyValue& result);
  const char* name;
  Exposure exposure;
  const char* signature;
  Call call;
  const char* doc;
  const char* cases;  // the row of the tests' table that covers it; null: the row of its own name
  const Registration* source;
  const void* subject;  // what the call is about, where one function serves several entries
};

// The module that does no more than hold a function's arguments, as nn.ELU holds elu's. Its class
// is written by tools/make_stubs.py: the tensors that the signature begins with are what forward()
// takes, the other parameters are the constructor's, with their names, order and defaults, and are
// kept under their names.
struct SimpleModule {
  const char* function;
  const char* name;   // file and class under steep.nn: "activation.ELU"
  const char* doc;    // its docstring; the function's, if null was handed in
  const char* holds;  // "(dim: int) -> None": the constructor's parameters, if others; or null
  const char* shows;  // "{lambd}": its repr, if it is not PyTorch's usual one; or null
};

// Makes the caller of a C++ function: unpacks as many AnyValues as it has parameters.
template <auto function>
struct Caller;
template <class Result, class... Parameters, Result (*function)(Parameters...)>
struct Caller<function> {
  static constexpr int kCount = sizeof...(Parameters);
  static void call(const Op&, AnyValue* arguments, AnyValue& result) {
    unpack(arguments, result, std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... I>
  static void unpack([[maybe_unused]] const AnyValue* arguments, AnyValue& result,
                     std::index_sequence<I...>) {
    if constexpr (std::is_void_v<Result>) {
      function(Read<std::decay_t<Parameters>>::from(arguments[I])...);
    } else if constexpr (std::is_same_v<std::decay_t<Result>, Tensor>) {
      result.take(function(Read<std::decay_t<Parameters>>::from(arguments[I])...));
    } else if constexpr (std::is_same_v<Result, std::tuple<Tensor, Tensor>>) {
      auto [first, second] = function(Read<std::decay_t<Parameters>>::from(arguments[I])...);
      result = AnyValue::of(Tensors{first, second});
    } else if constexpr (std::is_arithmetic_v<Result>) {
      result =
          AnyValue::of(Number(function(Read<std::decay_t<Parameters>>::from(arguments[I])...)));
    } else {
      result = AnyValue::of(function(Read<std::decay_t<Parameters>>::from(arguments[I])...));
    }
  }
};

// Gives x the value, in place (elementwise/inplace.cpp).
Tensor assign(const char* op, const Tensor& x, const Tensor& value);

// The first argument as an operation may take it whose result is then assigned to that argument: a
// copy where a graph is recorded, because the operation's rule may need the value that goes.
Tensor value_before(const char* op, const AnyValue* arguments, int count);

class Registry {
 public:
  template <auto function>
  void add(const char* name, Exposure exposure, const char* signature, const char* doc,
           const char* cases = nullptr) {
    put(name, exposure, signature, &Caller<function>::call, doc, cases);
  }
  // The in-place method of an operation: the first argument takes the operation's result.
  template <auto function>
  void add_inplace(const char* name, const char* signature, const char* doc, const char* cases,
                   Exposure exposure = kMethod) {
    put(name, exposure, signature, &call_inplace<function>, doc, cases);
  }
  // An entry that shares its function with others, whose `subject` tells them apart. The texts are
  // made for it, and kept here.
  void add_shared(Op::Call call, const void* subject, const char* name, Exposure exposure,
                  std::string signature, std::string doc);
  void add_module(const char* function, const char* name, const char* doc = nullptr,
                  const char* holds = nullptr, const char* shows = nullptr);
  // By name; overloads in the order in which their file adds them.
  const std::vector<Op>& ops() const { return ops_; }
  const std::vector<SimpleModule>& modules() const { return modules_; }

  // Takes the entries of all registrations, in whichever order these come. Throws where two
  // registrations have one name: which overload is tried first would be the linker's choice.
  void collect(const Registration* registrations);

 private:
  template <auto function>
  static void call_inplace(const Op& self, AnyValue* arguments, AnyValue& result) {
    const Tensor x = arguments[0].tensor;
    arguments[0].tensor = value_before(self.name, arguments, Caller<function>::kCount);
    Caller<function>::call(self, arguments, result);
    result.take(assign(self.name, x, result.tensor));
  }
  // Not in place: a few instructions an entry rather than a growing vector's.
  void put(const char* name, Exposure exposure, const char* signature, Op::Call call,
           const char* doc, const char* cases, const void* subject = nullptr);

  std::vector<Op> ops_;
  std::deque<std::string> texts_;
  std::vector<SimpleModule> modules_;
  const Registration* source_ = nullptr;
};

// How a file of operations hands in its entries: by an object of this class, and nowhere else. As
// the module is loaded, each puts itself into a list; nothing is added or allocated before
// registry() asks for it.
class Registration {
 public:
  Registration(const char* family, void (*add)(Registry&))
      : family(family), add(add), next(newest) {
    newest = this;
  }
  const char* family;  // one word: where the API page has its operations
  void (*add)(Registry&);
  const Registration* next;

  static const Registration* newest;
};

// All entries; built on first use.
const Registry& registry();

}  // namespace steep::ops
