// Fused optimiser steps: everything is checked first, so that a step is taken by all parameters or
// by none.
#include "ops/optim/optim.h"

#include <utility>
#include <vector>

#include "kernels/optim/adam.h"
#include "kernels/optim/sgd.h"
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

// A tensor that belongs to a parameter: of its shape and dtype.
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

  // The kernel's arguments are `how` with the count filled in, and the sizes. All that could fail
  // has happened once this has returned.
  template <class Arguments>
  void prepare(const Kernel& kernel, DType type, Arguments how) {
    kernel_ = &kernel;
    type_ = type;
    how.count = sizes_.size();
    words_ = program::words_of(how, sizes_);
  }
  void run() const {
    program::launch(program::Call{kernel_, type_, operands_.data(), operands_.size(), words_.data(),
                                  words_.size()});
    for (const Copied& copied : copied_) copy_memory(copied.x, copied.memory);
    for (const Tensor& x : written_) x->storage->bump(kernel_->name);
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
  template <class Fill, class Arguments>
  void add(const Kernel& kernel, DType type, const Tensor& hyper, const Fill& fill,
           const Arguments& how) {
    steps_.push_back(Step(hyper));
    fill(steps_.back());
    if (steps_.back().count() > 0) return steps_.back().prepare(kernel, type, how);
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

void sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers,
              const Tensor& hyper, bool nesterov, bool maximize, bool first) {
  constexpr const char* kOp = "sgd_step";
  const bool momentum = !momentum_buffers.empty();
  check_params(kOp, params);
  check_list(kOp, "grads", grads, params);
  if (momentum) check_list(kOp, "momentum_buffers", momentum_buffers, params);
  check_hyper(kOp, hyper, 4);
  Launches launches;
  for_each_floating_type([&](DType type) {
    const auto fill = [&](Step& step) {
      for (int i = 0; i < params.size(); ++i) {
        if (params[i].dtype() != type) continue;
        step.add_parameter(params[i]);
        step.read(grads[i]);
        momentum ? step.update(momentum_buffers[i]) : step.leave_out();
      }
    };
    launches.add(kernels::kSgdStep, type, hyper, fill,
                 kernels::SgdStep{0, momentum, nesterov, maximize, first});
  });
  launches.run();
}

void adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
               const Tensors& exp_avg_sqs, const Tensors& max_exp_avg_sqs, const Tensors& steps,
               const Tensor& hyper, bool amsgrad, bool maximize, bool decoupled) {
  constexpr const char* kOp = "adam_step";
  check_params(kOp, params);
  check_list(kOp, "grads", grads, params);
  check_list(kOp, "exp_avgs", exp_avgs, params);
  check_list(kOp, "exp_avg_sqs", exp_avg_sqs, params);
  if (amsgrad) check_list(kOp, "max_exp_avg_sqs", max_exp_avg_sqs, params);
  check_length(kOp, "steps", steps, params);
  for (int i = 0; i < steps.size(); ++i) {
    if (steps[i].dtype() != DType::float32 || steps[i].numel() != 1)
      fail(ErrorKind::runtime, kOp, join("steps[", i, "] as one float32 number"),
           join(name(steps[i].dtype()), " of shape ", to_string(steps[i].shape())));
  }
  check_hyper(kOp, hyper, 5);
  Launches launches;
  for_each_floating_type([&](DType type) {
    const auto fill = [&](Step& step) {
      for (int i = 0; i < params.size(); ++i) {
        if (params[i].dtype() != type) continue;
        step.add_parameter(params[i]);
        step.read(grads[i]);
        step.update(exp_avgs[i]);
        step.update(exp_avg_sqs[i]);
        amsgrad ? step.update(max_exp_avg_sqs[i]) : step.leave_out();
        step.update(steps[i]);
      }
    };
    launches.add(kernels::kAdamStep, type, hyper, fill,
                 kernels::AdamStep{0, amsgrad, maximize, decoupled});
  });
  launches.run();
}

namespace {

void register_optim(Registry& registry) {
  registry.add<&sgd_step>(
      "sgd_step", kInternal,
      "(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: Sequence[Tensor], "
      "hyper: Tensor, nesterov: bool, maximize: bool, first: bool) -> None",
      R"(One step of stochastic gradient descent over all parameters, in place and in one launch.

With g = grad + weight_decay * p (grad negated to maximize): v = momentum * v + (1 - dampening) * g,
which is g itself at the first step; p = p - lr * v, or lr * (g + momentum * v) with nesterov. hyper
is a float64 tensor [lr, momentum, dampening, weight_decay], read when the kernel runs.
momentum_buffers is empty without momentum.

Raises ValueError for lists of different lengths, RuntimeError for shapes or dtypes that differ from
the parameter's; nothing is written then.

>>> p = steep.ones(1)
>>> hyper = steep.tensor([0.5, 0, 0, 0], dtype=steep.float64)
>>> steep._core.sgd_step([p], [steep.ones(1)], [], hyper, False, False, True)
>>> p
tensor([0.5000])
)");
  registry.add<&adam_step>(
      "adam_step", kInternal,
      "(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], "
      "exp_avg_sqs: Sequence[Tensor], max_exp_avg_sqs: Sequence[Tensor], steps: Sequence[Tensor], "
      "hyper: Tensor, amsgrad: bool, maximize: bool, decoupled: bool) -> None",
      R"(One step of Adam over all parameters, in place and in one launch; decoupled makes it AdamW.

m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; p = p - lr / (1 - beta1^t) * m /
(sqrt(v / (1 - beta2^t)) + eps), where t is the parameter's own step count, which the kernel raises
by one. hyper is a float64 tensor [lr, beta1, beta2, eps, weight_decay], read when the kernel runs.
max_exp_avg_sqs is empty unless amsgrad; steps are float32 numbers.

Raises ValueError for lists of different lengths, RuntimeError for shapes or dtypes that differ from
the parameter's; nothing is written then.

>>> p, m, v, t = steep.ones(1), steep.zeros(1), steep.zeros(1), steep.tensor(0.0)
>>> hyper = steep.tensor([0.5, 0.9, 0.999, 0.0, 0.0], dtype=steep.float64)
>>> steep._core.adam_step([p], [steep.ones(1)], [m], [v], [], [t], hyper, False, False, False)
>>> p
tensor([0.5000])
)");
}

const Registration registered("optimiser", register_optim);

}  // namespace

}  // namespace steep::ops
