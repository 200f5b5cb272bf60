#include "kernels/elementwise/cast.h"

#include "kernels/elementwise/loops.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kCast{"cast", Kind::cast, "wr"};
PerType<PerType<Loop>> casts;
Moves moves[kWidestElement + 1];
#endif

namespace {

// A byte holding a bool: converting to it asks x != 0, unlike converting to a number. So does
// converting from it, for memory from outside may hold other bytes than 0 and 1.
struct Truth {};

template <class T>
struct Stored {
  using Type = T;
  using Tag = T;
};
template <>
struct Stored<Truth> {
  using Type = uint8_t;
  using Tag = bool;
};

template <class T>
constexpr bool kIsFloating = T(0.5) != T(0);

// A floating number beyond the integer's range, or NaN, becomes the lowest integer on every CPU.
template <class To, class From>
STEEP_INLINE To truncate(From x) {
  constexpr To kLowest = static_cast<To>(To(1) << (sizeof(To) * 8 - 2)) * -2;
  const bool inside = (x >= static_cast<From>(kLowest)) & (x < -static_cast<From>(kLowest));
  const To whole = static_cast<To>(inside ? x : From(0));
  return inside ? whole : kLowest;
}

template <class To, class From>
struct Convert : Light {
  static STEEP_INLINE To apply(From x) {
    if constexpr (kIsFloating<From> && sizeof(To) == 1) {
      return static_cast<To>(truncate<int32_t>(x));
    } else if constexpr (kIsFloating<From> && !kIsFloating<To>) {
      return truncate<To>(x);
    } else {
      return static_cast<To>(x);
    }
  }
};
template <class From>
struct Convert<Truth, From> : Light {
  static STEEP_INLINE uint8_t apply(From x) { return x != From(0); }
};

template <class To>
struct ConvertTruth : Light {
  static STEEP_INLINE To apply(uint8_t x) { return static_cast<To>(x != 0); }
};
template <>
struct ConvertTruth<Truth> : Convert<Truth, uint8_t> {};

template <class To, class From>
struct Conversion {
  using Op = Convert<To, From>;
};
template <class To>
struct Conversion<To, Truth> {
  using Op = ConvertTruth<To>;
};

template <class From, class To>
void set_cast() {
  using FromType = typename Stored<From>::Type;
  using Op = typename Conversion<To, From>::Op;
  casts.at[kTypeIndex<typename Stored<From>::Tag>].at[kTypeIndex<typename Stored<To>::Tag>] =
      unary_loop<Op, 16, typename Stored<To>::Type, FromType>;
}

template <class From>
void set_casts() {
  set_cast<From, float>();
  set_cast<From, double>();
  set_cast<From, int64_t>();
  set_cast<From, int32_t>();
  set_cast<From, uint8_t>();
  set_cast<From, Truth>();
}

// Four elements at a time: the loads are independent, the address computations shared.
template <class T>
void gather(void* block, void* strided, int64_t stride, int64_t n) {
  T* out = static_cast<T*>(block);
  const T* x = static_cast<const T*>(strided);
  if (stride == 1) {
    memcpy(out, x, n * sizeof(T));
    return;
  }
  for (; n >= 4; n -= 4, out += 4, x += 4 * stride) {
    const T a = x[0], b = x[stride], c = x[2 * stride], d = x[3 * stride];
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
  }
  for (; n > 0; --n, ++out, x += stride) *out = *x;
}

template <class T>
void scatter(void* block, void* strided, int64_t stride, int64_t n) {
  const T* x = static_cast<const T*>(block);
  T* out = static_cast<T*>(strided);
  if (stride == 1) {
    memcpy(out, x, n * sizeof(T));
    return;
  }
  for (; n >= 4; n -= 4, x += 4, out += 4 * stride) {
    const T a = x[0], b = x[1], c = x[2], d = x[3];
    out[0] = a, out[stride] = b, out[2 * stride] = c, out[3 * stride] = d;
  }
  for (; n > 0; --n, ++x, out += stride) *out = *x;
}

// Where neighbours in a column lie nearer than neighbours in a row, as many columns at a time as
// there are lines of memory that stay in the cache until the next rows have used them up.
constexpr int64_t kColumnsAtOnce = 128;

template <class T>
void transfer_columns(T* out, const T* x, const Rectangle& all, int64_t cols) {
  for (int64_t row = 0; row < all.rows; ++row, out += all.to_row, x += all.from_row) {
    if (all.to_col == 1) {
      gather<T>(out, const_cast<T*>(x), all.from_col, cols);
    } else {
      for (int64_t j = 0; j < cols; ++j) out[j * all.to_col] = x[j * all.from_col];
    }
  }
}

template <class T>
void transfer(void* to, const void* from, const Rectangle& all) {
  constexpr int64_t kLong = 64 / sizeof(T);
  T* out = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  const auto size = [](int64_t stride) { return stride < 0 ? -stride : stride; };
  if (size(all.from_row) < size(all.from_col)) {
    for (int64_t j = 0; j < all.cols; j += kColumnsAtOnce) {
      const int64_t cols = all.cols - j < kColumnsAtOnce ? all.cols - j : kColumnsAtOnce;
      transfer_columns(out + j * all.to_col, x + j * all.from_col, all, cols);
    }
    return;
  }
  const bool runs = all.to_col == 1 && all.from_col == 1;
  for (int64_t row = 0; row < all.rows; ++row, out += all.to_row, x += all.from_row) {
    if (runs && all.cols >= kLong) {
      memcpy(out, x, all.cols * sizeof(T));
    } else {
      for (int64_t j = 0; j < all.cols; ++j) out[j * all.to_col] = x[j * all.from_col];
    }
  }
}

template <class T>
void set_moves() {
  moves[sizeof(T)] = {gather<T>, scatter<T>, transfer<T>};
}

}  // namespace

void STEEP_FILL(elementwise_cast)() {
  set_casts<float>();
  set_casts<double>();
  set_casts<int64_t>();
  set_casts<int32_t>();
  set_casts<uint8_t>();
  set_casts<Truth>();
  set_moves<uint8_t>();
  set_moves<uint32_t>();
  set_moves<uint64_t>();
}

}  // namespace steep::kernels
