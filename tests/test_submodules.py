"""PyTorch's submodules are submodules here, and hold the same objects."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import steep
from processes import run

PATHS = {
    "utils.data.dataset": ["Dataset", "IterableDataset", "TensorDataset", "Subset", "random_split"],
    "utils.data.dataloader": ["DataLoader", "default_collate", "get_worker_info"],
    "utils.data.sampler": ["Sampler", "RandomSampler", "BatchSampler", "SequentialSampler"],
    "nn.modules": ["Linear", "ReLU", "Module", "Sequential", "MSELoss", "LayerNorm", "Flatten"],
    "nn.modules.activation": ["ReLU", "GELU", "Softmax"],
    "nn.modules.container": ["Sequential", "ModuleList", "ModuleDict", "ParameterList"],
    "nn.modules.dropout": ["Dropout"],
    "nn.modules.flatten": ["Flatten", "Unflatten"],
    "nn.modules.linear": ["Linear", "Identity"],
    "nn.modules.loss": ["MSELoss", "CrossEntropyLoss"],
    "nn.modules.module": ["Module"],
    "nn.modules.normalization": ["LayerNorm"],
    "nn.parameter": ["Parameter"],
    "nn.functional": ["relu"],
    "nn.init": ["kaiming_uniform_"],
    "nn.utils.clip_grad": ["clip_grad_norm_", "clip_grad_value_"],
    "nn.utils.convert_parameters": ["parameters_to_vector", "vector_to_parameters"],
    "nn.utils.parametrizations": ["weight_norm", "spectral_norm"],
    "nn.utils.parametrize": ["cached", "is_parametrized", "register_parametrization"],
    "nn.utils.rnn": ["PackedSequence", "pad_sequence", "pack_padded_sequence"],
    "optim.adam": ["Adam"],
    "optim.adamw": ["AdamW"],
    "optim.lr_scheduler": ["LRScheduler", "StepLR", "OneCycleLR", "ReduceLROnPlateau"],
    "optim.optimizer": ["Optimizer"],
    "optim.sgd": ["SGD"],
    "optim.swa_utils": ["AveragedModel", "SWALR", "get_ema_avg_fn", "update_bn"],
    "autograd.function": ["Function", "FunctionCtx", "once_differentiable"],
    "autograd.grad_mode": ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode"],
    "autograd.gradcheck": ["gradcheck", "gradgradcheck"],
    "random": ["manual_seed", "get_rng_state", "set_rng_state"],
    "serialization": ["save", "load"],
}
# Where the package gives the names of a submodule.
HOMES = {"nn.parameter": "nn", "random": "", "serialization": "", "autograd.grad_mode": ""}
# Which have names of their own.
_OWN = ("optim.lr_", "optim.swa_", "nn.utils.param", "nn.utils.rnn")
HOMES |= {path: path for path in PATHS if path.startswith(_OWN)}


@pytest.mark.parametrize("path", PATHS)
def test_submodule_holds_the_same_objects(path: str) -> None:
    module = importlib.import_module(f"steep.{path}")
    home = HOMES.get(path, path.split(".modules")[0] if ".modules" in path else None)
    if home is None:
        home = path.rpartition(".")[0] if path.count(".") else path
    package = importlib.import_module(f"steep.{home}" if home else "steep")
    for name in PATHS[path]:
        assert name in module.__all__
        if path not in ("nn.functional", "nn.init"):
            assert getattr(module, name) is getattr(package, name)


@pytest.mark.parametrize("path", PATHS)
def test_submodule_is_an_attribute(path: str) -> None:
    """`import steep` is enough to write the whole path."""
    code = f"import steep; steep.{path}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_layers_are_among_the_modules() -> None:
    for name in steep.nn.__all__:
        layer = getattr(steep.nn, name)
        # As in PyTorch, what spreads a module over devices has a place of its own.
        if layer is not steep.nn.DataParallel and isinstance(layer, type):
            if not issubclass(layer, steep.nn.Module):
                continue
            assert getattr(steep.nn.modules, name) is layer


def test_functions_stay_functions() -> None:
    importlib.import_module("steep.autograd.gradcheck")
    x = steep.ones(2, dtype=steep.float64, requires_grad=True)
    assert steep.autograd.gradcheck(steep.exp, [x])


def test_what_few_programs_use_is_not_imported_with_the_rest() -> None:
    code = (
        "import sys, steep; steep.optim.SGD, steep.nn.Linear; "
        "LATER = ('steep.optim.lr_s', 'steep.optim.swa', 'steep.nn.utils.param', "
        "'steep.nn.utils._hooked', 'steep.nn.utils._orthogonal', 'steep.train'); "
        "print([m for m in sys.modules if m.startswith(LATER)])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert eval(out.stdout) == []


def test_import_stays_small() -> None:
    code = (
        "import sys, steep; "
        "print([m for m in sys.modules if m.startswith('steep.') or m == 'numpy'])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert eval(out.stdout) == ["steep._core", "steep._version"]


def test_the_package_may_be_loaded_a_second_time() -> None:
    """By `reload`, and after its modules were forgotten, as some test runners do."""
    out = run(
        """
        import importlib, sys
        import steep
        x = steep.ones(3)
        importlib.reload(steep)
        print(steep.ones(3).add(x).tolist(), steep.inf, steep.nan)
        for name in [name for name in sys.modules if name.split(".")[0] == "steep"]:
            del sys.modules[name]
        import steep as again
        assert again is not steep
        print(again.ones(3).add(x).tolist(), again.nn.Linear(3, 2)(x).shape, x.is_nonzero)
        """
    )
    assert out.startswith("[2.0, 2.0, 2.0] inf nan\n[2.0, 2.0, 2.0] steep.Size([2]) <")


def test_submodules_that_scripts_name_without_importing_them() -> None:
    program = (
        "import steep, sys\n"
        "loaded = len([name for name in sys.modules if name.startswith('steep.compat')])\n"
        "with steep.cuda.amp.autocast(enabled=False):\n"
        "    scaler = steep.cuda.amp.GradScaler(enabled=False)\n"
        "with steep.autograd.profiler.record_function('a'):\n"
        "    kind = steep.utils.data.distributed.DistributedSampler\n"
        "shares = kind(range(4), 2, 1, shuffle=False)\n"
        "print(loaded, list(shares), steep.utils.data._utils.collate.default_collate([1, 2]))\n"
    )
    assert run(program).strip() == "0 [1, 3] tensor([1, 2])"


def test_families_and_attention_where_pytorch_has_them() -> None:
    program = (
        "import steep\n"
        "d = steep.distributions\n"
        "print(d.categorical.Categorical is d.Categorical, d.normal.Normal is d.Normal,\n"
        "      d.uniform.Uniform is d.Uniform, hasattr(d, 'nothing'),\n"
        "      steep.nn.modules.activation.MultiheadAttention is steep.nn.MultiheadAttention)\n"
    )
    assert run(program).split() == ["True", "True", "True", "False", "True"]
