"""Samples with names and numbers, in batches of similar length, by callbacks of one's own."""

import random
from collections import defaultdict

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

random.seed(4)
torch.manual_seed(4)


class Words(Dataset):
    def __init__(self):
        self.words = [torch.randint(1, 9, (random.randint(2, 7),)) for _ in range(20)]

    def __len__(self):
        return len(self.words)

    def __getitem__(self, place):
        return self.words[place], int(self.words[place].sum() % 3), (f"w{place}", len(self.words))


class ByLength(Sampler):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        order = sorted(range(len(self.data)), key=lambda i: len(self.data[i][0]))
        batches = [order[i : i + 5] for i in range(0, len(order), 5)]
        random.shuffle(batches)
        return iter(batches)

    def __len__(self):
        return len(self.data) // 5


def joined(samples):
    words, targets, notes = zip(*samples, strict=True)
    lengths = torch.tensor([len(word) for word in words])
    return pad_sequence(words, True), lengths, torch.tensor(targets), default_collate(notes)


class Norms:
    def after_backward(self, model, log):
        norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
        log["norm"].append(torch.stack(norms).norm().item())


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 6, padding_idx=0)
        self.gru = nn.GRU(6, 8, batch_first=True, bidirectional=True)
        self.out = nn.Linear(16, 3)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.embedding(words), lengths, True, enforce_sorted=False)
        _, last = self.gru(packed)
        return nn.functional.log_softmax(self.out(torch.cat([*last], dim=1)), dim=1)


data, model, log = Words(), Tagger(), defaultdict(list)
loader = DataLoader(data, batch_sampler=ByLength(data), collate_fn=joined)
optimizer = torch.optim.NAdam(model.parameters(), lr=0.02)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
for _ in range(4):
    total = 0.0
    for words, lengths, targets, _ in loader:
        loss = nn.functional.nll_loss(model(words, lengths), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for callback in (Norms(),):
            callback.after_backward(model, log)
        optimizer.step()
        total += loss.item()
    plateau.step(round(total, 1))
    print(total, log["norm"][-1], optimizer.param_groups[0]["lr"])
print(loss, model.embedding.weight.grad[0].abs().sum().item())
print(next(iter(DataLoader(data, 1)))[2], default_collate([("a", 1), ("b", 2)]))
