"""The computation graph as text, as DOT and drawn; layouts without overlaps."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import steep
from steep import nn
from steep.viz import graph, watch
from steep.viz._layout import Layout, lay_out

SVG = "{http://www.w3.org/2000/svg}"


def small() -> tuple[dict[str, steep.Tensor], steep.Tensor, watch]:
    """(a b + c) f, with its gradients."""
    leaves = {
        name: steep.tensor(value, requires_grad=True)
        for name, value in {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0}.items()
    }
    with watch() as seen:
        result = (leaves["a"] * leaves["b"] + leaves["c"]) * leaves["f"]
    result.backward()
    return leaves, result, seen


def test_text_has_values_and_gradients() -> None:
    leaves, result, seen = small()
    lines = str(graph(result, leaves, watched=seen)).splitlines()
    assert [line.split() for line in lines] == [
        ["a", "[]", "value", "2", "grad", "6"],
        ["b", "[]", "value", "-3", "grad", "-4"],
        ["%1", "=", "mul(a,", "b)", "[]", "value", "-6", "grad", "-2"],
        ["c", "[]", "value", "10", "grad", "-2"],
        ["%2", "=", "add(%1,", "c)", "[]", "value", "4", "grad", "-2"],
        ["f", "[]", "value", "-2", "grad", "4"],
        ["%3", "=", "mul(%2,", "f)", "[]", "value", "-8", "grad", "1"],
    ]


def test_without_watching_results_have_shapes_alone() -> None:
    x = steep.ones(2, 3, requires_grad=True)
    y = x.exp()
    boxes = graph((y * y).sum()).boxes
    assert [(box.name, box.operation, box.shape) for box in boxes] == [
        ("leaf 1", "", (2, 3)),
        ("%1", "exp", (2, 3)),
        ("%2", "mul", (2, 3)),
        ("%3", "sum", ()),
    ]
    assert boxes[2].inputs == [1, 1]
    assert boxes[1].value == ""
    assert boxes[3].value == f"{6 * np.e**2:.4g}"


def test_large_tensors_show_no_values() -> None:
    x = steep.arange(7.0).requires_grad_()
    assert graph(x * 2).boxes[0].value == ""
    assert graph(x * 2, max_elements=7).boxes[0].value == "[0, 1, 2, 3, 4, 5, 6]"


def test_parameters_of_a_model_have_their_names() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    text = graph(model(steep.ones(2, 3)).sum(), model).text()
    assert "linear(0.weight, 0.bias)" in text
    assert "2.weight, 2.bias)" in text
    assert "leaf" not in text


def test_watch_keeps_everything_of_its_thread_and_block() -> None:
    x = steep.ones(3, requires_grad=True)
    x * 1
    with watch() as outer:
        a = x * 2
        with watch() as inner:
            b = a.exp()
        c = b + a
        steep.ones(3) * 5  # is not recorded
        with steep.no_grad():
            c * 2
    c * 3
    assert [t is a or t is c for _, _, t in outer.results] == [True, True]
    assert [t is b for _, _, t in inner.results] == [True]
    assert all(node == t.grad_fn for node, _, t in outer.results + inner.results)
    c.sum().backward()
    assert a.grad is not None
    np.testing.assert_allclose(a.grad.numpy(), np.exp(2) + 1, rtol=1e-6)


def test_watch_ends_with_an_exception() -> None:
    x = steep.ones(3, requires_grad=True)
    seen = watch()

    def fail() -> None:
        with seen:
            x.exp()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    x.exp()
    assert len(seen.results) == 1
    assert steep._core.take_kept_results() == []


def test_what_was_overwritten_is_not_shown() -> None:
    x = steep.ones(1, requires_grad=True)
    with watch() as seen:
        y = x * 3
        y.add_(1)
    boxes = graph(y, watched=seen).boxes
    assert (boxes[1].operation, boxes[1].value) == ("mul", "")
    assert [box.value for box in boxes[2:]] == ["[4]"] * len(boxes[2:])


def test_nodes_know_their_leaves_and_shapes() -> None:
    layer = nn.Linear(2, 3)
    node = layer(steep.ones(4, 2)).grad_fn
    assert node.input_shapes == (None, (3, 2), (3,))
    assert not hasattr(node, "variable")
    ends = [below for below, _ in node.next_functions]
    assert ends[0] is None
    assert ends[1].variable is layer.weight
    assert ends[2].variable is layer.bias


def test_a_leaf_is_a_graph_of_one() -> None:
    x = steep.tensor([1.5], requires_grad=True)
    assert str(graph(x, {"x": x})) == "x  [1]  value [1.5]"


def test_what_has_no_graph() -> None:
    with pytest.raises(ValueError, match="requires a gradient"):
        graph(steep.ones(2))
    with pytest.raises(TypeError, match="expected a Tensor, got a float"):
        graph(1.0)  # type: ignore[arg-type]
    x = steep.ones(1, requires_grad=True)
    for _ in range(4100):
        x = x * 1.0
    with pytest.raises(ValueError, match="at most 4000"):
        graph(x)


def test_dot() -> None:
    leaves, result, seen = small()
    text = graph(result, {'a "quoted"': leaves["a"]}, watched=seen).dot()
    assert text.startswith("digraph {")
    assert '"a \\"quoted\\" []\\lvalue 2\\lgrad  6\\l"' in text
    edges = [line.strip() for line in text.splitlines() if "->" in line]
    assert edges == ["n0 -> n2;", "n1 -> n2;", "n2 -> n4;", "n3 -> n4;", "n4 -> n6;", "n5 -> n6;"]


def test_svg_is_well_formed_and_holds_every_box() -> None:
    leaves, result, seen = small()
    names = {"<a&b>": leaves["a"]}
    root = ElementTree.fromstring(graph(result, names, watched=seen).svg())
    boxes = root.findall(f"{SVG}rect")[1:]
    assert len(boxes) == 7
    assert len(root.findall(f"{SVG}path")) == 6
    assert "<a&b> []" in [text.text for text in root.findall(f"{SVG}text")]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in boxes:
        assert 0 <= float(box.attrib["x"]) <= width - float(box.attrib["width"])
        assert 0 <= float(box.attrib["y"]) <= height - float(box.attrib["height"])


def test_saved_as_its_suffix_says(tmp_path: Path) -> None:
    leaves, result, _ = small()
    found = graph(result, leaves)
    for suffix, begin in {".svg": "<svg", ".dot": "digraph", ".txt": "a "}.items():
        found.save(tmp_path / f"graph{suffix}")
        assert (tmp_path / f"graph{suffix}").read_text().startswith(begin)
    with pytest.raises(ValueError, match="ends in"):
        found.save(tmp_path / "graph.png")


def check(layout: Layout, widths: Sequence[float], edges: list[tuple[int, int]]) -> None:
    """Edges lead down, boxes of a layer keep their distance, everything is inside."""
    for (a, b), bends in zip(edges, layout.bends, strict=True):
        assert layout.places[a][1] < layout.places[b][1]
        assert len(bends) == layout.places[b][1] - layout.places[a][1] + 1
    by_layer = sorted(range(len(widths)), key=lambda k: (layout.places[k][1], layout.places[k][0]))
    for a, b in itertools.pairwise(by_layer):
        if layout.places[a][1] == layout.places[b][1]:
            free = layout.places[b][0] - layout.places[a][0] - (widths[a] + widths[b]) / 2
            assert free > 10 - 1e-6
    for (x, _), width in zip(layout.places, widths, strict=True):
        assert x - width / 2 >= -1e-6
        assert x + width / 2 <= layout.width + 1e-6


def test_layouts_of_random_graphs() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 5, 20, 60):
        pairs = {tuple(sorted(pair)) for pair in random.integers(0, count, (2 * count, 2)).tolist()}
        edges = [(a, b) for a, b in sorted(pairs) if a != b]
        widths = random.uniform(20, 120, count).tolist()
        check(lay_out(widths, edges, 10), widths, edges)


def test_a_ladder_is_drawn_without_crossings() -> None:
    """Two chains, given so that their first order crosses."""
    edges = [(0, 3), (1, 2), (2, 5), (3, 4), (4, 7), (5, 6)]
    layout = lay_out([10.0] * 8, edges, 10)
    for (a, b), (c, d) in itertools.combinations(edges, 2):
        if layout.places[a][1] == layout.places[c][1]:
            before = layout.places[a][0] < layout.places[c][0]
            assert before == (layout.places[b][0] < layout.places[d][0])
