// The stream of random numbers, value for value that of PyTorch's CPU generator.
//
// The same seed gives the weights, shuffles and noise that torch gives after torch.manual_seed. That covers the engine
// (mt19937), the order in which draws are used, and the transforms. normal() calls its own logarithm, cosine and sine
// and lies within 2 ULP of torch, which has several versions of them itself; everything else is equal bit for bit.
//
// Masks (dropout) do not come from this stream but from counter-based Philox, whose {seed, offset} also lives here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace steep::runtime {

class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;  // what torch.default_generator starts with

  explicit Generator(uint64_t seed = kDefaultSeed);
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void manual_seed(uint64_t seed);            // starts the stream, the cached normals and Philox again
  uint64_t seed();                            // seeds from the operating system; returns the seed
  uint64_t initial_seed() const { return seed_; }

  uint32_t random();                          // the next 32 bits
  uint64_t random64();                        // two draws, the first in the upper half

  // The second value of a pair that the scalar normal distribution has drawn but not used.
  struct CachedNormal {
    bool present = false;
    double value = 0;
  };
  CachedNormal next_float_normal_sample;
  CachedNormal next_double_normal_sample;

  // The whole state as bytes. set_state throws std::invalid_argument when they are not a state.
  std::vector<uint8_t> get_state() const;
  void set_state(const uint8_t* bytes, std::size_t size);

  // {seed, offset} of the counter-based stream: a fixed address as long as the generator lives. Kernels advance the
  // offset; manual_seed starts it again.
  int64_t* philox_state() { return philox_; }

 private:
  static constexpr int kWords = 624;  // of mt19937
  void refill();

  std::array<uint32_t, kWords> words_;
  int next_ = kWords;
  uint64_t seed_ = 0;
  int64_t philox_[2] = {0, 0};
};

// The process's generator: what manual_seed() seeds and what functions without a generator draw from.
Generator& default_generator();

// Every fill writes out[0..n) and draws as the torch function named beside it. Arrays are contiguous.

// torch.Tensor.uniform_: [from, to).
void uniform(Generator& generator, float* out, int64_t n, double from, double to);
void uniform(Generator& generator, double* out, int64_t n, double from, double to);

// torch.Tensor.normal_.
void normal(Generator& generator, float* out, int64_t n, double mean, double std);
void normal(Generator& generator, double* out, int64_t n, double mean, double std);

// torch.Tensor.random_(low, high): whole numbers in [low, high), which must not be empty.
// Instantiated for float, double, int64_t, int32_t, uint8_t and bool.
template <typename T>
void random_ints(Generator& generator, T* out, int64_t n, int64_t low, int64_t high);

// torch.Tensor.random_(): all values of an integer type from 0 up, or 0 to 2^24 (float) and 2^53 (double).
// Instantiated for the same types.
template <typename T>
void random_full(Generator& generator, T* out, int64_t n);

// torch.randperm.
void randperm(Generator& generator, int64_t* out, int64_t n);

// torch.Tensor.bernoulli_(p) with a number p. Instantiated for the same types.
template <typename T>
void bernoulli(Generator& generator, T* out, int64_t n, double p);

// torch.bernoulli(p) with a tensor of probabilities of the output's type: float and double.
template <typename T>
void bernoulli(Generator& generator, T* out, const T* p, int64_t n);

// torch.Tensor.exponential_(lambda).
void exponential(Generator& generator, float* out, int64_t n, double lambda);
void exponential(Generator& generator, double* out, int64_t n, double lambda);

}  // namespace steep::runtime
