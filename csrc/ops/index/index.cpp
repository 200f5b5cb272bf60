// Subscripts: x[index] and x[index] = value. Integers, slices, None and ... make a view; tensors
// pick rows of it.
#include "ops/index/index.h"

#include "ops/elementwise/elementwise.h"
#include "ops/shape/strided_view.h"
#include "ops/shape/view.h"
#include "program/record/recorder.h"
#include "tensor/shape.h"

namespace steep::ops {

namespace {

// A tensor among the items, and the dimensions of the view that it indexes.
struct Picker {
  int dim;
  Tensor index;
};

int consumed(const IndexItem& item) {
  switch (item.kind) {
    case IndexItem::Kind::integer:
    case IndexItem::Kind::slice:
      return 1;
    case IndexItem::Kind::tensor:
      return item.tensor.dtype() == DType::boolean ? item.tensor.dim() : 1;
    default:
      return 0;
  }
}

Tensor sliced(const Tensor& x, int dim, const IndexItem& item) {
  if (item.step <= 0)
    throw Error(ErrorKind::value, "slice: step must be greater than zero; use flip to reverse");
  const int64_t size = x.size(dim);
  const auto clip = [size](int64_t at) {
    return std::max<int64_t>(0, std::min(at < 0 ? at + size : at, size));
  };
  const int64_t start = item.has_start ? clip(item.start) : 0,
                stop = item.has_stop ? clip(item.stop) : size;
  // A step beyond the size takes one element, as the size itself does, and cannot be multiplied.
  const int64_t step = std::min(item.step, std::max<int64_t>(size, 1));
  const int64_t length = stop > start ? (stop - start - 1) / step + 1 : 0;
  return stepped("slice", x, dim, start, length, step);
}

void add_mask(const Tensor& mask, const Tensor& view, int dim, std::vector<Picker>& pickers) {
  for (int d = 0; d < mask.dim(); ++d) {
    if (dim + d >= view.dim() || mask.size(d) != view.size(dim + d)) {
      throw Error(ErrorKind::index,
                  join("index: The shape of the mask ", to_string(mask.shape()), " at index ", d,
                       " does not match the shape of the indexed tensor ", to_string(view.shape()),
                       " at index ", dim + d));
    }
  }
  const Tensor places = nonzero(mask);
  for (int d = 0; d < mask.dim(); ++d) pickers.push_back({dim + d, select(places, 1, d)});
}

void add_tensor(const Tensor& index, Tensor& view, int& dim, std::vector<Picker>& pickers) {
  if (index.dtype() == DType::boolean) {
    if (index.dim() == 0) {
      // A single truth value adds a dimension that it keeps or empties.
      view = unsqueeze(view, dim);
      pickers.push_back({dim, select(nonzero(unsqueeze(index, 0)), 1, 0)});
      ++dim;
      return;
    }
    add_mask(index, view, dim, pickers);
    dim += index.dim();
    return;
  }
  if (is_floating(index.dtype()))
    throw Error(ErrorKind::index,
                join("index: tensors used as indices must be long, int, byte or bool tensors, got ",
                     name(index.dtype()), "; convert with .long()"));
  pickers.push_back({dim++, to(index, DType::int64)});
}

// Refuses what the view has no room for. An integer's error names the dimension of x that it stands
// at, not that of the view it is left.
void check_item(const IndexItem& item, const Tensor& view, int dim, int named) {
  const int least = item.kind == IndexItem::Kind::ellipsis ? 0 : dim + consumed(item);
  if (least > view.dim())
    throw Error(ErrorKind::index, "index: a second ellipsis ('...') leaves no dimension to index");
  if (item.kind != IndexItem::Kind::integer) return;
  const int64_t size = view.size(dim);
  if (item.start < -size || item.start >= size)
    throw Error(ErrorKind::index, join("index ", item.start, " is out of bounds for dimension ",
                                       named, " with size ", size));
}

// Applies all but the tensors as views; returns what the tensors index.
Tensor apply_views(const Tensor& x, const Index& index, std::vector<Picker>& pickers) {
  int total = 0;
  for (const IndexItem& item : index) total += consumed(item);
  if (total > x.dim())
    throw Error(ErrorKind::index,
                join("too many indices for tensor of dimension ", x.dim(), ": got ", total));
  Tensor view = x;
  int dim = 0, taken = 0;  // of the view; of x, by the items so far
  for (const IndexItem& item : index) {
    check_item(item, view, dim, taken);
    switch (item.kind) {
      case IndexItem::Kind::integer:
        view = select(view, dim, item.start);
        break;
      case IndexItem::Kind::slice:
        view = sliced(view, dim++, item);
        break;
      case IndexItem::Kind::new_axis:
        view = unsqueeze(view, dim++);
        break;
      case IndexItem::Kind::ellipsis:
        dim += x.dim() - total;  // of several, the first takes all there is
        taken += x.dim() - total;
        break;
      case IndexItem::Kind::tensor:
        add_tensor(item.tensor, view, dim, pickers);
        break;
    }
    taken += consumed(item);
  }
  return view;
}

// The shape that the index tensors broadcast to.
Dims shape_of_picked(const std::vector<Picker>& pickers) {
  Dims shape;
  try {
    for (const Picker& picker : pickers)
      shape = broadcast_shapes("index", shape, picker.index.shape());
  } catch (const Error&) {
    std::string shapes;
    for (const Picker& picker : pickers)
      shapes += join(shapes.empty() ? "" : ", ", to_string(picker.index.shape()));
    throw Error(ErrorKind::index, join("index: shape mismatch: indexing tensors could not be "
                                       "broadcast together with shapes ",
                                       shapes));
  }
  return shape;
}

// The view brought to where its picked dimensions lie side by side, and how rows of it are counted.
struct IndexPlan {
  Tensor view;
  Tensor index;
  IndexedRows rows;
};

IndexPlan plan_rows(const Tensor& view, const std::vector<Picker>& pickers) {
  const Dims shape = shape_of_picked(pickers);
  bool adjacent = true;
  for (size_t i = 1; i < pickers.size(); ++i) adjacent &= pickers[i].dim == pickers[i - 1].dim + 1;
  const int first = adjacent ? pickers[0].dim : 0, count_picked = static_cast<int>(pickers.size());
  IndexPlan plan;
  plan.view = view;
  if (!adjacent) {
    Dims order;
    for (const Picker& picker : pickers) order.push_back(picker.dim);
    for (int d = 0; d < view.dim(); ++d)
      if (std::find(order.begin(), order.begin() + count_picked, d) == order.begin() + count_picked)
        order.push_back(d);
    plan.view = permute(view, order);
  }
  Tensors indices;
  Dims sizes;
  for (int i = 0; i < count_picked; ++i) {
    indices.push_back(expand(pickers[static_cast<size_t>(i)].index, shape));
    sizes.push_back(plan.view.size(first + i));
  }
  plan.index = linear_index("", indices, sizes, first);
  const Dims& whole = plan.view.shape();
  plan.rows.before = Dims(whole.begin(), whole.begin() + first);
  plan.rows.after = Dims(whole.begin() + first + count_picked, whole.end());
  plan.rows.whole = whole;
  plan.rows.outer = count(plan.rows.before);
  plan.rows.length = count(sizes);
  plan.rows.inner = count(plan.rows.after);
  return plan;
}

Dims picked_shape(const IndexPlan& plan) {
  Dims shape = plan.rows.before;
  for (int64_t size : plan.index.shape()) shape.push_back(size);
  for (int64_t size : plan.rows.after) shape.push_back(size);
  return shape;
}

bool is_plain_mask(const Index& index, const Tensor& x) {
  return index.size() == 1 && index[0].kind == IndexItem::Kind::tensor &&
         index[0].tensor.dtype() == DType::boolean && index[0].tensor.dim() > 0 &&
         index[0].tensor.shape() == x.shape();
}

}  // namespace

Tensor get_item(const Tensor& x, const Index& index) {
  std::vector<Picker> pickers;
  const Tensor view = apply_views(x, index, pickers);
  if (pickers.empty())
    return view.same(x) ? as_strided(x, x.shape(), x.strides(), x->offset) : view;
  const IndexPlan plan = plan_rows(view, pickers);
  return pick_rows(plan.view, plan.index, plan.rows);
}

Tensor add_items(const Tensor& x, const Index& index, const Tensor& values) {
  std::vector<Picker> pickers;
  const Tensor view = apply_views(x, index, pickers);
  const IndexPlan plan = plan_rows(view, pickers);
  const Dims picked = picked_shape(plan);
  if (!broadcasts_to(values.shape(), picked))
    fail(ErrorKind::runtime, "index_put", join("values that broadcast to ", to_string(picked)),
         to_string(values.shape()));
  return add(x, add_rows(expand(values, picked), plan.index, plan.rows));
}

void set_item(const Tensor& x, const Index& index, const TensorOrNumber& value) {
  if (!value.is_tensor()) check_fits("__setitem__", value.number, x.dtype());
  const Tensor cast =
      value.is_tensor() ? to(value.tensor, x.dtype()) : full({}, value.number, x.dtype());
  if (is_plain_mask(index, x) && cast.numel() == 1) {
    assign("__setitem__", x,
           where(index[0].tensor, TensorOrNumber{reshape(cast, {}), {}}, TensorOrNumber{x, {}}));
    return;
  }
  std::vector<Picker> pickers;
  const Tensor view = apply_views(x, index, pickers);
  if (pickers.empty()) {
    // Leading dimensions of size 1 may stand in front of what fits.
    Tensor fitted = cast;
    while (fitted.dim() > view.dim() && fitted.size(0) == 1) fitted = select(fitted, 0, 0);
    assign("__setitem__", view, fitted);
    return;
  }
  const IndexPlan plan = plan_rows(view, pickers);
  const Dims picked = picked_shape(plan);
  if (!broadcasts_to(cast.shape(), picked)) {
    throw Error(ErrorKind::runtime,
                join("__setitem__: shape mismatch: value tensor of shape ", to_string(cast.shape()),
                     " cannot be broadcast to indexing result of shape ", to_string(picked)));
  }
  assign("__setitem__", plan.view,
         put_rows(plan.view, plan.index, expand(cast, picked), plan.rows));
}

Tensor nonzero(const Tensor& x) {
  program::refuse_recording(
      "the size of its result depends on values (nonzero); do that outside the function");
  const Tensor flags = contiguous(ne({x, {}}, {{}, 0}));
  const uint8_t* flag = flags.data<uint8_t>();
  int64_t found = 0;
  for (int64_t i = 0; i < x.numel(); ++i) found += flag[i];
  Tensor out = empty({found, x.dim()}, DType::int64);
  int64_t* place = out.data<int64_t>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    if (!flag[i]) continue;
    int64_t rest = i;
    for (int d = x.dim() - 1; d >= 0; --d) {
      place[d] = rest % x.size(d);
      rest /= x.size(d);
    }
    place += x.dim();
  }
  return out;
}

Tensors coordinates(const Tensor& x) {
  const Tensor places = nonzero(x.dim() == 0 ? reshape(x, {1}) : x);
  return unbind(places, 1);
}

}  // namespace steep::ops
