// The stream of random numbers, value for value that of PyTorch's CPU generator.
//
// The same seed gives the weights, shuffles and noise that torch gives after torch.manual_seed.
// That covers the engine (mt19937), the order in which draws are used, and the transforms. Values
// are equal bit for bit to those of torch 2.13 on a CPU with AVX2, but for double's normal() and
// exponential(): there torch asks the C library for logarithm, cosine and sine, and steep, whose
// bits are the same on every CPU, lies within 2 ULP of that.
//
// Masks (dropout) do not come from this stream but from counter-based Philox, whose {seed, offset}
// also lives in the generator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/fork.h"

namespace steep::runtime {

// Whoever draws from one later, as a recording does, shares it by shared_from_this(); the process's
// own is no one's.
class Generator : public std::enable_shared_from_this<Generator> {
 public:
  // What torch.default_generator starts with.
  static constexpr uint64_t kDefaultSeed = 67280421310721;

  explicit Generator(uint64_t seed = kDefaultSeed);
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // What follows up to get_state and set_state takes the lock, as the fills below do: a state is
  // that between two draws.

  // Starts everything again: the stream, the cached normals and Philox.
  void manual_seed(uint64_t seed);
  // Seeds from the operating system, with 53 bits so that the seed survives a double. Returns it.
  uint64_t seed();
  uint64_t initial_seed() const;

  // The whole state as bytes: torch's layout (so a state of torch.get_rng_state() is accepted) with
  // Philox's two words behind it. set_state throws std::invalid_argument when they are no state.
  std::vector<uint8_t> get_state() const;
  void set_state(const uint8_t* bytes, std::size_t size);

  // The next 32 bits, and two such draws with the first in the upper half. Not locked: whoever
  // draws from a generator that other threads may use holds mutex(), as the fills below do.
  uint32_t random() {
    if (next_ == kWords) refill();
    uint32_t bits = words_[next_++];
    bits ^= bits >> 11;
    bits ^= (bits << 7) & 0x9d2c5680u;
    bits ^= (bits << 15) & 0xefc60000u;
    return bits ^ (bits >> 18);
  }
  uint64_t random64() {
    const uint64_t upper = random();
    return upper << 32 | random();
  }
  Mutex& mutex() { return mutex_; }

  // The second value of a pair that the scalar normal distribution has drawn but not used. torch's
  // CPU code fills the double one alone, for both types; its state carries both.
  struct CachedNormal {
    bool present = false;
    double value = 0;
  };
  CachedNormal next_float_normal_sample;
  CachedNormal next_double_normal_sample;

  // {seed, offset} of the counter-based stream, at the same address for as long as the generator
  // lives. Kernels advance the offset, each in one atomic step by all that it draws, so that no two
  // draws have words in common; manual_seed starts it again.
  int64_t* philox_state() { return philox_; }

 private:
  static constexpr int kWords = 624;  // of mt19937
  void start(uint64_t seed);
  void refill();
  void set_philox(int64_t seed, int64_t offset);

  std::array<uint32_t, kWords> words_;
  int next_ = kWords;
  uint64_t seed_ = 0;
  int64_t philox_[2] = {0, 0};
  mutable Mutex mutex_;
};

// The process's generator: what manual_seed() seeds, and what functions draw from by default.
Generator& default_generator();

// Every fill writes out[0..n), contiguous, and draws as the torch function named beside it. The
// templates are instantiated for float, double, int64_t, int32_t, uint8_t and bool.

// Tensor.uniform_: [from, to).
void uniform(Generator& generator, float* out, int64_t n, double from, double to);
void uniform(Generator& generator, double* out, int64_t n, double from, double to);

// Tensor.normal_.
void normal(Generator& generator, float* out, int64_t n, double mean, double std);
void normal(Generator& generator, double* out, int64_t n, double mean, double std);

// Tensor.exponential_.
void exponential(Generator& generator, float* out, int64_t n, double lambda);
void exponential(Generator& generator, double* out, int64_t n, double lambda);

// Tensor.random_(low, high): whole numbers in [low, high), which must not be empty.
template <typename T>
void random_ints(Generator& generator, T* out, int64_t n, int64_t low, int64_t high);

// Tensor.random_(): an integer type's values from 0 up; 0 to 2^24 for float, to 2^53 for double.
template <typename T>
void random_full(Generator& generator, T* out, int64_t n);

// Tensor.bernoulli_(p) with a number p.
template <typename T>
void bernoulli(Generator& generator, T* out, int64_t n, double p);

// torch.bernoulli(p) with a tensor of probabilities of the output's type: float and double alone.
void bernoulli(Generator& generator, float* out, const float* p, int64_t n);
void bernoulli(Generator& generator, double* out, const double* p, int64_t n);

// torch.randperm: a permutation of 0..n-1.
void randperm(Generator& generator, int64_t* out, int64_t n);

}  // namespace steep::runtime
