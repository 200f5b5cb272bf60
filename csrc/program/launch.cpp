#include "program/launch.h"

#include <algorithm>
#include <atomic>

#include "program/elementwise.h"
#include "program/launch_watch.h"
#include "program/profile.h"
#include "program/record/recorder.h"
#include "runtime/allocator.h"
#include "runtime/threads.h"

namespace steep::program {

namespace {

// Rates of one core, used only to decide on threads. They are conservative, so that a second thread
// never makes a launch slower. Opening a parallel region is the smaller cost: what a second core
// has written lies in its caches, and the first core fetches it from there in the next launch.
// Between cores that share no cache (virtual machines move them about), 400 KB took 75 us, several
// times what the second thread had saved. Hence a threshold above which such data no longer fit
// those caches.
constexpr double kFlopsPerNs = 16, kBytesPerNs = 12;
constexpr double kParallelNs = 66000, kNsPerThread = 25000;
std::atomic<bool> everything_is_shared{false};

Cost cost_of(const Call& call, double bytes) {
  const Kernel& kernel = *call.kernel;
  if (kernel.kind == Kind::elementwise || kernel.kind == Kind::cast)
    return {kernel.flops * static_cast<double>(call.operands[0].tensor()->numel), bytes};
  if (kernel.cost) return kernel.cost(seen_by_kernel(call, bytes));
  return {0, bytes};
}

// Scratch memory of one launch, from the caching allocator.
class Scratch {
 public:
  explicit Scratch(int64_t bytes)
      : bytes_(static_cast<size_t>(bytes)), data_(bytes ? runtime::allocate(bytes_) : nullptr) {}
  ~Scratch() {
    if (data_) runtime::deallocate(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

struct RoutineRun {
  kernels::Routine routine;
  kernels::Task task;
  int64_t scratch_step;  // bytes from one rank's scratch to the next; 0 if they share one
};

void run_rank(void* context, int rank, int size, void (*barrier)()) {
  const RoutineRun& run = *static_cast<RoutineRun*>(context);
  kernels::Task task = run.task;
  task.rank = rank;
  task.size = size;
  task.barrier = barrier;
  if (run.scratch_step) task.scratch = static_cast<char*>(task.scratch) + rank * run.scratch_step;
  run.routine(task);
}

void execute_routine(const Call& call, Terms& terms) {
  const Kernel& kernel = *call.kernel;
  const kernels::Routine routine = routine_of(kernel, call.type);
  SmallVector<void*, 8> data;
  data.reserve(call.operand_count);
  for (int i = 0; i < call.operand_count; ++i) {
    const TensorImpl* tensor = call.operands[i].tensor();
    data.push_back(tensor ? tensor->data() : nullptr);
  }
  const int64_t wanted =
      kernel.scratch ? kernel.scratch(seen_by_kernel(call, 0), terms.threads) : 0;
  const Scratch scratch(kernel.own_scratch ? terms.threads * wanted : wanted);
  RoutineRun run{routine,
                 {data.data(), call.arguments, scratch.data(), 0, 1, nullptr},
                 kernel.own_scratch ? wanted : 0};
  const RunningKernel running(call, terms);
  if (kernel.host) {
    run_rank(&run, 0, 1, [] {});  // on this thread alone: it may throw
  } else {
    runtime::run_team(terms.threads, run_rank, &run);
  }
}

void run(const Call& call, Terms& terms) {
  if (call.kernel->kind == Kind::elementwise || call.kernel->kind == Kind::cast) {
    execute_elementwise(call, terms);
  } else {
    execute_routine(call, terms);
  }
}

}  // namespace

double operand_bytes(const Call& call) {
  double bytes = 0;
  for (int i = 0; i < call.operand_count; ++i) {
    const TensorImpl* tensor = call.operands[i].tensor();
    if (tensor) bytes += static_cast<double>(tensor->numel * element_size(tensor->dtype));
  }
  return bytes;
}

kernels::LaunchView seen_by_kernel(const Call& call, double bytes) {
  return {call.arguments, element_size(call.type), is_floating(call.type), bytes};
}

kernels::Routine routine_of(const Kernel& kernel, DType type) {
  const kernels::Routine routine = kernel.routines.at[type_index(type)];
  if (!routine)
    throw Error(ErrorKind::not_implemented,
                join("\"", kernel.name, "\" not implemented for '", name(type), "'"));
  return routine;
}

double estimated_ns(const Cost& cost) {
  return std::max(cost.flops / (kFlopsPerNs * cost.speed), cost.bytes / (kBytesPerNs * cost.reuse));
}

Cost cost_of(const Call& call) { return cost_of(call, operand_bytes(call)); }

void share_everything(bool on) { everything_is_shared.store(on, std::memory_order_relaxed); }
bool shares_everything() { return everything_is_shared.load(std::memory_order_relaxed); }

int worthwhile_threads(const Cost& cost) {
  const double ns = estimated_ns(cost);
  if (shares_everything()) return runtime::num_threads();
  if (ns < kParallelNs) return 1;
  return std::max(1, std::min(runtime::num_threads(), static_cast<int>(ns / kNsPerThread)));
}

Counters& counters() {
  static thread_local Counters counters;
  return counters;
}

void execute(const Call& call) {
  const double bytes = operand_bytes(call);
  const Cost cost = cost_of(call, bytes);
  Profile* const profile = Profile::active();
  Terms terms{worthwhile_threads(cost), estimated_ns(cost) > kUnlockedNs, profile != nullptr};
  Counters& count = counters();
  ++count.launches;
  count.parallel_launches += terms.threads > 1;
  count.bytes += static_cast<int64_t>(bytes);
  if (!profile) return run(call, terms);
  LaunchWatch* const watch = LaunchWatch::of_thread();
  if (watch) watch->before(call);
  terms.start = terms.end = Profile::now();
  run(call, terms);
  profile->add(call, terms.start, terms.end, call.kernel->host ? 1 : terms.threads, bytes,
               cost.flops);
  if (watch) watch->after(call);
}

void launch(const Call& call) {
  Recorder* const recorder = Recorder::active();
  if (!recorder) return execute(call);
  try {
    execute(call);
  } catch (...) {
    // The function may catch it and then do something else than with other values.
    refuse_recording("an operation failed, and what the function does then may depend on values");
    throw;
  }
  recorder->append(call);
}

}  // namespace steep::program
