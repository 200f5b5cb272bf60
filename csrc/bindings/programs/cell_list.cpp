#include "bindings/programs/cell_list.h"

#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

Owned or_none(PyObject* object) { return Owned::borrow(object ? object : Py_None); }

bool holds_parts(Cell::Kind kind) {
  using Kind = Cell::Kind;
  return kind == Kind::dict || kind == Kind::sequence || kind == Kind::set ||
         kind == Kind::function || kind == Kind::instance;
}

}  // namespace

Counts::Counts(size_t objects) {
  size_t size = 64;
  while (size < 2 * objects + 2) size *= 2;
  slots_.resize(size);
}

size_t Counts::find(PyObject* object) const {
  const uint64_t hash = (reinterpret_cast<uintptr_t>(object) >> 4) * 0x9E3779B97F4A7C15u;
  size_t at = (hash >> 32) & (slots_.size() - 1);
  while (slots_[at].object && slots_[at].object != object) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void Counts::note(PyObject* object) {
  Slot& slot = slots_[find(object)];
  if (slot.object) ++slot.count;
}

size_t CellList::CellIds::find(const CellId& id) const {
  const auto number = [](const void* p) { return reinterpret_cast<uintptr_t>(p) >> 4; };
  uint64_t hash = number(id.holder) * 0x9E3779B97F4A7C15u;
  hash = (hash ^ number(id.key) ^ static_cast<uint64_t>(id.kind)) * 0x9E3779B97F4A7C15u;
  size_t at = (hash >> 32) & (slots_.size() - 1);
  while (slots_[at].holder && !(slots_[at] == id)) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void CellList::CellIds::add(const CellId& id) {
  if (2 * (used_ + 1) > slots_.size()) {
    std::vector<CellId> old(slots_.empty() ? 64 : 2 * slots_.size(),
                            CellId{Cell::Kind::item, nullptr, nullptr});
    old.swap(slots_);
    for (const CellId& one : old)
      if (one.holder) slots_[find(one)] = one;
  }
  slots_[find(id)] = id;
  ++used_;
}

PyObject* CellList::known_key(PyObject* key) {
  if (!key || !PyUnicode_CheckExact(key)) return key ? key : Py_None;
  if (strings_.count(key)) return key;
  PyObject* interned = new_reference(key);
  PyUnicode_InternInPlace(&interned);
  Owned held(interned);
  strings_.emplace(interned, std::move(held));
  return interned;
}

void CellList::add(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value,
                   PyObject* description, PyObject* name, Form form) {
  const CellId cell{kind, holder, known_key(key)};
  if (known_.has(cell)) return;
  DescribedCell kept{make_cell(kind, holder, key ? key : Py_None, value),
                     Owned::borrow(description), or_none(name), form, next_};
  const Owned id(PyLong_FromVoidPtr(holder));
  if (!PyDict_SetDefault(objects_.get(), id.get(), holder)) throw PythonError();
  kept_.push_back(std::move(kept));
  known_.add(cell);
  ++next_;
}

void CellList::replace(size_t index, PyObject* value) {
  const Cell& old = kept_[index].cell;
  Cell cell = make_cell(old.kind, old.holder.get(), old.key.get(), value);
  std::swap(kept_[index].cell, cell);  // the end of the old one may run code
}

void CellList::drop(const std::unordered_set<const void*>& holders, int kind) {
  std::vector<DescribedCell> left, dropped;  // the end of these may run code
  left.reserve(kept_.size());
  for (DescribedCell& kept : kept_) {
    const bool goes = holders.count(kept.cell.holder.get()) &&
                      (kind < 0 || static_cast<int>(kept.cell.kind) == kind);
    (goes ? dropped : left).push_back(std::move(kept));
  }
  kept_.swap(left);
}

Cell CellList::copy(size_t index) const {
  const Cell& cell = kept_[index].cell;
  return make_cell(cell.kind, cell.holder.get(), cell.key.get(), cell.value.get());
}

bool CellList::holds(size_t index) const {
  const Cell& kept = kept_[index].cell;
  const Cell cell{kept.kind, Owned::borrow(kept.holder.get()), Owned::borrow(kept.key.get()),
                  kept.value ? Owned::borrow(kept.value.get()) : Owned()};
  if (cell.kind == Cell::Kind::tensor)
    return is_in_state(tensor_of(cell.holder.get()), cell.value.get());
  return cell.holds();
}

bool CellList::has_met(const Cell& cell) const {
  PyObject* key = cell.key.get();
  Owned interned;
  if (PyUnicode_CheckExact(key)) {
    PyObject* string = new_reference(key);
    PyUnicode_InternInPlace(&string);
    interned = Owned(string);
    key = string;
  }
  return known_.has({cell.kind, cell.holder.get(), key});
}

void CellList::count(Counts& counts) const {
  for (const DescribedCell& kept : kept_) {
    counts.note(kept.cell.holder.get());
    counts.note(kept.cell.key.get());
    if (!kept.cell.value) continue;
    counts.note(kept.cell.value.get());
    if (!holds_parts(kept.cell.kind)) continue;
    PyObject* const parts = kept.cell.value.get();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(parts); ++i)
      counts.note(PyTuple_GET_ITEM(parts, i));
  }
}

int CellList::traverse(visitproc visit, void* arg) const {
  Py_VISIT(objects_.get());
  for (const DescribedCell& kept : kept_) {
    for (const Owned* item :
         {&kept.cell.holder, &kept.cell.key, &kept.cell.value, &kept.description, &kept.name})
      Py_VISIT(item->get());
  }
  return 0;
}

void CellList::clear() {
  std::vector<DescribedCell> dropped;
  dropped.swap(kept_);
}

}  // namespace steep::bindings
