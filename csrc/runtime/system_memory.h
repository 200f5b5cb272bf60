// Blocks from the operating system and back.
#pragma once

#include <cstddef>

namespace steep::runtime {

// Aligned to 64 bytes. Where `map` allows it, blocks from 2 MB on are mapped, aligned to 2 MB, with
// advice to use huge pages; everything else comes from the C library, which is where a sanitizer
// looks. Null when there is no memory.
void* system_allocate(std::size_t bytes, bool map);

// Both arguments as given to system_allocate.
void system_deallocate(void* block, std::size_t bytes, bool map);

}  // namespace steep::runtime
