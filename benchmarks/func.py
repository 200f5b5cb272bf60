"""Functions of functions beside torch.func: ensembles, gradients of each example, Jacobians.

    python -m benchmarks.func [WORD ...]

Both libraries run in this process, in turn, each on one thread; results are compared before
anything is timed. A line gives the shortest times in microseconds: of steep, of steep compiled, of
torch, and the ratio of the first to the last.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.moves import ROUNDS, SECONDS, shortest

Run = Callable[[], Any]
Job = Callable[[ModuleType, ModuleType], Run]  # given a library and its func


def given(m: ModuleType, *shape: int) -> Any:
    rng = np.random.default_rng(sum(shape))
    return m.from_numpy((rng.standard_normal(shape) * 0.3).astype(np.float32))


def filled(m: ModuleType, net: Any) -> Any:
    with m.no_grad():
        for p in net.parameters():
            p.copy_(given(m, *p.shape))
    return net


def mlp(m: ModuleType) -> Any:
    return filled(m, m.nn.Sequential(m.nn.Linear(8, 32), m.nn.ReLU(), m.nn.Linear(32, 4)))


def convnet(m: ModuleType) -> Any:
    first, second = m.nn.Conv2d(1, 8, 3), m.nn.Conv2d(8, 16, 3)
    parts = first, m.nn.ReLU(), m.nn.MaxPool2d(2), second, m.nn.ReLU(), m.nn.Flatten()
    return filled(m, m.nn.Sequential(*parts, m.nn.Linear(16 * 11 * 11, 10)))


def ensemble(make: Callable[[ModuleType], Any], count: int, *shape: int) -> Job:
    def job(m: ModuleType, func: ModuleType) -> Run:
        nets = [make(m) for _ in range(count)]
        stacked, _ = func.stack_module_state(nets)
        params = {name: p.detach() for name, p in stacked.items()}
        x, y = given(m, *shape), m.arange(shape[0]) % 4

        def loss(params: Any) -> Any:
            return m.nn.functional.cross_entropy(func.functional_call(nets[0], params, (x,)), y)

        return lambda: func.vmap(func.grad(loss))(params)

    return job


def each_gradient(make: Callable[[ModuleType], Any], *shape: int) -> Job:
    def job(m: ModuleType, func: ModuleType) -> Run:
        net = make(m)
        params = {name: p.detach() for name, p in net.named_parameters()}
        x, y = given(m, *shape), m.arange(shape[0]) % 4

        def loss(params: Any, x: Any, y: Any) -> Any:
            logits = func.functional_call(net, params, (x.unsqueeze(0),))
            return m.nn.functional.cross_entropy(logits, y.unsqueeze(0))

        return lambda: func.vmap(func.grad(loss), in_dims=(None, 0, 0))(params, x, y)

    return job


def derivatives(kind: str, size: int) -> Job:
    def job(m: ModuleType, func: ModuleType) -> Run:
        w, x = given(m, size, size), given(m, size)

        def f(x: Any) -> Any:
            out = m.tanh(w @ m.tanh(w @ x))
            return out.sum() if kind == "hessian" else out

        return lambda: getattr(func, kind)(f)(x)

    return job


def distances(m: ModuleType, func: ModuleType) -> Run:
    x = given(m, 100, 10)
    one = func.vmap(lambda a, b: m.exp(-((a - b) ** 2).sum()), (None, 0))
    return lambda: func.vmap(one, (0, None))(x, x)


JOBS: dict[str, Job] = {
    "ensemble, 20 MLPs": ensemble(mlp, 20, 64, 8),
    "ensemble, 8 convnets": ensemble(convnet, 8, 32, 1, 28, 28),
    "gradients of 64 examples, MLP": each_gradient(mlp, 64, 8),
    "gradients of 32 examples, convnet": each_gradient(convnet, 32, 1, 28, 28),
    "jacrev, 64 by 64": derivatives("jacrev", 64),
    "jacfwd, 64 by 64": derivatives("jacfwd", 64),
    "hessian, 64 by 64": derivatives("hessian", 64),
    "distances, 100 by 100": distances,
}


def flat(result: Any) -> list[Any]:
    return list(result.values()) if isinstance(result, dict) else [result]


def main(words: list[str]) -> None:
    libraries = [importlib.import_module(name) for name in ("steep", "torch")]
    for library in libraries:
        library.set_num_threads(1)
    steep = libraries[0]
    print(f"{'':36}{'steep us':>10}{'compiled':>10}{'torch us':>10}{'ratio':>8}")
    for name, job in JOBS.items():
        if words and not any(word in name for word in words):
            continue
        ours, theirs = (job(m, importlib.import_module(f"{m.__name__}.func")) for m in libraries)
        for a, b in zip(flat(ours()), flat(theirs()), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-3, 1e-4, err_msg=name)
        runs = [ours, steep.compile(ours), theirs]
        times = [float("inf")] * len(runs)
        for _ in range(ROUNDS):
            for i, run in enumerate(runs):
                times[i] = min(times[i], shortest(run, SECONDS))
        shown = "".join(f"{one * 1e6:>10.0f}" for one in times)
        print(f"{name:36}{shown}{times[0] / times[-1]:>8.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
