// A plan as text, for explain().
#include <cstdio>

#include "program/plan/plan.h"

namespace steep::program {

namespace {

std::string bytes_text(double bytes) {
  char text[32];
  if (bytes < 1024) {
    std::snprintf(text, sizeof text, "%.0f B", bytes);
  } else if (bytes < 1024 * 1024) {
    std::snprintf(text, sizeof text, "%.1f KB", bytes / 1024);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", bytes / (1024 * 1024));
  }
  return text;
}

const char* kind_text(const Plan& plan, int value) {
  switch (plan.values[value].kind) {
    case Value::Kind::input:
      return "in";
    case Value::Kind::state:
      return "s";
    case Value::Kind::constant:
      return "c";
    case Value::Kind::gradient:
      return "g";
    default:
      return plan.values[value].kept ? "out" : "t";
  }
}

std::string operand_text(const Plan& plan, const TracedCall& traced, int i) {
  const Operand& operand = traced.call.operands()[i];
  if (operand.number_input() >= 0)
    return join(operand.negated() ? "-n" : "n", operand.number_input());
  if (operand.is_number()) return to_string(operand.number());
  if (!operand.tensor()) return "-";
  const int v = traced.values[i];
  return join(kind_text(plan, v), v, to_string(operand.tensor()->shape));
}

// Only an optimiser's step has more, and those are all alike.
constexpr int kOperandsShown = 6;

std::string call_text(const Plan& plan, const TracedCall& traced) {
  std::string written, read;
  const int count = traced.values.size();
  for (int i = 0; i < count && i < kOperandsShown; ++i) {
    std::string& text = traced.call.writes(i) ? written : read;
    text += (text.empty() ? "" : ", ") + operand_text(plan, traced, i);
  }
  if (count > kOperandsShown) read += join(", ... ", count - kOperandsShown, " more");
  return join(traced.call.name(), "(", read, ")", written.empty() ? "" : " -> ", written);
}

// Where in the user's program a step comes from.
std::string site_text(const Site& site) {
  const std::string phase = site.phase == Phase::forward ? "" : join(", ", name(site.phase));
  if (!site.layer || !*site.layer)
    return site.phase == Phase::forward ? "" : "  (" + phase.substr(2) + ")";
  return join("  (", site.layer, phase, ")");
}

}  // namespace

std::string listing(const Plan& plan, const std::vector<double>& measured) {
  std::string text = "step  measured  estimated      bytes        flop  who\n";
  double flops = 0, bytes = 0, estimate = 0, taken = 0;
  char line[160];
  for (size_t s = 0; s < plan.checks.size() + plan.steps.size(); ++s) {
    const bool check = s < plan.checks.size();
    const Step& step = check ? plan.checks[s] : plan.steps[s - plan.checks.size()];
    flops += step.cost.flops, bytes += step.cost.bytes, estimate += step.estimate;
    taken += measured[s];
    const std::string who = check ? "first"
                            : step.threads > 1
                                ? join(step.threads, step.rows ? " by rows" : " threads")
                            : plan.threads > 1 ? join("rank ", step.home)
                                               : "";
    std::snprintf(line, sizeof line, "%4zu %7.2f us %7.2f us %10s %11.0f  %-9s %s ", s + 1,
                  measured[s] / 1000, step.estimate / 1000, bytes_text(step.cost.bytes).c_str(),
                  step.cost.flops, who.c_str(), step.barrier ? "|" : " ");
    text += line;
    if (step.calls.size() > 1) text += join("fused ", step.calls.size(), ": ");
    for (size_t i = 0; i < step.calls.size(); ++i)
      text += (i ? "; " : "") + call_text(plan, plan.calls[step.calls[i]]);
    text += site_text(plan.calls[step.calls[0]].call.site()) + "\n";
  }
  const auto steps = static_cast<int64_t>(plan.checks.size() + plan.steps.size());
  text += join(counted(plan.launches, "launch", "launches"), " recorded, ",
               counted(steps, "step", "steps"), ", ", counted(plan.threads, "thread", "threads"),
               "; arena ", bytes_text(static_cast<double>(plan.arena)), "; ");
  std::snprintf(line, sizeof line,
                "%.3f Mflop, %s moved; steps of %.1f us measured, %.1f us estimated\n", flops / 1e6,
                bytes_text(bytes).c_str(), taken / 1000, estimate / 1000);
  text += line;
  for (const std::string& remark : plan.remarks) text += remark + "\n";
  return text;
}

}  // namespace steep::program
