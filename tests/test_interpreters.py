"""The ends of an interpreter's life: sub-interpreters, threads at exit, forked children."""

from __future__ import annotations

import re

import pytest

from processes import run


@pytest.mark.parametrize("isolated", [False, True])
def test_a_sub_interpreter_is_refused(isolated: bool) -> None:
    """And the main interpreter is none the worse for it."""
    out = run(
        f"""
        try:  # from Python 3.13 on
            import _interpreters as interpreters
            inside = interpreters.create("isolated" if {isolated} else "legacy")
        except ImportError:
            import _xxsubinterpreters as interpreters
            inside = interpreters.create(isolated={isolated})
        interpreters.run_string(inside, '''
        try:
            import steep
        except ImportError as error:
            print(error)
        ''')
        interpreters.destroy(inside)
        import steep
        print(steep.ones(2).sum().item())
        """.replace("\n        ", "\n")
    )
    assert re.search("sub-?interpreter", out)  # isolated ones Python itself refuses, from 3.12 on
    assert out.endswith("2.0\n")


BUSY = {
    "a product": "steep.mm(large, large)",
    "a small operation": "small + 1",
    "random numbers": "steep.randn(300_000)",
    "a hook": "hooked()",
    "a Function's backward": "squared()",
    "a number that Python code gives": "steep.zeros([Slow(), 2])",
    "a compiled function": "compiled(large)",
    "a function being compiled": "[f(small) for f in [steep.compile(slowly)] for _ in range(4)]",
    "an array that is refused": "refused()",
    "a number that a dtype is asked of": "steep.result_type(small, SlowFloat())",
    "a profile that ends": "profiled()",
    "a gather of the loader": "[b for b in steep.data.DataLoader(data, 64)]",
}


@pytest.mark.parametrize("what", BUSY)
def test_daemon_threads_may_be_busy_when_the_process_ends(what: str) -> None:
    """Neither the interpreter's end nor that of the statics may bring the process down."""
    out = run(
        f"""
        import gc, sys, threading, time
        import numpy
        import steep
        sys.setswitchinterval(1e-5)
        large, small = steep.ones(600, 600), steep.ones(3)
        data = steep.data.TensorDataset(steep.ones(5000, 8))
        compiled = steep.compile(lambda x: (x @ x).sum())

        def slow(grad=None):
            for _ in range(2000):
                pass
            return grad

        class Slow:
            def __index__(self):
                slow()
                return 2

        class SlowFloat:
            def __float__(self):
                slow()
                return 2.0

        class SlowArray(numpy.ndarray):
            @property
            def dtype(self):
                return slow("complex64")

        array = numpy.zeros(3, numpy.complex64).view(SlowArray)

        def refused():
            try:
                steep.tensor(array)
            except TypeError:
                pass

        def slowly(x):
            slow()
            return x * 2

        class Cycle:
            def __init__(self):
                self.me = self

            def __del__(self):
                slow()

        gc.set_threshold(7)

        def profiled():
            with lock:
                steep._core.profile_start()
                for _ in range(20):
                    small + 1
                    Cycle()
                steep._core.profile_stop()

        lock = threading.Lock()

        def hooked():
            x = steep.ones(3, requires_grad=True)
            x.register_hook(slow)
            (x * 2).sum().backward()

        class Square(steep.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * x

            @staticmethod
            def backward(ctx, grad):
                return slow(grad)

        def squared():
            Square.apply(steep.ones(3, requires_grad=True)).sum().backward()

        def work():
            while True:
                {BUSY[what]}
                started.release()

        started = threading.Semaphore(0)
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        for _ in range(8):
            started.acquire()
        print("ends")
        """
    )
    assert out == "ends\n"


FORKING = """
import os, sys, threading
import steep
stop = threading.Event()

def until_stopped(action):
    def loop():
        while not stop.is_set():
            action()
    thread = threading.Thread(target=loop)
    thread.start()
    return thread

def children(count, action):
    for _ in range(count):
        child = os.fork()
        if child == 0:
            action()
            os._exit(0)
        for _ in range(20_000):
            if os.waitpid(child, os.WNOHANG)[0]:
                break
            stop.wait(0.01)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
            stop.set()
            sys.exit("a child hangs")
"""


@pytest.mark.parametrize(
    ("setup", "meanwhile", "in_child"),
    [
        ("", "steep.randn(200_000)", "steep.randn(4)"),
        ("", "steep.rand(200_000)", "steep.manual_seed(1)"),
        (
            "own = steep.Generator()",
            "steep.randn(200_000, generator=own)",
            "steep.rand(3, generator=own)",
        ),
        (
            "from steep import _core\n_core.profile_start()",
            "steep.ones(3).add_(1)",
            "steep.ones(3).add_(1)",
        ),
        (
            "from steep import _core\n_core.follow_sites()",
            "_core.set_layer('some layer of a name that takes memory')",
            "_core.set_layer('another')",
        ),
        ("", "steep.ones(300_000)", "steep.ones(300_000)"),
    ],
    ids=["default generator", "seeding", "own generator", "profile", "sites", "allocator"],
)
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_child_may_be_forked_while_another_thread_is_busy(
    setup: str, meanwhile: str, in_child: str
) -> None:
    """It finds every lock free, and what the lock guards in one piece."""
    run(
        FORKING
        + f"{setup}\nthreads = [until_stopped(lambda: {meanwhile}) for _ in range(2)]\n"
        + f"children(60, lambda: {in_child})\nstop.set()\n"
    )
