"""A linear classifier learnt from mini-batches, so that its memory does not grow with the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

from smartticket_training.linear import STRENGTH, Linear, Numbers

BATCH = 256
STEP = 6.0
BIAS_STEP = 0.1

_EVERY = 8
"""The mean takes up the weights once in so many batches: oftener costs time and changes nothing."""

_FIRST = 1e-3
"""Keeps the first step of a term finite."""


class Descent:
    """Softmax regression by stochastic gradient descent.

    Steps are AdaGrad's (Duchi, Hazan and Singer 2011), with one rate for each term; what comes out is the
    mean of the weights from the second pass over the `rows` on (Polyak and Juditsky 1992). The terms of a
    batch alone are touched, and pulled towards zero as STRENGTH asks.
    """

    def __init__(self, terms: int, labels: int, rows: int, seed: int) -> None:
        self._weights: NDArray[np.float32] = np.zeros((terms, labels), dtype=np.float32)
        self._mean = np.zeros_like(self._weights)
        self._bias, self._mean_bias = np.zeros(labels), np.zeros(labels)
        self._squares = np.full((terms, 1), _FIRST, dtype=np.float32)
        self._places = np.zeros(terms, dtype=np.int32)
        self._pull = np.float32(1 / (STRENGTH * max(rows, 1)))
        self._warm = rows
        self._seen = self._batches = self._taken = 0
        self._chance = np.random.default_rng(seed)

    def learn(self, matrix: csr_matrix, truth: Numbers) -> None:
        """Go through these rows once, in an order by chance; `truth` are numbers of labels."""
        order = self._chance.permutation(len(truth))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            self._step(matrix[rows], truth[rows])
            self._seen += len(rows)
            self._batches += 1
            if self._seen > self._warm and self._batches % _EVERY == 0:
                self._taken += 1
                self._mean += (self._weights - self._mean) / np.float32(self._taken)
                self._mean_bias += (self._bias - self._mean_bias) / self._taken

    def _step(self, batch: csr_matrix, truth: Numbers) -> None:
        terms, batch = self._touched(batch)
        weights = self._weights[terms]
        error = softmax(batch @ weights + self._bias, axis=1)
        error[np.arange(len(truth)), truth] -= 1
        error = (error / len(truth)).astype(np.float32)
        gradient = batch.T @ error + self._pull * weights
        squares = self._squares[terms] + np.square(gradient).sum(axis=1, keepdims=True)
        self._squares[terms] = squares
        self._weights[terms] = weights - np.float32(STEP) * gradient / np.sqrt(squares)
        self._bias -= BIAS_STEP * error.sum(axis=0)

    def _touched(self, batch: csr_matrix) -> tuple[Numbers, csr_matrix]:
        """The terms that the batch has, and the batch with these columns alone."""
        there = np.zeros(len(self._places), dtype=bool)
        there[batch.indices] = True
        terms = np.flatnonzero(there)
        self._places[terms] = np.arange(len(terms), dtype=np.int32)
        shape = (batch.shape[0], len(terms))
        return terms, csr_matrix((batch.data, self._places[batch.indices], batch.indptr), shape=shape)

    def linear(self) -> Linear:
        """What was learnt; after fewer batches than make a mean, the last weights."""
        if not self._taken:
            return Linear(self._weights, self._bias)
        return Linear(self._mean, self._mean_bias)
