// Writing in place: the one mechanism behind every in-place method that a graph has to know of.
#include "ops/elementwise/inplace.h"

#include "ops/elementwise/elementwise.h"
#include "ops/registry.h"
#include "ops/shape/strided_view.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

bool can_cast(DType from, DType to) {
  if (is_floating(from)) return is_floating(to);
  return from == DType::boolean || to != DType::boolean;
}

namespace {

void check_value(const char* op, const Tensor& x, const Tensor& value) {
  if (!can_cast(value.dtype(), x.dtype())) {
    throw Error(ErrorKind::runtime,
                join(op, ": result type ", name(value.dtype()),
                     " can't be cast to the desired output type ", name(x.dtype()),
                     "; use the form that returns a new tensor"));
  }
  if (!broadcasts_to(value.shape(), x.shape())) {
    throw Error(ErrorKind::runtime,
                join(op, ": output with shape ", to_string(x.shape()),
                     " doesn't match the broadcast shape ", to_string(value.shape())));
  }
}

// The base's history after `value` was written into the view x of it: the value there, the old base
// elsewhere.
void rebase(const Tensor& x, const Tensor& value) {
  const Tensor base = tape::history(x)->base;
  const Layout whole = Layout::of(base), part = Layout::of(x);
  record("as_strided_scatter", base, {base, value},
         [whole, part](const Tensor& grad, Grads& grads) {
           if (grads.wanted(1)) grads[1] = strided_view(grad, whole, part);
           if (!grads.wanted(0)) return;
           const Tensor ones = full(part.shape, true, DType::boolean);
           grads[0] = where(logical_not(put_strided_view(ones, whole, part)), grad, Number(0.0));
         });
}

}  // namespace

void copy_memory(const Tensor& x, const Tensor& value) {
  // Memory that overlaps in part would be read after it was written.
  const bool overlaps =
      value->storage == x->storage &&
      (value->offset != x->offset || value.strides() != x.strides() || value.shape() != x.shape());
  Tensor source = value;
  if (overlaps) {
    const tape::GradMode off(false);
    source = clone(value);
  }
  if (source.dtype() == x.dtype()) {
    program::launch(kernels::kCopy, x.dtype(), {x, source});
  } else {
    cast_into(x, source);
  }
}

void zero_memory(const Tensor& x) {
  program::launch(kernels::kCopy, x.dtype(), {x, Number(0)});
  x->bump("zero_");
}

namespace {
// `forgets`: the value is not made from x, so x's old history gets zeros instead of nothing, as in
// PyTorch (an optimiser tells the two apart).
Tensor write(const char* op, const Tensor& x, const Tensor& value, bool forgets) {
  check_value(op, x, value);
  tape::check_writable(op, x);
  const bool recorded = wanted(x, value) && is_floating(x.dtype());
  copy_memory(x, value);
  x->bump(op);
  if (!recorded) return x;
  // A replay would leave the graph of the recording on what someone outside holds.
  const program::Recorder* recorder = program::Recorder::active();
  if (recorder && !recorder->has_made(*x->storage))
    program::refuse_recording(
        "an in-place operation makes a tensor from outside part of a graph; detach() what is "
        "written to it, or write under no_grad()");
  const tape::History* h = tape::history(x);
  if (h && tape::is_view(*h)) {
    rebase(x, value);
  } else {
    record(op, x, {value, forgets ? x : Tensor()},
           tape::lasting([](const Tensor& grad, Grads& grads) {
             if (grads.wanted(0)) grads[0] = grad;
             if (grads.wanted(1)) grads[1] = full(grad.shape(), 0, grad.dtype());
           }));
  }
  return x;
}
}  // namespace

Tensor assign(const char* op, const Tensor& x, const Tensor& value) {
  return write(op, x, value, false);
}

Tensor value_before(const char* op, const AnyValue* arguments, int count) {
  const Tensor& x = arguments[0].tensor;
  bool recorded = false;
  for (int i = 0; i < count; ++i)
    recorded |= arguments[i].kind == AnyValue::Kind::tensor && wanted(arguments[i].tensor);
  if (!recorded) return x;
  tape::check_writable(op, x);
  return clone(x);
}

namespace {
Tensor copy_from(const Tensor& x, const Tensor& src) {
  // Unlike arithmetic in place, copying converts to any dtype.
  if (is_floating(src.dtype()) && !is_floating(x.dtype()))
    return write("copy_", x, to(src, x.dtype()), true);
  return write("copy_", x, x.dtype() == DType::boolean ? to(src, DType::boolean) : src, true);
}

Tensor fill_(const Tensor& x, const TensorOrNumber& value) {
  if (value.is_tensor()) {
    if (value.tensor.dim() != 0)
      fail(ErrorKind::runtime, "fill", "a 0-dimension value tensor",
           join("a tensor with ", value.tensor.dim(), " dimensions"));
    return copy_from(x, value.tensor);
  }
  check_fits("fill", value.number, x.dtype());
  if (wanted(x)) return write("fill_", x, full({}, value.number, x.dtype()), true);
  tape::check_writable("fill_", x);
  program::launch(kernels::kCopy, x.dtype(), {x, value.number});
  x->bump("fill_");
  return x;
}

Tensor copy_(const Tensor& x, const TensorOrNumber& src, bool) {
  return src.is_tensor() ? copy_from(x, src.tensor) : fill_(x, src);
}

Tensor fill(const Tensor& x, const TensorOrNumber& value) { return fill_(clone(x), value); }

Tensor zero_(const Tensor& x) { return fill_(x, {{}, 0}); }

Tensor masked_fill(const Tensor& x, const Tensor& mask, const TensorOrNumber& value) {
  if (mask.dtype() != DType::boolean)
    fail(ErrorKind::runtime, "masked_fill", "a mask of dtype bool", name(mask.dtype()),
         "compare it, as in `mask != 0`");
  if (value.is_tensor() && value.tensor.dim() > 0)
    fail(ErrorKind::runtime, "masked_fill", "a 0-dimensional value tensor",
         join("one with ", value.tensor.dim(), " dimension(s)"), "use where() to choose elements");
  broadcast_shapes("masked_fill", x.shape(), mask.shape());
  if (!value.is_tensor()) check_fits("masked_fill", value.number, x.dtype());
  const TensorOrNumber filler = value.is_tensor()
                                    ? TensorOrNumber{to(value.tensor, x.dtype()), {}}
                                    : TensorOrNumber{{}, value.number.as_element(x.dtype())};
  return to(where(mask, filler, TensorOrNumber{x, {}}), x.dtype());
}

void register_inplace(Registry& registry) {
  registry.add<&copy_>(
      "copy_", kMethod,
      "(input: Tensor, src: Tensor | Number, non_blocking: bool = False) -> Tensor",
      R"(Writes src into this tensor, broadcast and converted to its dtype; returns it.

Raises RuntimeError when src does not broadcast to this tensor's shape, or is a number that the
dtype cannot hold.

>>> steep.zeros(2).copy_(steep.tensor([1, 2]))
tensor([1., 2.])
)");
  registry.add<&fill_>("fill_", kMethod, "(input: Tensor, value: Tensor | Number) -> Tensor",
                       R"(Writes one value into every element; returns the tensor.

Raises RuntimeError when value is a tensor with dimensions, or a number that the dtype cannot hold.

>>> steep.zeros(2).fill_(3)
tensor([3., 3.])
)");
  registry.add<&fill>("fill", kFunction, "(input: Tensor, value: Tensor | Number) -> Tensor",
                      R"(A tensor like input with one value in every element.

Raises RuntimeError when value is a tensor with dimensions, or a number that the dtype cannot hold.

>>> steep.fill(steep.zeros(2), 3)
tensor([3., 3.])
)");
  registry.add<&zero_>("zero_", kMethod, "(input: Tensor) -> Tensor",
                       R"(Writes 0 into every element, whatever the shape; returns the tensor.

>>> steep.ones(2).zero_()
tensor([0., 0.])
)",
                       "fill_");
  registry.add<&masked_fill>("masked_fill", kBoth,
                             "(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor",
                             R"(value where mask is true, input elsewhere.

Shapes broadcast; the dtype is input's. Raises RuntimeError when mask is not bool, and for a number that the dtype
cannot hold.

>>> steep.masked_fill(steep.tensor([1.0, 2.0]), steep.tensor([True, False]), 0)
tensor([0., 2.])
)");
  registry.add_inplace<&masked_fill>(
      "masked_fill_", "(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor",
      "In-place form of masked_fill.", "masked_fill");
}

const Registration registered("assignment", register_inplace);

}  // namespace

}  // namespace steep::ops
