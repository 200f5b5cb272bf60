// The version tag of a dict, which every change of the dict changes.
#pragma once

#include <cstdint>

#include "bindings/python.h"

namespace steep::bindings {

// Where a dict has it; null if this Python has none. (Since 3.13 an attribute can be stored without
// going through the dict of its object, whose version then stays.)
inline const uint64_t* version_of_dict([[maybe_unused]] PyObject* dict) {
#if PY_VERSION_HEX < 0x030D0000
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return &reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
#pragma GCC diagnostic pop
#else
  return nullptr;
#endif
}

}  // namespace steep::bindings
