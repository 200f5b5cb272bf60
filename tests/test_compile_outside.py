"""What keeps a compiled function eager: effects, streams, threads, and what types in C hide."""

from __future__ import annotations

import functools
import gc
import hashlib
import io
import itertools
import os
import random
import re
import socket
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import steep
from compiling import called, ones, replays, settle


class Config:
    scale = 1.0


ROWS: dict[str, tuple[Callable[[], Any], str]] = {}


def eager(says: str) -> Callable[[Any], Any]:
    """A row: what makes a function, and what the warning names."""

    def register(make: Any) -> Any:
        ROWS[make.__name__] = (make, says)
        return make

    return register


# ---- streams -----------------------------------------------------------------------------------


@eager(r"may read from a stream \(file\)")
def next_of_a_file() -> Any:
    file = io.StringIO("1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    return lambda x: x * float(next(file))


@eager(r"may read from a stream \(file\)")
def a_loop_over_a_file() -> Any:
    file = io.StringIO("1\n2\n3\n4\n5\n6\n7\n8\n9\n")

    def function(x: Any) -> Any:
        for line in file:
            return x * float(line)

    return function


@eager("reads or writes a file or stream")
def the_text_of_a_stream() -> Any:
    file = io.StringIO("2")
    return lambda x: x * float(file.getvalue())


@eager("reads or writes a file or stream")
def a_stream_is_put_back() -> Any:
    file = io.StringIO("2")

    def function(x: Any) -> Any:
        file.seek(0)
        return x * 2

    return function


OPENED: list[socket.socket] = []


@pytest.fixture(autouse=True)
def closes_what_is_opened() -> Any:
    yield
    while OPENED:
        OPENED.pop().close()


# ---- effects -------------------------------------------------------------------------------------


@eager("it calls the operating system")
def bytes_into_a_pipe() -> Any:
    _, end = os.pipe()

    def function(x: Any) -> Any:
        os.write(end, b"a")
        return x * 2

    return function


@eager("socket.send")
def bytes_into_a_socket() -> Any:
    one, other = socket.socketpair()
    OPENED.extend((one, other))

    def function(x: Any) -> Any:
        one.send(b"a")
        return x * (2 if other else 1)

    return function


@eager("it prints")
def print_given_to_map() -> Any:
    def function(x: Any) -> Any:
        list(map(print, ["a"]))
        return x * 2

    return function


@eager("it prints")
def print_given_to_a_helper() -> Any:
    def each(call: Any) -> Any:
        return list(map(call, ["a"]))

    def function(x: Any) -> Any:
        each(print)
        return x * 2

    return function


@eager("reads or writes a file or stream")
def write_given_to_map() -> Any:
    file = io.StringIO()

    def function(x: Any) -> Any:
        list(map(file.write, ["a"]))
        return x * 2

    return function


@eager(r"passes on a method of a socket\.socket")
def send_given_to_map() -> Any:
    one, other = socket.socketpair()
    OPENED.extend((one, other))

    def function(x: Any) -> Any:
        list(map(one.send, [b"a"]))
        return x * (2 if other else 1)

    return function


@eager("it prints")
def a_partial_that_prints() -> Any:
    say = functools.partial(print, "a")

    def function(x: Any) -> Any:
        say()
        return x * 2

    return function


@eager("it sleeps, which a replay would not do; sleep outside the function")
def sleep() -> Any:
    import time

    def function(x: Any) -> Any:
        time.sleep(0)
        return x * 2

    return function


@eager(r"reads the interpreter's state \(gc.isenabled\)")
def whether_garbage_is_collected() -> Any:
    return lambda x: x * (2.0 if gc.isenabled() else 3.0)


@eager(r"reads the interpreter's state \(sys.getrecursionlimit\)")
def a_limit_of_the_interpreter() -> Any:
    return lambda x: x * float(sys.getrecursionlimit())


@eager(r"reads the interpreter's state \(threading.active_count\)")
def how_many_threads_there_are() -> Any:
    return lambda x: x * float(threading.active_count())


# ---- what cannot be looked into ------------------------------------------------------------------


@eager("lists the subclasses of a class")
def subclasses() -> Any:
    return lambda x: x * len(ROWS.__class__.__subclasses__())


@eager("the version counter of a tensor")
def the_version_of_a_parameter() -> Any:
    p = ones()
    return lambda x: x * p._version


@eager(r"it calls .*HASH\.hexdigest")
def a_hash_that_goes_on() -> Any:
    known = hashlib.md5()
    return lambda x: x * len(known.hexdigest())


@eager(r"reads a weakref\.(Weak)?ProxyType \(proxy\)")
def a_proxy() -> Any:
    config = Config()
    proxy = weakref.proxy(config)
    return lambda x: x * (proxy.scale if config else 1)


@eager("the target of a weak reference")
def a_weak_reference_to_a_tree() -> Any:
    class Node:
        pass

    root = Node()
    root.child = Node()
    root.child.parent, root.child.scale = root, 2.0
    refer, ROWS["kept"] = weakref.ref(root), root  # type: ignore[assignment]

    def function(x: Any) -> Any:
        return x * refer().child.scale

    return function


# ---- the reason is the right one -----------------------------------------------------------------


@eager(r"may advance an iterator \(holder\.counter\)")
def an_iterator_that_is_not_asked() -> Any:
    holder = types.SimpleNamespace(counter=itertools.count(), scale=2.0)
    return lambda x, n=False: x * (next(holder.counter) if n else holder.scale)


@eager(r"it draws from random \(source\)")
def a_random_generator_of_a_users_class() -> Any:
    class Source(random.Random):
        pass

    source = Source(1)
    return lambda x: x * source.random()


@eager("os.urandom")
def the_generator_of_the_system() -> Any:
    source = random.SystemRandom()
    return lambda x: x * source.random()


@eager(r'changes config\.n .*: config\.n \+= "i"\)')
def a_name_that_is_also_a_variable() -> Any:
    config = types.SimpleNamespace(n="")

    def function(x: Any) -> Any:
        n = 3
        config.n += "i"
        return x * n

    return function


@eager("changes what log holds [^(]*$")
def a_line_among_several() -> Any:
    log: dict[str, str] = {}

    def function(x: Any) -> Any:
        y = x * 1
        y[0] = 2
        log["n"] = log.get("n", "") + "i"
        return y

    return function


@pytest.mark.parametrize("name", list(ROWS))
def test_what_stays_eager_says_why(name: str, recwarn: Any, capsys: Any) -> None:
    make, says = ROWS[name]
    compiled = steep.compile(make())
    called(compiled, ones(), calls=8)
    said = [str(w.message) for w in recwarn if "runs eagerly" in str(w.message)]
    assert len(said) == 1
    assert re.search(says, said[0]), said[0]
    assert not compiled.programs()


# ---- what is as harmless as it looks ------------------------------------------------------------


def harmless(file: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Functions that only could do something, or do it to what they make themselves."""
    source, lock = random.SystemRandom(), threading.Lock()
    pattern = re.compile("a")
    quiet = types.SimpleNamespace(draw=False, say=False, scale=2.0)

    def with_a_lock(x: Any) -> Any:
        with lock:
            return x * 2

    def with_print(x: Any, say: Any = print) -> Any:
        if quiet.say:
            say("a")
        return x * max(quiet.scale, 1.0)

    def with_a_tree(x: Any) -> Any:
        class Node:
            def __init__(self, parent: Any) -> None:
                self.parent, self.children = parent, []

        root = Node(None)
        root.children.append(Node(root))
        root.children[0].value = 2.0
        return x * root.children[0].value

    def with_a_memo(x: Any) -> Any:
        known: dict[int, int] = {}

        def fib(n: int) -> int:
            if n not in known:
                known[n] = n if n < 2 else fib(n - 1) + fib(n - 2)
            return known[n]

        return x * fib(6)

    yield "a lock", with_a_lock
    yield "the system's generator", lambda x: x * (source.random() if quiet.draw else quiet.scale)
    yield "a file", lambda x: x * (float(file.readline()) if quiet.draw else quiet.scale)
    yield "print", lambda x: x * (print("a") if quiet.say else max(quiet.scale, 1.0))
    yield "print, called", with_print
    yield "a pattern", lambda x: x * len(pattern.sub("b", "aa"))
    yield "a hash", lambda x: x * len(hashlib.md5(b"a").hexdigest())
    yield "a tree", with_a_tree
    yield "a memo", with_a_memo


def test_what_only_could_matter_is_replayed(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as file:
        for name, function in harmless(file):
            compiled, x = steep.compile(function, fullgraph=True), ones()
            settle(compiled, x)
            assert replays(compiled) == 2, name


def test_another_thread_is_another_call() -> None:
    main, x = threading.get_ident(), ones()
    compiled = steep.compile(lambda x: x * (2.0 if threading.get_ident() == main else 3.0))
    settle(compiled, x)
    assert replays(compiled) == 2
    found = []
    thread = threading.Thread(target=lambda: found.append(compiled(x).tolist()))
    thread.start()
    thread.join()
    assert found == [[3.0, 3.0]]
