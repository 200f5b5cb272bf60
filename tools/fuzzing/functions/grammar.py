"""Draws a program: pieces of state from the tables, statements over them, a schedule."""

from __future__ import annotations

import random
import re

from fuzzing.functions import containers, objects, oddities, phrases, readings, stored, tensors
from fuzzing.functions import training as training_states
from fuzzing.functions.arguments import ARGUMENTS, BATCHES
from fuzzing.functions.program import Call, Node, Program

__all__ = ["draw"]

_STATE = {
    **containers.FEATURES,
    **objects.FEATURES,
    **tensors.FEATURES,
    **oddities.FEATURES,
    **training_states.FEATURES,
    **readings.FEATURES,
    **stored.FEATURES,
}
_NUMBERS = ("0.5", "2.0", "-1.0", "1.5", "3", "1", "2", "0.25", "0")
_MARK = re.compile(r"<([nthNFT])>")
_ERRORS = ("ValueError", "KeyError", "RuntimeError", "ZeroDivisionError", "Exception")
_CALLS = (8, 14)
_SETTLED = 4  # calls after which most programs replay, for nothing was changed
_FORMS = ("function", "function", "function", "closure", "method", "compiled method", "module")
_BASE = "weight, kept, held = nn.Parameter(<t>), [], batch(0)"


def draw(seed: int) -> Program:
    """The program of a seed."""
    return _Draw(random.Random(seed)).program()


class _Draw:
    """One program being made."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        names = chance.sample(list(_STATE), chance.choice([1, 2, 2, 3, 4]))
        self.features = [_STATE[name] for name in names]
        self.trains = chance.random() < 0.5
        if self.trains or chance.random() < 0.3:
            self.features.append(chance.choice(list(tensors.MODELS.values())))
        if self.trains:
            self.features.append(chance.choice(list(tensors.TRAINING.values())))
        self.form = chance.choice(_FORMS)
        if any(f.inner for f in self.features):
            self.form = "closure"
        if self.form in ("method", "compiled method", "module"):
            self.features.append(phrases.OWNER)
        if chance.random() < 0.15:
            self.features.append(phrases.COMPILED)
        self.parameters = chance.sample(list(ARGUMENTS), chance.choice([0, 0, 1, 1, 2]))
        self.changes = chance.random() < 0.3  # what Python holds, inside
        self.loss = False

    # ---- expressions ------------------------------------------------------------------------

    def fill(self, text: str, local: str = "", depth: int = 2) -> str:
        """A text of the tables with something in place of each mark."""
        local = local or self.chance.choice(["h", "h", "g"])

        def instead(found: re.Match[str]) -> str:
            mark = found[1]
            if mark == "n":
                return self.chance.choice(_NUMBERS)
            if mark == "t":
                values = ", ".join(self.chance.choice(_NUMBERS[:4]) for _ in range(4))
                return f"steep.tensor([{values}])"
            if mark == "N":
                return self.number(depth - 1)
            if mark == "F":
                return self.flag(depth - 1)
            return local

        return _MARK.sub(instead, text)

    def _any(self, kind: str, plain: tuple[str, ...]) -> str:
        feature = self.chance.choice(self.features)
        own: list[str] = list(getattr(feature, kind))
        for name in self.parameters:
            own += getattr(ARGUMENTS[name].feature, kind)
        return self.chance.choice(own or list(plain))

    def number(self, depth: int = 2) -> str:
        if depth <= 0 or self.chance.random() < 0.1:
            return self.chance.choice(_NUMBERS)
        if self.chance.random() < 0.15:
            pattern = self.chance.choice(phrases.OF_NUMBERS)
            return self.fill(pattern, depth=depth)
        return self.fill(self._any("numbers", _NUMBERS), depth=depth)

    def flag(self, depth: int = 2) -> str:
        if self.chance.random() < 0.2 and depth > 0:
            return f"{self.number(depth)} > {self.chance.choice(_NUMBERS)}"
        return self.fill(self._any("flags", ("h.shape[0] > 2", "True", "h.requires_grad")))

    def tensor(self, depth: int = 2) -> str:
        """Of the shape of `h`."""
        local = self.chance.choice(["h", "h", "h", "g", "x"])
        kind = self.chance.random()
        if depth <= 0 or kind < 0.1:
            return local
        inside = self.tensor(depth - 1)
        if kind < 0.3:
            return f"{_atom(inside)} {self.chance.choice('*+-')} {_atom(self.number())}"
        if kind < 0.5:
            operand = self.fill(self._any("tensors", ("weight", "weight[:1]")), local)
            return f"{_atom(inside)} {self.chance.choice('*+-')} {_atom(operand)}"
        if kind < 0.75:
            return self.fill(self._any("calls", phrases.OF_TENSORS).replace("<h>", inside), local)
        return self.fill(self.chance.choice(phrases.OF_TENSORS).replace("<h>", inside), local)

    # ---- statements -------------------------------------------------------------------------

    def block(self, depth: int, least: int = 1) -> tuple[Node, ...]:
        return tuple(self.statement(depth) for _ in range(self.chance.choice([least, 1, 2])))

    def statement(self, depth: int) -> Node:
        kind = self.chance.random()
        if depth > 0 and kind < 0.3:
            return self.compound(depth)
        if kind < 0.5:
            steps = self._any("steps", ("g = <h>", "h, g = g, h", "g = g.clone()"))
            return Node(self.fill(steps))
        if kind < 0.51:
            return Node("", ((f"if {self.flag()}:", (Node(self.fill(phrases.RAISING)),)),))
        if kind < 0.52:
            return Node("", ((f"if {self.flag()}:", (Node(self.chance.choice(phrases.LEAVING)),)),))
        if self.changes and kind < 0.7:
            effect = Node(self.fill(self._any("effects", ("kept.append(<N>)",))))
            guarded = self.chance.random() < 0.6
            return Node("", ((f"if {self.flag()}:", (effect,)),)) if guarded else effect
        return Node(f"{self.chance.choice(['h', 'h', 'g'])} = {self.tensor()}")

    def compound(self, depth: int) -> Node:
        inside = self.block(depth - 1)
        kind = self.chance.randrange(7)
        if kind < 3:
            blocks = [(f"if {self.flag()}:", inside)]
            if self.chance.random() < 0.5:
                blocks.append(("else:", self.block(depth - 1)))
        elif kind == 3:
            blocks = [(f"for i in range({self.chance.choice([2, 3])}):", inside)]
        elif kind == 4:
            blocks = [(self.fill(self.chance.choice(phrases.HEADS)), inside)]
        else:
            error = self.chance.choice(_ERRORS)
            fails = self.fill(self.chance.choice(phrases.FAILURES)).replace("<E>", error)
            if self.chance.random() < 0.7:
                failing = Node("", ((f"if {self.flag()}:", (Node(fails),)),))
            else:
                failing = Node(fails)
            blocks = [("try:", (*inside, failing)), (f"except {error}:", self.block(depth - 1))]
            if self.chance.random() < 0.3:
                blocks.append(("finally:", self.block(depth - 1)))
        return Node("", tuple(blocks))

    def training(self) -> list[Node]:
        """Forward, backward and step, with the odd thing between."""
        chance = self.chance
        zero = chance.choice(
            ["optimizer.zero_grad()", f"optimizer.zero_grad(set_to_none=bool({self.flag()}))"]
        )
        loss = chance.choice(phrases.LOSSES)
        lines = [
            Node(zero),
            Node(f"loss = {self.fill(loss)}"),
            Node("loss.backward()"),
            Node("optimizer.step()"),
        ]
        if chance.random() < 0.4:
            lines.insert(3, Node(self.fill(chance.choice(phrases.AFTER_BACKWARD))))
        if chance.random() < 0.2:
            lines.insert(chance.randrange(5), Node(f"g = ({self.tensor()}).detach()"))
        if chance.random() < 0.2:
            lines[2:3] = [Node(self.fill(text)) for text in chance.choice(phrases.BACKWARDS)]
        if chance.random() < 0.15:
            lines[-1] = Node("", ((f"if {self.flag()}:", (lines[-1],)),))
        if chance.random() < 0.15:
            lines[0] = Node("", ((f"if {self.flag()}:", (lines[0],)),))
        return lines

    def result(self) -> str:
        chance = self.chance
        if chance.random() < 0.08:
            return chance.choice(phrases.RISKY)
        parts = ["h.detach()", "h.detach().sum()", "g.detach().mean(0)", self.number()]
        parts += ["None", "'text'", "h.detach().sum().item()", f"bool({self.flag()})"]
        parts += [
            "h.detach().numpy()",
            "int(h.detach().flatten().argmax())",
            "weight.detach().numpy()",
        ]
        parts += ["loss.item()", "loss", "float(loss)"] if self.loss else []
        parts += 3 * [text for feature in self.features for text in feature.results]
        chosen = [chance.choice(parts) for _ in range(chance.choice([1, 2, 3]))]
        forms = ["{0}", "({0},)", "({0}, h.detach())", "[{0}, [{0}]]", "{{'a': {0}, 'n': 1}}"]
        forms += ["Result({0}, 2)"] if "item" not in chosen[0] and "float" not in chosen[0] else []
        if len(chosen) > 1:
            forms = ["({0}, {1})", "{{'a': {0}, 'b': ({1},)}}", "Result({0}, [{1}])"]
        return chance.choice(forms).format(*chosen)

    # ---- the whole --------------------------------------------------------------------------

    def body(self) -> tuple[Node, ...]:
        chance = self.chance
        nodes = [self.statement(2) for _ in range(chance.choice([1, 2, 3, 4]))]
        if self.trains:
            nodes += self.training()
            self.loss = True
            nodes += [self.statement(1) for _ in range(chance.choice([0, 0, 1]))]
        elif chance.random() < 0.5:
            nodes = [Node("", (("with steep.no_grad():", tuple(nodes)),))]
        return tuple(nodes)

    def program(self) -> Program:
        outer = [_BASE, *(f.setup for f in self.features if not f.inner)]
        body = self.body()
        result = self.result()
        names = [n for f in self.features if not f.inner for n in f.names]
        inner = [n for f in self.features if f.inner for n in f.names]
        declared = ["h = g = x"]
        if inner:
            declared.insert(0, f"nonlocal {', '.join(inner)}")
        if names:
            declared.insert(0, f"global {', '.join(dict.fromkeys(names))}")
        head, around = self.form_of()
        return Program(
            setups=tuple(self.fill(setup) for setup in _sorted(outer)),
            inner=tuple(self.fill(f.setup) for f in self.features if f.inner),
            head=head,
            around=around,
            declared=tuple(declared),
            body=body,
            result=result,
            calls=self.schedule(),
        )

    def form_of(self) -> tuple[str, str]:
        """The line of the function, and what stands around it."""
        defaults = "".join(f", {name}={ARGUMENTS[name].default}" for name in self.parameters)
        if self.form == "function":
            return f"@compiled\ndef step(x{defaults}):", "{}"
        if self.form == "closure":
            inner = [f for f in self.features if f.inner]
            made = "step, poke" if inner else "step"
            return f"@compiled\ndef step(x{defaults}):", phrases.BUILT.replace("MADE", made)
        if self.form == "method":
            return f"def act(self, x{defaults}):", phrases.METHOD
        if self.form == "compiled method":
            return f"@compiled\ndef act(self, x{defaults}):", phrases.COMPILED_METHOD
        return f"def forward(self, x{defaults}):", phrases.MODULE

    def schedule(self) -> tuple[Call, ...]:
        chance = self.chance
        restless = chance.random() < 0.15
        changes = [text for f in self.features for text in f.between]
        firsts = [text for f in self.features for text in f.firsts] or list(BATCHES[:3])
        base = chance.choice(firsts if chance.random() < 0.8 else BATCHES)
        usual = {name: chance.choice(ARGUMENTS[name].values) for name in self.parameters}
        calls = []
        for i in range(chance.randint(*_CALLS)):
            before: list[str] = []
            if changes and (i >= _SETTLED or restless) and chance.random() < 0.45:
                count = chance.choice([1, 1, 2])
                before = [self.fill(chance.choice(changes)) for _ in range(count)]
            another = i >= _SETTLED and chance.random() < 0.1
            x = chance.choice([*BATCHES, *firsts]) if another else base
            args, named = [x.replace("<i>", str(i))], []
            for name in self.parameters:
                value = usual[name]
                if (i >= _SETTLED or restless) and chance.random() < 0.3:
                    value = chance.choice(ARGUMENTS[name].values)
                if len(args) > len(named) + 1 or chance.random() < 0.9:
                    named.append((name, self.fill(value).replace("<i>", str(i))))
            calls.append(Call(tuple(before), tuple(args), tuple(named)))
        return tuple(calls)


def _sorted(setups: list[str]) -> list[str]:
    """Networks before their optimisers, which come last."""
    return sorted(setups, key=lambda text: text.startswith("optimizer"))


def _atom(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+", text) else f"({text})"
