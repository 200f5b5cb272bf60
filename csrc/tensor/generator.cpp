// mt19937 (Matsumoto and Nishimura, 1998) with torch's seeding and torch's layout of a saved state.
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

#include "tensor/generator.h"

namespace steep {
namespace {

// The bytes of torch.get_rng_state(), and Philox's words behind them. The fields of the old Torch7
// state that mt19937 does not need are written as zero.
struct State {
  uint64_t initial_seed;
  int32_t left;  // draws until the next refill, counting that one
  int32_t seeded;
  uint64_t next;
  uint64_t words[624];
  double unused_x;
  double double_normal;
  double unused_rho;
  int32_t has_double_normal;
  float float_normal;
  uint8_t has_float_normal;
  uint8_t padding[7];
  int64_t philox[2];
};
constexpr std::size_t kTorchBytes = 5056;
static_assert(sizeof(State) == kTorchBytes + 16,
              "the state's layout is torch's and two words more");
static_assert(offsetof(State, philox) == kTorchBytes, "Philox's words come last");

}  // namespace

Generator::Generator(uint64_t seed) : philox_(Storage::allocate(2 * sizeof(int64_t))) {
  start(seed);
}

void Generator::manual_seed(uint64_t seed) {
  const runtime::Lock lock(mutex_);
  start(seed);
}

void Generator::start(uint64_t seed) {
  seed_ = seed;
  words_[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < kWords; ++i) {
    words_[i] = 1812433253u * (words_[i - 1] ^ (words_[i - 1] >> 30)) + i;
  }
  next_ = kWords;
  next_float_normal_sample = {};
  next_double_normal_sample = {};
  set_philox(static_cast<int64_t>(seed), 0);
}

// Kernels do not take the lock.
void Generator::set_philox(int64_t seed, int64_t offset) {
  __atomic_store_n(&philox_words()[0], seed, __ATOMIC_RELAXED);
  __atomic_store_n(&philox_words()[1], offset, __ATOMIC_RELAXED);
}

uint64_t Generator::seed() {
  std::random_device device;
  const uint64_t bits = static_cast<uint64_t>(device()) << 32 | device();
  const uint64_t seed = bits & ((uint64_t{1} << 53) - 1);
  manual_seed(seed);
  return seed;
}

uint64_t Generator::initial_seed() const {
  const runtime::Lock lock(mutex_);
  return seed_;
}

void Generator::refill() {
  constexpr int kShift = 397;
  const auto twist = [](uint32_t upper, uint32_t lower) {
    const uint32_t mixed = (upper & 0x80000000u) | (lower & 0x7fffffffu);
    return (mixed >> 1) ^ (-(lower & 1u) & 0x9908b0dfu);
  };
  int i = 0;
  for (; i < kWords - kShift; ++i) {
    words_[i] = words_[i + kShift] ^ twist(words_[i], words_[i + 1]);
  }
  for (; i < kWords - 1; ++i) {
    words_[i] = words_[i + kShift - kWords] ^ twist(words_[i], words_[i + 1]);
  }
  words_[i] = words_[kShift - 1] ^ twist(words_[i], words_[0]);
  next_ = 0;
}

std::vector<uint8_t> Generator::get_state() const {
  std::vector<uint8_t> bytes(sizeof(State));
  State state{};
  const runtime::Lock lock(mutex_);
  state.initial_seed = seed_;
  state.left = next_ == kWords ? 1 : kWords + 1 - next_;
  state.seeded = 1;
  state.next = static_cast<uint64_t>(next_);
  for (int i = 0; i < kWords; ++i) state.words[i] = words_[i];
  state.has_double_normal = next_double_normal_sample.present;
  state.double_normal = state.has_double_normal ? next_double_normal_sample.value : 0;
  state.has_float_normal = next_float_normal_sample.present;
  state.float_normal =
      state.has_float_normal ? static_cast<float>(next_float_normal_sample.value) : 0;
  for (int i = 0; i < 2; ++i)
    state.philox[i] = __atomic_load_n(&philox_words()[i], __ATOMIC_RELAXED);
  std::memcpy(bytes.data(), &state, sizeof state);
  return bytes;
}

void Generator::set_state(const uint8_t* bytes, std::size_t size) {
  if (size != sizeof(State) && size != kTorchBytes) {
    throw std::invalid_argument("Generator.set_state: expected " + std::to_string(sizeof(State)) +
                                " bytes (or torch's " + std::to_string(kTorchBytes) + "), got " +
                                std::to_string(size) + "; pass what get_state() returned");
  }
  State state{};
  std::memcpy(&state, bytes, size);
  if (state.seeded != 1 || state.left < 1 || state.left > kWords || state.next > kWords) {
    throw std::invalid_argument(
        "Generator.set_state: expected a generator's state, got other bytes; pass what get_state() "
        "returned");
  }
  const runtime::Lock lock(mutex_);
  seed_ = state.initial_seed;
  next_ = kWords + 1 - state.left;
  for (int i = 0; i < kWords; ++i) words_[i] = static_cast<uint32_t>(state.words[i]);
  next_double_normal_sample = {state.has_double_normal != 0, state.double_normal};
  next_float_normal_sample = {state.has_float_normal != 0, state.float_normal};
  set_philox(size == kTorchBytes ? static_cast<int64_t>(state.initial_seed) : state.philox[0],
             state.philox[1]);
}

Generator& default_generator() {
  // Never destroyed: a thread may draw while the process ends.
  static auto* const generator = new Generator();
  return *generator;
}

namespace {
thread_local Generator* chosen = nullptr;
}  // namespace

Generator& current_generator() { return chosen ? *chosen : default_generator(); }

DrawFrom::DrawFrom(Generator& generator) : before_(chosen) { chosen = &generator; }
DrawFrom::~DrawFrom() { chosen = before_; }

}  // namespace steep
