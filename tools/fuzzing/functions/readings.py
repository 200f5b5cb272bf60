"""Numbers that are read from tensors and returned, and functions that keep their results."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES: dict[str, Feature] = {
    "readings": Feature(
        setup="""
def read(h):
    return h.detach().sum().item()
def both(h):
    return h.detach() * <n>, h.detach().mean().item()
def logged(h):
    log = {}
    log['a'] = h.detach().max().item()
    log.update(b=read(h))
    return log
def used(h):
    v = read(h)
    return v if v > <n> else 0.0
def noted(function):
    @functools.wraps(function)
    def wrapper(h):
        v = function(h)
        if NOTES:
            kept.append(v)
        return v
    return wrapper
@noted
def watched(h):
    return h.detach().min().item()
NOTES = False
class Meter:
    by = <n>
    kept = 0.0
    def of(self, h):
        return (h.detach() * self.by).sum().item()
    def keep(self, h):
        self.kept = self.of(h)
        return self.kept
    @steep.no_grad()
    def all(self, h):
        v = self.of(h)
        return {'v': v, **logged(h), 'list': [x.item() for x in h.flatten()[:2]]}
meter, reader = Meter(), read""",
        numbers=("Meter.by",),
        flags=("NOTES",),
        steps=(
            "log = {}\nlog['a'] = read(<h>)",
            "log = dict(n=<N>)\nlog['b'] = float(<h>.detach().sum())",
            "y, v = both(<h>)\n<h> = <h> + y\nlog = [v]",
            "log = []\nfor part in <h>.detach()[:2]:\n    log.append(part.sum().item())",
            "log = meter.all(<h>)",
            "log = [v.item() for v in <h>.detach().flatten()[:2]]\n<h> = <h> * len(log)",
            "log = read(<h>)\nif <F>:\n    log = 1.0",
            "read(<h>)",
            "log = watched(<h>), reader(<h>)",
        ),
        effects=("meter.keep(<h>)", "log = kept\nlog.append(read(<h>))", "meter.by += 1"),
        between=(
            "read = lambda h: <n>",
            "read = lambda h: round(h.detach().sum().item(), 1)",
            "reader = used",
            "reader = meter.of",
            "reader = max",
            "NOTES = not NOTES",
            "meter.by = <n>",
            "Meter.by = <n>",
            "Meter.of = lambda self, h: read(h) * 2",
            "meter.of = read",
            "meter = Meter()",
            "logged = lambda h: {'a': 1.5}",
        ),
        results=(
            "read(h)",
            "both(h)",
            "both(h)[1]",
            "logged(h)",
            "{**logged(h), 'z': meter.of(g)}",
            "[v.item() for v in h.detach().flatten()[:2]]",
            "{k: v.item() for k, v in {'a': h.detach().sum(), 'b': g.detach().max()}.items()}",
            "[*map(read, [h, g])]",
            "max([read(h), read(g)])",
            "used(h)",
            "meter.of(h)",
            "meter.all(h)",
            "reader(h)",
            "watched(h)",
            "dict(a=read(h), b=int(h.detach().flatten().argmax().item()))",
            "float(h.detach().sum().item())",
            "int(read(h))",
            "round(read(h), 2)",
            "sorted([h, g], key=read)[0].detach()",
            "[read(v) for v in (h, g)]",
            "(lambda v: v.detach().mean().item())(h)",
            "steep.no_grad()(read)(h)",
            "log",
            "log",
            "log",
        ),
    ),
    "caches": Feature(
        setup="""
LEVEL = <n>
@functools.cache
def cached(n):
    return n * LEVEL
@functools.lru_cache(maxsize=2)
def masked(n):
    return steep.full((4,), float(n) * LEVEL)
class Memo:
    k = <n>
    @functools.cache
    def of(self, n):
        return [self.k * n]
memo = Memo()""",
        numbers=("cached(2)", "cached(3)", "memo.of(1)[0]", "memo.of(2)[-1]"),
        flags=("cached(2) > 1", "memo.of(1) is memo.of(1)"),
        tensors=("masked(1)", "masked(2)"),
        effects=("cached.cache_clear()", "memo.of(1)[0] += 1", "cached(len(kept))"),
        between=(
            "LEVEL = <n>",
            "cached.cache_clear()",
            "masked.cache_clear()",
            "LEVEL = <n>\ncached.cache_clear()\ncached(2), cached(3)",
            "LEVEL = <n>\nmasked(5), masked(6)",
            "masked(1).mul_(2)",
            "memo.k = <n>",
            "Memo.of.cache_clear()",
            "memo.of(1)[0] = <n>",
            "memo = Memo()",
            "cached = functools.cache(lambda n: <n>)",
            "del cached.__wrapped__",
        ),
        names=("LEVEL",),
    ),
}
