"""Class numbers as vectors, inside a step."""

from __future__ import annotations

import steep
from programs.data import labelled, mlp, nn
from programs.runner import program

F = steep.nn.functional


@program(replays=True)
def a_brier_score(run):
    model = mlp(4, 3)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.2)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        wanted = F.one_hot(y, num_classes=3).float()
        loss = ((model(x).softmax(1) - wanted) ** 2).sum(1).mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*labelled(i)))
    run.saw(model)


@program(replays=True)
def mixed_labels(run):
    model = mlp(4, 3)
    optimizer = steep.optim.Adam(model.parameters(), lr=0.01)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        weight, order = steep.rand(len(x), 1), steep.randperm(len(x))
        wanted = F.one_hot(y, 3).to(x.dtype)
        wanted = weight * wanted + (1 - weight) * wanted[order]
        loss = F.cross_entropy(model(weight * x + (1 - weight) * x[order]), wanted)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        run.saw(step(*labelled(i)))
    run.saw(model)


@program(replays=True)
def a_generator_given_the_class(run):
    """What is made depends on a class, drawn anew or taken from a slice of the labels."""
    maker = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))

    @run.compile
    @steep.no_grad()
    def made(labels):
        drawn = steep.randint(3, (4,))
        chosen = steep.cat([F.one_hot(drawn, 3), F.one_hot(labels[::2], 3)])
        return maker(steep.cat([steep.ones(7, 2), chosen.float()], 1)), chosen

    for i in range(10):
        run.saw(*made(labelled(i)[1]))


@program(replays=True)
def a_label_out_of_range(run):
    """The step refuses such labels as it does when it is not compiled, and changes nothing."""
    model = mlp(4, 3)
    optimizer = steep.optim.SGD(model.parameters(), lr=0.2)

    @run.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), F.one_hot(y, 3).float())
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        x, y = labelled(i)
        run.saw(step(x, y))
        if i in (2, 5, 9):
            try:
                step(x, y + (1 if i == 5 else -3))
            except RuntimeError as error:
                run.saw(error)
        run.saw(model)


@program(replays=True)
def no_labels_at_all(run):
    one_hot = run.compile(lambda labels: F.one_hot(labels, 4) * 2)
    for _ in range(8):
        run.saw(one_hot(steep.zeros(0, dtype=steep.int64)))


@program(replays=False, says="one_hot")
def as_many_classes_as_there_are(run):
    """Without a number of classes, the shape depends on the labels."""

    @run.compile
    def counts(labels):
        return F.one_hot(labels).sum(0)

    for i in range(10):
        run.saw(counts(labelled(i, classes=3 + i % 2)[1]))
