// Decides whether a program runs on its team or on one thread, by measuring while it runs: which is
// faster depends on whether the cores share a cache and what else uses them now. The bits are the
// same either way.
#pragma once

#include <algorithm>
#include <cstdint>

namespace steep::program {

// Runs are counted in rounds. At the end of a round, the other way is tried a few times; if it is
// faster, the next round uses it. A round that takes longer than the other way was last measured to
// take is broken off, and the other way is used again. (If other processes use the cores, a team
// waits for its slowest thread, which a few tries may not show but a round does.) Each time the
// other way is not faster, twice as many rounds pass until it is tried again.
//
// It begins on one thread, and stays there until so much time has been spent that one slow run of
// the team does not matter: of a function that is called with many shapes, most programs never run
// that long.
class Pace {
 public:
  // Whether this run is to use the team.
  bool use_team() const { return trying() != team_; }
  // Notes how long this run took.
  void note(int64_t ns);

 private:
  // The first tries have to wake threads and fetch data from other caches: the shortest of the
  // later ones counts.
  static constexpr int kRound = 256, kTries = 16, kFirstTries = 6, kMostRounds = 8;
  static constexpr int64_t kBeginningNs = 6'000'000;

  bool trying() const { return rounds_left_ == 0 && run_ >= kRound - kTries; }
  // In its first round the new way must be faster; later it must not be much slower.
  double bound() const { return new_ ? other_ : 1.5 * other_; }
  void end_round();
  void turn(double usual, bool to_new) {
    team_ = !team_;
    new_ = to_new;
    other_ = usual;
  }
  void lose_patience() {
    patience_ = patience_ < kMostRounds ? 2 * patience_ : kMostRounds;
    rounds_left_ = patience_;
  }

  bool beginning_ = true, team_ = false, new_ = false;
  int run_ = 0;
  int usual_runs_ = 0;
  int64_t spent_ = 0;                   // ns, of this round's usual runs
  int64_t on_tries_ = 0;                // ns, of its tries
  int64_t tried_ = 0;                   // ns, the shortest of its tries; 0: none yet
  double other_ = 0;                    // ns a run the other way, as last seen; 0: never
  int patience_ = 1, rounds_left_ = 0;  // until the next tries
};

inline void Pace::note(int64_t ns) {
  if (!trying()) {
    spent_ += ns;
    ++usual_runs_;
    if (beginning_ && spent_ >= kBeginningNs && usual_runs_ >= 2) {  // tries come next
      beginning_ = false;
      run_ = kRound - kTries - 1;
    } else if (beginning_) {
      return;
    }
    const int least = kRound / 4;
    const int runs = usual_runs_ > least ? usual_runs_ : least;
    if (other_ > 0 && static_cast<double>(spent_) > bound() * runs) return end_round();
  } else {
    on_tries_ += ns;
    if (run_ >= kRound - kTries + kFirstTries && (tried_ == 0 || ns < tried_)) tried_ = ns;
    // Some try waited for a core: stop trying.
    if (on_tries_ * usual_runs_ > spent_ * (kRound / 4)) return end_round();
  }
  if (++run_ == kRound) end_round();
}

inline void Pace::end_round() {
  const double usual = static_cast<double>(spent_) / usual_runs_;
  if (other_ > 0 && usual > bound()) {
    turn(usual, false);
    lose_patience();
  } else if (tried_ > 0 && static_cast<double>(tried_) < usual) {
    turn(usual, true);
    rounds_left_ = 1;  // a whole round before anything is tried again
  } else if (on_tries_ > 0) {
    if (tried_ > 0) other_ = static_cast<double>(tried_);
    new_ = false;
    lose_patience();
  } else {
    if (new_) patience_ = 1;
    new_ = false;
    rounds_left_ -= rounds_left_ > 0;
  }
  run_ = usual_runs_ = 0;
  spent_ = on_tries_ = tried_ = 0;
}

}  // namespace steep::program
