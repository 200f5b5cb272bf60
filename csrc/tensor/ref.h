// Intrusive reference counting: one word in the object, atomic because the GIL is released around
// long kernels.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace steep {

// Base of counted objects. Derived classes provide `static void destroy(Derived*)`.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  bool drop() const { return references_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  int64_t references() const { return references_.load(std::memory_order_acquire); }

 private:
  mutable std::atomic<int64_t> references_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { reset(); }

  void reset() {
    T* object = std::exchange(object_, nullptr);
    if (object && object->drop()) T::destroy(object);
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }
  bool operator!=(const Ref& other) const { return object_ != other.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace steep
