"""Pictures of networks and of how they learn; matplotlib comes with ``pip install 'steep[viz]'``.

What draws returns a `matplotlib.figure.Figure`, which notebooks show, and writes it if ``save=``
gives a path that ends in ``.png``, ``.svg`` or ``.pdf``. Nothing here touches `matplotlib.pyplot`.

Example:
    >>> import steep
    >>> descent = steep.viz.descend("rosenbrock", ["sgd", "adam"], steps=100)
    >>> figure = descent.figure()
    >>> len(descent.paths["adam"].points)
    101
"""

from steep.viz import surfaces
from steep.viz.descent import OPTIMIZERS, Descent, Path, descend
from steep.viz.graphs import Graph, graph, watch
from steep.viz.page import save_page
from steep.viz.summaries import Layer, Summary, summary

__all__ = [
    "OPTIMIZERS",
    "Descent",
    "Graph",
    "Layer",
    "Path",
    "Summary",
    "descend",
    "graph",
    "save_page",
    "summary",
    "surfaces",
    "watch",
]
