"""An encoder and a decoder with attention over words of several lengths."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(7)
words, reader, writer = nn.Embedding(9, 6, padding_idx=0), nn.GRU(6, 8), nn.GRUCell(14, 8)
speak = nn.Linear(8, 9)
parts = nn.ModuleList([words, reader, writer, speak])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.02)
lengths = torch.tensor([5, 4, 2])
text = torch.randint(1, 9, (5, 3))
text[torch.arange(5)[:, None] >= lengths] = 0
for _ in range(4):
    states, last = reader(pack_padded_sequence(words(text), lengths))
    states, _ = pad_packed_sequence(states)
    hidden, loss = last[0], 0.0
    for place in range(4, -1, -1):
        fit = torch.einsum("tbh,bh->bt", states, hidden).masked_fill(text.t() == 0, float("-inf"))
        context = torch.bmm(fit.softmax(1).unsqueeze(1), states.transpose(0, 1)).squeeze(1)
        hidden = writer(torch.cat([words(text[place]), context], 1), hidden)
        loss = loss + nn.functional.cross_entropy(speak(hidden), text[place], ignore_index=0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
