// Small functions on tensors and dtypes, and the registry as data.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <limits>

#include "bindings/autograd/autograd.h"
#include "bindings/calls/convert.h"
#include "bindings/calls/functions.h"
#include "bindings/calls/intercept.h"
#include "bindings/calls/signature_text.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "ops/product/naive.h"
#include "ops/product/stream.h"
#include "ops/registry.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

py::object steal(PyObject* object) {
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

const Tensor& required(const char* op, const py::object& x) {
  if (!is_tensor(x.ptr())) fail(ErrorKind::type, op, "a Tensor", type_name(x.ptr()));
  return tensor_of(x.ptr());
}

DType required_dtype(const char* op, const py::object& dtype) {
  if (!is_dtype(dtype.ptr())) fail(ErrorKind::type, op, "a steep.dtype", type_name(dtype.ptr()));
  return dtype_of(dtype.ptr());
}

void add_operand(Promotion& promotion, const py::object& operand) {
  ops::TensorOrNumber read;
  if (!read_operand(operand.ptr(), read))
    fail(ErrorKind::type, "result_type", "Tensors or numbers", type_name(operand.ptr()));
  if (read.is_tensor()) {
    promotion.add(read.tensor.dtype(), read.tensor.dim());
  } else {
    promotion.add(read.number);
  }
}

Tensor given(const py::object& x) { return x.is_none() ? Tensor() : required("product_into", x); }

void product_into(const py::object& out, const py::object& a, const py::object& b,
                  const py::object& bias, const py::object& aux, const std::string& activation,
                  bool accumulate, bool naive) {
  const Tensor shift = given(bias), output = given(aux);
  ops::product_into(required("product_into", out),
                    {required("product_into", a), required("product_into", b), shift,
                     ops::product_activation(activation), output, accumulate},
                    naive);
}

void stream_peak(const py::list& arrays, int64_t updated, int64_t written, int64_t rounds) {
  Tensors read;
  for (const py::handle& x : arrays)
    read.push_back(required("stream_peak", py::reinterpret_borrow<py::object>(x)));
  ops::stream_peak(read, updated, written, rounds);
}

py::str text(std::string_view view) { return {view.data(), view.size()}; }

py::list parameter_rows(const WrittenSignature& signature) {
  using Kind = WrittenParameter::Kind;
  py::list rows;
  for (const WrittenParameter& parameter : signature.parameters) {
    py::dict row;
    row["name"] = text(parameter.name);
    row["annotation"] = text(parameter.annotation);
    row["default"] = parameter.standard.empty() ? py::none() : py::object(text(parameter.standard));
    row["kind"] = parameter.kind == Kind::positional ? "positional"
                  : parameter.kind == Kind::keyword  ? "keyword"
                                                     : "variadic";
    rows.append(row);
  }
  return rows;
}

py::dict module_row(const ops::SimpleModule& module) {
  py::dict out;
  out["name"] = module.name;
  out["function"] = module.function;
  out["doc"] = module.doc;
  out["parameters"] = py::none();
  if (module.holds) out["parameters"] = parameter_rows(read_signature(module.name, module.holds));
  out["shows"] = module.shows ? py::object(py::str(module.shows)) : py::none();
  return out;
}

py::dict row(const ops::Op& op) {
  const WrittenSignature signature = read_signature(op.name, op.signature);
  py::dict out;
  out["name"] = op.name;
  out["family"] = op.source->family;
  out["where"] = static_cast<int>(op.exposure & (ops::kBoth | ops::kInternal | ops::kFunctional));
  out["signature"] = op.signature;
  out["parameters"] = parameter_rows(signature);
  out["returns"] = text(signature.returns);
  out["doc"] = op.doc;
  out["cases"] = op.cases ? op.cases : op.name;
  out["out"] = bool(op.exposure & ops::kOut);
  return out;
}

py::list registry_rows() {
  py::list rows;
  for (const ops::Op& op : ops::registry().ops()) rows.append(row(op));
  return rows;
}

py::list module_rows() {
  py::list rows;
  for (const ops::SimpleModule& module : ops::registry().modules()) rows.append(module_row(module));
  return rows;
}

// The functions that users see, each once.
py::list registry_names() {
  std::vector<std::string> names;
  for (const ops::Op& op : ops::registry().ops())
    if (op.exposure & ops::kFunction) names.emplace_back(op.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  py::list out;
  for (const std::string& name : names) out.append(name);
  return out;
}

}  // namespace

void add_functions(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  m.def(
      "is_tensor",
      [](const py::object& obj) { return is_tensor(obj.ptr()) || is_batched(obj.ptr()); },
      py::arg("obj"), "Whether obj is a Tensor.");
  m.def(
      "is_floating_point",
      [](const py::object& x) {
        if (is_batched(x.ptr())) return is_floating(dtype_of_batched(x.ptr()));
        return is_floating(required("is_floating_point", x).dtype());
      },
      py::arg("input"), "Whether the tensor's dtype is float32 or float64.");
  m.def(
      "numel",
      [](const py::object& x) {
        if (is_batched(x.ptr())) return steal(ask_batched(x.ptr(), "numel"));
        return py::object(py::int_(required("numel", x).numel()));
      },
      py::arg("input"), "How many elements there are.");
  m.def(
      "get_default_dtype", [] { return steal(wrap(default_dtype())); },
      "The floating dtype used where none is given.");
  m.def(
      "set_default_dtype",
      [](const py::object& d) {
        const DType dtype = required_dtype("set_default_dtype", d);
        if (!is_floating(dtype))
          fail(ErrorKind::type, "set_default_dtype", "float32 or float64", name(dtype));
        set_default_dtype(dtype);
      },
      py::arg("d"), "Sets the floating dtype used where none is given: float32 or float64.");
  m.def(
      "floating_limits",
      [](const py::object& d) {
        return visit(required_dtype("floating_limits", d), [](auto type) {
          using Limits = std::numeric_limits<ElementOf<decltype(type)>>;
          return py::make_tuple(
              static_cast<double>(Limits::epsilon()), static_cast<double>(Limits::max()),
              static_cast<double>(Limits::min()), static_cast<int>(Limits::digits10));
        });
      },
      py::arg("dtype"),
      "For a floating dtype: the distance from 1 to the next number, the largest number, the "
      "smallest of full precision, and how many decimal digits it keeps.");
  m.def(
      "promote_types",
      [](const py::object& a, const py::object& b) {
        return steal(
            wrap(promote(required_dtype("promote_types", a), required_dtype("promote_types", b))));
      },
      py::arg("type1"), py::arg("type2"), "The smallest dtype that both convert to.");
  m.def(
      "result_type",
      [](const py::object& a, const py::object& b) {
        return kept_from_unwinding([&] {
          Promotion promotion;
          add_operand(promotion, a);
          add_operand(promotion, b);
          return steal(wrap(promotion.result()));
        });
      },
      py::arg("tensor1"), py::arg("tensor2"), "The dtype that arithmetic on the two gives.");
  m.def("product_into", product_into, py::arg("out"), py::arg("a"), py::arg("b"), py::kw_only(),
        py::arg("bias") = py::none(), py::arg("aux") = py::none(), py::arg("activation") = "none",
        py::arg("accumulate") = false, py::arg("naive") = false,
        "Writes activation(a @ b + bias), or that added to what is there, to out: by the packed "
        "kernel, or by the plain loops that say what it computes: for tests.");
  m.def("stream_peak", stream_peak, py::arg("arrays"), py::arg("updated"), py::arg("written"),
        py::arg("rounds"),
        "Passes over vectors of float32 as fast as the machine can: the first ones are read and "
        "written in place, the last ones written, the others read. For benchmarks.");
  m.def("registry", registry_rows,
        "Every operation by name: family, where (1 steep, 2 Tensor, 4 _core alone, 8 "
        "nn.functional), signature, its parameters and what it returns, doc, cases, and out "
        "(whether the function takes it).");
  m.def("registry_modules", module_rows,
        "The modules that hold a function's arguments and no more: name, function, doc, "
        "parameters and shows, which are None where they follow from the function.");
  m.def("registry_names", registry_names, "The names of the functions of the registry.");
}

}  // namespace steep::bindings
