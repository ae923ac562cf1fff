"""What was fitted and calibrated for the matches: weights, prior of redshifts, residuals, subtypes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.conformal.domains import HIGH, LOW
from models.conformal.sets import quantile_by_object
from models.domain import FINE_CLASSES
from models.matching.grid import Floats
from models.matching.posterior import Weights
from models.matching.subtypes import SUBTYPES

DOMAINS: Final = (HIGH, LOW)
BELIEVABLE: Final = 1 / 3
"""Least share of the best peak with which a redshift is given. Every interval tells how much it is worth; what has a
smaller share is a guess."""
SHARES: Final = (BELIEVABLE, 0.8, 0.95)
"""Where cells of the best peak's share begin: residuals are compared with those of peaks believed as much."""
SMALLEST: Final = 20
"""Calibration objects; a cell with fewer takes all of its domain, and a class's phases those of both domains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Half an interval, how its calibration spectra are called, how many they are, and of how many objects."""

    half: float
    name: str
    size: int
    objects: int

    @classmethod
    def of(cls, scores: Floats, objects: NDArray[np.int64], alpha: float, name: str) -> "Cell":
        """From the scores of its calibration spectra; an object counts once, however many spectra it has."""
        half = quantile_by_object(scores, objects, alpha)
        return cls(half=half, name=name, size=len(scores), objects=len(set(objects.tolist())))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtypeModel:
    """A linear classifier of one class's subtypes and its calibration.

    Parameters
    ----------
    coefficients : ndarray, shape (subtypes, features)
    intercepts : ndarray, shape (subtypes,)
    centre, scale : ndarray, shape (features,)
        Features are votes of matches, then the networks' embedding.
    nonconformity, objects : ndarray, shape (n,)
        `1 - p(true subtype)` of calibration spectra, and which object each is of.
    """

    coefficients: Floats
    intercepts: Floats
    centre: Floats
    scale: Floats
    nonconformity: Floats
    objects: NDArray[np.int64]

    def probabilities(self, features: Floats) -> Floats:
        """Of each subtype, shape (subtypes,)."""
        logits = self.coefficients @ ((features - self.centre) / self.scale) + self.intercepts
        raised = np.exp(logits - logits.max())
        return np.asarray(raised / raised.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """All of it.

    Parameters
    ----------
    weights : mapping of str to Weights
        By domain.
    residual, share : ndarray, shape (n,)
        Of calibration spectra: distance of the best peak from the true redshift, and its share; `domain` is an index
        into `DOMAINS`, `objects` tells which are of one object.
    phase_score, phase_label : ndarray, shape (m,)
        Distance of the voted phase from the true one in units of the vote's spread, the class, and in `phase_domain`
        and `phase_objects` the domain and the object.
    subtypes : mapping of str to SubtypeModel
        By class.
    """

    weights: Mapping[str, Weights]
    residual: Floats
    share: Floats
    domain: NDArray[np.int64]
    objects: NDArray[np.int64]
    phase_score: Floats
    phase_label: NDArray[np.int64]
    phase_domain: NDArray[np.int64]
    phase_objects: NDArray[np.int64]
    subtypes: Mapping[str, SubtypeModel]

    def redshift_cell(self, domain: str, share: float, alpha: float) -> Cell:
        """Half the interval of a redshift whose peak has this share, by its domain's calibration spectra."""
        own = (self.domain == DOMAINS.index(domain)) & (self.share >= BELIEVABLE)
        edge = max((e for e in SHARES if e <= share), default=BELIEVABLE)
        above = min((e for e in SHARES if e > share), default=np.inf)
        mine = own & (self.share >= edge) & (self.share < above)
        name = f"{domain}, share from {edge:.2g}"
        if not self._enough(self.objects, mine):
            mine, name = own, domain
        return Cell.of(self.residual[mine], self.objects[mine], alpha, name)

    def phase_cell(self, label: int, domain: str, alpha: float) -> Cell:
        """The same for a phase, in units of the vote's spread, by class and domain."""
        mine, name = self.phase_label == label, FINE_CLASSES[label]
        here = mine & (self.phase_domain == DOMAINS.index(domain))
        if self._enough(self.phase_objects, here):
            mine, name = here, f"{name}, {domain}"
        return Cell.of(self.phase_score[mine], self.phase_objects[mine], alpha, name)

    @staticmethod
    def _enough(objects: NDArray[np.int64], mine: NDArray[np.bool_]) -> bool:
        return len(set(objects[mine].tolist())) >= SMALLEST

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        arrays: dict[str, NDArray[Any]] = {
            "recipes": np.stack([self.weights[d].recipes for d in DOMAINS]),
            "prior": np.array([self.weights[d].prior for d in DOMAINS]),
            "log_prior": np.stack([self.weights[d].log_prior for d in DOMAINS]).astype(np.float32),
            **{name: getattr(self, name) for name in _COLUMNS},
        }
        for name, model in self.subtypes.items():
            for part in _PARTS:
                arrays[f"{name}/{part}"] = getattr(model, part)
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path)

    @classmethod
    def load(cls, path: Path) -> "Fitted":
        """Read what `save` wrote; in files of before objects were counted, each spectrum is one of its own."""
        found = load_file(path)
        for name, like in (("objects", "residual"), ("phase_objects", "phase_score")):
            found.setdefault(name, np.arange(len(found[like])))
        weights = {
            name: Weights(
                recipes=found["recipes"][k],
                prior=float(found["prior"][k]),
                log_prior=found["log_prior"][k].astype(np.float64),
            )
            for k, name in enumerate(DOMAINS)
        }
        for name in SUBTYPES:
            if f"{name}/nonconformity" in found:
                found.setdefault(f"{name}/objects", np.arange(len(found[f"{name}/nonconformity"])))
        named = [name for name in SUBTYPES if f"{name}/coefficients" in found]
        return cls(
            weights=weights,
            **{k: found[k] for k in _COLUMNS},
            subtypes={name: SubtypeModel(**{part: found[f"{name}/{part}"] for part in _PARTS}) for name in named},
        )


_COLUMNS: Final = (
    "residual",
    "share",
    "domain",
    "objects",
    "phase_score",
    "phase_label",
    "phase_domain",
    "phase_objects",
)
_PARTS: Final = ("coefficients", "intercepts", "centre", "scale", "nonconformity", "objects")
