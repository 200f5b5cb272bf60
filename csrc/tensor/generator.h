// A random generator: its state, its seed, and the next bits of its stream, value for value those
// of PyTorch's CPU generator.
//
// The same seed gives the weights, shuffles and noise that torch gives after torch.manual_seed.
// What is made of the stream is the operations' business (ops/random/stream.h).
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
#include "tensor/storage.h"

namespace steep {

// Whoever draws from one later shares it by shared_from_this(); the process's own is no one's.
class Generator : public std::enable_shared_from_this<Generator> {
 public:
  // What torch.default_generator starts with.
  static constexpr uint64_t kDefaultSeed = 67280421310721;

  explicit Generator(uint64_t seed = kDefaultSeed);
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // What follows up to get_state and set_state takes the lock, as every draw does: a state is
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
  // draws from a generator that other threads may use holds mutex().
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
  runtime::Mutex& mutex() { return mutex_; }

  // The second value of a pair that the scalar normal distribution has drawn but not used. torch's
  // CPU code fills the double one alone, for both types; its state carries both.
  struct CachedNormal {
    bool present = false;
    double value = 0;
  };
  CachedNormal next_float_normal_sample;
  CachedNormal next_double_normal_sample;

  // {seed, offset} of the counter-based stream, two int64, which whoever draws from it may keep.
  // Kernels advance the offset, each in one atomic step by all that it draws, so that no two draws
  // have words in common; manual_seed starts it again.
  const Ref<Storage>& philox() const { return philox_; }

 private:
  static constexpr int kWords = 624;  // of mt19937
  void start(uint64_t seed);
  void refill();
  int64_t* philox_words() const { return static_cast<int64_t*>(philox_->data()); }
  void set_philox(int64_t seed, int64_t offset);

  std::array<uint32_t, kWords> words_;
  int next_ = kWords;
  uint64_t seed_ = 0;
  const Ref<Storage> philox_;
  mutable runtime::Mutex mutex_;
};

// The process's generator: what manual_seed() seeds, and what functions draw from by default.
Generator& default_generator();

// What this thread's functions draw from by default: the process's generator, but within a DrawFrom
// that which it was given, which must outlive it.
Generator& current_generator();

class DrawFrom {
 public:
  explicit DrawFrom(Generator& generator);
  ~DrawFrom();
  DrawFrom(const DrawFrom&) = delete;
  DrawFrom& operator=(const DrawFrom&) = delete;

 private:
  Generator* const before_;
};

}  // namespace steep
