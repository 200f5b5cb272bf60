"""Tensors, networks, optimisers and random generators."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES", "TRAINING"]

_OPTIMIZER_CHANGES = (
    "optimizer.param_groups[0]['lr'] = abs(<n>)",
    "optimizer.param_groups[0]['lr'] *= 0.5",
    "optimizer.param_groups[0]['weight_decay'] = 0.1",
    "optimizer.param_groups[0]['maximize'] = not optimizer.param_groups[0]['maximize']",
    "optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))",
    "optimizer.state.clear()",
    "optimizer.add_param_group({'params': [steep.ones(4, requires_grad=True)], 'lr': 0.2})",
    "optimizer.zero_grad()",
    "optimizer.zero_grad(set_to_none=False)",
    "optimizer.param_groups[0]['params'].reverse()",
    "optimizer.param_groups = copy.copy(optimizer.param_groups)",
    "optimizer.param_groups[0] = dict(optimizer.param_groups[0], lr=0.3)",
    "optimizer.register_step_post_hook(lambda *a: weight.detach().mul_(0.5))",
    "optimizer.register_step_pre_hook(lambda *a: None)",
    "optimizer.param_groups[0]['lr'] = steep.tensor(0.05)",
    "optimizer.step()",
)

# One of these is in every program that trains.
TRAINING: dict[str, Feature] = {
    "SGD": Feature(
        setup="optimizer = steep.optim.SGD([weight, *model.parameters()], lr=0.1)",
        between=_OPTIMIZER_CHANGES,
    ),
    "SGD with momentum": Feature(
        setup="optimizer = steep.optim.SGD([{'params': [weight], 'lr': 0.05},"
        " {'params': list(model.parameters())}], lr=0.1, momentum=0.9, weight_decay=0.01)",
        between=(
            *_OPTIMIZER_CHANGES,
            "optimizer.param_groups[0]['momentum'] = 0.5",
            "optimizer.param_groups[0]['momentum'] = 0",
            "optimizer.param_groups[0]['nesterov'] = True",
            "optimizer.state.pop(weight, None)",
            "optimizer.state[weight]['momentum_buffer'] = steep.ones(4)",
        ),
    ),
    "Adam": Feature(
        setup="optimizer = steep.optim.Adam([weight, *model.parameters()], lr=0.01)",
        between=(
            *_OPTIMIZER_CHANGES,
            "optimizer.param_groups[0]['betas'] = (0.8, 0.9)",
            "optimizer.param_groups[0]['eps'] = 1e-3",
            "optimizer.param_groups[0]['amsgrad'] = True",
            "optimizer.state.pop(weight, None)",
        ),
    ),
    "AdamW": Feature(
        setup="optimizer = steep.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)\n"
        "optimizer.add_param_group({'params': [weight], 'lr': 0.1})",
        between=(*_OPTIMIZER_CHANGES, "optimizer.param_groups[1]['lr'] = 0.02"),
    ),
}

_MODEL_CHANGES = (
    "model.train(not model.training)",
    "model.train(not model.training)",
    "model.requires_grad_(not next(model.parameters()).requires_grad)",
    "model.load_state_dict({k: v * 0.5 for k, v in model.state_dict().items()})",
    "model.zero_grad()",
    "handle = model.register_forward_hook(lambda m, i, o: o * <n>)",
    "handle = model.register_forward_pre_hook(lambda m, i: (i[0] * <n>,))",
    "handle.remove()",
    "for p in model.parameters():\n    p.grad = None",
    "for p in model.parameters():\n    p.grad = steep.full_like(p, 0.5)",
    "model.forward = lambda h: h * <n>",
    "model.__dict__.pop('forward', None)",
    "model = copy.deepcopy(model)",
    "kept.extend(p.grad for p in model.parameters())",
    "model.to(steep.float64)",
    "model.to(steep.float32)",
    "with steep.no_grad():\n    next(model.parameters()).mul_(0.5)",
)

MODELS: dict[str, Feature] = {
    "linear": Feature(
        setup="model = nn.Linear(4, 4)",
        calls=("model(<h>)", "model(<h>)", "F.linear(<h>, model.weight)"),
        tensors=("model.bias", "model.weight[0]"),
        flags=("model.weight.grad is None", "model.training", "model.bias is not None"),
        between=(
            *_MODEL_CHANGES,
            "model.weight = nn.Parameter(steep.eye(4) * <n>)",
            "model.bias = None",
            "model.bias = nn.Parameter(<t>)",
            "model.weight.requires_grad_(not model.weight.requires_grad)",
            "model.weight.grad = None",
            "model.weight.data = model.weight.data * <n>",
            "handle = model.weight.register_hook(lambda g: g * <n>)",
        ),
    ),
    "sequential": Feature(
        setup="model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 4))",
        calls=("model(<h>)", "model[3](model[0](<h>))", "model[2](<h>)"),
        numbers=("model[2].p", "len(model)"),
        flags=("model[2].training", "isinstance(model[1], nn.ReLU)", "model[0].bias.requires_grad"),
        steps=("for layer in model:\n    <h> = layer(<h>)",),
        between=(
            *_MODEL_CHANGES,
            "model[1] = nn.Tanh()",
            "model[1] = nn.ReLU()",
            "model[2].p = 0.25",
            "model[2].eval()",
            "model.append(nn.Tanh())",
            "model[0] = nn.Linear(4, 5)",
            "model[0].weight.grad = None",
            "model[3].bias.requires_grad_(not model[3].bias.requires_grad)",
        ),
    ),
    "own module": Feature(
        setup="""
class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.momentum, self.eps = 0.1, 0.01
        self.register_buffer("running_mean", steep.zeros(4))
    def forward(self, h):
        if not self.training:
            return h - self.running_mean
        mean = h.mean(0)
        with steep.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(mean, alpha=self.momentum)
        return (h - mean) / (h.std(0) + self.eps)
class Net(nn.Module):
    depth = <n>
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = Norm()
        self.scale = nn.Parameter(<t>)
        self.register_buffer("seen", steep.zeros(4))
        self.alpha, self.skip = <n>, False
        self.heads = nn.ModuleList([nn.Linear(4, 4, bias=False), nn.Identity()])
        self.named = nn.ModuleDict({"a": nn.Tanh()})
    def forward(self, h, extra=1):
        out = self.norm(self.first(h)) * self.alpha
        if self.training:
            with steep.no_grad():
                self.seen += 1
        for head in self.heads:
            out = head(out)
        out = self.named["a"](out)
        return (out if self.skip else out + h) * self.scale * extra
model = Net()""",
        calls=("model(<h>)", "model(<h>)", "model(<h>, extra=<N>)", "model.first(<h>)"),
        tensors=("model.seen", "model.scale", "model.norm.running_mean"),
        numbers=("model.alpha", "model.depth", "model.norm.momentum", "len(model.heads)"),
        flags=("model.skip", "model.training", "model.scale.grad is None"),
        effects=("model.alpha += 1", "model.skip = not model.skip", "model.calls = 1"),
        between=(
            *_MODEL_CHANGES,
            "model.alpha = <n>",
            "model.depth = <n>",
            "Net.depth = <n>",
            "model.skip = not model.skip",
            "model.norm.momentum = 0.5",
            "model.norm.eps = 0.1",
            "model.norm.eval()",
            "model.norm = nn.LayerNorm(4)",
            "model.seen = <t>",
            "model.heads[0] = nn.Linear(4, 4)",
            "model.heads.append(nn.Tanh())",
            "model.named['a'] = nn.ReLU()",
            "model.scale = nn.Parameter(<t>)",
            "del model.scale",
            "Net.forward = lambda self, h, extra=1: self.first(h)",
            "model.norm.running_mean = <t>",
        ),
    ),
}

FEATURES: dict[str, Feature] = {
    "tensor": Feature(
        setup="shift = nn.Parameter(<t>, requires_grad=False)\nshift.rate = <n>",
        tensors=("shift", "shift", "shift[1:2]", "shift.t()"),
        numbers=("shift.rate", "shift.dim()", "shift.shape[0]"),
        flags=("shift.requires_grad", "shift.grad is None", "shift.dtype == steep.float32"),
        steps=(
            "with steep.no_grad():\n    shift.add_(<h>.mean(0))",
            "with steep.no_grad():\n    shift.mul_(<N>)",
            "with steep.no_grad():\n    shift[0] = <N>",
            "shift.detach().copy_(<h>[0])",
            "shift.data.mul_(<N>)",
            "shift.data[0] = <N>",
            "<h>.data.clamp_(max=2)",
            "h = h * 2\nshift.data.add_(h.data.mean(0))",
            "shift += 1",
        ),
        effects=("shift = <h>[0].detach()", "shift.rate += 1"),
        between=(
            "shift = <t>",
            "shift.fill_(<n>)",
            "shift.data.fill_(<n>)",
            "shift.requires_grad_(not shift.requires_grad)",
            "shift = shift.double()",
            "shift.grad = steep.ones(4)",
            "shift.grad = None",
            "shift = steep.stack([shift, shift], 1)[:, 0]",
            "shift.rate = <n>",
            "shift.data = <t>",
            "hook = shift.register_hook(lambda g: g * <n>)",
            "shift.detach_()",
        ),
        names=("shift",),
    ),
    "memory that is shared": Feature(
        setup="memory = batch(5, 6)\nwindow = memory[1:4]\ncolumn = memory[:, 1]",
        tensors=(
            "memory[:1]",
            "window[0]",
            "window.t()[:, 0]",
            "column[:4]",
            "memory.view(-1)[:4]",
        ),
        flags=("window.data_ptr() == memory.data_ptr()", "memory.shape[0] > 3"),
        calls=("(<h> + window[:1])",),
        steps=(
            "with steep.no_grad():\n    memory.mul_(0.5)",
            "window.add_(1)",
            "window[0] = g[0].detach()",
            "column.copy_(memory[:, 0])",
            "memory[2:5] = memory[1:4]",
            "memory.data[1:3].mul_(0.5)",
            "column.data.copy_(memory.data[:, 0])",
            "x.data.add_(window[:1].data)",
            "x.mul_(0.5)",
            "x[0] = <N>",
            "with steep.no_grad():\n    x.add_(window[:1])",
            "g = window.view(-1, 4)",
        ),
        effects=("memory = memory.clone()", "window = memory[:3]"),
        between=(
            "memory = batch(6, 6)",
            "window = memory[2:5]",
            "window = memory[1:4].clone()",
            "memory.fill_(<n>)",
            "memory.data.fill_(<n>)",
            "memory.data.add_(1)",
            "column = memory[:, 2]",
            "memory.data = batch(7, 6)",
            "window.requires_grad_()",
            "steep.set_num_threads(2)",
        ),
        firsts=("memory[:3]", "memory[2:5]", "window", "window.clone()", "memory[::2]"),
        names=("memory", "window"),
    ),
    "values in Python": Feature(
        setup="amount, chosen = <t>, {weight: <n>, 'x': <n>, (1, 2): <n>, None: <n>}",
        numbers=(
            "amount[0].item()",
            "float(amount.sum())",
            "amount.tolist()[1]",
            "int(amount[2])",
            "chosen[weight]",
            "chosen[1, 2]",
            "chosen.get(None)",
            "len(weight)",
        ),
        flags=(
            "bool(amount[0] > 1)",
            "weight in chosen",
            "amount is weight",
            "amount.equal(weight)",
        ),
        tensors=("amount",),
        effects=("chosen[x] = 1", "chosen[weight] += 1"),
        between=(
            "amount.fill_(<n>)",
            "amount = <t>",
            "chosen[weight] = <n>",
            "chosen[1, 2] = <n>",
            "chosen[None] = <n>",
            "chosen.pop(None, None)",
            "weight = nn.Parameter(<t>)",
            "weight.grad = <t>",
            "kept.append(weight.grad)",
        ),
    ),
    "containers of tensors": Feature(
        setup="bank, named, kept = [<t>, <t>], {'a': <t>, 'b': <t>}, []",
        tensors=("bank[0]", "bank[-1]", "named['a']", "sum(bank)", "steep.stack(bank).sum(0)"),
        numbers=("len(bank)", "len(kept)"),
        flags=("'c' in named", "bank[0] is bank[-1]", "kept"),
        steps=(
            "for t in bank:\n    <h> = <h> * t",
            "for k in named:\n    <h> = <h> + named[k]",
            "with steep.no_grad():\n    bank[0].mul_(0.5)",
            "named['a'].copy_(<h>[0].detach())",
        ),
        effects=(
            "kept.append(<h>.detach())",
            "bank[0] = bank[0] * 2",
            "named['c'] = <t>",
            "bank.reverse()",
            "kept.append(len(kept))",
        ),
        between=(
            "bank[0] = <t>",
            "bank.append(<t>)",
            "bank.reverse()",
            "bank[0] = bank[-1]",
            "named['a'] = <t>",
            "named['c'] = <t>",
            "named.pop('c', None)",
            "named['a'], named['b'] = named['b'], named['a']",
            "bank = [t.clone() for t in bank]",
            "kept.clear()",
        ),
    ),
    "generators": Feature(
        setup="gen = steep.Generator()\ngen.manual_seed(3)",
        tensors=("steep.rand(4, generator=gen)", "steep.randn(4)", "steep.rand(1)"),
        calls=("F.dropout(<h>, 0.5)", "F.dropout(<h>, 0.25, training=bool(<F>))"),
        steps=("<h> = <h> + steep.randn(4, generator=gen)", "<h> = <h> * steep.rand_like(<h>)"),
        effects=("gen.manual_seed(5)", "steep.manual_seed(2)"),
        between=(
            "gen.manual_seed(5)",
            "gen = steep.Generator().manual_seed(6)",
            "steep.manual_seed(7)",
            "steep.rand(3)",
            "steep.rand(2, generator=gen)",
            "gen.set_state(steep.Generator().manual_seed(1).get_state())",
        ),
    ),
    "settings": Feature(
        setup="",
        flags=("steep.is_grad_enabled()", "steep.get_default_dtype() == steep.float32"),
        tensors=("steep.tensor([<N>])", "steep.full((4,), <N>)", "steep.arange(4) * 0.5"),
        effects=("steep.set_default_dtype(steep.float64)",),
        between=(
            "steep.set_default_dtype(steep.float64)",
            "steep.set_default_dtype(steep.float32)",
            "steep.set_num_threads(1)",
            "steep.set_num_threads(3)",
            "steep.set_grad_enabled(not steep.is_grad_enabled())",
        ),
    ),
}
