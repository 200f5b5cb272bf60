"""Instances, classes, functions and modules."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES: dict[str, Feature] = {
    "instance": Feature(
        setup="""
class Box:
    gain = <n>
    limit = <n>
    def __init__(self):
        self.bias = <n>
        self.on = False
        self.inner = types.SimpleNamespace(depth=<n>)
    def scaled(self, h):
        return h * self.gain
    @property
    def both(self):
        return self.gain + self.bias
    @functools.cached_property
    def cached(self):
        return self.bias * 2
    @staticmethod
    def shifted(h, by=<n>):
        return h + by
    @classmethod
    def of_class(cls, h):
        return h * cls.limit
    def __bool__(self):
        return bool(self.bias)
box, spare = Box(), Box()""",
        numbers=(
            "box.gain",
            "box.bias",
            "box.both",
            "box.limit",
            "Box.limit",
            "type(box).gain",
            "getattr(box, 'extra', <n>)",
            "vars(box)['bias']",
            "box.inner.depth",
            "box.cached",
            "box.__dict__.get('gain', 1)",
            "operator.attrgetter('inner.depth')(box)",
            "len(vars(box))",
        ),
        flags=(
            "box.on",
            "hasattr(box, 'extra')",
            "'gain' in box.__dict__",
            "box",
            "isinstance(box, Box)",
            "box is spare",
        ),
        calls=("box.scaled(<h>)", "box.shifted(<h>)", "Box.of_class(<h>)", "box.of_class(<h>)"),
        effects=(
            "box.bias += 1",
            "box.calls = getattr(box, 'calls', 0) + 1",
            "Box.limit = Box.limit + 1",
            "setattr(box, 'on', not box.on)",
            "box.inner.depth *= -1",
            "box.last = <h>.detach()",
            "vars(box).update(seen=1)",
        ),
        between=(
            "box.gain = <n>",
            "box.__dict__.pop('gain', None)",
            "Box.gain = <n>",
            "Box.limit = <n>",
            "box.bias = <n>",
            "box.bias = 0",
            "box.on = not box.on",
            "box.extra = <n>",
            "del box.extra",
            "Box.extra = <n>",
            "box = Box()",
            "box, spare = spare, box",
            "box.inner = types.SimpleNamespace(depth=<n>)",
            "box.inner.depth = <n>",
            "box.__dict__.pop('cached', None)",
            "box.cached = <n>",
            "Box.scaled = lambda self, h: h - self.gain",
            "box.scaled = lambda h: h * 3",
            "box.__class__ = type('Other', (Box,), {'gain': <n>})",
            "Box.shifted = staticmethod(lambda h: h - 2)",
            "Box.both = property(lambda self: <n>)",
            "box.__dict__ = {**box.__dict__, 'bias': <n>}",
            "vars(box)['bias'] = <n>",
            "Box.__bool__ = lambda self: False",
            "Box.shifted.__defaults__ = (<n>,)",
            "box = copy.deepcopy(box)",
        ),
    ),
    "slots": Feature(
        setup="""
class Slotted:
    __slots__ = ("a", "b")
    def __init__(self):
        self.a = <n>
slotted = Slotted()""",
        numbers=("slotted.a", "getattr(slotted, 'b', <n>)"),
        flags=("hasattr(slotted, 'b')",),
        effects=("slotted.a += 1", "slotted.b = 1"),
        between=("slotted.a = <n>", "slotted.b = <n>", "del slotted.b", "slotted = Slotted()"),
    ),
    "special methods": Feature(
        setup="""
class Odd:
    def __init__(self):
        self.items, self.k = [<n>, <n>], <n>
    def __call__(self, h):
        return h * self.k
    def __len__(self):
        return len(self.items)
    def __getitem__(self, i):
        return self.items[i]
    def __contains__(self, x):
        return x in self.items
    def __iter__(self):
        yield from self.items
    def __rmul__(self, h):
        return h * self.k
    def __getattr__(self, name):
        if name == "virtual":
            return self.k * 2
        raise AttributeError(name)
    def __enter__(self):
        self.k, self.before = <n>, self.k
        return self
    def __exit__(self, *error):
        self.k = self.__dict__.pop("before")
    def __eq__(self, other):
        return self.k == other
    __hash__ = None
odd = Odd()""",
        numbers=("len(odd)", "odd[0]", "odd.virtual", "sum(odd)", "max(odd, default=1)"),
        flags=("2 in odd", "odd == 2", "hasattr(odd, 'virtual')"),
        calls=("odd(<h>)", "operator.methodcaller('__call__', <h>)(odd)"),
        steps=(
            "with odd as o:\n    <h> = <h> * o.k",
            "for v in odd:\n    <h> = <h> + v",
        ),
        effects=("odd.items.append(1)", "odd.k -= 1"),
        between=(
            "odd.k = <n>",
            "odd.items[0] = <n>",
            "odd.items.append(<n>)",
            "Odd.__call__ = lambda self, h: h + self.k",
            "Odd.__len__ = lambda self: 7",
            "odd.virtual = <n>",
            "Odd.virtual = <n>",
            "Odd.__getitem__ = lambda self, i: <n>",
            "Odd.__eq__ = lambda self, other: True",
            "Odd.__contains__ = lambda self, other: True",
            "odd = Odd()",
        ),
    ),
    "inheritance": Feature(
        setup="""
class Meta(type):
    @property
    def level(cls):
        return cls._level
class Base(metaclass=Meta):
    k, _level = <n>, <n>
    def act(self, h):
        return h * self.k
class Other:
    def act(self, h):
        return h - 1
class Derived(Base):
    def act(self, h):
        return super().act(h) + self.k
class Late(Derived, Base):
    pass
class Field:
    def __init__(self):
        self.n = <n>
    def __get__(self, owner, cls):
        return self.n
    def __set__(self, owner, value):
        self.n = value
class Fielded(Derived):
    field = Field()
derived = Fielded()""",
        numbers=("derived.k", "Base.k", "Derived.level", "derived.field", "super(Late, Late).k"),
        flags=("isinstance(derived, Base)", "derived.k > 1"),
        calls=("derived.act(<h>)", "Base.act(derived, <h>)", "super(Derived, derived).act(<h>)"),
        effects=("derived.field = derived.field + 1", "Derived.k = Derived.k + 1"),
        between=(
            "Base.k = <n>",
            "Derived.k = <n>",
            "derived.k = <n>",
            "del Derived.k",
            "Base.act = lambda self, h: h + 3",
            "Derived.act = Base.act",
            "Meta.level = property(lambda cls: <n>)",
            "Base._level = <n>",
            "Derived._level = <n>",
            "derived.field = <n>",
            "Derived.__bases__ = (type('Between', (Base,), {'k': <n>}),)",
            "Fielded.field = Field()",
        ),
    ),
    "namespaces": Feature(
        setup="""
space = types.SimpleNamespace(a=<n>, deep=types.SimpleNamespace(b=<n>), on=False)
class Dotted(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__
dotted = Dotted(a=<n>, on=False)""",
        numbers=("space.a", "space.deep.b", "dotted.a", "dotted['a']", "len(dotted)"),
        flags=("space.on", "dotted.on", "hasattr(space, 'c')", "'c' in dotted"),
        effects=("space.a += 1", "dotted.a += 1", "space.seen = True", "dotted.seen = True"),
        between=(
            "space.a = <n>",
            "space.deep.b = <n>",
            "space.deep = types.SimpleNamespace(b=<n>)",
            "space.on = not space.on",
            "space.c = 1",
            "dotted.a = <n>",
            "dotted.on = not dotted.on",
            "dotted.c = 1",
            "dotted = Dotted(dotted)",
            "Dotted.a = <n>",
        ),
    ),
    "dataclasses": Feature(
        setup="""
@dataclasses.dataclass
class Settings:
    a: float = <n>
    on: bool = False
    parts: list = dataclasses.field(default_factory=lambda: [<n>])
@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    a: float = <n>
class Kind(enum.Enum):
    ONE = 1
    TWO = 2
settings, fixed, kind = Settings(), Fixed(), Kind.ONE""",
        numbers=(
            "settings.a",
            "settings.parts[0]",
            "fixed.a",
            "kind.value",
            "dataclasses.asdict(settings)['a']",
            "dataclasses.replace(settings, on=True).a",
            "Settings().a",
        ),
        flags=("settings.on", "kind is Kind.ONE", "settings == Settings()", "kind.name == 'ONE'"),
        steps=(
            "match fixed:\n    case Fixed(a=2.0):\n        <h> = <h> * 2\n"
            "    case Fixed(a=a):\n        <h> = <h> - a",
        ),
        effects=("settings.a += 1", "settings.parts.append(1)"),
        between=(
            "settings.a = <n>",
            "settings.on = not settings.on",
            "settings.parts[0] = <n>",
            "settings = dataclasses.replace(settings, a=<n>)",
            "fixed = Fixed(<n>)",
            "kind = Kind.TWO if kind is Kind.ONE else Kind.ONE",
            "Settings.__init__.__defaults__ = (<n>, *Settings.__init__.__defaults__[1:])",
        ),
    ),
    "functions": Feature(
        setup="""
FACTOR = <n>
def helper(h, k=<n>, *, j=<n>):
    return h * k + j * helper.gain
helper.gain = <n>
def other(h, k=<n>, *, j=<n>):
    return h - k * FACTOR
def factory(by):
    return lambda h: h * by
made = factory(<n>)
part = functools.partial(other, k=<n>)
def decorated(function):
    calls = [<n>]
    @functools.wraps(function)
    def wrapper(h, *args, **kwargs):
        return function(h, *args, **kwargs) + wrapper.calls[0]
    wrapper.calls = calls
    return wrapper
@decorated
def wrapped(h):
    return h * FACTOR
def pieces(h):
    for i in range(HOWMANY):
        yield h * (i + 1)
HOWMANY = 2
@contextlib.contextmanager
def tempered(by):
    before = helper.gain
    helper.gain = by
    try:
        yield before
    finally:
        helper.gain = before
table_of = {"a": helper, "b": other}""",
        numbers=("FACTOR", "helper.gain", "part.keywords['k']", "wrapped.calls[0]", "HOWMANY"),
        flags=("FACTOR > 1", "HOWMANY > 2"),
        calls=(
            "helper(<h>)",
            "other(<h>)",
            "made(<h>)",
            "part(<h>)",
            "wrapped(<h>)",
            "sum(pieces(<h>))",
            "helper(<h>, **{'j': <N>})",
            "table_of['a'](<h>)",
            "(lambda v, k=FACTOR: v * k)(<h>)",
        ),
        steps=(
            "with tempered(<n>) as t:\n    <h> = helper(<h>) * t",
            "for piece in pieces(<h>):\n    <h> = <h> - piece",
            "def local(v):\n    return v * FACTOR + <N>\n<h> = local(<h>)",
        ),
        effects=("FACTOR += 1", "helper.gain += 1", "wrapped.calls[0] += 1"),
        between=(
            "FACTOR = <n>",
            "HOWMANY = 3 if HOWMANY == 2 else 2",
            "helper.gain = <n>",
            "helper.__defaults__ = (<n>,)",
            "helper.__kwdefaults__ = {'j': <n>}",
            "helper.__kwdefaults__['j'] = <n>",
            "helper.__code__ = other.__code__",
            "helper, other = other, helper",
            "helper = lambda h, j=1: h * 5 + j",
            "other.__kwdefaults__ = None",
            "made = factory(<n>)",
            "made.__closure__[0].cell_contents = <n>",
            "part = functools.partial(other, k=<n>)",
            "part.keywords['k'] = <n>",
            "wrapped.calls[0] = <n>",
            "wrapped.calls = [<n>]",
            "wrapped = wrapped.__wrapped__",
            "table_of['a'] = table_of['b']",
            "wrapped.__wrapped__ = lambda h: h",
        ),
        names=("FACTOR",),
    ),
    "module": Feature(
        setup="""
given = types.ModuleType("given")
given.rate, given.on, given.inner = <n>, False, types.ModuleType("given.inner")
given.inner.depth = <n>
exec("def act(h):\\n    return h * rate", given.__dict__)
sys.modules["fuzz_given"] = given""",
        numbers=("given.rate", "given.inner.depth", "getattr(given, 'more', <n>)"),
        flags=("given.on", "hasattr(given, 'more')"),
        calls=("given.act(<h>)",),
        steps=(
            "import fuzz_given\n<h> = <h> * fuzz_given.rate",
            "from fuzz_given import rate\n<h> = <h> + rate",
            "import fuzz_given as g\nif g.on:\n    <h> = g.act(<h>)",
        ),
        effects=("given.rate += 1", "given.seen = 1"),
        between=(
            "given.rate = <n>",
            "given.rate = <n>",
            "given.on = not given.on",
            "given.inner.depth = <n>",
            "given.inner = types.SimpleNamespace(depth=<n>)",
            "given.more = <n>",
            "given.act = lambda h: h - 2",
            "given.__dict__['rate'] = <n>",
        ),
    ),
    "sources": Feature(
        setup="draws = random.Random(3)\nstream = iter([<n>] * 50)",
        effects=(
            "<h> = <h> * draws.random()",
            "<h> = <h> + next(stream, 0)",
            "<h> = <h> * random.random()",
            "<h> = <h> + draws.choice([1, 2, 3])",
        ),
        between=("draws.seed(4)", "draws = random.Random(5)"),
    ),
}
