#include "tensor/tensor.h"

#include "tensor/destroy.h"
#include "tensor/shape.h"
#include "tensor/sizes.h"

namespace steep {

void refuse_overflow(const char* operation, int64_t a, int64_t b) {
  throw Unnamed(ErrorKind::runtime,
                join("sizes, strides and offsets must fit into 64 bits, got ", a, ' ', operation,
                     ' ', b, ": integer overflow; choose smaller ones"));
}

namespace {
bool is_row_major(const Dims& shape, const Dims& strides) {
  int64_t expected = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    // The constructor goes on to refuse such a shape.
    if (__builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}
}  // namespace

TensorImpl::TensorImpl(Ref<Storage> storage, DType dtype, Dims shape, Dims strides, int64_t offset)
    : storage(std::move(storage)),
      dtype(dtype),
      contiguous(is_row_major(shape, strides)),
      offset(offset),
      numel(count(shape)),
      shape(std::move(shape)),
      strides(std::move(strides)) {}

TensorImpl::TensorImpl(Ref<Storage> storage, DType dtype, Dims shape, int64_t numel)
    : storage(std::move(storage)),
      dtype(dtype),
      contiguous(true),
      offset(0),
      numel(numel),
      shape(std::move(shape)),
      strides(contiguous_strides(this->shape)) {}

void TensorImpl::take_memory_of(const TensorImpl& from) {
  if (&from == this) return;
  const Ref<Storage> before = std::exchange(storage, from.storage);  // its end may run code
  if (before != storage) own_versions.reset();
  dtype = from.dtype;
  contiguous = from.contiguous;
  offset = from.offset;
  numel = from.numel;
  shape = from.shape;
  strides = from.strides;
  ++swaps;
}

void TensorImpl::destroy(TensorImpl* tensor) {
  // What hangs on a tensor, and memory of someone else's, may hold further tensors.
  if (tensor->autograd || (tensor->storage && tensor->storage->borrowed())) {
    destroy_in_turn(tensor);
  } else {
    delete tensor;
  }
}

Dims contiguous_strides(const Dims& shape) {
  Dims strides(shape.size(), 1);
  for (int i = shape.size() - 2; i >= 0; --i)
    strides[i] = shape[i + 1] > 1 ? checked_multiply(strides[i + 1], shape[i + 1]) : strides[i + 1];
  return strides;
}

int64_t count(const Dims& shape) {
  constexpr int64_t kMostElements = int64_t{1} << 59;  // of 8 bytes each: 2^62
  int64_t total = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0) {
      throw Unnamed(ErrorKind::runtime,
                    join("Trying to create tensor with negative dimension ", size, ": ",
                         to_string(shape), "; sizes are 0 or more"));
    }
    empty |= size == 0;
    const bool overflows = size > 1 && __builtin_mul_overflow(total, size, &total);
    if (overflows || total > kMostElements)
      throw Unnamed(ErrorKind::runtime,
                    join("a tensor of shape ", to_string(shape),
                         " has more elements than can be addressed (2**59); choose "
                         "smaller sizes"));
  }
  return empty ? 0 : total;
}

int64_t extent(const Dims& shape, const Dims& strides) {
  int64_t last = 0;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return 0;
    last = checked_add(last, checked_multiply(shape[i] - 1, strides[i]));
  }
  return checked_add(last, 1);
}

bool is_dense(const Dims& shape, const Dims& strides) {
  const Dims order = order_by_stride(shape, strides);
  int64_t expected = 1;
  for (int i = order.size() - 1; i >= 0; --i) {
    const int64_t d = order[i];
    if (shape[d] == 1) continue;
    if (strides[d] != expected) return shape[d] == 0;
    expected *= shape[d];
  }
  return true;
}

namespace {
Ref<Storage> room_for(const Dims& shape, int64_t elements, DType dtype) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(elements, element_size(dtype), &bytes) || bytes > (int64_t{1} << 62)) {
    throw Unnamed(ErrorKind::runtime, join("a tensor of shape ", to_string(shape),
                                           " is larger than memory can be; choose smaller sizes"));
  }
  return Storage::allocate(static_cast<size_t>(bytes));
}
}  // namespace

Tensor empty(const Dims& shape, DType dtype) {
  const int64_t elements = count(shape);
  return Tensor(new TensorImpl(room_for(shape, elements, dtype), dtype, shape, elements));
}

Tensor empty_strided(const Dims& shape, const Dims& strides, DType dtype) {
  count(shape);
  return Tensor(
      new TensorImpl(room_for(shape, extent(shape, strides), dtype), dtype, shape, strides, 0));
}

Tensor empty_like(const Tensor& like, DType dtype) {
  if (!like.is_contiguous() && is_dense(like.shape(), like.strides()))
    return empty_strided(like.shape(), like.strides(), dtype);
  return empty(like.shape(), dtype);
}

Tensor alias(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset) {
  Tensor view(new TensorImpl(x->storage, x->dtype, shape, strides, offset));
  view->own_versions = x->own_versions;
  return view;
}

Tensor alias(const Tensor& x) { return alias(x, x.shape(), x.strides(), x->offset); }

}  // namespace steep
