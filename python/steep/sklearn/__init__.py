"""Estimators for scikit-learn: `MLPClassifier` and `MLPRegressor`, drop-in for its own, and faster.

They have the parameters and fitted attributes of `sklearn.neural_network`'s, start from the same
weights and shuffle in the same order for the same `random_state`, and do what those do not:
dropout, batch normalisation, every activation and loss of `steep.nn`, class weights, a validation
set, schedules, callbacks, and embeddings of categorical columns.
"""

from steep._optional import optional

optional("sklearn", "sklearn", "steep.sklearn")

from steep.sklearn.classifier import MLPClassifier  # noqa: E402
from steep.sklearn.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
