// The table of a compiled function's programs, and how a call is replayed from it.
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
#include "bindings/programs/stored.h"
#include "bindings/programs/symbolic.h"
#include "program/replay/replay.h"
#include "tape/replayed.h"

namespace steep::bindings {

// At most so many lists of cells are kept for a program: recordings under each of them were the
// same.
constexpr size_t kMostGuards = 4;

// A program, what decides whether it fits a call, and what a call does besides.
struct ProgramEntry {
  std::shared_ptr<program::Program> program;
  ResultTree result;
  // One of them must hold. Shared pointers, because checking one may run code that adds another.
  std::vector<std::shared_ptr<Guards>> guards;
  std::vector<Precondition> before;
  Owned kept;  // objects that the key knows by their address, kept alive
  // For results with a graph that is used outside; else null.
  std::shared_ptr<tape::Replayed> backward;
  std::unique_ptr<const NumberSource> numbers;  // null: no numbers change
  std::unique_ptr<const StoredPlaces> stored;   // null: nothing is stored anew
  int64_t last_used = 0;
  std::weak_ptr<Guards> asked_under{};  // the guards that held when `before` were last asked
  int users = 0;  // how many look at it or run it now; guarded by the interpreter lock

  void add(PyObject* cells);
  std::shared_ptr<Guards> guarded() const;  // the guards that hold, or null
  // Whether `before` were asked while these guards held. Under other guards they may be about other
  // objects, such as other parameter groups: then they are marked to be asked again.
  bool was_asked_under(const std::shared_ptr<Guards>& held);
};

using ProgramEntries = std::vector<std::shared_ptr<ProgramEntry>>;

// Entries while someone looks at them or runs one, either of which may run code. They are held and
// counted as in use, so that Python's collector does not take what they hold to be reachable from
// the table alone.
class EntriesInUse {
 public:
  explicit EntriesInUse(std::shared_ptr<const ProgramEntries> list) : list_(std::move(list)) {
    for (const std::shared_ptr<ProgramEntry>& entry : *list_) ++entry->users;
  }
  ~EntriesInUse() {
    for (const std::shared_ptr<ProgramEntry>& entry : *list_) --entry->users;
  }
  EntriesInUse(const EntriesInUse&) = delete;
  EntriesInUse& operator=(const EntriesInUse&) = delete;

  auto begin() const { return list_->begin(); }
  auto end() const { return list_->end(); }
  size_t size() const { return list_->size(); }

 private:
  const std::shared_ptr<const ProgramEntries> list_;
};

// The kinds of call that were recently run once, by their hashes: a kind that does not come again
// is not worth more memory.
class LastMet {
 public:
  explicit LastMet(size_t most) : hashes_(most) {}
  static size_t hash_of(const std::string& key) {
    return std::max<size_t>(1, std::hash<std::string>()(key));
  }
  bool has(size_t hash) const;
  void add(size_t hash);
  bool any() const { return hashes_[0] != 0; }

 private:
  static constexpr size_t kClasses = 256;
  std::vector<size_t> hashes_;     // 0: none
  uint32_t alike_[kClasses] = {};  // how many of them there are of each class: most have none
  size_t next_ = 0;
};

// Kinds of call that cannot be replayed: so many further calls are run as they are.
class Waits {
 public:
  void set(const std::string& key, int64_t calls) { waits_[key].left = calls; }
  // Whether this call is one of them; counts it.
  bool take(const std::string& key) {
    const auto found = waits_.find(key);
    if (found == waits_.end() || found->second.left == 0) return false;
    --found->second.left;
    ++found->second.taken;
    return true;
  }
  // How many there were since this was last asked.
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
  // For a function that remembers so many kinds of call.
  explicit Table(size_t kinds) : met(kinds), met_open(kinds) {}

  void count_newcomers(int64_t count) { newcomers = std::clamp(count, int64_t{0}, kMostNewcomers); }
  static constexpr int64_t kMostNewcomers = int64_t{1} << 62;

  // Lists are never changed but replaced, and whoever goes through one holds it (EntriesInUse):
  // meanwhile other threads, or code that runs while keys are compared, may add and remove entries.
  std::unordered_map<std::string, std::shared_ptr<const ProgramEntries>> entries;
  int64_t calls = 0;
  LastMet met;
  LastMet met_open;  // the same with numbers left open: kinds that were run once with some number
  Waits waits;
  int64_t newcomers = 0;  // calls of new kinds since the last replay
  std::shared_ptr<program::MemoryPool> pool = std::make_shared<program::MemoryPool>();
  Owned namespaces;       // see read_call
  bool has_open = false;  // whether some kinds of call leave numbers open
};

// The entries for a kind of call; to be looked at through EntriesInUse.
std::shared_ptr<const ProgramEntries> entries_of(const Table& table, const std::string& key);

// The program that fits a call, or null.
std::shared_ptr<program::Program> find_program(const Table& table, const CallKey& key);

// What to do with a call that is not replayed.
struct NotReplayed {
  bool only_run = false;  // run the function as it is; recording it is of no use now
  bool is_endless =
      false;            // its arguments contain themselves, or are nested too deeply: it has no key
  size_t new_kind = 0;  // the hash of a kind not met recently, which is only run too; else 0
  // Whether its numbers could be left open, and a call that differs in them alone was met recently.
  bool has_numbers = false;
};

// The result of replaying the call; NotImplemented where no program is certain to fit.
PyObject* replay_call(Table& table, PyObject* args, PyObject* kwargs, NotReplayed& otherwise);

}  // namespace steep::bindings
