// Plans the arena, in which all lies that a program makes: what is never in use at the same time
// may share memory.
#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "program/intervals.h"
#include "program/plan/plan.h"

namespace steep::program {

namespace {

constexpr int64_t kAlignment = 64;

// Memory that is needed from one step to another, and where its offset goes. The rank is that which
// has the steps to itself, or 0 where ranks share what there is.
struct Reservation {
  int64_t bytes;
  int first, last;
  int64_t* offset;
  int rank;
};

int64_t round_up(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// The first and the last step that touch a value; -1 if none does. One that lies in the buffer of a
// fused step is touched by none, and needs no place in the arena.
struct Life {
  int first = -1, last = -1;
};

// Between two barriers, ranks may be at different steps. So what one of these steps uses counts as
// in use in all of them; otherwise reusing the memory would need another barrier.
class Phases {
 public:
  explicit Phases(const Plan& plan) : first_(plan.steps.size()), last_(plan.steps.size()) {
    const int count = static_cast<int>(plan.steps.size());
    const auto alone = [&](int s) { return s == 0 || !plan.reordered || plan.steps[s].barrier; };
    for (int s = 0; s < count; ++s) first_[s] = alone(s) ? s : first_[s - 1];
    for (int s = count - 1; s >= 0; --s)
      last_[s] = s + 1 == count || alone(s + 1) ? s : last_[s + 1];
  }
  Life widen(const Life& life) const {
    return life.first < 0 ? life : Life{first_[life.first], last_[life.last]};
  }

 private:
  std::vector<int> first_, last_;  // by step: the first and last step of its phase
};

std::vector<Life> lives_of(const Plan& plan, const Phases& phases) {
  std::vector<Life> lives(plan.values.size());
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const Step& step = plan.steps[s];
    const auto touch = [&](int v) {
      if (v < 0) return;
      if (lives[v].first < 0) lives[v].first = s;
      lives[v].last = s;
    };
    if (!step.group) {
      for (int v : plan.calls[step.calls[0]].values) touch(v);
      continue;
    }
    for (const Group::View& view : step.group->views)
      if (view.buffer < 0) touch(view.value);
  }
  for (Life& life : lives) life = phases.widen(life);
  return lives;
}

// Which parts of the arena are in use at which steps: a segment tree over the steps.
class Occupied {
 public:
  explicit Occupied(size_t steps) {
    while (leaves_ < steps) leaves_ *= 2;
    all_through_.resize(2 * leaves_);
    at_times_.resize(2 * leaves_);
  }

  // The lowest offset at which so many bytes are free at all steps of the reservation.
  int64_t lowest_offset(const Reservation& reservation) {
    in_the_way_.clear();
    const auto look = [this](const Intervals& taken) {
      if (!taken.empty()) in_the_way_.push_back(&taken);
    };
    for_each_node(reservation, [&](size_t node) { look(at_times_[node]); });
    for_each_above(reservation, [&](size_t node) { look(all_through_[node]); });
    int64_t at = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Intervals* taken : in_the_way_)
        for (const Intervals::Stretch* next = taken->beyond(at);
             next && next->begin < at + reservation.bytes; next = taken->beyond(at))
          at = next->end, moved = true;
    }
    return at;
  }
  void take(const Reservation& reservation) {
    const int64_t begin = *reservation.offset, end = begin + reservation.bytes;
    for_each_node(reservation, [&](size_t node) {
      all_through_[node].add(begin, end);
      at_times_[node].add(begin, end);
    });
    for_each_above(reservation, [&](size_t node) { at_times_[node].add(begin, end); });
  }

 private:
  // Visits the nodes that together cover the reservation's steps.
  template <class Visit>
  void for_each_node(const Reservation& reservation, Visit visit) const {
    size_t left = leaves_ + static_cast<size_t>(reservation.first),
           right = leaves_ + static_cast<size_t>(reservation.last) + 1;
    for (; left < right; left /= 2, right /= 2) {
      if (left % 2) visit(left++);
      if (right % 2) visit(--right);
    }
  }
  // Visits the ancestors of the reservation's first and last step, among which are those of the
  // nodes above.
  template <class Visit>
  void for_each_above(const Reservation& reservation, Visit visit) const {
    size_t first = leaves_ + static_cast<size_t>(reservation.first),
           last = leaves_ + static_cast<size_t>(reservation.last);
    for (; first > 0; first /= 2, last /= 2) {
      visit(first);
      if (last != first) visit(last);
    }
  }

  size_t leaves_ = 1;
  // By node: what is in use at all of its steps, and what is in use at any of them.
  std::vector<Intervals> all_through_, at_times_;
  std::vector<const Intervals*> in_the_way_;
};

// Most often they are in order already.
template <class Before>
void sort(Reservation* begin, Reservation* end, Before before) {
  if (!std::is_sorted(begin, end, before)) std::stable_sort(begin, end, before);
}

// Gives places to the reservations of one size, in the order of their first steps: each the lowest
// that is free by then. No more memory is needed than is in use at any one step.
class Places {
 public:
  explicit Places(size_t steps) : leaving_(steps, -1) {}

  // `base`: the offset of the first place. `leave(first, last, offset)` is told for how long each
  // was in use without a break.
  template <class Leave>
  int64_t fill(Reservation* begin, Reservation* end, int64_t base, Leave leave) {
    sort(begin, end, [](const Reservation& a, const Reservation& b) { return a.first < b.first; });
    int step = 0;
    for (Reservation* now = begin; now != end; ++now) {
      for (; step < now->first; ++step) vacate(step);
      const int place = take(*now);
      Stay& stay = stays_[place];
      if (stay.last < 0 || stay.last + 1 < now->first) {
        if (stay.last >= 0) leave(stay, base + place * now->bytes);
        stay.first = now->first;
      }
      stay.last = now->last;
      *now->offset = base + place * now->bytes;
    }
    for (size_t place = 0; place < stays_.size(); ++place)
      leave(stays_[place], base + static_cast<int64_t>(place) * begin->bytes);
    return base + static_cast<int64_t>(stays_.size()) * begin->bytes;
  }

 private:
  // From which step to which other a place has been in use; the place that is left after the same
  // step as this one, or -1.
  struct Stay : Life {
    int next = -1;
  };
  void vacate(int step) {
    for (int place = leaving_[step]; place >= 0; place = stays_[place].next) {
      free_.push_back(place);
      std::push_heap(free_.begin(), free_.end(), std::greater<>());
    }
  }
  int take(const Reservation& reservation) {
    int place = static_cast<int>(stays_.size());
    if (free_.empty()) {
      stays_.emplace_back();
    } else {
      std::pop_heap(free_.begin(), free_.end(), std::greater<>());
      place = free_.back();
      free_.pop_back();
    }
    stays_[place].next = std::exchange(leaving_[reservation.last], place);
    return place;
  }

  std::vector<int> leaving_;  // by step: a place that is left after it, or -1
  std::vector<Stay> stays_;   // by place
  std::vector<int> free_;     // a heap: the lowest place first
};

// Gives offsets to the reservations of one rank. Large ones first: small ones fit into the gaps.
void place(Plan& plan, Reservation* begin, Reservation* end) {
  const int64_t base = plan.arena;
  Reservation* const smaller = std::find_if(
      begin, end, [begin](const Reservation& next) { return next.bytes != begin->bytes; });
  std::optional<Occupied> occupied;
  if (smaller != end) occupied.emplace(plan.steps.size());
  plan.arena = Places(plan.steps.size()).fill(begin, smaller, base, [&](Life stay, int64_t at) {
    at -= base;
    if (occupied) occupied->take({begin->bytes, stay.first, stay.last, &at, begin->rank});
  });
  for (Reservation* next = smaller; next != end; ++next) {
    *next->offset = occupied->lowest_offset(*next);
    occupied->take(*next);
    *next->offset += base;
    plan.arena = std::max(plan.arena, *next->offset + next->bytes);
  }
}

// What ranks have to themselves lies in a part of the arena for each, for they are at different
// steps at the same time.
void place(Plan& plan, std::vector<Reservation>& reservations) {
  Reservation* const end = reservations.data() + reservations.size();
  sort(reservations.data(), end, [](const Reservation& a, const Reservation& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.bytes > b.bytes;
  });
  for (Reservation* begin = reservations.data(); begin != end;) {
    Reservation* const next = std::find_if(
        begin, end, [begin](const Reservation& other) { return other.rank != begin->rank; });
    place(plan, begin, next);
    begin = next;
  }
}

int64_t wanted_scratch(const RecordedCall& call, int threads) {
  if (!call.kernel().scratch) return 0;
  return call.kernel().scratch(seen_by_kernel(call.call()), threads);
}

}  // namespace

int64_t scratch_of(const Plan& plan, const Step& step, int threads) {
  if (step.calls.size() > 1) {  // the partial results of sums
    const Group& group = *step.group;
    const auto sums = static_cast<int64_t>(group.sums.size());
    return sums * chunks_of(group) * static_cast<int64_t>(sizeof(double));
  }
  const RecordedCall& call = plan.calls[step.calls[0]].call;
  return call.kernel().own_scratch ? 0 : wanted_scratch(call, threads);
}

void plan_memory(Plan& plan) {
  plan.offsets.assign(plan.values.size(), -1);
  const Phases phases(plan);
  const std::vector<Life> lives = lives_of(plan, phases);
  std::vector<Reservation> reservations;
  PerKind<int64_t> alone;  // scratch of steps with one thread
  const auto part_of = [&plan](int s) { return plan.rank_of.empty() ? 0 : plan.steps[s].home; };
  for (size_t v = 0; v < plan.values.size(); ++v) {
    const Value& value = plan.values[v];
    if (value.kind != Value::Kind::made || value.kept || lives[v].first < 0) continue;
    reservations.push_back({round_up(static_cast<int64_t>(value.bytes)), lives[v].first,
                            lives[v].last, &plan.offsets[v], part_of(lives[v].first)});
  }
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    Step& step = plan.steps[s];
    const int64_t bytes = scratch_of(plan, step, step.threads);
    const Life life = phases.widen({s, s});
    if (bytes > 0)
      reservations.push_back(
          {round_up(bytes), life.first, life.last, &step.scratch_offset, part_of(s)});
    const RecordedCall& call = plan.calls[step.calls[0]].call;
    if (!call.kernel().own_scratch) continue;
    const auto wanted = [&] { return round_up(wanted_scratch(call, step.threads)); };
    plan.scratch_per_rank =
        std::max(plan.scratch_per_rank, step.threads == 1 ? alone.of(call, wanted) : wanted());
  }
  place(plan, reservations);
}

}  // namespace steep::program
