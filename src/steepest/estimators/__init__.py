"""Estimators with the scikit-learn protocol, trained by the compiled descent."""

from steepest.estimators import thread_limits as thread_limits
from steepest.estimators.linear import LinearRegression
from steepest.estimators.logistic import LogisticRegression
from steepest.estimators.mlp import MLPClassifier, MLPRegressor
from steepest.estimators.polynomial import PolynomialRegression

__all__ = [
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "PolynomialRegression",
]
