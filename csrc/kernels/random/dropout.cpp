#include "kernels/random/dropout.h"

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/lanes.h"
#include "kernels/simd/vec_core.h"
#include "kernels/simd/widening.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// Where the ranks find which stretch of the stream they draw.
int64_t scratch(const LaunchView& /*launch*/, int threads) { return threads > 1 ? 16 : 0; }
}  // namespace

Kernel kDropout = routine("dropout", Kind::opaque, "wwru").with_scratch(scratch).with_numbers(2);
Kernel kAlphaDropout =
    routine("alpha_dropout", Kind::opaque, "wwru").with_scratch(scratch).with_numbers(4);
Kernel kDropoutBackward = routine("dropout_backward", Kind::opaque, "wr").with_numbers(1);
#endif

namespace {

constexpr int64_t kDraw =
    64;  // elements drawn at a time; the tail draws as many and keeps what it needs

// One word of Philox for as many counters as a vector holds; only the lower half of each lane
// counts.
struct Words {
  WideVector word[4];
};

// The words of counters first, first + 1, ...
inline Words philox(uint64_t first, uint64_t seed) {
  uint64_t key0 = seed & 0xFFFFFFFFu, key1 = seed >> 32;
  WideVector a;
  for (int k = 0; k < kWideLanes; ++k) a[k] = first + static_cast<uint64_t>(k);
  const WideVector zero{}, multiplier0 = zero + 0xD2511F53u, multiplier1 = zero + 0xCD9E8D57u;
  WideVector b = a >> 32, c = zero, d = zero;
  STEEP_UNROLL
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {
    const WideVector product0 = multiply_lower(a, multiplier0);
    const WideVector product1 = multiply_lower(c, multiplier1);
    a = (product1 >> 32) ^ b ^ key0;
    b = product1;
    c = (product0 >> 32) ^ d ^ key1;
    d = product0;
  }
  return {{a, b, c, d}};
}

// The mask of kDraw elements from element i, a multiple of 4. A word is kept if it is below `bound`
// = p * 2^32 rounded up.
__attribute__((noinline)) void draw_mask(uint8_t* mask, uint64_t offset, int64_t i, uint64_t seed,
                                         uint64_t bound) {
  const uint64_t first = offset + static_cast<uint64_t>(i) / 4;
  const WideMask limit = WideMask{} + static_cast<int64_t>(bound);
  STEEP_UNROLL
  for (int k = 0; k < kDraw / 4; k += kWideLanes) {
    const Words words = philox(first + static_cast<uint64_t>(k), seed);
    WideVector four{};  // element 4 k + w is byte w of lane k
    for (int w = 0; w < 4; ++w) {
      const WideMask kept = (WideMask)(words.word[w] & 0xFFFFFFFFu) < limit;
      four |= (WideVector)kept & (uint64_t{1} << (8 * w));
    }
    for (int lane = 0; lane < kWideLanes; ++lane) {
      const uint32_t bytes = static_cast<uint32_t>(four[lane]);
      __builtin_memcpy(mask + 4 * (k + lane), &bytes, 4);
    }
  }
}

// p * 2^32 rounded up: there are as many 32-bit words w with w / 2^32 < p.
inline uint64_t keep_bound(double p) {
  if (!(p > 0)) return 0;
  if (p >= 1) return uint64_t{1} << 32;
  const double bound = p * 4294967296.0;
  const uint64_t whole = static_cast<uint64_t>(bound);
  return whole + (static_cast<double>(whole) < bound);
}

// Draws this rank's share of a mask of n, and calls use(begin, end) after each block of it.
template <class Use>
void draw(const Task& task, int64_t n, double keep, Use use) {
  auto* mask = static_cast<uint8_t*>(task.data[1]);
  auto* state = static_cast<int64_t*>(task.data[3]);
  // Others may draw at the same time: who takes a stretch has it alone, and tells the other ranks.
  uint64_t own[2];
  uint64_t* const taken = task.size > 1 ? static_cast<uint64_t*>(task.scratch) : own;
  if (task.rank == 0) {
    taken[0] = static_cast<uint64_t>(__atomic_load_n(&state[0], __ATOMIC_RELAXED));
    taken[1] =
        static_cast<uint64_t>(__atomic_fetch_add(&state[1], ceil_div(n, 4), __ATOMIC_RELAXED));
  }
  task.barrier();
  const uint64_t seed = taken[0], offset = taken[1];
  const uint64_t bound = keep_bound(keep);
  const Range mine = share(n, kChunk, task.rank, task.size);
  for (int64_t begin = mine.begin; begin < mine.end; begin += kChunk) {
    const int64_t end = mine.end - begin < kChunk ? mine.end : begin + kChunk;
    int64_t i = begin;
    for (; i + kDraw <= end; i += kDraw) draw_mask(mask + i, offset, i, seed, bound);
    if (i < end) {
      uint8_t last[kDraw];
      draw_mask(last, offset, i, seed, bound);
      for (int64_t j = 0; i + j < end; ++j) mask[i + j] = last[j];
    }
    use(begin, end);
  }
}

// out = mask ? x * scale : 0 for elements [begin, end).
template <class T>
void scale_kept(T* out, const T* x, const uint8_t* mask, T scale, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const T scaled = x[i] * scale;
    out[i] = mask[i] != 0 ? scaled : T(0);
  }
}

template <class T>
void dropout(const Task& task) {
  T* out = static_cast<T*>(task.data[0]);
  const auto* mask = static_cast<const uint8_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  const Dropout& how = arguments<Dropout>(task);
  const T scale = static_cast<T>(how.scale);
  draw(task, how.n, how.keep,
       [=](int64_t begin, int64_t end) { scale_kept(out, x, mask, scale, begin, end); });
}

template <class T>
void alpha_dropout(const Task& task) {
  T* out = static_cast<T*>(task.data[0]);
  const auto* mask = static_cast<const uint8_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  const AlphaDropout& how = arguments<AlphaDropout>(task);
  const T scale = static_cast<T>(how.scale), shift = static_cast<T>(how.shift);
  const T dropped = static_cast<T>(how.dropped);
  draw(task, how.n, how.keep, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T kept = vec::mul_add(x[i], scale, shift);
      out[i] = mask[i] != 0 ? kept : dropped;
    }
  });
}

template <class T>
void dropout_backward(const Task& task) {
  const DropoutBackward& how = arguments<DropoutBackward>(task);
  const Range mine = share(how.n, kChunk, task.rank, task.size);
  scale_kept(static_cast<T*>(task.data[0]), static_cast<const T*>(task.data[1]),
             static_cast<const uint8_t*>(task.data[2]), static_cast<T>(how.scale), mine.begin,
             mine.end);
}

}  // namespace

void STEEP_FILL(random_dropout)() {
  set_routine<float>(kDropout, dropout<float>);
  set_routine<double>(kDropout, dropout<double>);
  set_routine<float>(kAlphaDropout, alpha_dropout<float>);
  set_routine<double>(kAlphaDropout, alpha_dropout<double>);
  set_routine<float>(kDropoutBackward, dropout_backward<float>);
  set_routine<double>(kDropoutBackward, dropout_backward<double>);
}

}  // namespace steep::kernels
