// Blocks from the operating system and back.
#pragma once

#include <cstddef>

namespace steep::runtime {

enum class Blocks {
  mapped,   // from 2 MB on mapped, aligned to 2 MB, with advice to use huge pages; else plain
  plain,    // from the C library, which is where a sanitizer looks
  guarded,  // between pages that nobody may touch, up against the one behind, so that any access
            // beyond the end, reading or writing, ends the process; unaligned, filled with ones
  guarded_before,  // the same, up against the page in front
};

// Aligned to 64 bytes, but for guarded blocks. Null when there is no memory.
void* system_allocate(std::size_t bytes, Blocks kind);

// Both arguments as given to system_allocate.
void system_deallocate(void* block, std::size_t bytes, Blocks kind);

}  // namespace steep::runtime
