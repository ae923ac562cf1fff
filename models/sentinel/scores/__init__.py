"""The sixteen scores of App. C, one function each, in one file per family; `beyond` holds what is not in the paper."""

from models.sentinel.scores import uncertainty, distance, density, hybrid, beyond  # noqa: I001 (the order of App. C)
from models.sentinel.scores.registry import BEYOND, FAMILIES, SCORES, Score, compute, names, score, unknown

__all__ = [
    "BEYOND",
    "FAMILIES",
    "SCORES",
    "Score",
    "beyond",
    "compute",
    "density",
    "distance",
    "hybrid",
    "names",
    "score",
    "uncertainty",
    "unknown",
]
