"""State of training programs: layers that change their own, schedules, averages, derivatives."""

from __future__ import annotations

from fuzzing.functions.feature import Feature

__all__ = ["FEATURES"]

FEATURES = {
    "batch norm": Feature(
        setup="norm, dropped = nn.BatchNorm1d(4), nn.Dropout(0.25)",
        numbers=("norm.momentum", "norm.eps"),
        flags=("norm.training", "dropped.training", "norm.track_running_stats"),
        tensors=("norm.running_mean", "norm.weight", "norm.running_var.detach()"),
        calls=("norm(<h>)", "norm(<h>)", "dropped(<h>)", "norm(dropped(<h>))"),
        steps=(
            "with steep.no_grad():\n    <h> = <h> - norm(<h>).mean(0)",
            "norm.running_mean.mul_(0.5)",
            "norm.num_batches_tracked.add_(1)",
        ),
        effects=(
            "norm.train(not norm.training)",
            "norm.eval()\n<h> = norm(<h>)\nnorm.train()",
            "norm.momentum = norm.momentum * 0.5",
            "dropped.p = 0.5 if dropped.p == 0.25 else 0.25",
        ),
        between=(
            "norm.train(not norm.training)",
            "dropped.train(not dropped.training)",
            "norm.momentum = 0.3",
            "norm.reset_running_stats()",
            "norm.running_mean = <t>",
            "norm.weight.data.mul_(2.0)",
            "norm = nn.BatchNorm1d(4)",
            "dropped.p = 0.75",
        ),
    ),
    "recurrent": Feature(
        setup="""
cell, hidden = nn.GRUCell(4, 4), None
words = nn.Embedding(5, 4)
long = nn.LSTM(4, 4, batch_first=True)""",
        flags=("hidden is None", "words.padding_idx is None"),
        tensors=("words(steep.tensor(2))", "words.weight[1]", "cell.bias_hh[:4]"),
        calls=(
            "cell(<h>)",
            "cell(<h>) * words.weight[1]",
            "long((<h>).unsqueeze(1))[0].squeeze(1)",
        ),
        steps=("for _ in range(3):\n    <h> = cell(<h>, <h>)",),
        effects=(
            "hidden = cell(<h>.detach()[:1], hidden).detach()\n<h> = <h> + hidden",
            "words.weight.data[2] = <h>.detach()[0]",
        ),
        between=(
            "hidden = None",
            "hidden = <t>.unsqueeze(0)",
            "words = nn.Embedding(5, 4)",
            "words.weight.data.mul_(0.5)",
            "cell.weight_ih.data.neg_()",
            "long.bias_ih_l0.requires_grad_(not long.bias_ih_l0.requires_grad)",
        ),
        names=("hidden",),
    ),
    "schedules": Feature(
        setup="""
timed = nn.Parameter(<t>)
slow = steep.optim.SGD([timed], lr=0.5)
plan = steep.optim.lr_scheduler.StepLR(slow, 2, 0.5)
rate = steep.tensor(0.25)
fast = steep.optim.Adam([timed], lr=rate)""",
        numbers=("slow.param_groups[0]['lr']", "plan.last_epoch", "plan.get_last_lr()[0]"),
        flags=("timed.grad is None", "plan.last_epoch > 2"),
        tensors=("timed", "rate", "timed.detach()"),
        steps=(
            "slow.zero_grad()\n(timed * g.detach()).sum().backward()\nslow.step()",
            "fast.zero_grad()\n(timed * g.detach()).mean().backward()\nfast.step()",
            "timed.grad = g.detach()[0].clone()\nslow.step()",
        ),
        effects=(
            "plan.step()",
            "slow.param_groups[0]['lr'] *= 0.5",
            "rate.mul_(0.5)",
            "slow.add_param_group({'params': [nn.Parameter(<t>)]})",
        ),
        between=(
            "slow.step()\nplan.step()",
            "rate.fill_(0.125)",
            "slow.param_groups[0]['lr'] = abs(<n>)",
            "slow = steep.optim.SGD([timed], lr=0.125)",
            "fast.state.clear()",
            "timed.data = <t>",
            "plan.load_state_dict(plan.state_dict())",
        ),
    ),
    "averages": Feature(
        setup="""
source = nn.Linear(4, 4)
shadow = {k: v.detach().clone() for k, v in source.named_parameters()}
queue, seen, decay = steep.zeros(4, 4), 0, 0.5
@contextlib.contextmanager
def swapped():
    kept_away = {k: v.detach().clone() for k, v in source.named_parameters()}
    source.load_state_dict(shadow)
    try:
        yield source
    finally:
        source.load_state_dict(kept_away)
def average(by):
    with steep.no_grad():
        for k, v in source.named_parameters():
            shadow[k].mul_(by).add_(v, alpha=1 - by)""",
        numbers=("seen", "decay", "len(shadow)"),
        flags=("seen > 3", "'bias' in shadow"),
        tensors=("shadow['bias']", "queue[0]", "source.bias"),
        calls=("source(<h>)", "F.linear(<h>, shadow['weight'], shadow['bias'])"),
        steps=(
            "average(0.5)",
            "with swapped() as one:\n    <h> = one(<h>).detach()",
            "queue.copy_(steep.roll(queue, 1, 0))\nqueue[0] = <h>.detach()[0]",
            "source.weight.data.add_(<h>.detach()[0])",
        ),
        effects=(
            "seen += 1\naverage(min(0.75, (1 + seen) / (4 + seen)))",
            "decay = decay * 0.5\naverage(decay)",
            "seen = (seen + 1) % 4\nqueue[seen] = <h>.detach()[0]",
            "source.bias.data = source.bias.data * 0.5",
        ),
        between=(
            "seen = 0",
            "decay = <n>",
            "shadow['bias'] = <t>",
            "source = nn.Linear(4, 4)",
            "queue.zero_()",
            "queue = steep.ones(4, 4)",
            "average(0.25)",
        ),
        names=("seen", "decay"),
    ),
    "derivatives": Feature(
        setup="""
inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
again = True
def energy(h):
    return (inner(h) ** 2).sum()
normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
checkpoint = steep.utils.checkpoint.checkpoint""",
        flags=("again", "inner[1].training"),
        tensors=("inner[0].bias", "normed.weight[0]"),
        calls=(
            "checkpoint(inner, <h>, use_reentrant=False)",
            "checkpoint(lambda x: inner(x) * 2, <h>)",
            "normed(<h>)",
            "steep.autograd.functional.hvp(energy, (<h>).detach(), steep.ones_like(<h>))[1]",
            "steep.autograd.functional.jacobian(energy, <h>)",
        ),
        steps=(
            "<h> = <h> + steep.autograd.grad(energy(<h>.detach() + inner[0].bias), "
            "inner[0].bias, create_graph=again)[0]",
        ),
        effects=("again = not again",),
        between=(
            "again = not again",
            "inner[1] = nn.ReLU()",
            "inner[0].weight.data.mul_(0.5)",
            "inner.append(nn.Dropout(0.5))",
            "normed.parametrizations.weight.original0.data.mul_(2.0)",
            "normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))",
        ),
        names=("again",),
    ),
    "distributions": Feature(
        setup="""
from steep.distributions import Categorical, Normal, kl_divergence
spread, choices = nn.Parameter(<t>), nn.Linear(4, 3)
temperature = 1.5""",
        numbers=("temperature",),
        flags=("temperature > 1", "spread.requires_grad"),
        tensors=("spread.exp()", "Normal(<t>, spread.exp()).entropy()"),
        calls=(
            "Normal(<h>, spread.exp()).rsample()",
            "Normal(<h>, temperature).log_prob(g.detach())",
            "<h> + Categorical(logits=choices(<h>)).entropy().unsqueeze(1)",
            "<h> + kl_divergence(Normal(<h>, 1.0), Normal(spread, spread.exp()))",
        ),
        steps=("<h> = <h> + Categorical(logits=choices(<h>)).sample().unsqueeze(1)",),
        effects=("temperature = max(0.5, temperature * 0.5)",),
        between=(
            "temperature = 2.5",
            "spread.data.neg_()",
            "spread.requires_grad_(not spread.requires_grad)",
            "choices = nn.Linear(4, 3)",
            "steep.manual_seed(3)",
        ),
        names=("temperature",),
    ),
}
