"""Why names of PyTorch's are left out: what a missing name's error says, and docs/torch_names.md.

Each row is a reason, then patterns of names that are left out for it. The first row that has the
name counts.
"""

from __future__ import annotations

import re

__all__ = ["PLANNED", "REASONS", "REFUSED", "reason"]

PLANNED = "not there yet"

_COMPLEX = "complex numbers, which steep does not have"
_SPARSE = "sparse tensors, which steep does not have"
_QUANTISED = "quantised numbers, which steep does not have"
_DEVICES = "other devices than the CPU, which steep does not have"
_KERNEL = "the inside of an operation, which nn, nn.functional or a method has"
_COMPILER = "the inside of TorchScript and of PyTorch's compilers; steep.compile takes functions"
_DTYPES = (
    "a dtype besides float32, float64, int64, int32, uint8 and bool, which steep does not have"
)
_VIEWS = "a view followed by a copy; write x.view(...).clone()"
_MODULES = "a module that PyTorch imports"
_SERVICES = "a service beside tensors, which steep does not have"

# Methods of tensors that are there to say that they are refused.
REFUSED = frozenset(
    (
        *("bfloat16", "cdouble", "cfloat", "chalf", "char", "coalesce", "cuda", "half", "imag"),
        *("indices", "ipu", "is_coalesced", "istft", "mtia", "short", "solve", "sparse_dim"),
        *("sparse_mask", "stft", "to_mkldnn", "to_sparse", "to_sparse_bsc", "to_sparse_bsr"),
        *("to_sparse_coo", "to_sparse_csc", "to_sparse_csr", "values", "xpu"),
    )
)

# Reasons in the order in which they are tried, by namespace; patterns are of whole names.
REASONS: dict[str, tuple[tuple[str, str], ...]] = {
    "torch": (
        (
            PLANNED,
            r"special|digamma|lgamma|polygamma|mvlgamma|igammac?|i0_?|func|vmap",
        ),
        (
            _COMPLEX,
            r"fft|stft|istft|complex|complex\d+|cfloat|cdouble|chalf|eig|imag|polar|"
            r"view_as_(complex|real)(_copy)?|conj_physical_",
        ),
        (
            _SPARSE,
            r"sparse.*|.*sparse_?|.*col_indices_copy|.*row_indices_copy|(indices|values)_copy|"
            r"dsmm|hsmm|hspmm|saddmm|smm|spmm|sspaddmm|slice_inverse",
        ),
        (
            _QUANTISED,
            r"q_.*|qu?int\d+.*|QU?Int.*|quantiz.*|quantized_.*|qscheme|per_(channel|tensor)_.*|"
            r"fake_quantize.*|fused_moving_avg.*|fbgemm_.*|choose_qparams.*|dequantize|int_repr|"
            r"empty_quantized|ao",
        ),
        (
            _DEVICES,
            r"cudnn_.*|miopen_.*|mps|mtia|xpu|cpu|Stream.*|Event|DeviceObjType|"
            r"AcceleratorError|get_device(_module)?|is_vulkan_available|compiled_with_cxx11_abi|"
            r"has_(lapack|mkl|openmp|spectral)|init_num_threads|profiler_allow.*|thread_safe_.*|"
            r"prepare_multiprocessing_environment|USE_.*",
        ),
        (
            _DTYPES,
            r"bfloat16|float16|half|short|u?int\d+|bits.*|bit|float[48]_.*|"
            r"(BFloat16|Half|Char|Short)Tensor|jagged|legacy_contiguous_format",
        ),
        (
            "storage without a shape; x.untyped_storage() tells whose memory it is",
            r".*Storage|storage|from_file",
        ),
        (_VIEWS, r".*_copy"),
        (
            _KERNEL,
            r"native_.*|mkldnn_.*|(gru|lstm|rnn_relu|rnn_tanh)(_cell)?|batch_norm_.*|"
            r"convolution|conv_tbc|grid_sampler.*|affine_grid_generator|embedding_(bag|renorm_)|"
            r".*_loss|adaptive_max_pool1d|(feature_)?(alpha_)?dropout_?|norm_except_dim|"
            r"frobenius_norm|nuclear_norm|hash_tensor|segment_reduce|windows|wait",
        ),
        (
            "removed in PyTorch; linalg has what took its place",
            r"lstsq|matrix_rank|solve|symeig",
        ),
        (
            "LAPACK's inside; linalg.qr and linalg.eigh give the factors",
            r"geqrf|orgqr|ormqr|lobpcg",
        ),
        (
            "steep.compat.amp and steep.autograd have what there is to set",
            r".*autocast.*|.*deterministic_debug.*|is_deterministic_algorithms_.*|"
            r"is_inference_mode_enabled|is_warn_always_enabled",
        ),
        (
            _COMPILER,
            r"[A-Z]\w*|sym_.*|classes|classproperty|cond|cpp|export|fork|fx|get_file_path|"
            r"import_ir_.*|library|merge_type_.*|ops|package|parse_.*|unify_type_list|while_loop",
        ),
        (
            _MODULES,
            r"builtins|ctypes|functools|glob|importlib|inspect|math|os|platform|sys|textwrap|"
            r"threading|torch|torch_version|types|warnings|overrides|functional|return_types",
        ),
        (
            _SERVICES,
            r"futures|masked|monitor|nested|quasirandom|signal",
        ),
    ),
    "Tensor": (
        (PLANNED, r"digamma_?|lgamma_?|mvlgamma_?|polygamma_?|igammac?_?|i0_?"),
        (_COMPLEX, r"cdouble|cfloat|chalf|conj_physical_|eig|imag|istft|stft"),
        (
            _SPARSE,
            r"c?(col|row)_indices|crow_indices|indices|values|(is_)?coalesced?|dense_dim|"
            r"sparse_.*|.*sparse.*|smm|sspaddmm|slice_inverse|to_padded_tensor",
        ),
        (_QUANTISED, r"q_.*|qscheme|dequantize|int_repr"),
        (_DEVICES, r"cuda|ipu|mtia|xpu|to_mkldnn|record_stream"),
        (_DTYPES, r"bfloat16|char|half|short"),
        (
            "storage of a dtype's own class; untyped_storage() tells whose memory it is",
            r"storage_type",
        ),
        (_VIEWS, r".*_copy"),
        (
            "removed in PyTorch; linalg has what took its place",
            r"lstsq|solve|symeig",
        ),
        ("LAPACK's inside; linalg.qr gives the factors", r"geqrf|orgqr|ormqr"),
        (
            "the inside of PyTorch's tensors",
            r"as_subclass|grad_dtype|hash_tensor|index|module_load|name|output_nr|reinforce|"
            r"resize(_as)?|volatile",
        ),
    ),
    "nn.functional": (
        (
            _MODULES,
            r"importlib|math|np|torch|warnings|dataclasses|grad|Optional|TYPE_CHECKING|DType",
        ),
        (
            "the inside of PyTorch's functions and of their documentation",
            r"Broadcasting.*|GRID_.*|assert_int_or_pair|boolean_dispatch|.*torch_function.*|"
            r".*_notes|native_channel_shuffle|adaptive_max_pool\dd_with_indices|conv_tbc",
        ),
        ("products in float8 and of ragged groups", r"(scaled_)?grouped_mm|scaled_mm|.*Type"),
    ),
    "linalg": (
        (_COMPLEX, r"eig|eigvals"),
        ("a text of PyTorch's documentation", r"common_notes"),
        (
            "LAPACK's inside; qr, lu and cholesky give factors",
            r"householder_product|ldl_.*",
        ),
    ),
}


def reason(namespace: str, name: str) -> str:
    """Why a name is left out; the empty string for one that PyTorch may not have."""
    rows = REASONS[namespace]
    return next((why for why, pattern in rows if re.fullmatch(pattern, name)), "")
