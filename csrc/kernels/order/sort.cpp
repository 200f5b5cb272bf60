// A radix sort from the lowest digit up, over pairs of a key and a place. The key is the element as
// an unsigned integer of the same order. Short rows are sorted by insertion, or by counting for each
// pair those that come before it. Where few of a row are kept, only those that can be among them are
// sorted.
#include "kernels/order/sort.h"

#include <limits>
#include <type_traits>

#include "kernels/isa.h"
#include "kernels/partition.h"
#include "kernels/simd/lanes.h"

namespace steep::kernels {

#if STEEP_DESCRIBES
namespace {
// Below it, pairs are sorted by insertion.
constexpr int64_t kFew = 48;
constexpr int64_t kHistogram = 4 * 2048 * 8;

Cost cost(const LaunchView& launch) {
  const SortedRows& of = launch.as<SortedRows>();
  const double each = of.kept < of.n / 4 ? 4 : 20;
  return {each * static_cast<double>(of.rows) * static_cast<double>(of.n), launch.bytes};
}
int64_t scratch(const LaunchView& launch, int /*threads*/) {
  return 2 * 16 * (launch.as<SortedRows>().n + kFew) + kHistogram;
}
}  // namespace

Kernel kSort = routine("sort", Kind::opaque, "wwr").with_cost(cost).with_scratch(scratch, true);
#endif

namespace {

template <class Key, class Place>
struct Pair {
  Key key;
  Place place;
};
using Narrow = Pair<uint32_t, uint32_t>;
using Wide = Pair<uint64_t, uint64_t>;

constexpr int64_t kInserted = 48;  // at most so many pairs are sorted by insertion
constexpr int64_t kLong = 8192;    // from so many on, digits are of 11 bits rather than 8

// Keys of the same order as the elements.
inline uint32_t key_of(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if (x == 0) bits = 0;
  const uint32_t key = bits >> 31 ? ~bits : bits | 0x80000000u;
  return x != x ? ~0u : key;
}
inline uint64_t key_of(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if (x == 0) bits = 0;
  const uint64_t key = bits >> 63 ? ~bits : bits | 0x8000000000000000u;
  return x != x ? ~uint64_t{0} : key;
}
inline uint64_t key_of(int64_t x) { return static_cast<uint64_t>(x) ^ 0x8000000000000000u; }

template <class P>
void insert(P* pairs, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const P pair = pairs[i];
    int64_t at = i;
    for (; at > 0 && pairs[at - 1].key > pair.key; --at) pairs[at] = pairs[at - 1];
    pairs[at] = pair;
  }
}

// So few pairs are each compared to all others, as many at once as a vector has keys, which takes
// less time than a few passes over empty buckets.
constexpr int64_t kLeastRanked = 12;
template <class P>
constexpr int64_t kRanked = 64 + 12 * (kVectorBytes / static_cast<int64_t>(sizeof(P::key)));

template <class P>
P* place_by_rank(const P* from, P* to, int64_t n) {
  using Key = std::make_signed_t<decltype(P::key)>;  // which every instruction set compares
  typedef Key Some __attribute__((vector_size(kVectorBytes)));
  constexpr int64_t kSome = kVectorBytes / sizeof(Key);
  alignas(64) Key all[kRanked<P> + kSome];
  for (int64_t i = 0; i < ceil_div(n, kSome) * kSome; ++i)
    all[i] = i < n ? static_cast<Key>(from[i].key - std::numeric_limits<Key>::min()) : Key{0};
  Some lane;
  for (int64_t k = 0; k < kSome; ++k) lane[k] = static_cast<Key>(k);
  for (int64_t i = 0; i < n; i += kSome) {
    Some mine, before{};
    __builtin_memcpy(&mine, all + i, sizeof(mine));
    // Of equal keys, those in front come before.
    const int64_t end = i + kSome < n ? i + kSome : n;
    for (int64_t j = 0; j < i; ++j) before -= mine >= all[j];
    for (int64_t j = i; j < end; ++j)
      before -= (mine > all[j]) | ((mine == all[j]) & (lane > static_cast<Key>(j - i)));
    for (int64_t j = end; j < n; ++j) before -= mine > all[j];
    for (int64_t k = 0; i + k < end; ++k) to[before[k]] = from[i + k];
  }
  return to;
}

// Sorts n pairs at `from`; returns where they are afterwards, there or at `to`. counts: 4 * 2048.
template <class P>
P* sort_pairs(P* from, P* to, int64_t n, int64_t* counts) {
  if constexpr (kVectorBytes >= 32) {
    if (n >= kLeastRanked && n <= kRanked<P>) return place_by_rank(from, to, n);
  }
  if (n <= kInserted) {
    insert(from, n);
    return from;
  }
  constexpr int kBits = 8 * sizeof(from->key);
  const int digit = n < kLong ? 8 : 11, passes = (kBits + digit - 1) / digit;
  const int64_t buckets = int64_t{1} << digit;
  // Of wide keys, which are mostly small integers, a digit is counted once it is known to differ.
  constexpr bool kAtOnce = sizeof(from->key) == 4;
  decltype(from->key) differs = 0;
  for (int64_t i = 1; !kAtOnce && i < n; ++i) differs |= from[i].key ^ from[0].key;
  for (int64_t i = 0; kAtOnce && i < passes * buckets; ++i) counts[i] = 0;
  for (int64_t i = 0; kAtOnce && i < n; ++i)
    for (int pass = 0; pass < passes; ++pass)
      ++counts[pass * buckets +
               static_cast<int64_t>((from[i].key >> (pass * digit)) & (buckets - 1))];
  for (int pass = 0; pass < passes; ++pass) {
    int64_t* first = counts + (kAtOnce ? pass * buckets : 0);
    const int shift = pass * digit;
    const auto one = [&](int64_t i) { return (from[i].key >> shift) & (buckets - 1); };
    // A digit that all have alike sorts nothing.
    if (kAtOnce ? first[one(0)] == n : !((differs >> shift) & (buckets - 1))) continue;
    for (int64_t b = 0; !kAtOnce && b < buckets; ++b) first[b] = 0;
    for (int64_t i = 0; !kAtOnce && i < n; ++i) ++first[one(i)];
    int64_t sum = 0;
    for (int64_t b = 0; b < buckets; ++b) {
      const int64_t count = first[b];
      first[b] = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; ++i) to[first[one(i)]++] = from[i];
    P* const before = from;
    from = to, to = before;
  }
  return from;
}

// The pairs of x's first elements in the order, sorted: of all of them, or of those kept.
template <class T, class P>
struct Row {
  P *pairs, *spare;
  int64_t* counts;

  P* whole(const T* x, int64_t n, bool descending) const {
    using Key = decltype(pairs->key);
    using Place = decltype(pairs->place);
    const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
    for (int64_t i = 0; i < n; ++i)
      pairs[i] = {static_cast<Key>(key_of(x[i]) ^ flip), static_cast<Place>(i)};
    return sort_pairs(pairs, spare, n, counts);
  }

  // The same for a handful: each that comes before the last one kept is put into its place.
  P* handful(const T* x, int64_t n, int64_t kept, bool descending) const {
    using Key = decltype(pairs->key);
    using Place = decltype(pairs->place);
    const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
    for (int64_t i = 0; i < kept; ++i)
      pairs[i] = {static_cast<Key>(key_of(x[i]) ^ flip), static_cast<Place>(i)};
    insert(pairs, kept);
    Key last = pairs[kept - 1].key;
    for (int64_t i = kept; i < n; ++i) {
      const Key key = static_cast<Key>(key_of(x[i]) ^ flip);
      if (key >= last) continue;
      int64_t at = kept - 1;
      for (; at > 0 && pairs[at - 1].key > key; --at) pairs[at] = pairs[at - 1];
      pairs[at] = {key, static_cast<Place>(i)};
      last = pairs[kept - 1].key;
    }
    return pairs;
  }

  // Those that come before the last one kept so far are gathered, until so many have been that the
  // others can be dropped. n is at least `room`.
  P* first(const T* x, int64_t n, int64_t kept, int64_t room, bool descending) const {
    using Key = decltype(pairs->key);
    using Place = decltype(pairs->place);
    const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
    int64_t held = 0;
    for (; held < room; ++held)
      pairs[held] = {static_cast<Key>(key_of(x[held]) ^ flip), static_cast<Place>(held)};
    Key last = keep(held, kept);
    held = kept;
    constexpr int64_t kBlock = 32;
    for (int64_t i = room; i < n; i += kBlock) {
      const int64_t end = i + kBlock < n ? i + kBlock : n;
      int any = 0;
      for (int64_t j = i; j < end; ++j) any |= static_cast<Key>(key_of(x[j]) ^ flip) < last;
      if (!any) continue;
      for (int64_t j = i; j < end; ++j) {
        const Key key = static_cast<Key>(key_of(x[j]) ^ flip);
        if (key < last) pairs[held++] = {key, static_cast<Place>(j)};
      }
      if (held + kBlock <= room) continue;
      last = keep(held, kept);
      held = kept;
    }
    return sort_pairs(pairs, spare, held, counts);
  }

 private:
  // Leaves the first `kept` of the pairs, sorted; the key of the last of them.
  auto keep(int64_t held, int64_t kept) const {
    P* const sorted = sort_pairs(pairs, spare, held, counts);
    if (sorted != pairs) __builtin_memcpy(pairs, sorted, static_cast<uint64_t>(kept) * sizeof(P));
    return pairs[kept - 1].key;
  }
};

template <class T, class P>
void sort(const Task& task) {
  const SortedRows& of = arguments<SortedRows>(task);
  const int64_t n = of.n, kept = of.kept;
  T* values = static_cast<T*>(task.data[0]);
  auto* indices = static_cast<int64_t*>(task.data[1]);
  const T* x = static_cast<const T*>(task.data[2]);
  Row<T, P> row;
  row.counts = static_cast<int64_t*>(task.scratch);
  row.pairs = reinterpret_cast<P*>(row.counts + 4 * 2048);
  row.spare = row.pairs + n;
  const bool descending = of.descending != 0;
  // Room for some times as many as are kept: with less they would be sorted too often.
  const int64_t room = 4 * kept + 512;
  const Range mine = share(of.rows, 1, task.rank, task.size);
  for (int64_t r = mine.begin; r < mine.end && kept > 0; ++r) {
    const T* from = x + r * n;
    const bool few = kept <= kInserted && n < kLong && 2 * kept < n;
    const P* sorted = few        ? row.handful(from, n, kept, descending)
                      : room < n ? row.first(from, n, kept, room, descending)
                                 : row.whole(from, n, descending);
    for (int64_t i = 0; i < kept; ++i) {
      indices[r * kept + i] = static_cast<int64_t>(sorted[i].place);
      values[r * kept + i] = from[sorted[i].place];
    }
  }
}

}  // namespace

void STEEP_FILL(order_sort)() {
  set_routine<float>(kSort, sort<float, Narrow>);
  set_routine<double>(kSort, sort<double, Wide>);
  set_routine<int64_t>(kSort, sort<int64_t, Wide>);
}

}  // namespace steep::kernels
