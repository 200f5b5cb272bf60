// Fused optimiser steps: everything is checked first, so that a step is taken by all parameters or
// by none. step_register.cpp enters them into the registry.
#include "ops/optim/optim.h"

#include <utility>
#include <vector>

#include "kernels/optim/fused_step.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"

namespace steep::ops {

namespace {

using program::Operand;

void check_length(const char* op, const char* what, const Tensors& list, const Tensors& params) {
  if (list.size() == params.size()) return;
  fail(ErrorKind::value, op, join("as many ", what, " as params (", params.size(), ")"),
       join(list.size()));
}

}  // namespace

void check_like(const char* op, const char* what, const Tensor& x, const Tensor& param, int at) {
  if (x.shape() == param.shape() && x.dtype() == param.dtype()) return;
  fail(ErrorKind::runtime, op,
       join(what, "[", at, "] of the parameter's shape ", to_string(param.shape()), " and dtype ",
            name(param.dtype())),
       join(name(x.dtype()), " of shape ", to_string(x.shape())),
       "a parameter that has changed needs a new gradient and new optimiser state");
}

void check_list(const char* op, const char* what, const Tensors& list, const Tensors& params) {
  check_length(op, what, list, params);
  for (int i = 0; i < list.size(); ++i) check_like(op, what, list[i], params[i], i);
}

void check_params(const char* op, const Tensors& params) {
  for (int i = 0; i < params.size(); ++i) {
    if (!is_floating(params[i].dtype()))
      fail(ErrorKind::runtime, op, join("params[", i, "] of a floating-point dtype"),
           name(params[i].dtype()), "only floating-point tensors are trained");
    const tape::GradMode off(false);
    tape::check_writable(op, params[i]);
  }
}

namespace {

void check_hyper(const char* op, const Tensor& hyper, int64_t count) {
  if (hyper.dtype() == DType::float64 && hyper.shape() == Dims{count} && hyper.is_contiguous())
    return;
  fail(ErrorKind::runtime, op, join("hyper as a contiguous float64 tensor of shape [", count, "]"),
       join(name(hyper.dtype()), " of shape ", to_string(hyper.shape())));
}

// The operands of one launch. Kernels want row-major memory: what is not is copied, and what is
// written is copied back.
class Step {
 public:
  explicit Step(const Tensor& hyper) { operands_.push_back(hyper); }

  void add_parameter(const Tensor& param) {
    sizes_.push_back(param.numel());
    update(param);
  }
  void read(const Tensor& x) { operands_.push_back(row_major(x)); }
  void update(const Tensor& x) {
    const Tensor memory = row_major(x);
    if (!memory.same(x)) copied_.push_back({x, memory});
    operands_.push_back(memory);
    written_.push_back(x);
  }
  void leave_out() { operands_.push_back(Operand()); }
  int count() const { return sizes_.size(); }

  // The kernel's arguments are `words`, whose first one is the count, and the sizes. All that could
  // fail has happened once this has returned.
  void prepare(const Kernel& kernel, DType type, const program::ArgumentWords& words) {
    kernel_ = &kernel;
    type_ = type;
    words_.reserve(words.size() + sizes_.size());
    for (const int64_t word : words) words_.push_back(word);
    for (const int64_t size : sizes_) words_.push_back(size);
    words_[0] = sizes_.size();
  }
  void run() const {
    program::launch(program::Call{kernel_, type_, operands_.data(), operands_.size(), words_.data(),
                                  words_.size()});
    for (const Copied& copied : copied_) copy_memory(copied.x, copied.memory);
    for (const Tensor& x : written_) x->bump(kernel_->name);
  }

 private:
  struct Copied {
    Tensor x, memory;
  };
  Tensor row_major(const Tensor& x) {
    if (x.is_contiguous()) return x;
    const tape::GradMode off(false);
    kept_.push_back(contiguous(x));
    return kept_.back();
  }

  const Kernel* kernel_ = nullptr;
  DType type_ = DType::float32;
  SmallVector<Operand, 24> operands_;
  Dims sizes_;
  program::ArgumentWords words_;
  Tensors written_, kept_;
  SmallVector<Copied, 1> copied_;
};

}  // namespace

struct WaitingSteps {
  std::vector<Step> steps;
};

namespace {
thread_local WaitingSteps* t_waiting = nullptr;
}

StepsTogether::StepsTogether()
    : waiting_(std::make_unique<WaitingSteps>()),
      before_(std::exchange(t_waiting, waiting_.get())) {}
StepsTogether::~StepsTogether() { t_waiting = before_; }
void StepsTogether::run() {
  for (const Step& step : waiting_->steps) step.run();
}

namespace {

// The launches of one step, one for each dtype among its parameters: made ready, then run, or left
// to the StepsTogether of this thread.
class Launches {
 public:
  template <class Fill>
  void add(const Kernel& kernel, DType type, const Tensor& hyper, const Fill& fill,
           const program::ArgumentWords& words) {
    steps_.push_back(Step(hyper));
    fill(steps_.back());
    if (steps_.back().count() > 0) return steps_.back().prepare(kernel, type, words);
    steps_.pop_back();
  }
  void run() {
    for (Step& step : steps_) {
      if (t_waiting) {
        t_waiting->steps.push_back(std::move(step));
      } else {
        step.run();
      }
    }
  }

 private:
  SmallVector<Step, 2> steps_;
};

}  // namespace

namespace {

// ---- the operation of a step, as its kernel describes it ----

using kernels::FusedStep;
using kernels::StateKind;

constexpr int kFirstList = 2;  // of an operation's arguments
constexpr int kFirstRole = 4;  // of a list's, after "r*ur"

// The lists of a call: what the description says of each, beside what was given.
class Lists {
 public:
  Lists(const FusedStep& step, const AnyValue* arguments) {
    for (; step.lists[count].name; ++count) {
      list[count] = arguments[kFirstList + count].tensors.get();
      kind[count] = step.lists[count].kind;
      if (kind[count] == StateKind::optional && list[count]->empty()) list[count] = nullptr;
      updates[count] = step.kernel->roles[kFirstRole + count] != 'r';
    }
  }
  // Of the parameter at `at`.
  void add_to(Step& step, int at) const {
    for (int k = 0; k < count; ++k) {
      if (!list[k]) {
        step.leave_out();
      } else {
        updates[k] ? step.update((*list[k])[at]) : step.read((*list[k])[at]);
      }
    }
  }

  static constexpr int kMost = sizeof(FusedStep::lists) / sizeof(kernels::StateList);
  int count = 0;
  const Tensors* list[kMost];  // null for one that is left out
  StateKind kind[kMost];
  bool updates[kMost];
};

int names_in(const char* const* names) {
  int count = 0;
  while (names[count]) ++count;
  return count;
}

void check_numbers(const char* op, const char* what, const Tensors& list, const Tensors& params) {
  check_length(op, what, list, params);
  for (int i = 0; i < list.size(); ++i) {
    if (list[i].dtype() == DType::float32 && list[i].numel() == 1) continue;
    fail(ErrorKind::runtime, op, join(what, "[", i, "] as one float32 number"),
         join(name(list[i].dtype()), " of shape ", to_string(list[i].shape())));
  }
}

void check_state(const FusedStep& step, const Lists& lists, const Tensors& params) {
  for (int k = 0; k < lists.count; ++k) {
    if (!lists.list[k]) continue;
    const auto check = lists.kind[k] == StateKind::number ? check_numbers : check_list;
    check(step.kernel->name, step.lists[k].name, *lists.list[k], params);
  }
}

// The kernel's arguments: how many parameters, which lists are there, the switches.
program::ArgumentWords words_of(const FusedStep& step, const Lists& lists,
                                const AnyValue* switches) {
  program::ArgumentWords words{0};
  for (int k = 0; k < lists.count; ++k)
    if (lists.kind[k] == StateKind::optional) words.push_back(lists.list[k] ? 1 : 0);
  for (int k = 0; step.switches[k]; ++k) words.push_back(switches[k].number.to_bool() ? 1 : 0);
  return words;
}

}  // namespace

void take_step(const Op& self, AnyValue* arguments, AnyValue&) {
  const auto& how = *static_cast<const FusedStep*>(self.subject);
  const Tensors &params = *arguments[0].tensors, &grads = *arguments[1].tensors;
  const Lists lists(how, arguments);
  const AnyValue* const after = arguments + kFirstList + lists.count;
  const Tensor& hyper = after->tensor;
  check_params(self.name, params);
  check_list(self.name, "grads", grads, params);
  check_state(how, lists, params);
  check_hyper(self.name, hyper, names_in(how.hyper));
  const program::ArgumentWords words = words_of(how, lists, after + 1);
  Launches launches;
  for_each_floating_type([&](DType type) {
    const auto fill = [&](Step& step) {
      for (int i = 0; i < params.size(); ++i) {
        if (params[i].dtype() != type) continue;
        step.add_parameter(params[i]);
        step.read(grads[i]);
        lists.add_to(step, i);
      }
    };
    launches.add(*how.kernel, type, hyper, fill, words);
  });
  launches.run();
}

}  // namespace steep::ops
