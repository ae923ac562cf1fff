"""What joins spectrum and source, as a folder holds it: `card.json` with powers and figures, `joined.safetensors`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.card_fields import JoinedCard, checked
from models.cards import ModelFolder, digest
from models.conformal.domains import HIGH, LOW
from models.conformal.sets import quantile_by_object
from models.domain import FINE_CLASSES
from models.domain.joined import Joined, Surrounding
from models.joined.evidence import EVIDENCE, measured
from models.joined.laws import Laws
from models.joined.product import SPECTRUM, Product

SHIPPED: Final = Path(__file__).parents[1] / "data" / "joined"
ARRAYS: Final = "joined.safetensors"
FORMAT: Final = 1
SMALLEST: Final = 50
"""Objects; a domain with fewer has no prediction sets."""
DIGITS: Final = 6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joiner:
    """Joins what a spectrum says with what is known of its source. Keeps no state.

    Parameters
    ----------
    scores, objects : mapping of str to ndarray, shape (n,)
        Nonconformity of cross-fitted answers, and which object each is of, by domain.
    everywhere : bool
        Whether it answers in domains too where it was not measured to be better than the spectrum alone.
    """

    card: JoinedCard
    laws: Laws
    product: Product
    scores: Mapping[str, Floats]
    objects: Mapping[str, NDArray[np.int64]]
    everywhere: bool = False

    @property
    def model_id(self) -> str:
        """Name and fingerprint."""
        return f"{self.card['name']}@{digest(self.card, ('powers', 'files'))[:8]}"

    def answers_for(self, domain: str) -> bool:
        """Whether it may answer about spectra of a domain (`models.conformal.domains`)."""
        told = self.card["domains"].get(domain)
        return told is not None and (self.everywhere or told["better"])

    def join(
        self,
        probabilities: Mapping[str, float],
        around: Surrounding,
        *,
        taken_mjd: float | None,
        redshift: float | None,
        low: bool,
        label: str | None = None,
    ) -> Joined | None:
        """One probability of both; None where nothing is known of the source, or the domain is not answered for.

        Parameters
        ----------
        probabilities : mapping of str to float
            Of the seven classes, by the spectra.
        taken_mjd : float or None
            When the latest spectrum was taken; what was detected later is not weighed.
        redshift : float or None
            One that was measured, not one that matching this spectrum has found.
        low : bool
            Whether the spectrum is of low resolution.
        label : str, optional
            The class that the spectra are called; by default their most probable one.
        """
        domain = LOW if low else HIGH
        found = measured([(around, taken_mjd, redshift)])
        likely = self.laws.log_likelihoods(found)
        used = tuple(e for e in EVIDENCE if self.product.powers[e] and np.isfinite(likely[e]).any())
        if not used or not self.answers_for(domain):
            return None
        alone = np.array([[probabilities[c] for c in FINE_CLASSES]], dtype=float)
        p = self.product(alone, likely)[0]
        found_label = FINE_CLASSES[int(p.argmax())]
        return Joined(
            label=found_label,
            probabilities={c: round(float(x), DIGITS) for c, x in zip(FINE_CLASSES, p, strict=True)},
            used=used,
            missing=tuple(e for e in EVIDENCE if e not in used),
            agrees=found_label == (label or FINE_CLASSES[int(alone[0].argmax())]),
            model=self.model_id,
            prediction_sets=self._sets(p, domain),
            calibration_size=len(np.unique(self.objects[domain])) if self.is_calibrated(domain) else 0,
        )

    def is_calibrated(self, domain: str) -> bool:
        """Whether enough objects calibrate sets of a domain."""
        return domain in self.objects and len(np.unique(self.objects[domain])) >= SMALLEST

    def _sets(self, p: Floats, domain: str) -> dict[str, tuple[str, ...]]:
        if not self.is_calibrated(domain):
            return {}
        out = {}
        for alpha in self.card["alphas"]:
            limit = quantile_by_object(self.scores[domain], self.objects[domain], alpha)
            out[f"{alpha:g}"] = tuple(c for c, x in zip(FINE_CLASSES, p.tolist(), strict=True) if 1.0 - x <= limit)
        return out


def load(folder: Path | None = None, *, everywhere: bool = False) -> Joiner:
    """Verify a folder and load it; the shipped one by default.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return ModelFolder(**{**_PARTS, "build": partial(_build, everywhere=everywhere)}).load(folder or SHIPPED)


def write(
    folder: Path,
    card: Mapping[str, Any],
    laws: Laws,
    scores: Mapping[str, Floats],
    objects: Mapping[str, NDArray[np.int64]],
) -> dict[str, Any]:
    """Write both files; returns the card written."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(array) for name, array in laws.arrays().items()}
    arrays |= {f"scores {name}": np.ascontiguousarray(array) for name, array in scores.items()}
    arrays |= {f"objects {name}": np.ascontiguousarray(array) for name, array in objects.items()}
    save_file(arrays, folder / ARRAYS)
    return ModelFolder(**{**_PARTS, "build": _build}).write(folder, card)


def _build(folder: Path, read: Mapping[str, Any], *, everywhere: bool = False) -> Joiner:
    card, arrays = cast(JoinedCard, read), load_file(folder / ARRAYS)
    if set(card["powers"]) != {SPECTRUM, *EVIDENCE}:
        raise ValueError(f"powers of other evidence: {', '.join(sorted(card['powers']))}")
    parts = {k: {d: arrays[f"{k} {d}"] for d in (LOW, HIGH) if f"{k} {d}" in arrays} for k in ("scores", "objects")}
    return Joiner(card=card, laws=Laws.of(arrays), product=Product(card["powers"]), **parts, everywhere=everywhere)


_PARTS: Final[dict[str, Any]] = {
    "what": "way of joining spectrum and source",
    "version": FORMAT,
    "fixed": {"classes": FINE_CLASSES, "evidence": EVIDENCE},
    "checked": partial(checked, kind=JoinedCard),
    "needed": lambda _card: [ARRAYS],
}
