// How an elementwise function becomes a loop over a block.
//
// A block is walked 64 bytes of the compute type at a time, by one copy of the function's code
// whatever the steps: an input of step 0 is spread over a buffer of that size, which the walk never
// leaves. The elements that remain at the end go through such buffers as well, as a whole step; a
// light function, which computes them one by one sooner than they could be copied, takes them where
// they lie.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/elementwise/streaming.h"
#include "kernels/isa.h"
#include "kernels/simd/vec_core.h"

namespace steep::kernels {
namespace {

template <class T>
constexpr int kBlockLanes = 64 / sizeof(T);

// Copies count elements, fewer than kLanes of them.
template <class T, int kLanes>
inline void copy_part(T* to, const T* from, int64_t count) {
  if constexpr (kLanes > 1) {
    constexpr int kHalf = kLanes / 2;
    const bool take = count & kHalf;
    if (take) memcpy(to, from, kHalf * sizeof(T));
    copy_part<T, kHalf>(to + (take ? kHalf : 0), from + (take ? kHalf : 0), count);
  }
}

// An input on its walk: the next lanes are read at `at`.
template <class T, int kLanes, bool kLight>
struct Input {
  const T* at;
  int64_t advance;
  alignas(64) T buffer[kLanes];

  Input(const void* data, int64_t step, int64_t n) : at(static_cast<const T*>(data)) {
    advance = step == 0 ? 0 : kLanes;
    const int64_t rest = n % kLanes;
    if (step != 0 && (kLight || rest == 0)) return;
    const T value = step == 0 ? *at : T(0);
    for (int i = 0; i < kLanes; ++i) buffer[i] = value;
    if (step == 0) {
      at = buffer;
    } else {
      copy_part<T, kLanes>(buffer, at + (n - rest), rest);
    }
  }
  void next() { at += advance; }
  void enter_tail() { at = buffer; }
};

// The output on its walk. What the last, partial block computes is kept in the buffer and copied in
// part by finish().
template <class T, int kLanes, bool kLight>
struct Output {
  T* at;
  T* last;
  int64_t blocks, rest;
  alignas(64) T buffer[kLanes];

  Output(void* data, int64_t n)
      : at(static_cast<T*>(data)),
        last(at + n / kLanes * kLanes),
        blocks(n / kLanes),
        rest(n % kLanes) {}
  void next() { at += kLanes; }
  // After the whole blocks: true, once, where a partial one remains.
  bool enter_tail() {
    if (kLight || rest == 0 || at != last) return false;
    at = buffer;
    blocks = 1;
    return true;
  }
  void finish() {
    if constexpr (!kLight) copy_part<T, kLanes>(last, buffer, rest);
  }
};

// What a function asks of its loop: a second look at its arguments (see apply_lanes), whether it is
// light, and how many elements its block() does at once, if it has one.
struct Heavy {
  static constexpr bool kHasLong = false;
  static constexpr bool kLight = false;
  static constexpr int kBlock = 0;
};
struct Light {
  static constexpr bool kHasLong = false;
  static constexpr bool kLight = true;
  static constexpr int kBlock = 0;
};

// The lanes of one step, or of a block. Where some arguments take a function's long way, all lanes
// go singly: a lane's value depends on its own argument alone either way.
template <class Op, int kLanes, class Out, class... In>
STEEP_INLINE void apply_lanes(Out* out, const In*... x) {
  if constexpr (Op::kHasLong) {
    unsigned any = 0;
#pragma omp simd reduction(| : any)
    for (int i = 0; i < kLanes; ++i) any |= Op::is_long(x[i]...);
    if (__builtin_expect(any != 0, 0)) {
      if constexpr (Op::kBlock == kLanes) {  // one half of a block may have none of them
        apply_lanes<Op, kLanes / 2>(out, x...);
        apply_lanes<Op, kLanes / 2>(out + kLanes / 2, (x + kLanes / 2)...);
        return;
      }
      for (int i = 0; i < kLanes; ++i)
        out[i] = Op::is_long(x[i]...) ? Op::apply_long(x[i]...) : Op::apply(x[i]...);
      return;
    }
  }
  if constexpr (Op::kBlock == kLanes) {
    Op::block(out, x...);
  } else {
#pragma omp simd
    for (int i = 0; i < kLanes; ++i) out[i] = Op::apply(x[i]...);
  }
}

// The last lanes of a light function.
template <class Op, class Out, class... In>
STEEP_INLINE void apply_rest(Out* out, int64_t rest, const In*... x) {
  if constexpr (Op::kLight) {
#pragma omp simd
    for (int64_t i = 0; i < rest; ++i) out[i] = Op::apply(x[i]...);
  }
}

// The whole blocks of a function that has them.
template <class Op, int kLanes, class To, class From>
STEEP_INLINE void apply_blocks(To& out, From& a) {
  if constexpr (Op::kBlock > 0) {
    constexpr int64_t kSteps = Op::kBlock / kLanes;
    static_assert(Op::kBlock % kLanes == 0, "the tail is what remains of whole lanes");
    if (a.advance == 0) return;
    for (; out.blocks >= kSteps; out.blocks -= kSteps) {
      apply_lanes<Op, Op::kBlock>(out.at, a.at);
      out.at += Op::kBlock;
      a.at += Op::kBlock;
    }
  }
}

// The whole lines of a light function's large result.
template <class Op, int kLanes, class T, class... Inputs>
STEEP_INLINE void stream_blocks(void* const* data, Output<T, kLanes, Op::kLight>& out,
                                Inputs&... x) {
  if constexpr (Op::kLight && sizeof(T) * kLanes == kLine && sizeof(T) > 1) {
    if (!may_stream<sizeof...(x)>(data, out.blocks * kLine)) return;
    for (; out.blocks > 0; --out.blocks, out.next(), (x.next(), ...)) {
      alignas(kLine) T line[kLanes];
      apply_lanes<Op, kLanes>(line, x.at...);
      stream_line(out.at, line);
    }
    end_streaming();
  }
}

// The loops proper. Op::apply(x...) is one element; In... are the inputs' types.
template <class Op, int kLanes, class Out, class A>
void unary_loop(void* const* data, const int64_t* steps, int64_t n) {
  Output<Out, kLanes, Op::kLight> out(data[0], n);
  Input<A, kLanes, Op::kLight> a(data[1], steps[1], n);  // fills the tail's buffer, for much later
  apply_blocks<Op, kLanes>(out, a);
  stream_blocks<Op, kLanes>(data, out, a);
  do {
    for (; out.blocks > 0; --out.blocks, out.next(), a.next())
      apply_lanes<Op, kLanes>(out.at, a.at);
    apply_rest<Op>(out.at, out.rest, a.at);
    a.enter_tail();
  } while (out.enter_tail());
  out.finish();
}

template <class Op, int kLanes, class Out, class A, class B>
void binary_loop(void* const* data, const int64_t* steps, int64_t n) {
  Output<Out, kLanes, Op::kLight> out(data[0], n);
  Input<A, kLanes, Op::kLight> a(data[1], steps[1], n);
  Input<B, kLanes, Op::kLight> b(data[2], steps[2], n);
  stream_blocks<Op, kLanes>(data, out, a, b);
  do {
    for (; out.blocks > 0; --out.blocks, out.next(), a.next(), b.next())
      apply_lanes<Op, kLanes>(out.at, a.at, b.at);
    apply_rest<Op>(out.at, out.rest, a.at, b.at);
    a.enter_tail(), b.enter_tail();
  } while (out.enter_tail());
  out.finish();
}

template <class Op, int kLanes, class Out, class A, class B, class C>
void ternary_loop(void* const* data, const int64_t* steps, int64_t n) {
  Output<Out, kLanes, Op::kLight> out(data[0], n);
  Input<A, kLanes, Op::kLight> a(data[1], steps[1], n);
  Input<B, kLanes, Op::kLight> b(data[2], steps[2], n);
  Input<C, kLanes, Op::kLight> c(data[3], steps[3], n);
  stream_blocks<Op, kLanes>(data, out, a, b, c);
  do {
    for (; out.blocks > 0; --out.blocks, out.next(), a.next(), b.next(), c.next())
      apply_lanes<Op, kLanes>(out.at, a.at, b.at, c.at);
    apply_rest<Op>(out.at, out.rest, a.at, b.at, c.at);
    a.enter_tail(), b.enter_tail(), c.enter_tail();
  } while (out.enter_tail());
  out.finish();
}

// A function of namespace vec, or one written beside the loops, as an Op.
template <class Kind, class Out, class In, Out (*kFunction)(In)>
struct Unary : Kind {
  static STEEP_INLINE Out apply(In x) { return kFunction(x); }
};
template <class Kind, class Out, class In, Out (*kFunction)(In, In)>
struct Binary : Kind {
  static STEEP_INLINE Out apply(In x, In y) { return kFunction(x, y); }
};
template <class Kind, class Out, class In, Out (*kFunction)(In, In, In)>
struct Ternary : Kind {
  static STEEP_INLINE Out apply(In x, In y, In z) { return kFunction(x, y, z); }
};

// The same with a long way: `kLong` where `kIsLong` says so.
template <class T, T (*kFunction)(T), T (*kLong)(T), bool (*kIsLong)(T)>
struct LongUnary : Heavy {
  static constexpr bool kHasLong = true;
  static STEEP_INLINE bool is_long(T x) { return kIsLong(x); }
  static STEEP_INLINE T apply(T x) { return kFunction(x); }
  static T apply_long(T x) { return kLong(x); }
};
template <class T, T (*kFunction)(T, T), T (*kLong)(T, T), bool (*kIsLong)(T, T)>
struct LongBinary : Heavy {
  static constexpr bool kHasLong = true;
  static STEEP_INLINE bool is_long(T x, T y) { return kIsLong(x, y); }
  static STEEP_INLINE T apply(T x, T y) { return kFunction(x, y); }
  static T apply_long(T x, T y) { return kLong(x, y); }
};

// One of these in blocks.
template <class Base, class T, int kSize, void (*kWhole)(T*, const T*)>
struct InBlocks : Base {
  static constexpr int kBlock = kSize;
  static STEEP_INLINE void block(T* out, const T* x) { kWhole(out, x); }
};

// Enters one loop for type T: T -> T, or T -> b for a function of truth.
template <class T, T (*kFunction)(T), class Kind = Heavy>
void set_unary(Kernel& kernel) {
  set_loop<T>(kernel, unary_loop<Unary<Kind, T, T, kFunction>, kBlockLanes<T>, T, T>);
}
template <class T, T (*kFunction)(T), int kSize, void (*kWhole)(T*, const T*)>
void set_blocks(Kernel& kernel) {
  using Op = InBlocks<Unary<Heavy, T, T, kFunction>, T, kSize, kWhole>;
  set_loop<T>(kernel, unary_loop<Op, kBlockLanes<T>, T, T>);
}
template <class T, bool (*kFunction)(T)>
void set_test(Kernel& kernel) {
  set_loop<T>(kernel, unary_loop<Unary<Light, bool, T, kFunction>, kBlockLanes<T>, uint8_t, T>);
}
template <class T, T (*kFunction)(T, T), class Kind = Heavy>
void set_binary(Kernel& kernel) {
  set_loop<T>(kernel, binary_loop<Binary<Kind, T, T, kFunction>, kBlockLanes<T>, T, T, T>);
}
template <class T, bool (*kFunction)(T, T)>
void set_relation(Kernel& kernel) {
  set_loop<T>(kernel,
              binary_loop<Binary<Light, bool, T, kFunction>, kBlockLanes<T>, uint8_t, T, T>);
}
template <class T, T (*kFunction)(T, T, T), class Kind = Heavy>
void set_ternary(Kernel& kernel) {
  set_loop<T>(kernel, ternary_loop<Ternary<Kind, T, T, kFunction>, kBlockLanes<T>, T, T, T, T>);
}

}  // namespace
}  // namespace steep::kernels
