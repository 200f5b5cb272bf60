"""Tensors that a function stores anew: hidden states, averages, traces, the last of something."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES: dict[str, Feature] = {
    "a hidden state": Feature(
        setup="""
class Memory:
    def __init__(self):
        self.h, self.pair, self.olds = None, (<t>, <t>), []
    def read(self):
        return <t> if self.h is None else self.h
memory = Memory()""",
        tensors=("memory.read()", "memory.pair[0]", "memory.pair[1] * 2"),
        flags=("memory.h is None", "memory.h is memory.pair[0]"),
        effects=(
            "memory.h = (memory.read() * 0.5 + <h>.sum(0)).detach()",
            "memory.h = <h>.detach()[0]",
            "memory.pair = (memory.pair[1], <h>.mean(0).detach())",
            "memory.pair = (memory.read(), memory.pair[0] * 0.5)",
            "memory.h = memory.pair[0]",
            "memory.h, memory.pair = memory.pair[1] + 1, (memory.read(), memory.read())",
            "memory.h = None",
            "memory.last = <h>.detach()",
        ),
        between=(
            "memory.h = None",
            "memory.h = <t>",
            "memory.h = memory.pair[1]",
            "memory.h = <t>.double()",
            "memory.pair = (<t>, <t>)",
            "memory.olds.append(memory.h)",
            "memory.olds.append(memory.pair)",
            "memory.pair[0].mul_(2)",
            "memory = copy.deepcopy(memory)",
            "del memory.last",
        ),
        results=("memory.h", "(h.detach(), memory.pair[0])"),
    ),
    "tables of tensors": Feature(
        setup="""
averages, trace = {"a": <t>, "b": 0.0}, [<t>, <t>]
moments = {"m": {"first": <t>, "second": [<t>]}}
class Shared:
    total = <t>
slot = types.SimpleNamespace(x=<t>)""",
        tensors=(
            "averages['a']",
            "averages['b']",
            "trace[0]",
            "trace[-1]",
            "moments['m']['first']",
            "moments['m']['second'][0]",
            "Shared.total",
            "slot.x",
        ),
        effects=(
            "averages['a'] = averages['a'] * 0.9 + <h>.sum(0).detach()",
            "averages['b'] = averages['b'] * 0.9 + <h>.mean().detach()",
            "trace[1] = trace[0]; trace[0] = <h>.sum(0).detach()",
            "trace = [trace[1], trace[0] * 2]",
            "moments['m'] = {'first': moments['m']['first'] + 1,"
            " 'second': [moments['m']['first']]}",
            "moments['m']['first'] = <h>.sum(0).detach()",
            "Shared.total = Shared.total * 0.5 + <h>.sum(0).detach()",
            "slot.x = slot.x + <h>.sum(0).detach()",
            "slot.x, trace[0] = trace[0], slot.x",
            "averages = dict(averages, a=<h>.sum(0).detach())",
        ),
        between=(
            "averages['a'] = <t>",
            "averages = {'a': <t>, 'b': <t>}",
            "averages['c'] = <t>",
            "trace[0] = trace[1]",
            "trace = [<t>, <t>]",
            "trace.append(<t>)",
            "moments = copy.deepcopy(moments)",
            "Shared.total = <t>",
            "slot.x = trace[0]",
            "slot = types.SimpleNamespace(x=<t>)",
        ),
        names=("averages", "trace"),
    ),
    "a tensor with other memory": Feature(
        setup="target, shadow = <t>, <t>.requires_grad_()",
        tensors=("target", "shadow", "shadow.data", "target.data"),
        effects=(
            "target.data = target.data * 0.9 + <h>.sum(0).detach()",
            "shadow.data = shadow.data - 0.1 * <h>.sum(0).detach()",
            "shadow.data = shadow.data.clamp(-1, 1)",
            "target.data, shadow.data = shadow.data * 1, target.data * 1",
        ),
        between=(
            "target.data = <t>",
            "target = <t>",
            "shadow.data = target.data",
            "shadow.grad = None",
            "shadow.requires_grad_(not shadow.requires_grad)",
        ),
    ),
    "a tensor in a closure": Feature(
        inner=True,
        setup="""
carried = <t>
def poke(value):
    nonlocal carried
    carried = <t> * value""",
        tensors=("carried",),
        effects=(
            "carried = carried * 0.5 + <h>.sum(0).detach()",
            "carried = <h>.sum(0).detach()",
        ),
        between=("poke(<n>)",),
        names=("carried",),
    ),
}
