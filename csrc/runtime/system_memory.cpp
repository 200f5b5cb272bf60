#include "runtime/system_memory.h"

#include <cstdint>
#include <cstdlib>

#include <sys/mman.h>

namespace steep::runtime {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// A page fault costs about as much as reading and writing the 4 KB it brings; one for 2 MB costs
// far less than 512 of them. The mapping is made too long by a huge page, and both ends are cut.
void* map_blocks(std::size_t bytes) {
  const std::size_t length = bytes + kHugePage;
  void* mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(mapped);
  const std::size_t before =
      (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
  char* block = start + before;
  if (before > 0) munmap(start, before);
  if (before < kHugePage) munmap(block + bytes, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

}  // namespace

void* system_allocate(std::size_t bytes, bool map) {
  if (map && bytes >= kHugePage) return map_blocks(rounded_up(bytes, kHugePage / 4));
  void* block = nullptr;
  return posix_memalign(&block, kAlignment, bytes) == 0 ? block : nullptr;
}

void system_deallocate(void* block, std::size_t bytes, bool map) {
  if (map && bytes >= kHugePage) {
    munmap(block, rounded_up(bytes, kHugePage / 4));
  } else {
    std::free(block);
  }
}

}  // namespace steep::runtime
