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

inf = float("inf")
nan = float("nan")
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None

# The names float, int and bool are dtypes from here on.
for _name in (*_TYPES, *_DTYPES, *_FORMATS, *_FUNCTIONS, *_core.registry_names()):
    globals()[_name] = getattr(_core, _name)
del _name

_SUBMODULES = (
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
_LAZY = {
    "broadcast_shapes": "_shapes",
    "cholesky": "linalg.first_names",
    "cholesky_inverse": "linalg.factored",
    "cholesky_solve": "linalg.factored",
    "compile": "compiler",
    "det": "linalg",
    "einsum": "_einsum",
    "finfo": "_info",
    "from_dlpack": "_dlpack",
    "iinfo": "_info",
    "inverse": "linalg.inverse",
    "load": "serialize",
    "load_checkpoint": "checkpoint",
    "logdet": "linalg.factored",
    "lu": "linalg.first_names",
    "lu_solve": "linalg.first_names",
    "lu_unpack": "linalg.triangles",
    "matrix_exp": "linalg",
    "matrix_power": "linalg",
    "pca_lowrank": "linalg.first_names",
    "pinverse": "linalg.first_names",
    "qr": "linalg.first_names",
    "save": "serialize",
    "save_checkpoint": "checkpoint",
    "set_printoptions": "_printing",
    "slogdet": "linalg",
    "svd": "linalg.first_names",
    "svd_lowrank": "linalg.first_names",
    "tensordot": "_einsum",
    "triangular_solve": "linalg.first_names",
    "vmap": "func",
}
# Functions above that are methods as well, of their first argument.
_METHODS = (
    *("cholesky", "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "lu"),
    *("lu_solve", "matrix_exp", "matrix_power", "pinverse", "qr", "slogdet", "svd"),
    "triangular_solve",
)


class _Method:
    """A method that is imported when it is first asked for, and then takes this one's place."""

    def __init__(self, name):  # type: ignore[no-untyped-def]
        self.name = name

    def __get__(self, instance, owner=None):  # type: ignore[no-untyped-def]
        function = __getattr__(self.name)
        setattr(_core.Tensor, self.name, function)
        return function if instance is None else function.__get__(instance)


for _name in _METHODS:
    setattr(_core.Tensor, _name, _Method(_name))
del _name

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
    raise AttributeError(f"module 'steep' has no attribute {name!r}")


def __dir__():  # type: ignore[no-untyped-def]
    return sorted({*globals(), *__all__})
