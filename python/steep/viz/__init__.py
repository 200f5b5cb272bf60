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
from steep.viz.classification import calibration_curve, confusion_matrix, roc_curve
from steep.viz.curves import learning_curves
from steep.viz.descent import OPTIMIZERS, Descent, Path, descend
from steep.viz.graphs import Graph, graph, watch
from steep.viz.landscape import LossSurface, loss_surface
from steep.viz.layers import LayerRecorder, Snapshot
from steep.viz.page import save_page
from steep.viz.regions import decision_regions
from steep.viz.samples import misclassified
from steep.viz.summaries import Layer, Summary, summary
from steep.viz.trajectories import LossPath, Trajectory, loss_path

__all__ = [
    "OPTIMIZERS",
    "Descent",
    "Graph",
    "Layer",
    "LayerRecorder",
    "LossPath",
    "LossSurface",
    "Path",
    "Snapshot",
    "Summary",
    "Trajectory",
    "calibration_curve",
    "confusion_matrix",
    "decision_regions",
    "descend",
    "graph",
    "learning_curves",
    "loss_path",
    "loss_surface",
    "misclassified",
    "roc_curve",
    "save_page",
    "summary",
    "surfaces",
    "watch",
]
