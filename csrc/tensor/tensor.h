// The tensor: a typed, strided view of a storage. Knows no operation and no gradient; it carries
// one opaque pointer for the tape and one weak pointer for its Python object.
#pragma once

#include <memory>

#include "tensor/dtype.h"
#include "tensor/error.h"
#include "tensor/small_vector.h"
#include "tensor/storage.h"

namespace steep {

// What the tape attaches to a tensor, which owns it.
class Attachment {
 public:
  virtual ~Attachment() = default;
};

class TensorImpl : public Counted {
 public:
  TensorImpl(Ref<Storage> storage, DType dtype, Dims shape, Dims strides, int64_t offset);
  // A view known to be row-major with so many elements.
  TensorImpl(Ref<Storage> storage, DType dtype, Dims shape, int64_t numel);

  Ref<Storage> storage;
  DType dtype;
  bool contiguous;     // row-major without gaps
  uint32_t swaps = 0;  // how often it was given other memory
  int64_t offset;      // elements from the start of the storage
  int64_t numel;
  Dims shape;
  Dims strides;                   // elements
  Ref<OwnVersions> own_versions;  // of x.data and its views; others share the storage's
  std::unique_ptr<Attachment> autograd;
  void* python = nullptr;  // the Python object of this tensor, if it exists

  char* data() const { return static_cast<char*>(storage->data()) + offset * element_size(dtype); }
  Versions& versions() const { return own_versions ? *own_versions : storage->versions(); }
  uint32_t version() const { return versions().count(); }
  // Counts a write in place.
  void bump(const char* writer) const {
    versions().bump(writer);
    if (own_versions) storage->count_unseen();
  }
  // Takes the memory, dtype and geometry of `from`.
  void take_memory_of(const TensorImpl& from);
  static void destroy(TensorImpl* tensor);
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TensorImpl* impl) : impl_(impl) {}

  bool defined() const { return static_cast<bool>(impl_); }
  TensorImpl* impl() const { return impl_.get(); }
  TensorImpl* operator->() const { return impl_.get(); }
  void reset() { impl_.reset(); }

  DType dtype() const { return impl_->dtype; }
  const Dims& shape() const { return impl_->shape; }
  const Dims& strides() const { return impl_->strides; }
  int dim() const { return impl_->shape.size(); }
  int64_t size(int dim) const { return impl_->shape[dim]; }  // dim within 0..dim()-1
  int64_t numel() const { return impl_->numel; }
  bool is_contiguous() const { return impl_->contiguous; }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(impl_->data());
  }
  bool same(const Tensor& other) const { return impl_ == other.impl_; }

 private:
  Ref<TensorImpl> impl_;
};

using Tensors = SmallVector<Tensor, 4>;

Dims contiguous_strides(const Dims& shape);
// Product of the sizes. Throws for negative sizes, and for shapes whose nonzero sizes have a
// product above 2^59: so products of a tensor's sizes, and its bytes, never overflow.
int64_t count(const Dims& shape);
int64_t extent(const Dims& shape,
               const Dims& strides);  // elements from the first to one past the last
bool is_dense(const Dims& shape,
              const Dims& strides);  // a permutation of contiguous: no gaps, no overlap

Tensor empty(const Dims& shape, DType dtype);  // uninitialised, row-major
Tensor empty_strided(const Dims& shape, const Dims& strides, DType dtype);
// Uninitialised, with the memory order of `like` where that is dense, else row-major.
Tensor empty_like(const Tensor& like, DType dtype);
// Another view of the same storage, with the same versions. No gradient history.
Tensor alias(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset);
Tensor alias(const Tensor& x);

}  // namespace steep
