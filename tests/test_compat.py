"""Programs written for PyTorch, run as they are: `steep.compat`, and the names they ask for."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import steep
from steep import nn
from steep.compat import _finder, amp

PROGRAM = """
import sys
import torch, torch.nn as nn, torch.nn.functional as F
import torch.backends.cudnn as cudnn
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.autograd import Function, Variable
from torch.cuda.amp import GradScaler, autocast
from torch.nn.modules.utils import _pair
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.optim.lr_scheduler import StepLR
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.dataset import random_split

cudnn.benchmark = True
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = nn.DataParallel(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))).to(device)
x = torch.randn(64, 3)
data = TensorDataset(x, x.sum(1, keepdim=True))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
schedule, scaler = StepLR(optimizer, 10), GradScaler()
for epoch in range(12):
    for a, b in DataLoader(data, batch_size=16, shuffle=True):
        with autocast(enabled=False):
            loss = F.mse_loss(model(Variable(a)), b)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    schedule.step()
assert int(torch.__version__.split(".")[0]) >= 2 and torch.version.cuda is None
assert not torch.is_autocast_enabled() and not torch.is_autocast_enabled("cpu")
assert not dist.is_initialized() and isinstance(loss, torch.FloatTensor)
assert torch.FloatTensor([1, 2]).type() == "torch.FloatTensor" and _pair(3) == (3, 3)
print(sys.argv[1:], loss.item() < 0.1, type(loss).__module__)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "steep.compat", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_script_runs_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(PROGRAM)
    done = run(str(script), "--lr", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['--lr', '1'] True steep\n"


def test_the_command_says_how_it_is_used() -> None:
    assert run("--help").returncode == 0
    assert "usage" in run().stdout
    missing = run("no_such.py")
    assert missing.returncode == 2
    assert "there is no file 'no_such.py'" in missing.stderr


def in_process(code: str) -> str:
    """What a process prints in which steep is torch."""
    program = f"import steep.compat; steep.compat.install()\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.strip() + done.stderr.strip().rpartition("\n")[2]


PATHS = [*_finder.HOMES, "autograd.function", "autograd.variable", "backends.cudnn"]
PATHS += ["backends.mkldnn", "backends.mps", "cuda", "nn.modules.utils", "nn.parallel"]
PATHS += ["nn.parallel.distributed", "nn.utils.rnn", "optim.lr_scheduler", "testing"]
PATHS += ["utils.checkpoint", "utils.data.dataloader", "utils.data.dataset", "utils.data.sampler"]


def test_submodules_are_imported_under_their_names() -> None:
    imports = "; ".join(f"import torch.{path}" for path in PATHS)
    same = "import torch.nn.functional as F, steep; print(F is steep.nn.functional)"
    specs = "print(steep.nn.functional.__spec__.name, steep.compat.amp.__spec__.name)"
    assert in_process(f"{imports}\n{same}; {specs}") == (
        "True\nsteep.nn.functional steep.compat.amp"
    )


def test_what_is_not_there_is_said() -> None:
    assert in_process("import torch.fx") == (
        "ModuleNotFoundError: No module named 'torch.fx': steep stands in for PyTorch here, and "
        "has no 'steep.fx'"
    )
    assert "AttributeError" in in_process("import torch; torch.no_such_name")


def test_installing_twice_gives_the_same_module() -> None:
    assert in_process("print(steep.compat.install() is steep.compat.install())") == "True"


def test_steep_imports_nothing_of_it() -> None:
    code = "import sys, steep; steep.nn.Linear; print(any('compat' in m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtype"), [("FloatTensor", steep.float32), ("LongTensor", steep.int64)]
)
def test_classes_of_dtypes(name: str, dtype: Any) -> None:
    kind = getattr(steep, name)
    assert kind([1, 2]).dtype == dtype
    assert kind(2, 3).shape == (2, 3)
    assert isinstance(kind([1]), kind)
    assert not isinstance(steep.ones(1, dtype=steep.float64), kind)
    assert steep.ones(2).type(f"torch.{name}").dtype == dtype
    assert steep.ones(2, dtype=dtype).type() == f"torch.{name}"


@pytest.mark.parametrize("name", ["half", "bfloat16", "short", "char"])
def test_dtypes_that_are_not_there_are_refused(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"Tensor.{name}: expected a dtype"):
        getattr(steep.ones(2), name)()


def test_another_device_is_refused_and_questions_are_answered() -> None:
    x = steep.ones(2)
    for thing in (x, nn.Linear(1, 1)):
        with pytest.raises(RuntimeError, match="'cpu'"):
            thing.cuda()
    assert x.pin_memory() is x
    assert x.share_memory_() is x
    assert (x.is_pinned(), x.is_shared(), x.get_device()) == (False, False, -1)
    assert (steep.cuda.device_count(), steep.accelerator.is_available()) == (0, False)
    assert not steep.backends.mps.is_available()
    with pytest.raises(RuntimeError, match="there is no CUDA here"):
        steep.cuda.set_device(0)


def test_new_tensors_of_the_same_dtype() -> None:
    x = steep.ones(2, dtype=steep.float64)
    assert x.new(3, 2).shape == (3, 2)
    assert x.new([1, 2]).tolist() == [1.0, 2.0]
    assert x.new(steep.Size((1, 4))).shape == (1, 4)
    assert {y.dtype for y in (x.new(3), x.new([1]), x.new(steep.ones(2)))} == {steep.float64}


def test_lower_precision_is_not_there_and_said_once() -> None:
    with pytest.warns(UserWarning, match="there is no lower precision"):
        amp.autocast("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for quiet in (amp.autocast("cpu", enabled=False), amp.autocast(False)):
            with quiet:
                pass
    with pytest.warns(UserWarning, match="there is no lower precision"):
        amp.autocast(True)


def test_filters_of_warnings_are_the_programs_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steep.set_warn_always(False)
        with pytest.raises(UserWarning):
            warnings.warn("as it says", stacklevel=1)


def test_a_step_with_a_gradient_that_is_not_finite_is_left_out() -> None:
    layer = nn.Linear(1, 1)
    optimizer, before = steep.optim.SGD(layer.parameters(), 0.1), layer.weight.item()
    for gradient, moves in ((float("inf"), False), (1.0, True)):
        for p in layer.parameters():
            p.grad = steep.full_like(p, gradient)
        steep.compat.amp.GradScaler("cpu").step(optimizer)
        assert (layer.weight.item() != before) is moves


def test_a_disabled_scaler_takes_every_step_and_is_replayed() -> None:
    layer = nn.Linear(1, 1)
    optimizer = steep.optim.SGD(layer.parameters(), 0.1)
    disabled = [amp.GradScaler(), amp.GradScaler("cuda"), amp.GradScaler("cpu", enabled=False)]
    for scaler in disabled:
        before = layer.weight.item()
        layer.weight.grad = steep.full_like(layer.weight, float("inf"))
        scaler.step(optimizer)
        assert layer.weight.item() != before
        with steep.no_grad():
            layer.weight.fill_(before)

    scaler = amp.GradScaler("cpu", enabled=False)

    @steep.compile(fullgraph=True)
    def step(x: steep.Tensor) -> steep.Tensor:
        loss = layer(x).square().mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    for _ in range(5):
        step(steep.ones(2, 1))
    assert step.programs()[0].runs > 0


def test_services_that_are_not_there_are_refused() -> None:
    for call in (
        lambda: steep.onnx.export(nn.Linear(1, 1)),
        lambda: steep.hub.load("owner/name", "model"),
        lambda: steep.distributed.init_process_group("gloo"),
    ):
        with pytest.raises(NotImplementedError):
            call()


# ---- modules ------------------------------------------------------------------------------------


def test_a_module_takes_the_place_of_another() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    model.set_submodule("1.0", nn.Tanh())
    assert isinstance(model[1][0], nn.Tanh)
    model.set_submodule("1.more", nn.ReLU())
    assert isinstance(model.get_submodule("1.more"), nn.ReLU)
    for target, module, error in (
        ("", nn.ReLU(), ValueError),
        ("1.0", 3, ValueError),
        ("5.0", nn.ReLU(), AttributeError),
        ("0.in_features", nn.ReLU(), AttributeError),
    ):
        with pytest.raises(error):
            model.set_submodule(target, module)
    with pytest.raises(AttributeError, match="has no attribute `other`"):
        model.set_submodule("other", nn.ReLU(), strict=True)


# ---- assertions ---------------------------------------------------------------------------------


def test_close_is_close_and_far_is_said() -> None:
    close = steep.testing.assert_close
    close(steep.tensor([1.0, 2.0]), steep.tensor([1.0, 2.0000005]))
    close({"a": [steep.ones(2), 3]}, {"a": [steep.ones(2), 3]})
    close(steep.tensor(float("nan")), steep.tensor(float("nan")), equal_nan=True)
    for actual, expected, text in (
        (steep.tensor([1.0, 2.5]), steep.tensor([1.0, 2.0]), r"1 of 2 .* \(1,\): got 2.5"),
        (steep.ones(2), steep.ones(3), "'shape' do not match"),
        (steep.ones(2), steep.ones(2, dtype=steep.float64), "'dtype' do not match"),
        ([1, 2], [1], "lengths differ"),
        ({"a": 1}, {"b": 1}, "keys differ"),
        (steep.tensor(float("nan")), steep.tensor(float("nan")), "not close"),
    ):
        with pytest.raises(AssertionError, match=text):
            close(actual, expected)
    with pytest.raises(ValueError, match="both of rtol and atol"):
        close(1.0, 1.0, rtol=1.0)
    with pytest.raises(AssertionError, match="mine"):
        close(1.0, 2.0, msg="mine")


# ---- what programs import and compare with ------------------------------------------------------


def test_dtypes_that_are_not_there_can_be_compared_with() -> None:
    code = """
import torch
x = torch.ones(2)
print(x.dtype in (torch.float16, torch.bfloat16), torch.half is torch.float16)
print(torch.complex64.is_complex, torch.bfloat16.is_floating_point, torch.int8.itemsize)
print(isinstance(x, torch.HalfTensor))
for call in (lambda: x.to(torch.float16), lambda: torch.ones(2, dtype=torch.complex64)):
    try: call()
    except TypeError as error: print("which steep does not have" in str(error))
"""
    assert in_process(code).replace("\n", " ") == "False True True True 1 False True True"
    assert "which steep does not have" in in_process("import steep; steep.float16")


def test_distributed_answers_for_one_process() -> None:
    code = """
import torch.distributed as dist
from torch.distributed import ProcessGroup, TCPStore
from torch.utils.data.distributed import DistributedSampler
print(dist.is_available(), dist.is_initialized(), dist.get_rank(), dist.get_world_size())
print(dist.group.WORLD, dist.is_nccl_available(), len(DistributedSampler(range(5))))
TCPStore("localhost", 1, 1, True)
"""
    assert in_process(code).startswith("False False 0 1\nNone False 5NotImplementedError: TCPStore")


def test_a_share_of_a_dataset() -> None:
    from steep.compat.distributed_sampler import DistributedSampler

    shares = [DistributedSampler(range(10), 3, rank, seed=1) for rank in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    seen = [list(share) for share in shares]
    assert sorted({i for share in seen for i in share}) == [*range(10)]
    shares[0].set_epoch(1)
    assert list(shares[0]) != seen[0]
    assert [len(DistributedSampler(range(10), 3, 0, drop_last=True))] == [3]
    with pytest.raises(ValueError, match="Invalid rank 3"):
        DistributedSampler(range(10), 3, 3)


OPTIMIZER = """
import torch
from torch.optim.optimizer import Optimizer, ParamsT, _get_value, _use_grad_for_differentiable
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils.hooks import RemovableHandle
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

class Descent(Optimizer):
    def __init__(self, params: ParamsT, lr=0.1, differentiable=False):
        super().__init__(params, dict(lr=lr, differentiable=differentiable))
        self._patch_step_function()

    @_use_grad_for_differentiable
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-_get_value(torch.tensor(group["lr"])))

layer = torch.nn.Linear(2, 1)
layer(torch.ones(1, 2)).sum().backward()
before = layer.bias.item()
Descent(layer.parameters()).step()
print(abs(before - layer.bias.item() - 0.1) < 1e-6)
groups = _group_tensors_by_device_and_dtype(
    [[torch.ones(1), torch.ones(1).double(), torch.zeros(1)], [1, 2, 3], []], with_indices=True)
print([indices for _, indices in groups.values()], [lists[1] for lists, _ in groups.values()])
print(isinstance(torch.nn.ConvTranspose2d(1, 1, 1), _ConvNd))
print(isinstance(torch.nn.Dropout(), _DropoutNd))
state = {"module.a": 1, "b": 2}
consume_prefix_in_state_dict_if_present(state, "module.")
print(state)
import torch._dynamo, torch.compiler
print(torch._dynamo.disable(len) is len, torch.compiler.is_compiling())
with torch.random.fork_rng():
    first = torch.rand(1)
print(first.equal(torch.rand(1)))
"""


def test_what_optimisers_of_others_import() -> None:
    assert in_process(OPTIMIZER).split("\n") == [
        "True",
        "[[0, 2], [1]] [[1, 3], [2]]",
        "True",
        "True",
        "{'b': 2, 'a': 1}",
        "True False",
        "True",
    ]
