"""The figures that steep promises beside its rivals: the rows that `compare` prints.

A promise that names neither mode is one of the compiled step where there is a step to compile, and
of the operation itself where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.workloads import Inference, Training, Workload

EAGER, COMPILED, TORCH, JAX = COLUMNS = ("steep eager", "steep compiled", "torch", "jax.jit")
RIVALS = {TORCH: "torch", JAX: "jax"}  # column: module

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


def columns_of(work: Workload) -> list[str]:
    """The columns that have something to show: only a model is worth compiling."""
    model = isinstance(work, Training | Inference)
    return [column for column in COLUMNS if model or column != COMPILED]


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
    "add_1e3": Row("add, 1e3 elements", asked(eager=1 / 2)),
    "add_1e5": Row("add, 1e5 elements", asked(eager=1 / 1.1)),
    "add_1e7": Row("add, 1e7 elements", asked(eager=1 / 2.5)),
    "exp_1e3": Row("exp, 1e3 elements", asked(eager=1 / 2)),
    "exp_1e5": Row("exp, 1e5 elements", asked(eager=1 / 1.8)),
    "exp_1e7": Row("exp, 1e7 elements", asked(eager=1 / 2)),
    "tanh_1e3": Row("tanh, 1e3 elements", asked(eager=1 / 2)),
    "tanh_1e5": Row("tanh, 1e5 elements", asked(eager=1 / 1.8)),
    "tanh_1e7": Row("tanh, 1e7 elements", asked(eager=1 / 2)),
}


def selected(only: list[str]) -> list[str]:
    """Names of the rows that contain one of the words; all if there are none."""
    return [name for name in ROWS if not only or any(word in name for word in only)]
