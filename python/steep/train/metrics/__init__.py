"""Measures of predictions, computed batch by batch while a network trains."""

from steep.train.metrics.accuracy import Accuracy, TopK
from steep.train.metrics.base import Metric
from steep.train.metrics.counts import F1, ConfusionMatrix, Precision, Recall
from steep.train.metrics.errors import MAE, MSE, R2, RMSE
from steep.train.metrics.lookup import make_metrics
from steep.train.metrics.probability import AUC, LogLoss
from steep.train.metrics.task import Task, task_of

__all__ = [
    "AUC",
    "Accuracy",
    "ConfusionMatrix",
    "F1",
    "LogLoss",
    "MAE",
    "MSE",
    "Metric",
    "Precision",
    "R2",
    "RMSE",
    "Recall",
    "Task",
    "TopK",
    "make_metrics",
    "task_of",
]
