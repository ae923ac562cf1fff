"""Gradient-boosted trees as plain arrays, read from LightGBM's own text; same answers as LightGBM's.

LightGBM trains them and is the reference in the tests. To answer, a service needs a walk down some trees and nothing
else; importing `lightgbm` brings scikit-learn, scipy.stats and, where it is installed, pandas: more than a second of
CPU before the first answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.special import softmax

Floats = NDArray[np.float64]
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ROWS = 1024
"""At a time, so that memory does not grow with the number of rows."""
_NO_MISSING, _NAN_MISSING = 0, 2
"""What a node does with NaN: takes it for zero, or sends it to its default side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Boosted trees, padded to one size; a leaf's number is stored as its complement, below zero.

    Parameters
    ----------
    names : tuple of str, length inputs
    classes : int
        Trees take turns: tree i adds to class i modulo `classes`.
    gain : ndarray, shape (inputs,)
        What the splits on each input have gained, in sum.
    feature, left, right : ndarray of int32, shape (trees, nodes)
    threshold : ndarray, shape (trees, nodes)
    nan_left, nan_is_zero : ndarray of bool, shape (trees, nodes)
    leaf : ndarray, shape (trees, leaves)
    """

    names: tuple[str, ...]
    classes: int
    gain: Floats
    feature: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    threshold: Floats
    nan_left: NDArray[np.bool_]
    nan_is_zero: NDArray[np.bool_]
    leaf: Floats

    @classmethod
    def from_text(cls, text: str) -> "Trees":
        """Read what LightGBM's `model_to_string` wrote.

        Raises
        ------
        ValueError
            If it is no such text, or has splits that are not of the form "input <= threshold".
        """
        head, *rest = text.split("\nTree=")
        if not head.startswith("tree\n") or not rest or "\nend of trees" not in rest[-1]:
            raise ValueError("not a LightGBM model")
        try:
            return cls._of(_fields(head), [_fields(t.partition("\nend of trees")[0]) for t in rest])
        except (KeyError, IndexError) as error:
            raise ValueError(f"not a LightGBM model: no usable {error}") from error

    @classmethod
    def _of(cls, head: Mapping[str, str], trees: Sequence[Mapping[str, str]]) -> "Trees":
        names, kinds = tuple(head["feature_names"].split()), _rows(trees, "decision_type", np.int32)
        if any(int(t["num_cat"]) or int(t.get("is_linear", 0)) for t in trees) or (kinds & _CATEGORICAL).any():
            raise ValueError("trees with categories or linear leaves are not supported")
        missing = (kinds >> 2) & 3
        if not np.isin(missing, (_NO_MISSING, _NAN_MISSING)).all():
            raise ValueError("trees that take zero for missing are not supported")
        feature = _rows(trees, "split_feature", np.int32)
        gain = np.zeros(len(names))
        np.add.at(gain, feature, _rows(trees, "split_gain", np.float64))
        return cls(
            names=names,
            classes=int(head["num_tree_per_iteration"]),
            gain=gain,
            feature=feature,
            # A tree without a split has no child; every row is in its only leaf, the complement of zero.
            left=_rows(trees, "left_child", np.int32, padding=-1),
            right=_rows(trees, "right_child", np.int32, padding=-1),
            threshold=_rows(trees, "threshold", np.float64),
            nan_left=(kinds & _DEFAULT_LEFT) != 0,
            nan_is_zero=missing == _NO_MISSING,
            leaf=_rows(trees, "leaf_value", np.float64),
        )

    def raw(self, x: Floats) -> Floats:
        """Sum the trees for each row of inputs, shape (n, classes): log-odds, or logits.

        Parameters
        ----------
        x : ndarray, shape (n, inputs)
            May hold NaN.

        Raises
        ------
        ValueError
            If there are not as many columns as inputs.
        """
        if x.ndim != 2 or x.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} inputs are needed, got an array of shape {x.shape}")
        parts = [self._sums(x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, self.classes))

    def _sums(self, x: Floats) -> Floats:
        count, nodes = self.feature.shape
        rows, first = np.arange(len(x))[:, None], np.arange(count) * nodes
        node = np.zeros((len(x), count), np.int32)
        while (inner := node >= 0).any():
            at = np.maximum(node, 0) + first
            value = x[rows, self.feature.take(at)]
            left = value <= self.threshold.take(at)
            if (unknown := np.isnan(value)).any():
                zero = self.threshold.take(at) >= 0
                left = np.where(unknown, np.where(self.nan_is_zero.take(at), zero, self.nan_left.take(at)), left)
            node = np.where(inner, np.where(left, self.left.take(at), self.right.take(at)), node)
        values = self.leaf[np.arange(count), ~node].reshape(len(x), count // self.classes, self.classes)
        # One tree after the other, as LightGBM adds them: a pairwise sum differs in the last bit.
        return np.asarray(values.cumsum(axis=1)[:, -1])

    def predict(self, x: Floats) -> Floats:
        """Class probabilities of trees trained with the objective `multiclass`, shape (n, classes)."""
        return softmax(self.raw(x))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _rows(trees: Sequence[Mapping[str, str]], name: str, kind: Any, padding: int = 0) -> NDArray[Any]:
    values = [np.array(tree.get(name, "").split(), kind) for tree in trees]
    table = np.full((len(trees), max(1, *map(len, values))), padding, kind)
    for row, own in zip(table, values, strict=True):
        row[: len(own)] = own
    return table
