#include "program/replay/replay.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "program/launch.h"
#include "program/profile.h"
#include "runtime/allocator.h"
#include "runtime/threads.h"

namespace steep::program {

namespace {

// Estimated; shorter programs measure whether threads pay (Pace).
constexpr double kSurelyTeamNs = 2e6;
// One run in so many is timed step by step, for explain(); not one of the first, for which nothing
// is in the cache.
constexpr int64_t kSampleEvery = 64, kFirstSample = 8;
bool is_sampled(int64_t run) { return run % kSampleEvery == kFirstSample; }

}  // namespace

Program::Program(const Trace& trace, const Trace& other, const Tensors& reached)
    : plan_(make_plan(trace)),
      gradients_(plan_),
      pins_(trace.sources()),
      number_signs_(trace.signs()) {
  std::unordered_map<uint64_t, bool> given;  // by id of arguments' memory: whether it is reached
  for (const Pin& pin : pins_) given[pin.storage];
  for (const Tensor& x : reached) {
    const auto found = given.find(x->storage->id());
    if (found != given.end())
      found->second = true;
    else
      others_.push_back(x.impl());
  }
  for (const Pin& pin : pins_) stays_pinned_.push_back(pin.storage != 0 && given[pin.storage]);
  unpin(other);
  pins_.resize(plan_.values.size());  // the plan may have added some
  const size_t count = plan_.values.size();
  bases_.resize(count, nullptr);
  kept_.resize(count);
  actions_.reserve(plan_.steps.size());
  for (const Step& check : plan_.checks) checks_.push_back(build_action(check));
  for (const Step& step : plan_.steps) {
    actions_.push_back(build_action(step));
    estimate_ += step.estimate;
  }
  sort_patches();
  for (size_t v = 0; v < count; ++v) {
    const Value& value = plan_.values[v];
    if (value.storage) {
      rebase(static_cast<int>(v), static_cast<char*>(value.storage->data()));
      outside_.push_back(value.storage.get());
    }
  }
  holders_.resize(count);
  input_values_ = trace.input_values();
  for (size_t v = 0; v < count; ++v)
    if (plan_.values[v].kept) kept_values_.push_back(static_cast<int>(v));
  for (size_t i = static_cast<size_t>(plan_.results); i < plan_.outputs.size(); ++i)
    saved_values_.push_back(plan_.outputs[i].value);
  for (int i = 0; i < plan_.results; ++i)
    saved_values_.erase(
        std::remove(saved_values_.begin(), saved_values_.end(), plan_.outputs[i].value),
        saved_values_.end());
  std::sort(outside_.begin(), outside_.end());
  // Of memory that the program uses itself no argument may be in any case.
  others_.erase(std::remove_if(others_.begin(), others_.end(),
                               [this](const TensorImpl* x) {
                                 return std::binary_search(outside_.begin(), outside_.end(),
                                                           x->storage.get());
                               }),
                others_.end());
  std::sort(others_.begin(), others_.end());
  ground_ = Ground(outside_);
  find_written();
}

Program::~Program() {
  if (!pool_) return;
  if (pool_->last == this) pool_->last = nullptr;
  pool_->trim();  // it may be the one that needed the largest block
}

void Program::share(const std::shared_ptr<MemoryPool>& pool) {
  pool_ = pool;
  if (arena_bytes() > 0) pool->give_back(pool->take(arena_bytes()));
}

// Updates all pointers into the arena.
void Program::move_arena() {
  if (arena_ == block_.data) return;
  arena_ = block_.data;
  for (size_t v = 0; v < plan_.offsets.size(); ++v)
    if (plan_.offsets[v] >= 0) rebase(static_cast<int>(v), arena_ + plan_.offsets[v]);
  for (const std::unique_ptr<Action>& action : actions_)
    if (action->scratch_offset >= 0) action->first_scratch = arena_ + action->scratch_offset;
}

// Now only those who hold results and gradients keep their memory.
void Program::let_go_of_results() {
  for (int v : kept_values_) kept_[v].reset();
  gradients_.let_go();
}

// Finds what the user holds and a replay writes: its version is counted, as in an eager step.
void Program::find_written() {
  std::set<std::pair<int, const OwnVersions*>> known;
  for (const TracedCall& traced : plan_.calls)
    traced.call.each_written([&](int i) {
      const int v = traced.values[i];
      if (v < 0 || plan_.values[v].kind == Value::Kind::made) return;
      const Ref<OwnVersions>& own = traced.call.operands()[i].tensor()->own_versions;
      if (known.emplace(v, own.get()).second) written_.push_back({v, traced.call.name(), own});
    });
}

bool Program::passes_checks() {
  const bool sampled = is_sampled(runs_ + 1);
  try {
    for (const std::unique_ptr<Action>& check : checks_)
      check->run_timed({0, 1, [] {}}, 0, sampled);
  } catch (const Error&) {
    return false;
  }
  return true;
}

void Program::rebase(int value, char* base) {
  if (bases_[value] == base) return;
  bases_[value] = base;
  const size_t end = first_patch_[static_cast<size_t>(value) + 1];
  for (size_t i = first_patch_[static_cast<size_t>(value)]; i < end; ++i)
    *patches_[i].where = base + patches_[i].offset;
}

void Program::bind_inputs(const Tensors& inputs, const Tensors& before) {
  inputs_ = inputs;
  before_ = before;
  for (size_t v = 0; v < plan_.values.size(); ++v) {
    if (plan_.values[v].source >= 0)
      rebase(static_cast<int>(v), source_of(plan_.values[v]).data<char>());
  }
}

// Gives results and gradients new memory, unless nothing but the program holds that of the last
// run.
void Program::bind_kept() {
  std::vector<int64_t>& ours = holders_;
  std::fill(ours.begin(), ours.end(), 1);
  gradients_.count_holders(before_, ours);
  for (int v : kept_values_) {
    Ref<Storage>& storage = kept_[v];
    if (storage && storage->references() <= ours[v]) {
      storage->versions().bump("replay");
      continue;
    }
    storage = Storage::allocate(plan_.values[v].bytes);
    rebase(v, static_cast<char*>(storage->data()));
  }
  gradients_.make(kept_);
}

void Program::forget_inputs() {
  if (block_.data) pool_->give_back(std::exchange(block_, {}));
  inputs_.clear();
  before_.clear();
  held_.clear();
  gradients_.forget_inputs();
  for (size_t v = 0; v < kept_.size(); ++v)
    if (plan_.values[v].kind == Value::Kind::constant) kept_[v].reset();
  // The graph of the results holds what is saved.
  for (int v : saved_values_) kept_[v].reset();
}

Tensor Program::output(int i) {
  const TracedView& view = plan_.outputs[i];
  const Value& value = plan_.values[view.value];
  if (value.kind == Value::Kind::constant) {  // its own memory remains the program's
    Ref<Storage>& copy = kept_[view.value];
    if (!copy) {  // one copy for all results of this call
      copy = Storage::allocate(value.bytes);
      std::memcpy(copy->data(), value.storage->data(), value.bytes);
    }
    return view.on(copy);
  }
  if (value.source < 0) return view.on(value.storage ? value.storage : kept_[view.value]);
  const Tensor& source = source_of(value);
  Tensor out = view.on(source->storage);
  out->offset += source->offset;
  return out;
}

Tensor Program::saved(int i) {
  const TracedView& view = plan_.outputs[i];
  const Ref<Storage>& constant = plan_.values[view.value].storage;
  return view.on(constant ? constant : kept_[view.value]);
}

Tensors Program::written_state() const {
  Tensors out;
  for (const Written& written : written_) {
    const Value& value = plan_.values[written.value];
    if (!value.storage) continue;
    const auto bytes = static_cast<int64_t>(value.storage->bytes());
    out.push_back(Tensor(new TensorImpl(value.storage, DType::uint8, Dims{bytes}, bytes)));
  }
  return out;
}

Versions* Program::versions_of(const Written& written) const {
  const Value& value = plan_.values[written.value];
  if (value.storage) return written.own ? written.own.get() : &value.storage->versions();
  const Tensor& source = source_of(value);
  // An argument that is x.data itself is told in any case: where the function asked it for .data
  // again is not known any more.
  return written.own && !source->own_versions ? nullptr : &source->versions();
}

bool Program::counts_writes_to(const Tensor& x) const {
  return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
    return versions_of(written) == &x->versions();
  });
}

void Program::mark_written() {
  for (const Written& written : written_) {
    const Value& value = plan_.values[written.value];
    const Ref<Storage>& memory = value.storage ? value.storage : source_of(value)->storage;
    Versions* const versions = versions_of(written);
    if (versions) versions->bump(written.writer);
    if (versions != &memory->versions()) memory->count_unseen();
  }
}

// What the ranks of one run share. If a step refuses its input, the steps after it are skipped, and
// the exception goes to the caller. Ranks check for that only at barriers, so that all skip the
// same steps; there is a barrier before any step that must not run after a failed check.
struct Program::Team {
  Program* program;
  bool sampled;  // whether the steps are timed
  std::atomic<bool> failed{false};
  std::exception_ptr exception;
  size_t failed_at = 0;
};

void Program::run_actions(const Rank& rank, Team& team) {
  constexpr Rank kAlone{0, 1, [] {}};
  bool stopped = false;
  for (const std::unique_ptr<Action>& action : actions_) {
    if (action->barrier) {
      rank.barrier();
      stopped |= team.failed.load(std::memory_order_relaxed);
    }
    if (stopped) continue;
    if (action->threads > 1) {
      action->run_timed(rank, rank.rank, team.sampled);
    } else if (rank.rank == action->home % rank.size) {
      if (!action->kernel->host) {
        action->run_timed(kAlone, rank.rank, team.sampled);
        continue;
      }
      try {
        action->run_timed(kAlone, rank.rank, team.sampled);
      } catch (...) {
        team.exception = std::current_exception();
        team.failed_at = action->launch_index;
        team.failed.store(true, std::memory_order_relaxed);
        stopped = rank.size == 1;
      }
    }
  }
}

// Barriers are planned for the whole team: if there are fewer threads, the first runs everything.
void Program::run_rank(void* context, int rank, int size, void (*barrier)()) {
  Team& team = *static_cast<Team*>(context);
  if (size == team.program->plan_.threads) {
    team.program->run_actions({rank, size, barrier}, team);
  } else if (rank == 0) {
    team.program->run_actions({0, 1, [] {}}, team);
  }
}

std::string Program::listing() const {
  std::vector<double> measured;
  for (const auto* actions : {&checks_, &actions_})
    for (const auto& action : *actions) measured.push_back(static_cast<double>(action->shortest));
  return program::listing(plan_, measured);
}

void Program::run_team(Team& team) {
  if (plan_.threads == 1 || estimate_ > kSurelyTeamNs || shares_everything()) {
    runtime::run_team(plan_.threads, run_rank, &team);
    return;
  }
  const int64_t start = Profile::now();
  runtime::run_team(pace_.use_team() ? plan_.threads : 1, run_rank, &team);
  pace_.note(Profile::now() - start);
}

void Program::prepare(const Tensors& inputs, const Tensors& before) {
  if (arena_bytes() > 0) block_ = pool_->take(arena_bytes());
  move_arena();
  Program* const other = std::exchange(pool_->last, this);
  if (other && other != this && other->take()) {
    other->let_go_of_results();
    other->give_back();
  }
  bind_inputs(inputs, before);
  bind_kept();
  held_.clear();
  for (const Tensors* given : {&inputs_, &before_})
    for (const Tensor& x : *given)
      if (x.defined()) held_.push_back(x->storage);
}

void Program::run() {
  ++runs_;
  mark_written();
  Counters& count = counters();
  count.launches += static_cast<int64_t>(checks_.size() + actions_.size());
  count.parallel_launches += plan_.threads > 1;
  Team team{this, is_sampled(runs_), {false}, nullptr, 0};
  {
    const runtime::WithoutInterpreterLock released(estimate_ > kUnlockedNs);
    run_team(team);
  }
  if (!team.failed) return;
  failed_at_ = team.failed_at;
  std::rethrow_exception(team.exception);
}

}  // namespace steep::program
