"""Variables and containers."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES: dict[str, Feature] = {
    "variable": Feature(
        setup="SCALE = <n>",
        numbers=("SCALE", "globals()['SCALE']", "round(SCALE, 1)"),
        flags=("SCALE > 1", "type(SCALE) is int"),
        effects=("SCALE += 1", "SCALE = SCALE * -1"),
        between=("SCALE = <n>", "SCALE = <n>", "del SCALE", "SCALE = int(<n>)", "SCALE = True"),
        names=("SCALE",),
    ),
    "flag": Feature(
        setup="FLAG = False",
        flags=("FLAG", "FLAG", "not FLAG", "FLAG is None"),
        effects=("FLAG = not FLAG",),
        between=("FLAG = not FLAG", "FLAG = not FLAG", "FLAG = None", "FLAG = []", "FLAG = 'on'"),
        names=("FLAG",),
    ),
    "dict": Feature(
        setup="config = {'scale': <n>, 'on': False, 'mode': 'a', 'inner': {'x': <n>, 'y': <n>}}",
        numbers=(
            "config['scale']",
            "config.get('bonus', <n>)",
            "config['inner']['x']",
            "len(config)",
            "sum(config['inner'].values())",
            "[*config['inner'].values()][0]",
            "{**config, 'z': <n>}['scale']",
        ),
        flags=(
            "config['on']",
            "config['mode'] == 'a'",
            "'bonus' in config",
            "next(iter(config)) == 'scale'",
            "config.get('bonus') is None",
        ),
        steps=(
            "for k, v in config['inner'].items():\n    <h> = <h> * v if k == 'x' else <h> + v",
            "match config:\n    case {'mode': 'a', 'scale': s}:\n        <h> = <h> * s\n"
            "    case _:\n        <h> = <h> - 1",
        ),
        effects=(
            "config['calls'] = config.get('calls', 0) + 1",
            "config['scale'] *= -1",
            "config.pop('bonus', None)",
            "config.setdefault('seen', 1)",
            "config['inner']['x'] += 1",
            "config.update(scale=config.pop('scale'))",
            "config['on'] = not config['on']",
        ),
        between=(
            "config['scale'] = <n>",
            "config['scale'] = <n>",
            "config['bonus'] = <n>",
            "config.pop('bonus', None)",
            "config['inner'] = {'x': <n>, 'y': <n>}",
            "config['inner']['x'] = <n>",
            "config['inner']['y'] = config['inner'].pop('x')",
            "config['inner'] = {'y': <n>, 'x': <n>}",
            "config['inner'] = dict(reversed(config['inner'].items()))",
            "config['mode'] = 'b' if config['mode'] == 'a' else 'a'",
            "config = dict(config)",
            "config = {**config, 'scale': <n>}",
            "config['on'] = not config['on']",
            "config['scale'] = config.pop('scale')",
            "del config['scale']",
        ),
    ),
    "list": Feature(
        setup="values = [<n>, <n>, <n>]",
        numbers=(
            "values[0]",
            "values[-1]",
            "len(values)",
            "sum(values)",
            "max(values)",
            "sorted(values)[0]",
            "sum(v * i for i, v in enumerate(values))",
            "functools.reduce(lambda a, b: a - b, values)",
            "sum(map(abs, values))",
        ),
        flags=("values", "2 in values", "len(values) > 3", "values[0] > 1"),
        steps=(
            "for v in values:\n    <h> = <h> * v",
            "for i, v in enumerate(reversed(values)):\n    if i > 1:\n        break\n"
            "    <h> = <h> + v",
            "first, *rest = values\n<h> = <h> * first + len(rest)",
        ),
        effects=(
            "values.append(<N>)",
            "values.pop()",
            "values[0] += 1",
            "values.sort()",
            "values.reverse()",
            "values[:] = values[1:] + values[:1]",
        ),
        between=(
            "values.append(<n>)",
            "values.pop()",
            "values[0] = <n>",
            "values = values[:]",
            "values.reverse()",
            "values[1:] = [<n>, <n>]",
            "values.clear()",
            "values = (<n>, <n>, <n>)",
            "values.extend([<n>, <n>])",
        ),
    ),
    "nested": Feature(
        setup="table = [{'k': [<n>, <n>]}, {'k': [<n>]}]",
        numbers=("table[0]['k'][1]", "sum(len(row['k']) for row in table)", "table[-1]['k'][0]"),
        flags=("len(table[0]['k']) == 2",),
        steps=("for row in table:\n    for v in row['k']:\n        <h> = <h> + v",),
        effects=("table[0]['k'].append(1)", "table.append({'k': [1]})"),
        between=(
            "table[0]['k'][1] = <n>",
            "table[0]['k'].append(<n>)",
            "table[1] = {'k': [<n>]}",
            "table.reverse()",
            "table[1]['k'] = [<n>]",
        ),
    ),
    "deque": Feature(
        setup="queue = collections.deque([<n>, <n>], maxlen=3)",
        numbers=("queue[0]", "queue[-1]", "len(queue)", "sum(queue)"),
        flags=("len(queue) == queue.maxlen",),
        steps=("for v in queue:\n    <h> = <h> - v",),
        effects=("queue.append(<N>)", "queue.rotate(1)", "queue.popleft()"),
        between=(
            "queue.append(<n>)",
            "queue.rotate(1)",
            "queue.appendleft(<n>)",
            "queue[0] = <n>",
            "queue = collections.deque([<n>])",
        ),
    ),
    "set": Feature(
        setup="tags = {'a', 'b'}",
        numbers=("len(tags)", "len(tags & {'a'})"),
        flags=("'a' in tags", "'c' in tags", "tags >= {'a', 'b'}"),
        effects=("tags.add('seen')", "tags.discard('a')"),
        between=("tags.add('c')", "tags.discard('a')", "tags ^= {'a'}", "tags = frozenset('bc')"),
    ),
    "special containers": Feature(
        setup="counts = collections.Counter(a=1)\n"
        "missing = collections.defaultdict(lambda: 2.0, x=<n>)\n"
        "ordered = collections.OrderedDict(p=<n>, q=<n>)\n"
        "chained = collections.ChainMap({}, {'c': <n>})",
        numbers=(
            "counts['a']",
            "counts['other']",
            "missing['x']",
            "[*ordered.values()][0]",
            "chained['c']",
            "counts.total()",
        ),
        flags=("'x' in missing", "'y' in missing", "next(iter(ordered)) == 'p'", "'c' in chained"),
        effects=("counts['a'] += 1", "missing['y']", "counts.update('a')", "chained['c'] = 1"),
        between=(
            "counts['a'] = <n>",
            "missing['x'] = <n>",
            "missing['y'] = 1",
            "ordered.move_to_end('p')",
            "ordered['p'] = <n>",
            "chained['c'] = <n>",
            "chained.maps[-1]['c'] = <n>",
            "missing.default_factory = lambda: 3.0",
            "counts['other'] = <n>",
        ),
    ),
    "arrays": Feature(
        setup="array_ = np.array([<n>, <n>])\nview = memoryview(array_)\n"
        "raw = bytearray(b'\\1\\2')\ntyped = array.array('d', [<n>])",
        numbers=("float(array_[0])", "float(array_.sum())", "raw[0]", "typed[0]", "len(array_)"),
        flags=("array_[0] > 1", "bool(array_.any())"),
        effects=("raw[0] += 1", "array_[0] += 1"),
        between=(
            "array_[0] = <n>",
            "array_ = np.array([<n>, <n>])",
            "raw[0] = 3",
            "typed[0] = <n>",
            "typed.append(<n>)",
            "array_ *= 2",
        ),
    ),
    "closure": Feature(
        setup="count, store = <n>, {'n': <n>}\n"
        "def poke(value):\n    nonlocal count\n    count = value",
        numbers=("count", "store['n']", "(lambda: count)()"),
        flags=("count > 1", "'m' in store"),
        effects=("count += 1", "store['m'] = count"),
        between=("poke(<n>)", "poke(<n>)", "store['n'] = <n>", "store.pop('m', None)"),
        names=("count",),
        inner=True,
    ),
    "values that never change": Feature(
        setup="Pair = collections.namedtuple('Pair', 'a b')\npair = Pair(<n>, <n>)\n"
        "part = fractions.Fraction(1, 2)\nwhole = np.float32(<n>)\ntext = 'ab'",
        numbers=("pair.a", "pair[1]", "float(part)", "float(whole)", "len(text)", "part.numerator"),
        flags=("text == 'ab'", "text.startswith('a')", "pair.a > pair.b"),
        between=(
            "pair = Pair(<n>, <n>)",
            "pair = pair._replace(a=<n>)",
            "part = fractions.Fraction(3, 2)",
            "whole = np.float32(<n>)",
            "text = text + 'c'",
        ),
    ),
}
