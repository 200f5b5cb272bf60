// Decides which steps the ranks share, and how. If neighbouring steps can all be shared by rows,
// each rank goes on with the rows it has computed itself, and no rank waits for another.
#include <algorithm>

#include "kernels/product/gemm.h"
#include "program/launch.h"
#include "program/plan/rows.h"
#include "runtime/threads.h"

namespace steep::program {

namespace {

// Steps worth sharing: this is about ten times the cost of a barrier and of fetching what another
// core has written.
constexpr double kSharedNs = 3000;
// Steps worth sharing by rows, which seldom makes ranks wait for each other.
constexpr double kRowsNs = 1000;
// A program whose shared steps take less than this in all runs on one thread; a longer one finds
// out while it runs whether the team is faster (replay/pace.h).
constexpr double kTeamNs = 15000;
// The fewest rows that a rank is given.
constexpr int64_t kLeastRows = 4;

bool worth(double ns, double least) { return ns >= least || shares_everything(); }

Cost cost_of_step(const Plan& plan, const Step& step, PerKind<Cost>& known) {
  const auto cost_of_call = [&](int at) -> const Cost& {
    const RecordedCall& call = plan.calls[at].call;
    return known.of(call, [&call] { return cost_of(call.call()); });
  };
  if (step.calls.size() == 1) return cost_of_call(step.calls[0]);
  Cost sum;
  for (int at : step.calls) sum.flops += cost_of_call(at).flops;
  const Group& group = *step.group;
  for (const Group::View& view : group.views)
    if (view.value >= 0 && view.buffer < 0)
      sum.bytes += static_cast<double>(view.size * (view.step ? group.total : 1));
  return sum;
}

// Whether to share a matrix product by rows rather than by columns. By rows, each rank reads all of
// B, and packs it if it is transposed. By columns, each rank waits for the others, fetches their
// part of A, and the others fetch its part of C.
bool suits_product(const Call& call, int ranks, bool a_in_rows) {
  constexpr int64_t kTileRows = 12, kTileColumns = 16;
  constexpr double kLargestB = 256 * 1024;  // bytes: it should stay in the cache
  constexpr double kMeetingNs = 700, kFetchNsPerByte = 0.035, kPackNs = 0.25;
  const auto& gemm = *static_cast<const kernels::Gemm*>(call.arguments);
  const auto m = static_cast<double>(gemm.m), n = static_cast<double>(gemm.n),
             k = static_cast<double>(gemm.k);
  const auto size = static_cast<double>(element_size(call.type));
  if (gemm.batch > 1 || gemm.trans_a) return true;
  if (gemm.n < kTileColumns * ranks) return true;  // too narrow to be shared by columns
  if (gemm.m < kTileRows * ranks || n * k * size > kLargestB) return false;
  const double others = 1 - 1.0 / ranks;
  const double pack = gemm.trans_b ? kPackNs * n * k * others : 0;
  const double fetched = m * (n + (a_in_rows ? k : 0)) * size * others;
  return pack < kMeetingNs + kFetchNsPerByte * fetched;
}

// Decides for each step in turn.
class Sharing {
 public:
  explicit Sharing(Plan& plan)
      : plan_(plan), rows_(plan.values.size()), read_by_all_(plan.values.size()) {}

  void decide(Step& step) {
    const PartitionedRows rows = rows_of(plan_, step, plan_.threads);
    const int64_t least = shares_everything() ? 1 : kLeastRows * plan_.threads;
    if (rows.count >= least && suits(step) &&
        (worth(step.estimate, kRowsNs) || goes_on(step, rows.count))) {
      step.threads = plan_.threads;
      step.rows = rows.count;
    } else if (worth(step.estimate, updates_shared(step) ? kRowsNs : kSharedNs)) {
      step.threads = plan_.threads;
    }
    note(step, rows);
  }

 private:
  bool suits(const Step& step) const {
    const TracedCall& traced = plan_.calls[step.calls[0]];
    if (traced.call.kernel().kind != Kind::product || shares_everything()) return true;
    return suits_product(traced.call.call(), plan_.threads,
                         rows_[traced.values[kernels::kGemmLeft]] > 0);
  }
  // Whether an operand was made in as many rows.
  bool goes_on(const Step& step, int64_t count) const {
    for (int at : step.calls)
      for (int v : plan_.calls[at].values)
        if (v >= 0 && rows_[v] == count) return true;
    return false;
  }
  // Whether it writes to what all ranks have read, so that they have to meet in any case.
  bool updates_shared(const Step& step) const {
    for (int at : step.calls)
      for (int i = 0; i < plan_.calls[at].values.size(); ++i) {
        const int v = plan_.calls[at].values[i];
        if (v >= 0 && plan_.calls[at].call.writes(i) && read_by_all_[v]) return true;
      }
    return false;
  }
  void note(const Step& step, const PartitionedRows& rows) {
    int operand = 0;
    for (int at : step.calls)
      for (int i = 0; i < plan_.calls[at].values.size(); ++i, ++operand) {
        const int v = plan_.calls[at].values[i];
        if (v < 0) continue;
        const bool whole = operand >= rows.bytes.size() || rows.bytes[operand] == 0;
        if (plan_.calls[at].call.writes(i)) {
          rows_[v] = step.rows;
        } else if (step.rows > 0 && whole) {
          read_by_all_[v] = true;
        }
      }
  }

  Plan& plan_;
  std::vector<int64_t> rows_;      // by value: how many rows it was made in; 0: not by rows
  std::vector<bool> read_by_all_;  // by value: by value: whether all ranks have read all of it
};

}  // namespace

bool may_refuse(const Plan& plan, const Step& step) {
  return plan.calls[step.calls[0]].call.kernel().host;
}

void choose_threads(Plan& plan) {
  const int team = runtime::num_threads();
  double shared = 0;
  PerKind<Cost> known;
  const auto estimate = [&](Step& step) {
    step.cost = cost_of_step(plan, step, known);
    step.estimate = estimated_ns(step.cost);
  };
  for (Step& check : plan.checks) estimate(check);
  for (Step& step : plan.steps) {
    estimate(step);
    if (!may_refuse(plan, step) && step.estimate >= kSharedNs) shared += step.estimate;
  }
  if (team == 1 || give_parts(plan) || !worth(shared, kTeamNs)) return;
  plan.threads = team;
  Sharing sharing(plan);
  for (Step& step : plan.steps)
    if (!may_refuse(plan, step)) sharing.decide(step);
}

}  // namespace steep::program
