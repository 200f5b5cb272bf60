"""What is read through the standard library, hooks, own gradients and unusual classes."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES: dict[str, Feature] = {
    "library functions": Feature(
        setup="nums, rate, conf = [<n>, <n>], <n>, {'r': <n>, 's': <n>}",
        numbers=(
            "math.prod(nums)",
            "math.sqrt(abs(rate))",
            "operator.itemgetter('r')(conf)",
            "sum(itertools.chain(nums, [rate]))",
            "sorted(nums, key=lambda v: v * rate)[0]",
            "next(iter(nums))",
            "[*filter(None, nums), 5][0]",
            "dict(zip('ab', nums))['b']",
            "len(str(conf))",
            "len(json.dumps(conf))",
            "copy.deepcopy(conf)['s']",
            "copy.copy(nums)[-1]",
            "float(format(rate, '.2f'))",
            "eval('rate', globals())",
            "types.MappingProxyType(conf)['r']",
            "[v for v in nums if v != rate or v > 1][:1] and 2",
            "min(conf, key=conf.get) == 'r' and 3",
            "list(itertools.islice(itertools.cycle(nums), 3))[-1]",
            "statistics.mean(nums)",
            "functools.partial(max, rate)(1)",
            "int(all(nums)) + int(any(nums))",
        ),
        flags=("rate in nums", "all(nums)", "conf == {'r': 1, 's': 2}", "nums == [1, 2]"),
        effects=("nums.insert(0, 2)", "rate -= 1", "conf |= {'t': 1}", "heapq.heappush(nums, 1)"),
        between=(
            "nums[0] = <n>",
            "nums.append(<n>)",
            "rate = <n>",
            "rate = <n>",
            "conf['r'] = <n>",
            "conf = {'s': <n>, 'r': <n>}",
            "nums = [<n>, <n>]",
            "max = lambda *a, **k: 2.0",
            "len = lambda x: 3",
            "sum = lambda x: 1.5",
            "del max",
            "abs = lambda x: 4",
            "float = lambda x: 0.5",
            "math = types.SimpleNamespace(prod=lambda v: 3, sqrt=abs)",
        ),
        names=("rate", "conf"),
    ),
    "classes of built-in kinds": Feature(
        setup="""
class Num(float):
    unit = <n>
    def __mul__(self, other):
        return float(self) * other * self.unit
class Items(list):
    extra = <n>
    def __getitem__(self, i):
        return list.__getitem__(self, i) * self.extra
class Word(str):
    pass
class Both(tuple):
    @property
    def first(self):
        return self[0] * Num.unit
num, items, word, both = Num(2.0), Items([<n>, <n>]), Word("ab"), Both((<n>, 2))
word.weight = <n>""",
        numbers=("num.unit", "num * 2", "items[0]", "items.extra", "word.weight", "both.first"),
        flags=("word == 'ab'", "num > 1", "items", "items == [1, 2]", "isinstance(num, Num)"),
        effects=("items.append(1)", "items.extra += 1", "word.weight = 1", "Num.unit += 1"),
        between=(
            "num = Num(<n>)",
            "num.unit = <n>",
            "Num.unit = <n>",
            "items[0] = <n>",
            "items.append(<n>)",
            "items.extra = <n>",
            "Items.extra = <n>",
            "word.weight = <n>",
            "Num.__mul__ = lambda self, other: other",
            "both = Both((<n>, 3))",
            "Both.first = property(lambda self: <n>)",
            "Items.__getitem__ = list.__getitem__",
            "del Items.__getitem__",
        ),
    ),
    "attribute protocols": Feature(
        setup="""
class Proxy:
    def __init__(self, target):
        object.__setattr__(self, "_target", target)
    def __getattr__(self, name):
        return getattr(self._target, name)
    def __setattr__(self, name, value):
        setattr(self._target, name, value)
class Watched:
    level = <n>
    def __getattribute__(self, name):
        if name == "doubled":
            return object.__getattribute__(self, "level") * 2
        return object.__getattribute__(self, name)
class Lazy:
    def __set_name__(self, owner, name):
        self.name = "_" + name
    def __get__(self, owner, cls=None):
        return getattr(owner, self.name, <n>)
class WithLazy:
    lazy = Lazy()
class Call:
    def __init__(self, function, by=<n>):
        functools.update_wrapper(self, function)
        self.function, self.by = function, by
    def __call__(self, h):
        return self.function(h) * self.by
@Call
def called(h):
    return h + CALLED
CALLED = <n>
@functools.singledispatch
def dispatched(v):
    return 1.5
@dispatched.register
def _(v: int):
    return v + CALLED
target = types.SimpleNamespace(a=<n>)
proxy, watched, withlazy = Proxy(target), Watched(), WithLazy()
referred = weakref.ref(withlazy)""",
        numbers=(
            "proxy.a",
            "watched.doubled",
            "withlazy.lazy",
            "dispatched(1)",
            "dispatched('a')",
            "getattr(referred(), '_lazy', 2)",
            "called.by",
        ),
        flags=("hasattr(proxy, 'b')", "callable(called)", "referred() is withlazy"),
        calls=("called(<h>)", "Call(abs)(<h>)", "called.function(<h>)"),
        effects=("proxy.a = 5", "called.by += 1", "watched.level = 3"),
        between=(
            "target.a = <n>",
            "proxy.a = <n>",
            "proxy.b = 1",
            "object.__setattr__(proxy, '_target', types.SimpleNamespace(a=<n>))",
            "watched.level = <n>",
            "Watched.level = <n>",
            "withlazy._lazy = <n>",
            "WithLazy.lazy = <n>",
            "called.by = <n>",
            "called.function = lambda h: h - 1",
            "CALLED = <n>",
            "dispatched.register(str, lambda v: 4)",
            "Call.__call__ = lambda self, h: h",
            "Lazy.__get__ = lambda self, owner, cls=None: 6",
            "withlazy = WithLazy()",
        ),
    ),
    "bound methods": Feature(
        setup="""
class Actor:
    def __init__(self, k):
        self.k = k
    def act(self, h):
        return h * self.k
    def __add__(self, other):
        return self.k + other
    def __lt__(self, other):
        return self.k < other
    def __float__(self):
        return float(self.k)
actors = [Actor(<n>), Actor(<n>)]
act = actors[0].act
acts = {'first': act, 'second': actors[1].act, 'third': functools.partial(Actor.act, actors[0])}
get = {'v': <n>}.get""",
        numbers=("actors[0] + 1", "float(actors[1])", "get('v', 1)", "act.__self__.k"),
        flags=("actors[0] < 1", "act == actors[0].act", "actors[0] is actors[1]"),
        calls=("act(<h>)", "acts['second'](<h>)", "acts['third'](<h>)", "actors[-1].act(<h>)"),
        steps=("for actor in actors:\n    <h> = actor.act(<h>)",),
        effects=("actors[0].k += 1", "acts['fourth'] = act", "act.__self__.k *= -1"),
        between=(
            "actors[0].k = <n>",
            "actors[1].k = <n>",
            "act = actors[1].act",
            "Actor.act = lambda self, h: h - self.k",
            "Actor.__add__ = lambda self, other: 3",
            "acts['second'] = act",
            "get.__self__['v'] = <n>",
            "actors.reverse()",
            "actors[0] = Actor(<n>)",
            "Actor.__lt__ = lambda self, other: False",
        ),
    ),
    "copies": Feature(
        setup="""
class Copied:
    def __init__(self):
        self.worth = <n>
original = Copied()
def worth(copied):
    return copied.worth""",
        numbers=(
            "worth(copy.copy(original))",
            "worth(copy.deepcopy(original))",
            "worth(pickle.loads(pickle.dumps(original)))",
            "float('{0.worth}'.format(original))",
            "float('{o.worth}'.format_map({'o': original}))",
            "float(f'{worth(original)}')",
            "float('%s' % worth(original))",
        ),
        effects=("original.worth += 1",),
        between=("original.worth = <n>", "original.worth = <n>", "original = Copied()"),
    ),
    "hooks": Feature(
        setup="""
hook_rate = {'by': <n>}
HOOKED = <n>
probe = nn.Parameter(<t>)
layer = nn.Tanh()
def tensor_hook(g):
    return g * hook_rate['by'] + HOOKED
def layer_hook(module, given, out):
    return out * hook_rate['by']
hooking = probe.register_hook(tensor_hook)
layering = layer.register_forward_hook(layer_hook)""",
        numbers=("HOOKED", "hook_rate['by']"),
        flags=("probe.grad is None", "layer.training"),
        tensors=("probe",),
        calls=("layer(<h>)", "layer(<h>)"),
        steps=(
            "probe.grad = None\n(g.detach() * probe).sum().backward()\n<h> = <h> + probe.grad",
            "<h> = <h> + steep.autograd.grad((g.detach() * probe).sum(), probe)[0]",
        ),
        effects=("HOOKED += 1", "hook_rate['by'] += 1", "hooking.remove()"),
        between=(
            "hook_rate['by'] = <n>",
            "HOOKED = <n>",
            "hooking.remove()",
            "hooking = probe.register_hook(lambda g: g * <n>)",
            "layering.remove()",
            "layering = layer.register_forward_pre_hook(lambda m, i: (i[0] * HOOKED,))",
            "tensor_hook.__code__ = (lambda g: g * 2).__code__",
            "layer = nn.ReLU()",
            "probe = nn.Parameter(<t>)",
            "probe.grad = <t>",
            "layer_hook.__code__ = (lambda m, i, o: o - 1).__code__",
        ),
        names=("HOOKED",),
    ),
    "own gradients": Feature(
        setup="""
SLOPE = <n>
class Steep(steep.autograd.Function):
    bend = <n>
    @staticmethod
    def forward(ctx, h):
        ctx.save_for_backward(h)
        return h * SLOPE
    @staticmethod
    def backward(ctx, g):
        (h,) = ctx.saved_tensors
        return g * SLOPE * Steep.bend
leaf = nn.Parameter(<t>)""",
        numbers=("SLOPE", "Steep.bend"),
        tensors=("leaf",),
        calls=("Steep.apply(<h>)",),
        steps=(
            "leaf.grad = None\nSteep.apply(leaf * 2).sum().backward()\n<h> = <h> + leaf.grad",
            "<h> = <h> + steep.autograd.grad(Steep.apply(leaf).sum() * SLOPE, leaf)[0]",
            "d, = steep.autograd.grad((leaf ** 3).sum(), leaf, create_graph=True)\n"
            "<h> = <h> + steep.autograd.grad((d * SLOPE).sum(), leaf)[0]",
        ),
        effects=("SLOPE += 1", "Steep.bend += 1"),
        between=(
            "SLOPE = <n>",
            "Steep.bend = <n>",
            "leaf = nn.Parameter(<t>)",
            "leaf.grad = <t>",
            "Steep.backward = staticmethod(lambda ctx, g: g * 5)",
            "Steep.forward = staticmethod(lambda ctx, h: (ctx.save_for_backward(h), h * 3)[1])",
            "leaf.requires_grad_(not leaf.requires_grad)",
        ),
        names=("SLOPE",),
    ),
    "errors of one's own": Feature(
        setup="""
class Wrong(ValueError):
    code = <n>
    def __init__(self, text, by=<n>):
        super().__init__(text)
        self.by = by
BAD = False
def checked(h):
    if BAD:
        raise Wrong(f"bad {Wrong.code}", by=Wrong.code)
    return h""",
        numbers=("Wrong.code",),
        flags=("BAD", "BAD"),
        calls=("checked(<h>)", "checked(<h>)"),
        steps=(
            "try:\n    <h> = checked(<h>)\nexcept Wrong as e:\n    <h> = <h> * e.by",
            "try:\n    <h> = checked(<h>)\nfinally:\n    <h> = <h> + 1",
            "assert not BAD, 'what is bad'",
            "with contextlib.suppress(Wrong):\n    <h> = checked(<h>) + 1",
            "try:\n    <h> = checked(<h>)\nexcept (KeyError, Wrong) as e:\n"
            "    raise RuntimeError('again') from e",
        ),
        effects=("Wrong.code += 1",),
        between=("BAD = not BAD", "BAD = not BAD", "Wrong.code = <n>", "BAD = False"),
    ),
    "state through networks": Feature(
        setup="net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Tanh())\nnet.note = <n>\n"
        "second = steep.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)",
        numbers=(
            "len(list(net.parameters()))",
            "sum(m.training for m in net.modules())",
            "net.note",
            "second.param_groups[0]['lr']",
            "len(second.state)",
            "len(net.state_dict())",
            "len([n for n, p in net.named_parameters() if p.requires_grad])",
        ),
        flags=(
            "net.training",
            "net[0].weight.grad is None",
            "any(p.requires_grad for p in net[0].parameters())",
            "isinstance(net[-1], nn.Tanh)",
        ),
        tensors=(
            "sum(p.sum() for p in net.parameters())",
            "net.state_dict()['0.bias']",
            "net.get_parameter('0.bias')",
            "net.get_submodule('0').bias",
        ),
        calls=("net(<h>)", "net[:1](<h>)", "F.linear(<h>, *net[0].parameters())"),
        steps=(
            "second.zero_grad()\nnet(g.detach()).sum().backward()\nsecond.step()",
            "for p in net.parameters():\n    p.grad = None\n"
            "net(g.detach()).pow(2).sum().backward()\n"
            "with steep.no_grad():\n    for p in net.parameters():\n        p -= 0.1 * p.grad",
            "for n, m in net.named_children():\n    <h> = m(<h>) if n != '1' else <h> + 1",
            "with steep.no_grad():\n    for p in net.parameters():\n        p.lerp_(p * <N>, 0.5)",
            "net.zero_grad()\nnet(g.detach()).mean().backward()",
        ),
        effects=(
            "net.train(not net.training)",
            "second.param_groups[0]['lr'] *= 0.9",
            "net[0].weight.requires_grad_(False)",
            "net.note += 1",
            "net.eval()\n<h> = net(<h>)\nnet.train()",
        ),
        between=(
            "net.train(not net.training)",
            "net[1].train(not net[1].training)",
            "second.param_groups[0]['lr'] = abs(<n>)",
            "second.param_groups[0]['momentum'] = 0.9",
            "net.note = <n>",
            "net.other = nn.Parameter(<t>)",
            "net[0].bias = nn.Parameter(<t>)",
            "net[0] = nn.Linear(4, 4)",
            "net.append(nn.ReLU())",
            "net[2] = nn.ReLU()",
            "net[0].weight.requires_grad_(not net[0].weight.requires_grad)",
            "net[0].bias = None",
            "second.state.clear()",
            "second = steep.optim.SGD(net.parameters(), lr=0.2)",
            "net.register_forward_hook(lambda m, i, o: o + net.note)",
            "net[0].register_forward_pre_hook(lambda m, i: (i[0] * 2,))",
            "for p in net.parameters():\n    p.grad = steep.ones_like(p)",
            "net.zero_grad()",
            "net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()})",
            "net[0].weight.data.mul_(0.5)",
            "net.half = lambda: 1",
        ),
    ),
}
