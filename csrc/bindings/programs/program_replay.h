// What a table of programs holds, and how a call is replayed from it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bindings/programs/call_key.h"
#include "bindings/programs/guards.h"
#include "bindings/programs/precondition.h"
#include "bindings/programs/result_tree.h"
#include "bindings/programs/symbolic.h"
#include "program/replay/replay.h"
#include "tape/replayed.h"

namespace steep::bindings {

// A program keeps as many lists of cells, and no more, under which recordings were the same.
constexpr size_t kMostGuards = 4;

// A program with all that decides whether it fits a call, and what else a call does.
struct Entry {
  std::shared_ptr<program::Program> program;
  ResultTree result;
  // One of them must hold. Held by who looks at it: that may run code, which may add another.
  std::vector<std::shared_ptr<Guards>> guards;
  std::vector<Precondition> before;
  Owned kept;                                   // objects that the key knows by their address
  std::shared_ptr<tape::Replayed> backward;     // of results whose graph is used outside, or null
  std::unique_ptr<const NumberSource> numbers;  // null: none changes
  int64_t last_used = 0;
  std::weak_ptr<Guards> asked_under{};  // those that held when `before` were asked last
  int users = 0;  // those who look at it or run it; guarded by the interpreter lock

  void add(PyObject* cells);
  std::shared_ptr<Guards> guarded() const;  // those that hold, or null
  // Whether `before` were asked while these held: others mean other objects, such as other groups of
  // an optimiser. If not, they are to be asked again.
  bool was_asked_under(const std::shared_ptr<Guards>& held);
};

using Entries = std::vector<std::shared_ptr<Entry>>;

// Entries while someone looks at them or runs one, either of which may run code. They are held, and
// marked: Python's collector must not take what they hold for reached from the table alone.
class EntriesInUse {
 public:
  explicit EntriesInUse(std::shared_ptr<const Entries> list) : list_(std::move(list)) {
    for (const std::shared_ptr<Entry>& entry : *list_) ++entry->users;
  }
  ~EntriesInUse() {
    for (const std::shared_ptr<Entry>& entry : *list_) --entry->users;
  }
  EntriesInUse(const EntriesInUse&) = delete;
  EntriesInUse& operator=(const EntriesInUse&) = delete;

  auto begin() const { return list_->begin(); }
  auto end() const { return list_->end(); }
  size_t size() const { return list_->size(); }

 private:
  const std::shared_ptr<const Entries> list_;
};

// The kinds of call that were run once of late, by a mark each: what is not called again is not
// worth more than a glance.
class LastMet {
 public:
  explicit LastMet(size_t most) : marks_(most) {}
  static size_t mark_of(const std::string& key) {
    return std::max<size_t>(1, std::hash<std::string>()(key));
  }
  bool has(size_t mark) const {
    return std::find(marks_.begin(), marks_.end(), mark) != marks_.end();
  }
  void add(size_t mark) {
    marks_[next_] = mark;
    next_ = (next_ + 1) % marks_.size();
  }
  bool any() const { return marks_[0] != 0; }

 private:
  std::vector<size_t> marks_;  // 0: none
  size_t next_ = 0;
};

// Kinds of call that are known not to be replayed, and run as they are for some calls more.
class Waits {
 public:
  void set(const std::string& key, int64_t calls) { waits_[key].left = calls; }
  // Whether a call is one of those.
  bool take(const std::string& key) {
    const auto found = waits_.find(key);
    if (found == waits_.end() || found->second.left == 0) return false;
    --found->second.left;
    ++found->second.taken;
    return true;
  }
  // How many were, since that was asked last.
  int64_t taken(const std::string& key) {
    const auto found = waits_.find(key);
    return found == waits_.end() ? 0 : std::exchange(found->second.taken, 0);
  }
  void remove(const std::string& key) { waits_.erase(key); }
  bool empty() const { return waits_.empty(); }

 private:
  struct Wait {
    int64_t left = 0, taken = 0;
  };
  std::unordered_map<std::string, Wait> waits_;
};

struct Table {
  // Of a function that keeps so many kinds of call.
  explicit Table(size_t kinds) : met(kinds) {}

  void count_newcomers(int64_t count) { newcomers = std::clamp(count, int64_t{0}, kMostNewcomers); }
  static constexpr int64_t kMostNewcomers = int64_t{1} << 62;

  // Meanwhile other threads, and what runs while names are compared, may add and remove: lists are
  // never changed, and who goes through one holds it (EntriesInUse).
  std::unordered_map<std::string, std::shared_ptr<const Entries>> entries;
  int64_t calls = 0;
  LastMet met;
  Waits waits;
  int64_t newcomers = 0;  // calls of new kinds since the last replay, as far as they are counted
  std::shared_ptr<program::MemoryPool> pool = std::make_shared<program::MemoryPool>();
  Owned namespaces;       // see read_call
  bool has_open = false;  // whether there may be kinds of call that leave numbers open
};

// The programs of a kind of call; for EntriesInUse.
std::shared_ptr<const Entries> entries_of(const Table& table, const std::string& key);

// The program that fits a call; null where none does.
std::shared_ptr<program::Program> find_program(const Table& table, const CallKey& key);

// What is to be done with a call that is not replayed.
struct NotReplayed {
  bool only_run = false;    // the function as it is: there is nothing to learn from it for now
  bool is_endless = false;  // what it is called with holds itself, or what is too deep: no kind
  size_t new_kind = 0;      // the mark of a kind not met of late, which is only run as well; else 0
  bool has_numbers = false;  // whether it may count by other things than the values of its numbers
};

// The result of a replay of the call, or NotImplemented where no program is sure to fit.
PyObject* replay_call(Table& table, PyObject* args, PyObject* kwargs, NotReplayed& otherwise);

}  // namespace steep::bindings
