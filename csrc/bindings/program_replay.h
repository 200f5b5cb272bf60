// What a table of programs holds, and how a call is replayed from it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bindings/call_key.h"
#include "bindings/guards.h"
#include "bindings/precondition.h"
#include "bindings/result_tree.h"
#include "program/replay.h"

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
  Owned kept;  // objects that the key knows by their address
  int64_t last_used = 0;

  void add(PyObject* cells);
  bool is_guarded() const;
  // Whether arguments and gradients are such as it was made for; `before`: what .grad is now, of the
  // leaves where that matters.
  bool accepts(const CallKey& key, const Tensors& before) const;
};

using Entries = std::vector<std::shared_ptr<Entry>>;

struct Table {
  // Whoever runs an entry holds it, and whoever looks for one the list of them: meanwhile other
  // threads, and what runs while names are compared, may add and remove. Lists are never changed.
  std::unordered_map<std::string, std::shared_ptr<const Entries>> entries;
  int64_t calls = 0;
  Owned namespaces;  // see read_call
};

// The programs of a kind of call; held by who looks at them, for that may run code.
std::shared_ptr<const Entries> entries_of(const Table& table, const std::string& key);

// The program that fits a call; null where none does.
std::shared_ptr<Entry> find_entry(const Table& table, const CallKey& key);

// The result of a replay of the call, or NotImplemented where no program is sure to fit.
PyObject* replay_call(Table& table, PyObject* args, PyObject* kwargs);

}  // namespace steep::bindings
