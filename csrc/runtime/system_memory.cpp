#include "runtime/system_memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

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

// Where a guarded block lies: some pages, and one on either side that cannot be touched.
struct Guarded {
  std::size_t page, inside;
  explicit Guarded(std::size_t bytes)
      : page(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        inside(rounded_up(bytes > 0 ? bytes : 1, page)) {}
  std::size_t length() const { return inside + 2 * page; }
};

void* guarded_block(std::size_t bytes, bool at_the_end) {
  const Guarded all(bytes);
  void* mapped = mmap(nullptr, all.length(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(mapped) + all.page;
  if (mprotect(start, all.inside, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapped, all.length());
    return nullptr;
  }
  std::memset(start, 0xFF, all.inside);  // NaN: what nobody has written shows in a result
  return at_the_end && bytes > 0 ? start + (all.inside - bytes) : start;
}

void free_guarded(void* block, std::size_t bytes) {
  const Guarded all(bytes);
  char* const at = static_cast<char*>(block);
  munmap(at - reinterpret_cast<uintptr_t>(at) % all.page - all.page, all.length());
}

bool is_guarded(Blocks kind) { return kind == Blocks::guarded || kind == Blocks::guarded_before; }

}  // namespace

void* system_allocate(std::size_t bytes, Blocks kind) {
  if (is_guarded(kind)) return guarded_block(bytes, kind == Blocks::guarded);
  if (kind == Blocks::mapped && bytes >= kHugePage)
    return map_blocks(rounded_up(bytes, kHugePage / 4));
  void* block = nullptr;
  return posix_memalign(&block, kAlignment, bytes) == 0 ? block : nullptr;
}

void system_deallocate(void* block, std::size_t bytes, Blocks kind) {
  if (is_guarded(kind)) {
    free_guarded(block, bytes);
  } else if (kind == Blocks::mapped && bytes >= kHugePage) {
    munmap(block, rounded_up(bytes, kHugePage / 4));
  } else {
    std::free(block);
  }
}

}  // namespace steep::runtime
