#include "kernels/index/scatter.h"

#include "kernels/isa.h"
#include "kernels/partition.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
Kernel kScatter = routine("scatter", Kind::opaque, "urr");
Kernel kScatterAdd = routine("scatter_add", Kind::opaque, "urr");
Kernel kScatterProd = routine("scatter_prod", Kind::opaque, "urr");
Kernel kScatterAmax = routine("scatter_amax", Kind::opaque, "urr");
Kernel kScatterAmin = routine("scatter_amin", Kind::opaque, "urr");
#endif

namespace {

template <class T>
struct Put {
  static T of(T, T source) { return source; }
};
// A bool in memory, which is true where it is not 0; a sum of bools is their or.
struct BoolByte {
  uint8_t byte;
};
inline BoolByte operator+(BoolByte x, BoolByte y) {
  return {static_cast<uint8_t>((x.byte | y.byte) != 0)};
}

// T is unsigned where the tensor holds integers, whose sums and products wrap around.
template <class T>
struct Plus {
  static T of(T there, T source) { return static_cast<T>(there + source); }
};
template <class T>
struct Times {
  static T of(T there, T source) { return static_cast<T>(there * source); }
};
// A nan beats any number.
template <class T>
struct Greater {
  static T of(T there, T source) { return there != there || there > source ? there : source; }
};
template <class T>
struct Lesser {
  static T of(T there, T source) { return there != there || there < source ? there : source; }
};

// Shared by outer and by ranges of inner, never by index: writes to one place keep their order.
template <class T, template <class> class Combine>
void scatter(const Task& task) {
  const Selection& s = arguments<Selection>(task);
  T* out = static_cast<T*>(task.data[0]);
  const T* source = static_cast<const T*>(task.data[1]);
  const auto* index = static_cast<const int64_t*>(task.data[2]);
  const int64_t inner = s.inner;
  const Range mine = share(s.outer * inner, inner == 1 ? 1 : 16, task.rank, task.size);
  for (int64_t at = mine.begin; at < mine.end;) {
    const int64_t o = at / inner, first = at % inner;
    const int64_t end = mine.end - o * inner < inner ? mine.end - o * inner : inner;
    T* to = out + o * s.length * inner;
    at += end - first;
    if (inner == 1) {
      const T* from = source + o * s.count;
      const int64_t* places = index + o * s.count;
      for (int64_t k = 0; k < s.count; ++k) {
        if (static_cast<uint64_t>(places[k]) >= static_cast<uint64_t>(s.length)) continue;
        to[places[k]] = Combine<T>::of(to[places[k]], from[k]);
      }
      continue;
    }
    for (int64_t k = 0; k < s.count; ++k) {
      const int64_t row = (o * s.count + k) * inner;
      for (int64_t j = first; j < end; ++j) {
        const int64_t place = index[row + j];
        if (static_cast<uint64_t>(place) >= static_cast<uint64_t>(s.length)) continue;
        T& there = to[place * inner + j];
        there = Combine<T>::of(there, source[row + j]);
      }
    }
  }
}

template <class T, class Moves>
void fill_moves() {
  set_routine<T>(kScatter, scatter<Moves, Put>);
}
template <class T, class Wraps>
void fill() {
  set_routine<T>(kScatterProd, scatter<Wraps, Times>);
  set_routine<T>(kScatterAmax, scatter<T, Greater>);
  set_routine<T>(kScatterAmin, scatter<T, Lesser>);
}

}  // namespace

void STEEP_FILL(index_scatter)() {
  fill_moves<float, uint32_t>(), fill_moves<int32_t, uint32_t>();
  fill_moves<double, uint64_t>(), fill_moves<int64_t, uint64_t>();
  fill_moves<uint8_t, uint8_t>(), fill_moves<bool, uint8_t>();
  set_routine<float>(kScatterAdd, scatter<float, Plus>);
  set_routine<double>(kScatterAdd, scatter<double, Plus>);
  set_routine<int64_t>(kScatterAdd, scatter<uint64_t, Plus>);
  set_routine<int32_t>(kScatterAdd, scatter<uint32_t, Plus>);
  set_routine<uint8_t>(kScatterAdd, scatter<uint8_t, Plus>);
  set_routine<bool>(kScatterAdd, scatter<BoolByte, Plus>);
  fill<float, float>(), fill<double, double>(), fill<int64_t, uint64_t>();
}

}  // namespace steep::kernels
