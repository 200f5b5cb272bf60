// Moves an elementwise launch into the matrix product before it: a bias, an activation, or the
// gradient of one is applied to each element before it is written. The bits are those of the
// launch.
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/arithmetic.h"
#include "kernels/elementwise/math.h"
#include "kernels/product/gemm.h"
#include "program/plan/uses.h"

namespace steep::program {

namespace {

using kernels::Activation;
using kernels::Gemm;
using kernels::Kernel;

// The epilogue that stands for a kernel; none if there is none.
Activation activation_of(const Kernel& kernel) {
  static constexpr struct {
    const Kernel* kernel;
    Activation activation;
  } kKnown[] = {{&kernels::kRelu, Activation::relu},
                {&kernels::kTanh, Activation::tanh},
                {&kernels::kSigmoid, Activation::sigmoid},
                {&kernels::kLeakyRelu, Activation::leaky_relu},
                {&kernels::kReluBackward, Activation::relu_backward},
                {&kernels::kTanhBackward, Activation::tanh_backward},
                {&kernels::kSigmoidBackward, Activation::sigmoid_backward}};
  for (const auto& known : kKnown)
    if (known.kernel == &kernel) return known.activation;
  return Activation::none;
}

class Epilogues {
 public:
  explicit Epilogues(Plan& plan) : plan_(plan), uses_(plan), gone_(plan.calls.size()) {}

  // Folds the launches that follow the product at `at` into it, as far as possible.
  void fuse(int at) {
    while (fold_next(at)) ++folded_;
  }
  void finish() {
    if (!folded_) return;
    plan_.drop(gone_);
    plan_.remarks.push_back(counted(folded_, "elementwise launch", "elementwise launches") +
                            " folded into products");
  }

 private:
  TracedCall& call(int i) { return plan_.calls[i]; }

  // The only launch besides `at` that touches the value, which must be made by the program and must
  // not leave it; -1 if there is no such launch.
  int only_user(int at, int value) {
    if (plan_.values[value].kind != Value::Kind::made || plan_.values[value].kept) return -1;
    int user = -1;
    for (const Use& use : uses_.of(value)) {
      if (use.call == at || use.call == user) continue;
      if (user >= 0 || use.call < at) return -1;
      user = use.call;
    }
    return user;
  }

  // Whether no launch between the two writes to the value, so that `from` may read it in place of
  // `to`.
  bool stays(int value, int from, int to) {
    if (value < 0) return true;
    const Uses::Span list = uses_.of(value);
    return std::none_of(list.from(from), list.from(to), [](const Use& use) { return use.written; });
  }

  // Whether the product may write to the memory of the user's result, which is new then.
  bool can_write(int at, int user, const TensorImpl& product) {
    const TensorImpl& out = *call(user).call.operands()[kernels::kGemmOut].tensor();
    const int value = call(user).values[kernels::kGemmOut];
    if (!out.contiguous || out.numel != product.numel || out.dtype != product.dtype) return false;
    if (value == call(at).values[kernels::kGemmOut]) return out.offset == product.offset;
    if (plan_.values[value].kind != Value::Kind::made) return false;
    return uses_.of(value).begin()->call >= user;
  }

  bool fold_next(int at) {
    TracedCall& product = call(at);
    if (product.call.operands().size() != kernels::kGemmOperands ||
        !is_floating(product.call.type()))
      return false;
    const Gemm& gemm = product.call.arguments<Gemm>();
    if (gemm.activation != Activation::none || gemm.accumulate) return false;
    const TensorImpl& result = *product.call.operands()[kernels::kGemmOut].tensor();
    const int user = only_user(at, product.values[kernels::kGemmOut]);
    if (user < 0 || call(user).call.kernel().kind != Kind::elementwise ||
        call(user).call.type() != product.call.type() || !can_write(at, user, result))
      return false;
    return fold_bias(at, user) || fold_activation(at, user);
  }

  bool fold_bias(int at, int user) {
    TracedCall &product = call(at), &add = call(user);
    if (&add.call.kernel() != &kernels::kAdd || product.values[kernels::kGemmBias] >= 0)
      return false;
    const int bias = add.values[1] == product.values[kernels::kGemmOut] ? 2 : 1;
    if (add.values[bias] < 0 || add.values[bias] == product.values[kernels::kGemmOut] ||
        add.values[3 - bias] != product.values[kernels::kGemmOut])
      return false;
    const TensorImpl& x = *add.call.operands()[bias].tensor();
    const int64_t columns = product.call.arguments<Gemm>().n;
    if (!x.contiguous || x.numel != columns || x.shape.empty() || x.shape.back() != columns ||
        !stays(add.values[bias], at, user) ||
        !is_product(*add.call.operands()[3 - bias].tensor(), at))
      return false;
    fold(product.call, add.call, bias, [bias](RecordedCall& into, const RecordedCall& from) {
      into.replace(kernels::kGemmBias, from.operands()[bias]);
    });
    product.values[kernels::kGemmBias] = add.values[bias];
    take_over(at, user);
    return true;
  }

  bool fold_activation(int at, int user) {
    TracedCall &product = call(at), &activation = call(user);
    const Activation kind = activation_of(activation.call.kernel());
    if (kind == Activation::none || activation.values[1] != product.values[kernels::kGemmOut] ||
        !is_product(*activation.call.operands()[1].tensor(), at))
      return false;
    if (kind == Activation::leaky_relu) {
      const Operand& slope = activation.call.operands()[2];
      if (!slope.is_number() || slope.number_input() >= 0) return false;
    } else if (kernels::is_gradient(kind)) {
      const Operand& aux = activation.call.operands()[2];
      if (!aux.tensor() || !aux.tensor()->contiguous || aux.tensor()->numel != result_size(at) ||
          activation.values[2] == activation.values[kernels::kGemmOut] ||
          activation.values[2] == product.values[kernels::kGemmOut] ||
          !stays(activation.values[2], at, user))
        return false;
      product.values[kernels::kGemmAux] = activation.values[2];
    }
    fold(product.call, activation.call, 0, [kind](RecordedCall& into, const RecordedCall& from) {
      Gemm& gemm = into.change_arguments<Gemm>();
      gemm.activation = kind;
      if (kind == Activation::leaky_relu) gemm.slope = from.operands()[2].number().to_double();
      if (!kernels::is_gradient(kind)) return;
      gemm.aux_row = gemm.n;
      gemm.aux_stride = gemm.m * gemm.n;
      into.replace(kernels::kGemmAux, from.operands()[2]);
    });
    take_over(at, user);
    return true;
  }

  // Makes a product what it is with its user folded in: by `change`, and by its user's result. Most
  // pairs are like an earlier one, and become what that has become.
  template <class Change>
  void fold(RecordedCall& product, const RecordedCall& user, int variant, Change change) {
    constexpr size_t kRemembered = 8;
    for (const Folded& known : known_)
      if (known.variant == variant && known.product.shares(product) && known.user.shares(user))
        return product.become(known.result);
    const RecordedCall before = product;
    change(product, user);
    product.replace(kernels::kGemmOut, user.operands()[kernels::kGemmOut]);
    if (known_.size() == kRemembered) known_.erase(known_.begin());
    known_.push_back({variant, before, user, product});
  }

  int64_t result_size(int at) {
    return call(at).call.operands()[kernels::kGemmOut].tensor()->numel;
  }

  // Whether a view is the whole result of the product, in the same order.
  bool is_product(const TensorImpl& view, int at) {
    const TensorImpl& result = *call(at).call.operands()[kernels::kGemmOut].tensor();
    return view.contiguous && view.numel == result.numel && view.offset == result.offset;
  }

  // Lets the product write where its user did, and drops the user.
  void take_over(int at, int user) {
    for (int value : call(user).values)
      if (value >= 0) uses_.move(value, user, at);
    call(at).values[kernels::kGemmOut] = call(user).values[kernels::kGemmOut];
    gone_[user] = true;
  }

  struct Folded {
    int variant;
    RecordedCall product, user, result;
  };

  Plan& plan_;
  Uses uses_;
  std::vector<bool> gone_;
  std::vector<Folded> known_;  // the last few that were not like an earlier one
  int folded_ = 0;
};

}  // namespace

void fuse_epilogues(Plan& plan) {
  if (!plan.had(Kind::product)) return;
  Epilogues epilogues(plan);
  for (int i = 0; i < static_cast<int>(plan.calls.size()); ++i)
    if (plan.calls[i].call.kernel().kind == Kind::product) epilogues.fuse(i);
  epilogues.finish();
}

}  // namespace steep::program
