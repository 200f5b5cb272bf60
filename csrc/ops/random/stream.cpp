// The distributions over Generator's stream, each with the draws and the arithmetic of torch's CPU
// kernels on a machine with FMA: where their compiler fuses a product and a sum, std::fma does
// here, which is one rounding on every machine.
#include "ops/random/stream.h"

#include <cmath>
#include <type_traits>
#include <utility>

#include "ops/random/box_muller.h"
#include "ops/random/box_muller_float.h"

namespace steep::ops::stream {
namespace {

// [0, 1) with as many random bits as the type's significand has.
float unit(Generator& generator, float) {
  return static_cast<float>(generator.random() & 0xffffffu) * 0x1p-24f;
}
double unit(Generator& generator, double) {
  return static_cast<double>(generator.random64() & 0x1fffffffffffffu) * 0x1p-53;
}

// x * y + z with one rounding, as FMA has; box_muller_float.h tells how nearly for float.
float fused(float x, float y, float z) { return box_muller::fused(x, y, z); }
double fused(double x, double y, double z) { return std::fma(x, y, z); }

template <typename T>
void fill_uniform(Generator& generator, T* out, int64_t n, T from, T to) {
  const runtime::Lock lock(generator.mutex());
  if (from == 0 && to == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = unit(generator, T{});
    return;
  }
  const T range = to - from;
  for (int64_t i = 0; i < n; ++i) out[i] = std::fma(unit(generator, T{}), range, from);
}

// The same sums and products in wider registers where the CPU has them: the same bits, sooner.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define STEEP_WIDER __attribute__((target_clones("avx2", "default")))
#else
#define STEEP_WIDER
#endif

// Sixteen uniform values become normal: the first eight give the radius of a pair, the last eight
// its angle.
template <typename T>
STEEP_WIDER void box_muller_16(T* values, T mean, T std) {
  T normal[16];
  for (int j = 0; j < 8; ++j) {
    const T angle = static_cast<T>(box_muller::kTwoPi) * values[j + 8];
    const auto pair = box_muller::normals(1 - values[j], angle);
    normal[j] = pair.first;
    normal[j + 8] = pair.second;
  }
  for (int j = 0; j < 16; ++j) values[j] = fused(normal[j], std, mean);
}

// One value at a time, always in double; the pair's second value is kept for the next call.
double normal_one(Generator& generator) {
  Generator::CachedNormal& cached = generator.next_double_normal_sample;
  if (cached.present) {
    cached.present = false;
    return cached.value;
  }
  const double angle = box_muller::kTwoPi * unit(generator, double{});
  const auto pair = box_muller::normals(1 - unit(generator, double{}), angle);
  cached = {true, pair.second};
  return pair.first;
}

template <typename T>
void fill_normal(Generator& generator, T* out, int64_t n, double mean, double std) {
  const runtime::Lock lock(generator.mutex());
  if (n < 16) {
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<T>(std::fma(normal_one(generator), std, mean));
    }
    return;
  }
  const T mean_t = static_cast<T>(mean), std_t = static_cast<T>(std);
  for (int64_t i = 0; i < n; ++i) out[i] = unit(generator, T{});
  for (int64_t i = 0; i + 16 <= n; i += 16) box_muller_16(out + i, mean_t, std_t);
  if (n % 16 == 0) return;
  T* tail = out + n - 16;  // the last sixteen are drawn anew, some of them for the second time
  for (int j = 0; j < 16; ++j) tail[j] = unit(generator, T{});
  box_muller_16(tail, mean_t, std_t);
}

template <typename T>
void fill_exponential(Generator& generator, T* out, int64_t n, double lambda) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<T>(-1 / lambda * box_muller::log(1 - unit(generator, double{})).high);
  }
}

template <typename T>
void fill_bernoulli(Generator& generator, T* out, const T* p, int64_t n) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) out[i] = unit(generator, T{}) < p[i];
}

}  // namespace

void uniform(Generator& generator, float* out, int64_t n, double from, double to) {
  fill_uniform(generator, out, n, static_cast<float>(from), static_cast<float>(to));
}
void uniform(Generator& generator, double* out, int64_t n, double from, double to) {
  fill_uniform(generator, out, n, from, to);
}

void normal(Generator& generator, float* out, int64_t n, double mean, double std) {
  fill_normal(generator, out, n, mean, std);
}
void normal(Generator& generator, double* out, int64_t n, double mean, double std) {
  fill_normal(generator, out, n, mean, std);
}

void exponential(Generator& generator, float* out, int64_t n, double lambda) {
  fill_exponential(generator, out, n, lambda);
}
void exponential(Generator& generator, double* out, int64_t n, double lambda) {
  fill_exponential(generator, out, n, lambda);
}

void bernoulli(Generator& generator, float* out, const float* p, int64_t n) {
  fill_bernoulli(generator, out, p, n);
}
void bernoulli(Generator& generator, double* out, const double* p, int64_t n) {
  fill_bernoulli(generator, out, p, n);
}

double next_uniform(Generator& generator) { return unit(generator, double{}); }
double next_normal(Generator& generator) { return normal_one(generator); }

template <typename T>
void cauchy(Generator& generator, T* out, int64_t n, double median, double sigma) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) {
    const double turn = box_muller::kTwoPi / 2 * (unit(generator, double{}) - 0.5);
    out[i] = static_cast<T>(median + sigma * std::tan(turn));
  }
}

template <typename T>
void log_normal(Generator& generator, T* out, int64_t n, double mean, double std) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<T>(std::exp(normal_one(generator) * std + mean));
}

template <typename T>
void geometric(Generator& generator, T* out, int64_t n, double p) {
  const runtime::Lock lock(generator.mutex());
  const double rate = std::log1p(-p);
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<T>(std::ceil(std::log(unit(generator, double{})) / rate));
}

// 32 bits serve a range below 2^28, where the remainder's bias stays under 1/16; 64 serve the rest.
template <typename T>
void random_ints(Generator& generator, T* out, int64_t n, int64_t low, int64_t high) {
  const runtime::Lock lock(generator.mutex());
  const uint64_t base = static_cast<uint64_t>(low), range = static_cast<uint64_t>(high) - base;
  if (range < uint64_t{1} << 28) {
    const uint32_t range32 = static_cast<uint32_t>(range);
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<T>(static_cast<int64_t>(generator.random() % range32 + base));
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<T>(static_cast<int64_t>(generator.random64() % range + base));
  }
}

template <typename T>
void random_full(Generator& generator, T* out, int64_t n) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, bool>) {
      out[i] = generator.random() & 1;
    } else if constexpr (std::is_same_v<T, float>) {
      out[i] = static_cast<T>(generator.random() % ((1u << 24) + 1));
    } else if constexpr (std::is_same_v<T, double>) {
      out[i] = static_cast<T>(generator.random64() % ((uint64_t{1} << 53) + 1));
    } else if constexpr (sizeof(T) == 8) {
      out[i] = static_cast<T>(generator.random64() & 0x7fffffffffffffffu);
    } else {
      out[i] = static_cast<T>(generator.random() & 0x7fffffffu);
    }
  }
}

template <typename T>
void bernoulli(Generator& generator, T* out, int64_t n, double p) {
  const runtime::Lock lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(unit(generator, double{}) < p);
}

#define STEEP_INSTANTIATE(T)                                               \
  template void random_ints<T>(Generator&, T*, int64_t, int64_t, int64_t); \
  template void random_full<T>(Generator&, T*, int64_t);                   \
  template void bernoulli<T>(Generator&, T*, int64_t, double);
STEEP_INSTANTIATE(float)
STEEP_INSTANTIATE(double)
STEEP_INSTANTIATE(int64_t)
STEEP_INSTANTIATE(int32_t)
STEEP_INSTANTIATE(uint8_t)
STEEP_INSTANTIATE(bool)
#undef STEEP_INSTANTIATE
template void cauchy<float>(Generator&, float*, int64_t, double, double);
template void cauchy<double>(Generator&, double*, int64_t, double, double);
template void log_normal<float>(Generator&, float*, int64_t, double, double);
template void log_normal<double>(Generator&, double*, int64_t, double, double);
template void geometric<float>(Generator&, float*, int64_t, double);
template void geometric<double>(Generator&, double*, int64_t, double);
template void geometric<int64_t>(Generator&, int64_t*, int64_t, double);
template void geometric<int32_t>(Generator&, int32_t*, int64_t, double);
template void geometric<uint8_t>(Generator&, uint8_t*, int64_t, double);

// Fisher and Yates: forward with 32-bit draws while their remainder is even enough, else inside out
// with 64-bit ones.
void randperm(Generator& generator, int64_t* out, int64_t n) {
  const runtime::Lock lock(generator.mutex());
  if (n < static_cast<int64_t>(UINT32_MAX / 20)) {
    for (int64_t i = 0; i < n; ++i) out[i] = i;
    for (int64_t i = 0; i < n - 1; ++i) {
      std::swap(out[i], out[i + generator.random() % static_cast<uint32_t>(n - i)]);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t j = generator.random64() % static_cast<uint64_t>(i + 1);
    out[i] = i;
    std::swap(out[i], out[j]);
  }
}

}  // namespace steep::ops::stream
