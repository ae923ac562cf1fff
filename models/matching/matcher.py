"""One spectrum against the bank: redshift, phase, subtype and the matches themselves."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import HIGH, domain_of
from models.conformal.sets import quantile_by_object
from models.domain import FINE_CLASSES
from models.domain.matching import PhaseEstimate, RedshiftEstimate, Subtype
from models.matching.bank import MatchBank
from models.matching.blocks import Block, blocks
from models.matching.correlate import Question, correlated
from models.matching.fitted import BELIEVABLE, Fitted
from models.matching.grid import CENTRES_A, FEWEST, RECIPES, REDSHIFTS, Bools, Floats, Singles, binned
from models.matching.posterior import NEAR, Peak, evidence, mixed, peaks
from models.matching.subtypes import SUBTYPES
from models.matching.votes import own_redshift, phase_vote, scores_at, subtype_features

MATCHES: Final = 5
"""Objects that are named."""
PHASED: Final = ("SN Ia", "SN Ibc", "SN II")
"""Classes whose phase means something."""
NAMED_SECOND: Final = 0.02
"""A second redshift with a smaller share is not worth a word."""
DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One spectrum and what is known of it before it is matched.

    Parameters
    ----------
    wavelength_A, flux : ndarray, shape (n,)
    spacing_A : float
    probabilities, embedding : ndarray, shape (7,) and (d,)
        Of the networks.
    classes : sequence of int
        The classes that come into question; `label` is the one that phase and subtype are told of.
    redshift, origin : float, str or None
        The one that is known, and whose it is.
    """

    wavelength_A: NDArray[np.floating]
    flux: NDArray[np.floating]
    spacing_A: float
    probabilities: Floats
    embedding: Floats
    classes: Sequence[int]
    label: int
    redshift: float | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the bank says."""

    redshift: RedshiftEstimate
    phase: PhaseEstimate | None
    subtype: Subtype | None
    matches: tuple[Mapping[str, object], ...]
    other_match: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Scores of the rows of some classes, one class after the other; see `models.matching.correlate.correlated`.

    Parameters
    ----------
    rows : ndarray of int, shape (m,)
        Of the bank.
    scores : list of ndarray of float32, each of shape (m, redshifts)
    parts : mapping of int to slice
        Where each class stands.
    """

    rows: NDArray[np.int64]
    scores: list[Singles]
    parts: Mapping[int, slice]

    def of(self, label: int) -> list[Singles]:
        """Those of one class."""
        return [s[self.parts[label]] for s in self.scores]

    def left(self, kept: Bools) -> "Correlations":
        """Without some rows of the bank; `kept` are all others."""
        mine = kept[self.rows]
        ends = np.concatenate([[0], np.cumsum(mine)])
        parts = {k: slice(int(ends[part.start]), int(ends[part.stop])) for k, part in self.parts.items()}
        return Correlations(rows=self.rows[mine], scores=[s[mine] for s in self.scores], parts=parts)


class _Memory(threading.local):
    """Room for scores, one of each thread."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.float32)

    def scores(self, rows: int) -> list[Singles]:
        """By every recipe, (rows, redshifts): whatever they held before."""
        shape = (len(RECIPES), rows, len(REDSHIFTS))
        if self._room.size < (size := math.prod(shape)):
            self._room = np.empty(size, np.float32)
        return list(self._room[:size].reshape(shape))


class Matcher:
    """The bank of a bundle, ready to answer. Keeps nothing of a spectrum between calls.

    Parameters
    ----------
    bank : MatchBank
    fitted : Fitted
    """

    def __init__(self, bank: MatchBank, fitted: Fitted) -> None:
        self.bank, self.fitted = bank, fitted
        self._classes: dict[int, tuple[NDArray[np.int64], tuple[Block, ...]]] = {}
        self._memory = _Memory()
        self._row = {name: i for i, name in enumerate(bank.ids)}

    def __contains__(self, spectrum_id: object) -> bool:
        """Whether the bank holds a spectrum."""
        return spectrum_id in self._row

    def drawn(self, spectrum_id: str) -> tuple[Floats, Floats]:
        """A spectrum of the bank at rest: wavelength in Angstrom and flux, NaN where missing; each of shape (BINS,).

        Raises
        ------
        KeyError
            If the bank does not hold it.
        """
        row = self._row[spectrum_id]
        mask = self.bank.masks()[row]
        return CENTRES_A, np.where(mask, self.bank.values[row].astype(np.float64), np.nan)

    def correlations(
        self,
        values: Floats,
        mask: Bools,
        classes: Sequence[int],
        without: Bools | None = None,
        *,
        passing: bool = False,
    ) -> Correlations:
        """With the spectra of some classes; `without` are rows to leave out: those of the same object, in a test.

        With `passing` they hold until the thread's next passing ones: new memory for each takes up to half as long as
        all the sums.
        """
        question, kept = Question.of(values, mask), [self._of_class(label) for label in classes]
        ends = np.cumsum([0, *(len(rows) for rows, _ in kept)]).tolist()
        parts = {label: slice(*ends[i : i + 2]) for i, label in enumerate(classes)}
        scores = (self._memory if passing else _Memory()).scores(ends[-1])
        for label, (_, ready) in zip(classes, kept, strict=True):
            correlated(ready, question, [s[parts[label]] for s in scores])
        found = Correlations(rows=np.concatenate([rows for rows, _ in kept]), scores=scores, parts=parts)
        return found if without is None else found.left(~without)

    def _of_class(self, label: int) -> tuple[NDArray[np.int64], tuple[Block, ...]]:
        """The rows of one class, made ready when they are first asked for.

        Two threads may both make them: they are the same.
        """
        if label not in self._classes:
            rows = np.flatnonzero(self.bank.label == label)
            self._classes[label] = rows, blocks(self.bank, rows)
        return self._classes[label]

    def run(self, asked: Asked, alpha: float, *, without: Bools | None = None) -> Found | None:
        """Match one spectrum; None where too little of it is left to match."""
        values, mask = binned(asked.wavelength_A, asked.flux)
        label, classes = asked.label, sorted({*asked.classes, int(asked.probabilities.argmax())})
        if int(mask.sum()) < FEWEST:
            return None
        found = self.correlations(values, mask, sorted({*classes, label}), without, passing=True)
        domain = domain_of(asked.spacing_A) or HIGH
        posterior = self.posterior(found, asked.probabilities, classes, domain)
        first, second = peaks(posterior)
        at = asked.redshift if asked.redshift is not None else first.redshift
        rows, scores = found.rows[found.parts[label]], scores_at(found.of(label), at)
        redshift = self._redshift(first, second, domain, alpha, asked)
        believed = redshift.value is not None or asked.redshift is not None
        return Found(
            redshift=redshift,
            phase=self._phase(scores, rows, label, domain, alpha) if believed else None,
            subtype=self._subtype(scores, rows, label, asked.embedding, alpha) if believed else None,
            matches=self._matches(found, at),
            other_match=None if (z := other_redshift(redshift)) is None else self._matches(found, z)[0],
        )

    def posterior(self, found: Correlations, probabilities: Floats, classes: Sequence[int], domain: str) -> Floats:
        """Probability of each redshift, over the classes that come into question."""
        weights = self.fitted.weights[domain]
        parts = {k: weights.of_class(np.stack([evidence(s) for s in found.of(k)]), k) for k in classes}
        return mixed(parts, probabilities)

    def _redshift(self, first: Peak, second: Peak | None, domain: str, alpha: float, asked: Asked) -> RedshiftEstimate:
        believed = first.share >= BELIEVABLE
        cell = self.fitted.redshift_cell(domain, first.share, alpha) if believed else None
        low = high = agrees = None
        if cell is not None and np.isfinite(cell.half):
            low, high = round(first.redshift - cell.half, DIGITS), round(first.redshift + cell.half, DIGITS)
            agrees = None if asked.redshift is None else bool(low <= asked.redshift <= high)
        shown = second if second is not None and second.share >= NAMED_SECOND else None
        return RedshiftEstimate(
            value=round(first.redshift, DIGITS) if believed else None,
            low=low,
            high=high,
            alpha=alpha,
            best=round(first.redshift, DIGITS),
            share=round(first.share, DIGITS),
            second=None if shown is None else round(shown.redshift, DIGITS),
            second_share=None if shown is None else round(shown.share, DIGITS),
            known=asked.redshift,
            known_origin=asked.origin,
            agrees=agrees,
            cell=None if cell is None else cell.name,
            cell_size=None if cell is None else cell.size,
        )

    def _phase(
        self, scores: Singles, rows: NDArray[np.int64], label: int, domain: str, alpha: float
    ) -> PhaseEstimate | None:
        if FINE_CLASSES[label] not in PHASED:
            return None
        vote, cell = phase_vote(scores, self.bank.phase_days[rows]), self.fitted.phase_cell(label, domain, alpha)
        if vote is None or not np.isfinite(cell.half):
            return None
        half = cell.half * vote.spread
        days, low, high = (round(x, 1) for x in (vote.days, vote.days - half, vote.days + half))
        return PhaseEstimate(days=days, low=low, high=high, alpha=alpha, cell=cell.name, cell_size=cell.size)

    def _subtype(
        self, scores: Singles, rows: NDArray[np.int64], label: int, embedding: Floats, alpha: float
    ) -> Subtype | None:
        name = FINE_CLASSES[label]
        model = self.fitted.subtypes.get(name)
        if model is None:
            return None
        names = SUBTYPES[name]
        votes = subtype_features(scores, self.bank.subtype[rows], len(names))
        p = model.probabilities(np.concatenate([votes, embedding]))
        sets = {
            f"{a:g}": tuple(n for n, x in zip(names, p, strict=True) if 1.0 - x <= limit)
            for a in sorted({0.05, 0.1, 0.2, alpha})
            for limit in (quantile_by_object(model.nonconformity, model.objects, a),)
        }
        probabilities = {n: round(float(x), 6) for n, x in zip(names, p, strict=True)}
        return Subtype(label=names[int(np.argmax(p))], probabilities=probabilities, prediction_sets=sets)

    def _matches(self, found: Correlations, redshift: float) -> tuple[Mapping[str, object], ...]:
        """The best match of each of the objects that match best at one redshift."""
        scores = scores_at(found.scores, redshift)
        named: dict[str, Mapping[str, object]] = {}
        for i in np.argsort(-scores, kind="stable"):
            row = int(found.rows[i])
            if self.bank.objects[row] not in named:
                named[self.bank.objects[row]] = self._match(
                    row, float(scores[i]), own_redshift(found.scores, int(i), redshift)
                )
            if len(named) == MATCHES:
                break
        return tuple(named.values())

    def _match(self, row: int, score: float, redshift: float) -> Mapping[str, object]:
        bank = self.bank
        label, phase = FINE_CLASSES[bank.label[row]], float(bank.phase_days[row])
        subtype = SUBTYPES[label][bank.subtype[row]] if bank.subtype[row] >= 0 else None
        return {
            "object": bank.objects[row],
            "class": label,
            "subtype": subtype,
            "phase_days": round(phase, 1) if np.isfinite(phase) else None,
            "redshift": round(redshift, DIGITS),
            "score": round(score, DIGITS),
            "spectrum": bank.ids[row],
            "source": bank.sources[row],
        }


def other_redshift(told: RedshiftEstimate) -> float | None:
    """A second redshift to look at: what was found where another one is known, else the next best peak."""
    if told.known is None:
        return told.second
    apart = abs(told.best - told.known) > NEAR * (1.0 + told.known)
    return told.best if apart and told.value is not None else None


def in_question(kept: Bools, probabilities: Floats) -> list[int]:
    """The classes whose spectra are matched: those of a prediction set, or all that are not excluded if it is empty."""
    chosen = kept if kept.any() else probabilities >= 0.05
    return [int(k) for k in np.flatnonzero(chosen)]
