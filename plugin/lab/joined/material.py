"""Held-back spectra whose source says something, with what networks and laws say of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.conformal.domains import HIGH, domain_of
from models.joined.evidence import EVIDENCE, Measured
from models.joined.laws import Laws
from models.luminosity import REDSHIFTS
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from plugin.lab.joined.fitting import Material, stacked
from plugin.lab.joined.laws import measured_of
from plugin.lab.joined.sources import Sources

KNOWN: Final = ("redshift known", "redshift not known")
"""Both happen: each spectrum is asked about with its redshift told, and without redshift and luminosity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Spectra with evidence.

    Parameters
    ----------
    by : mapping of str to Material
        One for each of `KNOWN`, the same rows.
    domain : ndarray of str, shape (n,)
    known : mapping of str to ndarray of bool, shape (n,)
        Which evidence there is.
    """

    data: Dataset
    by: dict[str, Material]
    domain: NDArray[np.str_]
    known: dict[str, NDArray[np.bool_]]

    @property
    def both(self) -> Material:
        """The rows of both, one after the other."""
        return stacked([self.by[name] for name in KNOWN])


def ask(
    bundle: Bundle, data: Dataset, sources: Sources, laws: Laws, *, progress: Callable[[int], None] = lambda _: None
) -> Asked:
    """Measure the sources of some spectra, and ask the networks about those that have evidence.

    A redshift too small for a distance is not told: catalogues give zero to what is known to be of our Galaxy.
    """
    data = replace(data, redshift=np.where(data.redshift >= REDSHIFTS[0], data.redshift, np.nan).astype(np.float32))
    found = measured_of(data, sources)
    some = np.asarray(np.stack(list(found.known().values())).any(0))
    data, found = data.rows(some), _rows(found, some)
    without = replace(found, luminosity=np.full(len(data), np.nan))
    _, group = np.unique(np.array(data.groups), return_inverse=True)
    by = {}
    for name, told, seen in zip(KNOWN, (True, False), (found, without), strict=True):
        fine = predict_dataset(bundle.ensemble, data, redshift=told, progress=progress).fine
        by[name] = Material(fine, laws.log_likelihoods(seen), data.label, group.astype(np.int64))
    domain = np.array([domain_of(float(s)) or HIGH for s in data.spacing])
    return Asked(data=data, by=by, domain=domain, known={e: found.known()[e] for e in EVIDENCE})


def _rows(found: Measured, some: NDArray[np.bool_]) -> Measured:
    return Measured(found.latitude[some], found.counterpart[some], found.luminosity[some], found.rise[some])
