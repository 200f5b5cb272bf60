// Whether a program is faster on its team or on one thread: found out while it runs, for it depends on what no estimate
// knows: whether the cores share a cache, and who else uses them now. The bits are the same either way.
#pragma once

#include <cstdint>

namespace steep::program {

class Pace {
 public:
  // Whether this run is to use the team.
  bool use_team() const { return trying() ? !team_is_better_ : team_is_better_; }
  // What this run has taken.
  void note(int64_t ns);

 private:
  // Once in so many runs the other way is tried for some runs. The first of them finds the data in the wrong cache, and
  // the shortest of the rest counts.
  static constexpr int kRound = 256, kTries = 4;

  bool trying() const { return run_ >= kRound - kTries; }

  bool team_is_better_ = true;
  // The first round is short, so that a program which runs a few hundred times gains as well.
  int run_ = kRound - 2 * kTries - 8;
  int64_t usual_ = 0, tried_ = 0;  // ns, the shortest of this round; 0: none yet
};

inline void Pace::note(int64_t ns) {
  const bool first_try = run_ == kRound - kTries;
  int64_t& shortest = trying() ? tried_ : usual_;
  if (!first_try && (shortest == 0 || ns < shortest)) shortest = ns;
  if (++run_ < kRound) return;
  if (tried_ < usual_) team_is_better_ = !team_is_better_;
  run_ = 0;
  usual_ = tried_ = 0;
}

}  // namespace steep::program
