"""Learn to write by reading: a small GPT that predicts a text character by character.

    python examples/characters.py
    python examples/characters.py --text FILE

Reads the file, or else the reference of the Python language as `help()` shows it, which comes with
every Python. Trains a transformer (embeddings of characters and places, and blocks of causal
attention) on the first nine tenths, measures it on the rest, restores the weights of the best
validation loss, and lets it write.

Prints the validation loss in bits per character, beside those of counting which characters follow
each one, two, three and four; writes to --output: `curve.png` (the learning curve) and `sample.txt`
(what it wrote).
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import steep
from steep import Tensor, nn
from steep.train import EarlyStopping, decay_groups

STEPS = 250  # In what is called an epoch here.
BATCH = 16


@dataclass
class History:
    """The learning curve: one entry an epoch, in bits per character."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)


def read_text(path: Path | None) -> str:
    """The file's text, or Python's reference."""
    if path is not None:
        return path.read_text(encoding="utf-8", errors="replace")
    from pydoc_data.topics import topics

    # Some paragraphs stand in several topics: once is enough, and more would tell the validation.
    paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
    return "\n\n".join(dict.fromkeys(paragraphs))


class Vocabulary:
    """The characters of a text, and their numbers."""

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        self.numbers = {character: n for n, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        return steep.tensor([self.numbers[character] for character in text])

    def decode(self, numbers: Sequence[int]) -> str:
        return "".join(self.characters[n] for n in numbers)


class Attention(nn.Module):
    """Every place looks at itself and the places before it, in several ways at once."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.take = nn.Linear(width, 3 * width)
        self.give = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        # [batch, length, 3 * width] to three times [batch, heads, length, width / heads].
        parts = self.take(x).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.give(seen.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """Attention, then a network for each place; each adds to its input, normalised before."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.network(self.norm2(x)))


class GPT(nn.Module):
    """Numbers of characters [N, L] to scores of the next ones [N, L, characters]."""

    def __init__(
        self,
        characters: int,
        context: int,
        width: int,
        depth: int,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.context = context
        self.of_character = nn.Embedding(characters, width)
        self.of_place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, numbers: Tensor) -> Tensor:
        places = steep.arange(numbers.shape[1])
        x = self.of_character(numbers) + self.of_place(places)
        return self.head(self.norm(self.blocks(x)))


def bits(scores: Tensor, numbers: Tensor) -> Tensor:
    """Bits per character: the cross-entropy in units of log 2."""
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), numbers.flatten())
    return loss / math.log(2)


def draw_batch(data: Tensor, length: int) -> Tensor:
    """Stretches of the data from random places, [BATCH, length]."""
    starts = steep.randint(len(data) - length + 1, (BATCH, 1))
    return data[starts + steep.arange(length)]


def evaluate(model: GPT, data: Tensor) -> float:
    """Bits per character over the whole part, cut into stretches of a context each."""
    length = min(model.context, len(data) - 1)
    count = (len(data) - 1) // length
    before = data[: count * length].reshape(count, length)
    after = data[1 : count * length + 1].reshape(count, length)
    model.eval()
    total = 0.0
    with steep.no_grad():
        for x, y in zip(before.split(64), after.split(64), strict=True):
            total += bits(model(x), y).item() * len(x)
    return total / count


def train(model: GPT, training: Tensor, validation: Tensor, *, epochs: int) -> History:
    """Train; the model ends with the weights of the best validation loss."""
    from tqdm import tqdm

    optimizer = steep.optim.AdamW(decay_groups(model, 0.1), lr=3e-3, betas=(0.9, 0.98))
    schedule = steep.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=epochs * STEPS, pct_start=0.1, cycle_momentum=False
    )

    @steep.compile
    def step(numbers: Tensor) -> float:
        optimizer.zero_grad()
        loss = bits(model(numbers[:, :-1]), numbers[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    history, best = History(), EarlyStopping(model, patience=epochs)
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            started = time.perf_counter()
            model.train()
            losses = []
            for _ in range(STEPS):
                losses.append(step(draw_batch(training, model.context + 1)))
                schedule.step()
            pace = STEPS * BATCH * model.context / (time.perf_counter() - started)
            loss = evaluate(model, validation)
            best.step(loss)
            history.train.append(sum(losses) / len(losses))
            history.validation.append(loss)
            bar.set_postfix_str(
                f"{history.train[-1]:.3f} bits, validation {loss:.3f}, {pace:,.0f} characters/s"
            )
    best.restore()
    return history


def write(model: GPT, start: Tensor, length: int, temperature: float) -> list[int]:
    """Numbers of `length` characters that go on after `start`, each drawn by its probability."""
    model.eval()
    numbers = start
    with steep.no_grad():
        for _ in range(length):
            scores = model(numbers[-model.context :].unsqueeze(0))[0, -1]
            # The largest score after noise of this kind is number i with i's probability (Gumbel).
            noise = -(-steep.rand_like(scores).log()).log()
            drawn = (scores / temperature + noise).argmax(dim=0, keepdim=True)
            numbers = steep.cat([numbers, drawn])
    return numbers[len(start) :].tolist()


def counting_bits(training: str, validation: str, order: int) -> float:
    """Bits per character of the validation text by counts of what follows what in the other.

    A character's probability after the last n ones is its share of what followed them, mixed with
    its probability after the last n - 1, the more so the more variously they went on (Witten and
    Bell, 1991).
    """
    following: list[defaultdict[str, Counter[str]]]
    following = [defaultdict(Counter) for _ in range(order + 1)]
    for i in range(order, len(training)):
        for n, counts in enumerate(following):
            counts[training[i - n : i]][training[i]] += 1
    alphabet, total = len(set(training) | set(validation)), 0.0
    for i in range(order, len(validation)):
        probability = 1 / alphabet
        for n, counts in enumerate(following):
            seen = counts.get(validation[i - n : i])
            if seen:
                share = seen[validation[i]] + len(seen) * probability
                probability = share / (seen.total() + len(seen))
        total -= math.log2(probability)
    return total / (len(validation) - order)


def draw_curve(history: History, path: Path) -> None:
    """Training and validation loss by epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    steps = [STEPS * (epoch + 1) for epoch in range(len(history.train))]
    axes.plot(steps, history.train, label="training (with dropout)")
    axes.plot(steps, history.validation, label="validation")
    axes.set(xlabel="step", ylabel="bits per character", title="Characters")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--text", type=Path, help="a file in UTF-8; default: Python's reference")
    parser.add_argument("--output", type=Path, default=Path("characters-output"))
    parser.add_argument("--epochs", type=int, default=8, help=f"of {STEPS} steps each")
    parser.add_argument("--context", type=int, default=64, help="characters that it sees")
    parser.add_argument("--width", type=int, default=128, help="of all layers, a multiple of 4")
    parser.add_argument("--depth", type=int, default=3, help="blocks")
    parser.add_argument("--write", type=int, default=500, help="characters to write at the end")
    parser.add_argument("--temperature", type=float, default=0.7, help="less is more careful")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    text = read_text(arguments.text)
    cut = len(text) * 9 // 10
    if len(text) < 2000:
        raise SystemExit(f"the text has {len(text)} characters, too few to learn from: 2,000 or so")
    arguments.output.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary(text)
    data = vocabulary.encode(text)

    model = GPT(len(vocabulary), arguments.context, arguments.width, arguments.depth)
    size = sum(p.numel() for p in model.parameters())
    print(f"{size:,} parameters, {cut:,} characters to train on, {len(vocabulary)} different ones")
    started = time.perf_counter()
    history = train(model, data[:cut], data[cut:], epochs=arguments.epochs)
    print(f"trained {arguments.epochs * STEPS} steps in {time.perf_counter() - started:.1f} s")
    counted = [counting_bits(text[:cut], text[cut:], order) for order in range(1, 5)]
    print(f"validation: {min(history.validation):.3f} bits per character")
    print("by counting what follows 1, 2, 3, 4: " + ", ".join(f"{value:.3f}" for value in counted))

    draw_curve(history, arguments.output / "curve.png")
    start = data[cut : cut + model.context]
    written = vocabulary.decode(write(model, start, arguments.write, arguments.temperature))
    (arguments.output / "sample.txt").write_text(written, encoding="utf-8")
    print(f"it reads: ...{vocabulary.decode(start.tolist())[-40:]!r}\nit writes:\n{written}")


if __name__ == "__main__":
    main()
