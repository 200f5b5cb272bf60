"""Measures of predictions, computed batch by batch while a network trains."""

from steep.train.metrics.accuracy import Accuracy
from steep.train.metrics.base import Metric
from steep.train.metrics.lookup import make_metrics
from steep.train.metrics.task import Task, task_of

__all__ = ["Accuracy", "Metric", "Task", "make_metrics", "task_of"]
