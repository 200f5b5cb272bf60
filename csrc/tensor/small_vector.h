// A vector whose first N elements live inside it: shapes, strides and edges rarely need the heap.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>

namespace steep {

template <class T, int N>
class SmallVector {
 public:
  SmallVector() = default;
  SmallVector(std::initializer_list<T> items) : SmallVector(items.begin(), items.end()) {}
  SmallVector(const T* first, const T* last) {
    reserve(static_cast<int>(last - first));
    for (; first != last; ++first) push_back(*first);
  }
  SmallVector(int size, const T& value) {
    reserve(size);
    for (int i = 0; i < size; ++i) push_back(value);
  }
  SmallVector(const SmallVector& other) { copy(other); }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) {
      clear();
      copy(other);
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      free_all();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { free_all(); }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return heap_ ? heap_ : inline_items(); }
  const T* data() const { return heap_ ? heap_ : inline_items(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }

  void push_back(T item) {
    if (size_ == capacity_) reserve(capacity_ * 2);
    new (data() + size_) T(std::move(item));
    ++size_;
  }
  void pop_back() { data()[--size_].~T(); }
  void insert(int at, T item) {
    push_back(std::move(item));
    for (int i = size_ - 1; i > at; --i) std::swap(data()[i], data()[i - 1]);
  }
  void erase(int at) {
    for (int i = at; i + 1 < size_; ++i) data()[i] = std::move(data()[i + 1]);
    pop_back();
  }
  void clear() {
    if constexpr (kPlain) {
      size_ = 0;
    } else {
      while (size_ > 0) pop_back();
    }
  }
  void resize(int size) {
    while (size_ > size) pop_back();
    reserve(size);
    while (size_ < size) push_back(T());
  }
  void reserve(int capacity) {
    if (capacity <= capacity_) return;
    T* heap = static_cast<T*>(::operator new(sizeof(T) * static_cast<size_t>(capacity)));
    for (int i = 0; i < size_; ++i) {
      new (heap + i) T(std::move(data()[i]));
      data()[i].~T();
    }
    ::operator delete(heap_);
    heap_ = heap;
    capacity_ = capacity;
  }
  bool operator==(const SmallVector& other) const {
    if (size_ != other.size_) return false;
    const T *mine = data(), *others = other.data();
    for (int i = 0; i < size_; ++i)
      if (!(mine[i] == others[i])) return false;
    return true;
  }
  bool operator!=(const SmallVector& other) const { return !(*this == other); }

 private:
  // Shapes are copied and dropped all the time: what needs no constructor is moved as bytes.
  static constexpr bool kPlain = std::is_trivially_copyable_v<T>;

  // Appends other's items to this empty vector.
  void copy(const SmallVector& other) {
    reserve(other.size_);
    if constexpr (kPlain) {
      std::memcpy(static_cast<void*>(data()), other.data(),
                  sizeof(T) * static_cast<size_t>(other.size_));
      size_ = other.size_;
    } else {
      for (const T& item : other) push_back(item);
    }
  }
  T* inline_items() { return reinterpret_cast<T*>(room_); }
  const T* inline_items() const { return reinterpret_cast<const T*>(room_); }
  void take(SmallVector& other) {
    if (other.heap_) {
      heap_ = std::exchange(other.heap_, nullptr);
      capacity_ = std::exchange(other.capacity_, N);
      size_ = std::exchange(other.size_, 0);
      return;
    }
    if constexpr (kPlain) {
      copy(other);
    } else {
      for (T& item : other) push_back(std::move(item));
    }
    other.clear();
  }
  void free_all() {
    clear();
    if (!heap_) return;
    ::operator delete(heap_);
    heap_ = nullptr;
    capacity_ = N;
  }

  T* heap_ = nullptr;
  int32_t size_ = 0;
  int32_t capacity_ = N;
  alignas(T) unsigned char room_[sizeof(T) * N];
};

// Sizes, strides or dimension numbers.
using Dims = SmallVector<int64_t, 5>;

}  // namespace steep
