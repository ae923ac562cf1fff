"""The sixteen scores of App. C, one function each, in one file per family."""

from models.sentinel.scores import uncertainty, distance, density, hybrid  # noqa: I001 (the order of App. C)
from models.sentinel.scores.registry import FAMILIES, SCORES, Score, compute, names, score

__all__ = ["FAMILIES", "SCORES", "Score", "compute", "density", "distance", "hybrid", "names", "score", "uncertainty"]
