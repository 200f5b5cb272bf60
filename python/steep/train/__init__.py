"""Training: `fit` and what goes with it, regularisation, mixed samples, early stopping, groups."""

from typing import TYPE_CHECKING

from steep._lazy import importing
from steep.train._loop import NonFiniteLoss
from steep.train.callbacks import Callback, Run
from steep.train.checkpoints import Checkpoint
from steep.train.evaluation import evaluate, predict
from steep.train.fitting import fit
from steep.train.groups import decay_groups
from steep.train.history import History
from steep.train.logs import FileLog, TensorBoardLog
from steep.train.metrics import (
    AUC,
    F1,
    MAE,
    MSE,
    R2,
    RMSE,
    Accuracy,
    ConfusionMatrix,
    LogLoss,
    Metric,
    Precision,
    Recall,
    Task,
    TopK,
)
from steep.train.mixing import cutmix, mixup, sample_beta
from steep.train.regularization import GradientNoise, l1_penalty, l2_penalty
from steep.train.stopping import EarlyStopping

if TYPE_CHECKING:
    from steep.train.many import Trained, TrainedMany, fit_many
    from steep.train.sweeps import Pruned, SweepResult, Trial, TrialResult, sweep
else:
    # What imports processes, databases and the like comes with the first use.
    _MANY = ("Trained", "TrainedMany", "fit_many")
    _SWEEPS = ("Pruned", "SweepResult", "Trial", "TrialResult", "sweep")
    __getattr__ = importing(
        "steep.train",
        *("many", "sweeps"),
        **dict.fromkeys(_MANY, "many"),
        **dict.fromkeys(_SWEEPS, "sweeps"),
    )

__all__ = [
    "AUC",
    "Accuracy",
    "Callback",
    "Checkpoint",
    "ConfusionMatrix",
    "EarlyStopping",
    "F1",
    "FileLog",
    "GradientNoise",
    "History",
    "LogLoss",
    "MAE",
    "MSE",
    "Metric",
    "NonFiniteLoss",
    "Precision",
    "Pruned",
    "R2",
    "RMSE",
    "Recall",
    "Run",
    "SweepResult",
    "Task",
    "TensorBoardLog",
    "TopK",
    "Trained",
    "TrainedMany",
    "Trial",
    "TrialResult",
    "cutmix",
    "decay_groups",
    "evaluate",
    "fit",
    "fit_many",
    "l1_penalty",
    "l2_penalty",
    "mixup",
    "predict",
    "sample_beta",
    "sweep",
]
