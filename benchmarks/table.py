"""The figures that steep promises beside its rivals: the rows that `compare` prints.

A promise that names neither mode is one of the compiled step where there is a step to compile, and
of the operation itself where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.layers import LAYERS, Layered, Step
from benchmarks.workloads import WORKLOADS, Inference, Training, Update, Workload

EAGER, COMPILED, TORCH, JAX = COLUMNS = ("steep eager", "steep compiled", "torch", "jax.jit")
IN_JAX = ("adam", "sgd")  # optimisers
RIVALS = {TORCH: "torch", JAX: "jax"}  # column: module

WORK: dict[str, Workload | Layered] = {**WORKLOADS, **LAYERS}

Asked = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Row:
    """One line: what it is, and the time asked for at most, as a share of a rival's."""

    title: str
    asked: Asked = field(default_factory=dict)


def asked(
    *, eager: float = 0, compiled: float = 0, eager_jax: float = 0, compiled_jax: float = 0
) -> Asked:
    """Shares of torch's time, or JAX's; what is not given is not asked for."""
    shares = {
        (EAGER, TORCH): eager,
        (COMPILED, TORCH): compiled,
        (EAGER, JAX): eager_jax,
        (COMPILED, JAX): compiled_jax,
    }
    return {pair: share for pair, share in shares.items() if share}


def columns_of(work: Workload | Layered) -> list[str]:
    """The columns that have something to show: only a model is worth compiling.

    Not all optimisers are written in JAX.
    """
    model = isinstance(work, Training | Inference | Step)
    left_out = set()
    if isinstance(work, Update) and work.optimizer not in IN_JAX:
        left_out.add(JAX)
    if not model:
        left_out.add(COMPILED)
    return [column for column in COLUMNS if column not in left_out]


ROWS: dict[str, Row] = {
    "step_control_1": Row(
        "step 4-64-64-2 tanh, MSE, Adam, batch 1",
        asked(eager=1 / 5, compiled=1 / 25, compiled_jax=1 / 3),
    ),
    "step_control_64": Row(
        "step 4-64-64-2 tanh, MSE, Adam, batch 64",
        asked(eager=1 / 4, compiled=1 / 14, compiled_jax=1 / 3),
    ),
    "step_control_1_outside": Row(
        "step 4-64-64-2 tanh, MSE, Adam, batch 1, the model alone compiled",
        asked(eager=1 / 5, compiled=1 / 5),
    ),
    "step_control_64_outside": Row(
        "step 4-64-64-2 tanh, MSE, Adam, batch 64, the model alone compiled",
        asked(eager=1 / 4, compiled=1 / 4),
    ),
    "step_digits_32": Row(
        "step 64-128-128-10 ReLU, CE, Adam, batch 32",
        asked(eager=1 / 4, compiled=1 / 9, compiled_jax=1 / 2.5),
    ),
    "step_digits_256": Row(
        "step 64-128-128-10 ReLU, CE, Adam, batch 256",
        asked(eager=1 / 2, compiled=1 / 3, compiled_jax=1 / 4),
    ),
    "step_images_128": Row(
        "step 784-512-512-10 ReLU, CE, Adam, batch 128", asked(compiled=0.95, compiled_jax=0.65)
    ),
    "step_wide_512": Row(
        "step 1024-4096-4096-1000 ReLU, CE, SGD momentum, batch 512",
        asked(compiled=1.05, compiled_jax=0.6),
    ),
    "inference_control_1": Row(
        "inference 4-64-64-2 tanh, batch 1", asked(compiled=1 / 8, compiled_jax=1 / 4)
    ),
    "cross_entropy_4096x1000": Row(
        "cross-entropy forward+backward 4096x1000", asked(eager=1 / 3, eager_jax=1 / 1.2)
    ),
    "cross_entropy_512x50257": Row(
        "cross-entropy forward+backward 512x50257", asked(eager=1 / 5, eager_jax=1 / 3)
    ),
    "adam_10m": Row("Adam, 10 million parameters", asked(eager=1.03)),
    "sgd_10m": Row("SGD momentum, 10 million parameters", asked(eager=1.03)),
    "rmsprop_10m": Row("RMSprop, 10 million parameters", asked(eager=0.7)),
    "adagrad_10m": Row("Adagrad, 10 million parameters", asked(eager=0.7)),
    "nadam_10m": Row("NAdam, 10 million parameters", asked(eager=0.7)),
    "add_1e3": Row("add, 1e3 elements", asked(eager=1 / 2)),
    "add_1e5": Row("add, 1e5 elements", asked(eager=1 / 1.1)),
    "add_1e7": Row("add, 1e7 elements", asked(eager=1 / 2.5)),
    "exp_1e3": Row("exp, 1e3 elements", asked(eager=1 / 2)),
    "exp_1e5": Row("exp, 1e5 elements", asked(eager=1 / 1.8)),
    "exp_1e7": Row("exp, 1e7 elements", asked(eager=1 / 2)),
    "tanh_1e3": Row("tanh, 1e3 elements", asked(eager=1 / 2)),
    "tanh_1e5": Row("tanh, 1e5 elements", asked(eager=1 / 1.8)),
    "tanh_1e7": Row("tanh, 1e7 elements", asked(eager=1 / 2)),
    "step_mnist": Row(
        "step of PyTorch's MNIST example network, Adam, batch 64", asked(compiled=0.65)
    ),
    "step_resnet18": Row(
        "step of ResNet-18 for 32x32, SGD momentum, batch 32", asked(compiled=0.95)
    ),
    "step_gpt_4x64": Row(
        "step of a GPT, 4 layers of 64, context 16, AdamW, batch 32", asked(compiled=0.25)
    ),
    "step_gpt_6x384": Row(
        "step of a GPT, 6 layers of 384, context 256, AdamW, batch 8", asked(compiled=0.6)
    ),
    "step_sequence": Row(
        "step of LSTM 16-32 over 100 steps, MSE, Adam, batch 1", asked(compiled=0.1)
    ),
    "conv_3x3": Row("Conv2d 64 to 64, 3x3, 56x56, batch 16, forward+backward", asked(eager=0.95)),
    "conv_depthwise": Row("the same, depthwise", asked(eager=0.6)),
    "conv_1x1": Row("the same, 1x1", asked(eager=1.0)),
    "conv_1d": Row("Conv1d 32 to 64, width 5, length 256, batch 32", asked(eager=0.8)),
    "attention": Row("causal attention, 8 heads of 64, length 512, batch 8", asked(eager=0.7)),
    "lstm": Row("LSTM 64-128, batch 32, 50 steps, forward+backward", asked(eager=0.45)),
    "gru": Row("GRU 64-128, batch 32, 50 steps, forward+backward", asked(eager=0.45)),
    "layer_norm": Row("LayerNorm 4096x768, forward+backward", asked(eager=0.5)),
    "batch_norm": Row("BatchNorm2d 64x64x24x24, forward+backward", asked(eager=0.5)),
    "group_norm": Row("GroupNorm 64x64x24x24, 8 groups, forward+backward", asked(eager=0.5)),
    "max_pool": Row("MaxPool2d 2x2 of 64x64x24x24, forward+backward", asked(eager=0.5)),
    "embedding": Row("Embedding 50,000x64, 4,096 indices, forward+backward", asked(eager=0.6)),
}


def selected(only: list[str]) -> list[str]:
    """Names of the rows that contain one of the words; all if there are none."""
    return [name for name in ROWS if not only or any(word in name for word in only)]
