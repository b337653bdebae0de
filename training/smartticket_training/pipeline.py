"""A fitted model as scikit-learn knows it."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from smartticket_training.fit import Fitted
from smartticket_training.linear import Linear


def pipeline(fitted: Fitted, kept: Linear) -> Pipeline:
    """The category as a pipeline of (subject, body) pairs; `kept` are the numbers of the artifact.

    Its last step is called a logistic regression for what it computes: the softmax of linear scores.
    """
    labels = fitted.category.labels
    model = LogisticRegression()
    model.classes_ = np.array(labels)
    model.n_features_in_ = kept.weights.shape[0]
    model.coef_ = kept.weights[:, : len(labels)].T.astype(np.float64)
    model.intercept_ = kept.bias[: len(labels)]
    if len(labels) == 2:
        model.coef_ = model.coef_[1:] - model.coef_[:1]
        model.intercept_ = model.intercept_[1:] - model.intercept_[:1]
    return Pipeline([("features", fitted.space.union()), ("classify", model)])
