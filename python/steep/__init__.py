"""steep: trains neural networks on CPUs, under PyTorch's names.

Example:
    >>> import steep
    >>> x = steep.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
"""

import importlib as _importlib

from steep import _core
from steep._version import __version__ as __version__

# What the extension holds beside the operations. NumPy is not among what is imported here, nor
# is any submodule: `import steep` is to take no time.
_TYPES = (
    *("Generator", "OutOfMemoryError", "Recorder", "Size", "Tensor"),
    *("device", "dtype", "layout", "memory_format"),
)
_DTYPES = (
    *("bool", "double", "float", "float32", "float64"),
    *("int", "int32", "int64", "long", "uint8"),
)
_FORMATS = (
    *("strided", "sparse_coo", "sparse_csr"),
    *("preserve_format", "contiguous_format", "channels_last", "channels_last_3d"),
)
_FUNCTIONS = (
    *("as_tensor", "available_levels", "counters", "cpu_level", "default_generator"),
    *("empty_cache", "enable_grad", "from_numpy", "get_default_dtype", "get_num_threads"),
    *("get_rng_state", "inference_mode", "initial_seed", "is_floating_point"),
    *("is_grad_enabled", "is_tensor", "manual_seed", "memory_stats", "no_grad", "numel"),
    *("promote_types", "reset_peak_memory_stats", "result_type", "seed"),
    *("set_default_dtype", "set_grad_enabled", "set_num_threads", "set_rng_state", "tensor"),
)

# Not by float(), which is a dtype already where the module is loaded a second time.
inf = 1e999
nan = inf - inf
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None

# The names float, int and bool are dtypes from here on.
for _name in (*_TYPES, *_DTYPES, *_FORMATS, *_FUNCTIONS, *_core.registry_names()):
    globals()[_name] = getattr(_core, _name)
del _name

_SUBMODULES = (
    "array_api",
    "autograd",
    "cli",
    "compat",
    "compiler",
    "cuda",
    "data",
    "diagnose",
    "distributions",
    "func",
    "linalg",
    "models",
    "nn",
    "optim",
    "profiler",
    "random",
    "reference",
    "serialization",
    "serialize",
    "sklearn",
    "special",
    "testing",
    "train",
    "utils",
    "viz",
)
# What programs ask of other devices and services; `steep.compat` has them.
_STAND_INS = (
    *("accelerator", "amp", "backends", "distributed", "hub", "jit", "multiprocessing", "onnx"),
    "version",
)
_HOMES = {
    "_dlpack": ("from_dlpack", "to_dlpack"),
    "_einsum": ("einsum", "tensordot"),
    "_info": ("finfo", "iinfo"),
    "_printing": ("set_printoptions",),
    "_shapes": ("broadcast_shapes",),
    "checkpoint": ("load_checkpoint", "save_checkpoint"),
    "compiler": ("compile",),
    "func": ("vmap",),
    "linalg": ("det", "matrix_exp", "matrix_power", "slogdet"),
    "linalg.factored": ("cholesky_inverse", "cholesky_solve", "logdet"),
    "linalg.first_names": (
        *("cholesky", "lu", "lu_solve", "pca_lowrank", "pinverse", "qr", "svd", "svd_lowrank"),
        "triangular_solve",
    ),
    "linalg.inverse": ("inverse",),
    "linalg.triangles": ("lu_unpack",),
    "operations.asking": (
        *("adjoint", "can_cast", "conj", "conj_physical", "is_distributed", "is_inference"),
        *("is_neg", "is_same_size", "is_signed", "isreal", "real", "resolve_conj", "resolve_neg"),
    ),
    "operations.choosing": ("as_strided_scatter", "index_reduce", "nonzero_static", "renorm"),
    "operations.histograms": ("histogram", "histogramdd"),
    "operations.integrals": ("cumulative_trapezoid", "gradient", "trapezoid", "trapz"),
    "operations.making": (
        *("asarray", "empty_permuted", "empty_strided", "frombuffer", "range", "scalar_tensor"),
        *("unravel_index", "vander"),
    ),
    "operations.numbers": ("angle", "frexp", "gcd", "lcm", "ldexp", "nextafter"),
    "operations.windows": (
        *("bartlett_window", "blackman_window", "hamming_window", "hann_window"),
        "kaiser_window",
    ),
    "serialize": ("load", "save"),
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names}
# Methods that are Python functions of their first argument.
_METHODS = {
    name: _LAZY[name]
    for name in (
        *("adjoint", "angle", "as_strided_scatter", "cholesky", "cholesky_inverse"),
        *("cholesky_solve", "conj", "conj_physical", "det", "frexp", "gcd", "histogram"),
        *("index_reduce", "inverse", "is_distributed", "is_inference", "is_neg", "is_same_size"),
        *("is_signed", "isreal", "lcm", "ldexp", "logdet", "lu", "lu_solve", "matrix_exp"),
        *("matrix_power", "nextafter", "nonzero_static", "pinverse", "qr", "renorm"),
        *("resolve_conj", "resolve_neg", "slogdet", "svd", "triangular_solve"),
    )
}
# Those that are methods alone, and attributes.
_OF_TENSORS = {
    "operations.attributes": (
        *(
            "H",
            "__array_interface__",
            "__array_namespace__",
            "as_strided_",
            "const_data_ptr",
            "dim_order",
            "imag",
        ),
        *("is_conj", "is_cpu", "is_ipu", "is_maia", "is_meta", "is_mkldnn", "is_mps", "is_mtia"),
        *("is_nested", "is_nonzero", "is_quantized", "is_set_to", "is_sparse_csr", "is_vulkan"),
        *("is_xla", "is_xpu", "mH", "new_empty_strided", "real", "set_", "to_dense", "to_device"),
        *("unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes"),
    ),
    "operations.changing": (
        *("apply_", "gcd_", "index_reduce_", "lcm_", "ldexp_", "map2_", "map_", "nextafter_"),
        *("renorm_", "resize_", "resize_as_"),
    ),
    "operations.choosing": ("sum_to_size",),
    "operations.memory": ("storage", "untyped_storage"),
    "operations.protocols": ("__torch_function__",),
    "operations.refused": (
        *("cdouble", "cfloat", "chalf", "coalesce", "ipu", "is_coalesced", "istft", "mtia"),
        *("sparse_dim", "sparse_mask", "stft", "to_mkldnn", "to_sparse", "to_sparse_bsc"),
        *("to_sparse_bsr", "to_sparse_coo", "to_sparse_csc", "to_sparse_csr", "xpu"),
    ),
}
_METHODS.update({name: home for home, names in _OF_TENSORS.items() for name in names})
_own = vars(_core.Tensor)  # all of them, where the module is loaded a second time
_METHODS = {name: home for name, home in _METHODS.items() if name not in _own}


class _Method:
    """A method that is imported when it is first asked for, and then takes this one's place."""

    def __init__(self, name, home):  # type: ignore[no-untyped-def]
        self.name, self.home = name, home

    def __get__(self, instance, owner=None):  # type: ignore[no-untyped-def]
        found = getattr(_importlib.import_module(f"steep.{self.home}"), self.name)
        setattr(_core.Tensor, self.name, found)
        return found.__get__(instance, owner)


_name = _home = ""
for _name, _home in _METHODS.items():
    setattr(_core.Tensor, _name, _Method(_name, _home))
del _name, _home, _own

__all__ = [
    *_TYPES,
    *_DTYPES,
    *_FORMATS,
    *_FUNCTIONS,
    *_core.registry_names(),
    *_SUBMODULES,
    *_LAZY,
    *("__version__", "e", "inf", "nan", "newaxis", "pi"),
]


# Dtypes of PyTorch's that are refused by name rather than by silence.
_OTHER_DTYPES = (
    *("float16", "half", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    *("int8", "int16", "short", "uint16", "uint32", "uint64"),
    *("complex32", "chalf", "complex64", "cfloat", "complex128", "cdouble"),
)


def __getattr__(name):  # type: ignore[no-untyped-def]  # __init__.pyi has the types
    """Import a submodule, or what one defines, when it is first asked for."""
    if name in _SUBMODULES:
        return _importlib.import_module(f"steep.{name}")
    if name in _STAND_INS:
        return _importlib.import_module(f"steep.compat.{name}")
    if name.startswith("_foreach_"):
        return getattr(_importlib.import_module("steep.compat.foreach"), name)
    if name in _LAZY:
        value = getattr(_importlib.import_module(f"steep.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    if name in _OTHER_DTYPES:
        raise AttributeError(
            f"steep.{name}: expected one of the dtypes float32, float64, int64, int32, uint8 and "
            f"bool, got {name}, which steep does not have; float32 is the usual choice on a CPU"
        )
    if not name.startswith("_"):
        names = _importlib.import_module("steep.compat._names")
        if name in names.__all__:
            return getattr(names, name)
    return _importlib.import_module("steep.compat._root").find(name)


def __dir__():  # type: ignore[no-untyped-def]
    return sorted({*globals(), *__all__})
