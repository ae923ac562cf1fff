"""What a redshift adds: matches from the bank, and the networks told the one that is known, calibrated for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from models.card_fields import MatchingFields
from models.conformal.domains import Domains, domain_of, is_whole
from models.conformal.sets import LAC
from models.domain import FINE_CLASSES, Evidence, WhatIf
from models.matching.bank import MatchBank
from models.matching.fitted import Fitted
from models.matching.matcher import Asked, Matcher
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import Extent
from models.together import Together
from models.verdicts import named

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """A redshift somebody measured, and who says so."""

    redshift: float
    origin: str


class MatchLayer:
    """The bank of a bundle and the calibration of its networks when they are told a redshift.

    Parameters
    ----------
    matcher : Matcher
    told : mapping of str to ndarray
        Calibration scores with the redshift told: `nonconformity` and `spacing`, each of shape (n,); and those of
        objects with several spectra (`models.together`).
    """

    def __init__(self, matcher: Matcher, told: Mapping[str, NDArray[Any]]) -> None:
        self.matcher = matcher
        self.told, scores = told, told["nonconformity"]
        self.together = Together.of(told)
        self._domains = Domains.of(told["spacing"], len(scores))
        self._lac = {name: LAC(scores[mask]) for name, mask in self._domains.masks.items()}

    @classmethod
    def load(cls, folder: Path, section: MatchingFields) -> "MatchLayer":
        """From the files that a card names."""
        matcher = Matcher(MatchBank.load(folder / section["bank"]), Fitted.load(folder / section["fitted"]))
        return cls(matcher, load_file(folder / section["told"]))

    def calibrated(self, spacing_A: float, extent: Extent) -> bool:
        """Whether there are calibration spectra with a redshift like this one: whole ones of its resolution."""
        return domain_of(spacing_A, extent) in self._domains.masks and is_whole(extent.coverage)

    def question(
        self,
        evidence: Evidence,
        known: Known | None,
        plain: EnsemblePrediction,
        i: int,
        label: str,
        classes: Sequence[int],
        spacing_A: float,
    ) -> Asked:
        """What the bank is asked about the `i`-th spectrum of a prediction that was told nothing.

        Parameters
        ----------
        label : str
            The class that phase and subtype are told of.
        classes : sequence of int
            Those that come into question.
        """
        spectrum = evidence.spectrum
        assert spectrum is not None
        return Asked(
            wavelength_A=spectrum.wavelength_A,
            flux=spectrum.flux,
            spacing_A=spacing_A,
            probabilities=plain.fine[i],
            embedding=plain.embedding[i],
            classes=classes,
            label=FINE_CLASSES.index(label),
            redshift=None if known is None else known.redshift,
            origin=None if known is None else known.origin,
        )

    def members(self, fine: Floats, alpha: float, spacing_A: float) -> tuple[str, ...]:
        """Prediction set of probabilities that the networks gave when told the redshift."""
        names = self._domains.consulted(spacing_A)
        kept = np.any([self._lac[name].members(fine[None], alpha)[0] for name in names], axis=0)
        return tuple(np.array(FINE_CLASSES)[kept].tolist())

    def named(self, spacing_A: float) -> tuple[str, int]:
        """How the calibration spectra are called, and how many they are."""
        name, size = self._domains.named(self._domains.consulted(spacing_A))
        return f"{name}, redshift known", size


def files_of(section: Mapping[str, Any]) -> set[str]:
    """The files that a card's section names."""
    return {str(section[key]) for key in ("bank", "fitted", "told")}


def known_redshift(evidence: Evidence) -> Known | None:
    """The redshift of the spectrum, else of its object, with its origin; None where there is none."""
    spectrum, target = evidence.spectrum, evidence.target
    if spectrum is not None and spectrum.redshift is not None:
        return Known(float(spectrum.redshift), "spectrum")
    if target.redshift is not None and -0.01 <= target.redshift <= 10.0:
        origin = f"target ({target.redshift_origin})" if target.redshift_origin else "target"
        return Known(float(target.redshift), origin)
    return None


def what_if_of(
    known: Known, plain: Floats, told: Floats, without: tuple[str, ...], chosen: tuple[str, ...], alpha: float
) -> WhatIf:
    """What the networks say of one spectrum without and with the redshift; probabilities of shape (7,)."""
    return WhatIf(
        redshift=known.redshift,
        origin=known.origin,
        with_redshift=named(FINE_CLASSES, told),
        without_redshift=named(FINE_CLASSES, plain),
        sets_with=chosen,
        sets_without=without,
        alpha=alpha,
    )
