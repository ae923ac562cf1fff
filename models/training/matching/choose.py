"""Which training spectra stand in the bank: few of each object, of every subtype, spread over its phases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.grid import FEWEST, Bools, Floats
from models.spectral.prepare import LOW_RESOLUTION_A
from models.training.dataset import SPLITS, Dataset
from models.training.matching.labels import subtypes

GALACTIC: Final = "CV"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRules:
    """What is taken.

    Parameters
    ----------
    each : mapping of str to int
        Spectra of one object at most, by class.
    named, each_named : int
        Spectra of each subtype at most that are taken before others, and of one object among these.
    low, high : mapping of str to int
        Spectra of each class at most, of low and of high resolution.
    min_coverage, min_snr : float
        Of the window, and signal to noise.
    seed : int
        Of the choice where there are more.
    """

    each: Mapping[str, int] = field(default_factory=lambda: dict(zip(FINE_CLASSES, (2, 4, 6, 3, 3, 3, 6), strict=True)))
    named: int = 130
    each_named: int = 6
    low: Mapping[str, int] = field(
        default_factory=lambda: dict(zip(FINE_CLASSES, (350, 200, 40, 300, 60, 60, 20), strict=True))
    )
    high: Mapping[str, int] = field(
        default_factory=lambda: dict(zip(FINE_CLASSES, (750, 320, 240, 560, 100, 10, 150), strict=True))
    )
    min_coverage: float = 0.6
    min_snr: float = 3.0
    seed: int = 42


def chosen(data: Dataset, rules: BankRules) -> NDArray[np.int64]:
    """Rows of the bank: real, undisputed spectra of training objects with a redshift, sorted by id."""
    rng = np.random.default_rng(rules.seed)
    usable = (data.split == SPLITS.index("train")) & (data.label >= 0) & ~data.semi_real & ~data.disputed
    usable &= np.isfinite(data.redshift) & (data.coverage >= rules.min_coverage)
    usable &= ~(data.snr < rules.min_snr)
    low = data.spacing > LOW_RESOLUTION_A
    kind = subtypes(data)
    found = []
    for k, name in enumerate(FINE_CLASSES):
        moving = np.abs(data.redshift) > 0.0005 if name != GALACTIC else np.ones(len(data), bool)
        for mask, limit in ((low, rules.low[name]), (~low, rules.high[name])):
            mine = usable & moving & mask & (data.label == k)
            named = _named(data, mine, kind, rules, rng)[:limit]
            others = _spread(data, np.setdiff1d(np.flatnonzero(mine), named), rules.each[name])
            found += [named, rng.permutation(others)[: max(limit - len(named), 0)]]
    rows = np.concatenate(found)
    return np.asarray(rows[np.argsort(np.array(data.ids)[rows])])


def _named(
    data: Dataset, mine: NDArray[np.bool_], kind: NDArray[np.int64], rules: BankRules, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Spectra of each subtype that a catalogue names: rare ones would hardly be met by chance."""
    found = []
    for subtype in np.unique(kind[mine & (kind >= 0)]):
        rows = _spread(data, np.flatnonzero(mine & (kind == subtype)), rules.each_named)
        found.append(rng.permutation(rows)[: rules.named])
    return rng.permutation(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _spread(data: Dataset, rows: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    """At most `each` spectra of an object: first, last and those between by phase, known ones first."""
    by_object: dict[str, list[int]] = {}
    for i in rows:
        by_object.setdefault(data.groups[i], []).append(int(i))
    kept: list[int] = []
    for mine in by_object.values():
        known = [i for i in mine if np.isfinite(data.phase_days[i])]
        pool = sorted(known or mine, key=lambda i: (float(np.nan_to_num(data.phase_days[i])), data.ids[i]))
        at = np.unique(np.linspace(0, len(pool) - 1, min(each, len(pool))).round().astype(int))
        kept += [pool[j] for j in at]
    return np.array(sorted(kept), np.int64)


def bank_of(data: Dataset, values: Floats, masks: Bools) -> MatchBank:
    """The bank of some rows.

    Parameters
    ----------
    data : Dataset
        The chosen rows.
    values, masks : ndarray, shape (n, BINS)
        Each at its own rest, from `models.matching.grid.binned`; rows with too few bins are left out.
    """
    rows = np.flatnonzero(masks.sum(axis=1) >= FEWEST)
    kept, values, masks = data.rows(rows), values[rows], masks[rows]

    def texts(column: Sequence[str]) -> tuple[str, ...]:
        return tuple(str(text) for text in column)

    return MatchBank(
        values=np.clip(values, -6e4, 6e4).astype(np.float16),
        mask=np.packbits(masks, axis=1),
        label=kept.label,
        subtype=subtypes(kept),
        redshift=kept.redshift,
        phase_days=kept.phase_days,
        ids=texts(kept.ids),
        objects=texts(kept.groups),
        sources=texts(kept.sources),
    )
