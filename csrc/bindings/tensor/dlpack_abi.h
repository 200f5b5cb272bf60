// The structures of DLPack 1.0, by which array libraries hand memory to each other: what is laid
// out here is fixed by https://dmlc.github.io/dlpack, and shared with whoever wrote the other side.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steep::bindings::dlpack {

constexpr int32_t kCpu = 1;  // of the kinds of devices

enum Code : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBool = 6 };

struct ElementType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;  // more than 1 for vectors as elements
};

struct Device {
  int32_t kind;
  int32_t number;
};

struct Array {
  void* data;
  Device device;
  int32_t dims;
  ElementType type;
  int64_t* shape;
  int64_t* strides;      // in elements; null for row-major memory
  uint64_t byte_offset;  // from `data` to the first element
};

// Before version 1. The consumer calls `deleter`, which may be null, when it is done.
struct Managed {
  Array array;
  void* owner;
  void (*deleter)(Managed* self);
};

enum Flag : uint64_t { kReadOnly = 1, kCopied = 2 };

struct Version {
  uint32_t major;  // of another one nothing but `deleter` may be used
  uint32_t minor;
};

struct ManagedVersioned {
  Version version;
  void* owner;
  void (*deleter)(ManagedVersioned* self);
  uint64_t flags;
  Array array;
};

// Names of the capsules, before and after their content has been taken.
template <class M>
struct Names;
template <>
struct Names<Managed> {
  static constexpr char kFull[] = "dltensor", kEmpty[] = "used_dltensor";
};
template <>
struct Names<ManagedVersioned> {
  static constexpr char kFull[] = "dltensor_versioned", kEmpty[] = "used_dltensor_versioned";
};

}  // namespace steep::bindings::dlpack
