"""Records -> what is kept, what is not and why, what is a copy of what, and on which side of the split each object is.

label -> quality control -> copies -> alias groups -> splits
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iris_client.quality.checks import coverage, signal_to_noise
from iris_client.quality.control import QualityRules, examine
from models.domain import Spectrum
from plugin.lab.dataset.census import Census
from plugin.lab.dataset.identity.aliases import LinkedSplits, alias_groups, assign_linked
from plugin.lab.dataset.identity.dedup import Duplicates, NearPair, find_duplicates
from plugin.lab.dataset.records import Record

LINK_DAYS: Final = 3.0
"""Near copies under two names, taken within this of each other, are one object's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A spectrum of the set."""

    record: Record
    spectrum: Spectrum
    coverage: float
    snr: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A spectrum that is not in the set: the rule, and its sentence."""

    record: Record
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two objects that turned out to be one, and why."""

    first: str
    second: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A set, and everything that led to it."""

    kept: tuple[Kept, ...]
    rejected: tuple[Rejected, ...]
    near: tuple[tuple[str, str, float], ...]
    links: tuple[Link, ...]
    census: Mapping[str, Mapping[str, int]]
    splits: LinkedSplits
    rules: QualityRules
    seed: int

    def split_of(self, record: Record) -> str:
        """Where a record's object stands; rare ones are never trained on."""
        return self.splits.assignment[record.group] if record.label.fine else "test"

    def group_of(self, record: Record) -> str:
        """The alias group of a record's object."""
        return self.splits.groups.get(record.group, record.group)


def assemble(
    records: Iterable[Record],
    *,
    rules: QualityRules,
    seed: int = 42,
    existing: Mapping[str, str] | None = None,
    copies: bool = True,
    link: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Assembled:
    """Decide about every record.

    Parameters
    ----------
    rules : QualityRules
        What a spectrum must be like.
    existing : mapping of str to str, optional
        An earlier assignment of objects to splits, which holds.
    copies : bool
        Whether to look for copies: identical ones are rejected, all but the first; near ones are only listed. Both
        tell which objects are one under two names.
    link : bool
        Whether such objects are put into one alias group; if not, they are only listed in `links`.
    """
    kept: list[Kept] = []
    rejected: list[Rejected] = []
    labelled: list[Record] = []
    census = Census()
    for record in records:
        progress(1)
        census.count(record)
        problem = _no_label(record)
        if problem is not None:
            rejected.append(replace(problem, record=_without_arrays(record)))
            continue
        labelled.append(_without_arrays(record))
        found = _examined(record, rules)
        kept.append(found) if isinstance(found, Kept) else rejected.append(found)
    duplicates = _duplicates(kept) if copies else Duplicates(identical=(), near=())
    links = tuple(_links(kept, duplicates))
    splits = _split(labelled, links if link else (), seed, existing)
    unique, doubled = _first_of_each(kept, duplicates)
    near = tuple((_id(kept[p.first]), _id(kept[p.second]), round(p.correlation, 6)) for p in duplicates.near)
    return Assembled(
        kept=tuple(unique),
        rejected=(*rejected, *doubled),
        near=near,
        links=links,
        splits=splits,
        census=census.table(),
        rules=rules,
        seed=seed,
    )


def _no_label(record: Record) -> Rejected | None:
    label = record.label
    if label.ambiguous:
        return Rejected(record=record, rule="ambiguous", reason=f"the class is disputed: {label.raw or 'so marked'}")
    if label.uncertain:
        return Rejected(record=record, rule="uncertain", reason=f"the class has a question mark: {label.raw}")
    if label.status == "unknown":
        what = f"type {label.raw!r} is in no table" if label.raw else "nobody has classified it"
        return Rejected(record=record, rule="unknown_label" if label.raw else "no_label", reason=what)
    if label.status == "no_class":
        return Rejected(record=record, rule="no_class", reason=f"type {label.raw!r} names no class")
    return None


def _examined(record: Record, rules: QualityRules) -> Kept | Rejected:
    examined = examine(record.raw, rules)
    if examined.spectrum is None:
        caveat = next(c for c in examined.caveats if c.refuses)
        return Rejected(record=_without_arrays(record), rule=str(caveat.code), reason=caveat.text)
    spectrum = examined.spectrum
    wave, flux = spectrum.wavelength_A, spectrum.flux
    good = np.isfinite(flux)
    inside = good & (wave >= rules.window_A[0]) & (wave <= rules.window_A[1])
    return Kept(
        record=_without_arrays(record),
        spectrum=spectrum,
        coverage=coverage(wave[good], rules),
        snr=float(signal_to_noise(flux[inside]) if record.snr is None else record.snr),
        notes=tuple(str(c.code) for c in examined.caveats),
    )


def _without_arrays(record: Record) -> Record:
    """The record without its arrays, which `Kept.spectrum` has or nobody needs any more."""
    return replace(record, raw=replace(record.raw, wavelengths=(), fluxes=(), errors=None))


def _duplicates(kept: list[Kept]) -> Duplicates:
    return find_duplicates(
        [(k.spectrum.wavelength_A, k.spectrum.flux) for k in kept],
        objects=[k.record.group for k in kept],
        mjd=[k.record.mjd for k in kept],
    )


def _links(kept: list[Kept], duplicates: Duplicates) -> Iterable[Link]:
    """Objects that share a spectrum, or have two that are nearly one and were taken at about the same time."""
    seen: set[tuple[str, str]] = set()
    alike = [(cluster[0], other, "the same spectrum") for cluster in duplicates.identical for other in cluster[1:]]
    alike += [
        (p.first, p.second, "nearly the same spectrum at that time") for p in duplicates.near if _at_once(kept, p)
    ]
    for i, j, why in alike:
        one, other = sorted((kept[i].record.group, kept[j].record.group))
        if one != other and (one, other) not in seen:
            seen.add((one, other))
            yield Link(first=one, second=other, why=f"{why}: {_id(kept[i])}, {_id(kept[j])}")


def _at_once(kept: list[Kept], pair: NearPair) -> bool:
    """Transients change within days, so two that look the same at one time are one; stars of one type always do."""
    one, other = kept[pair.first].record, kept[pair.second].record
    if one.mjd is None or other.mjd is None or not (one.label.fine and other.label.fine):
        return False
    return abs(one.mjd - other.mjd) <= LINK_DAYS


def _split(
    labelled: list[Record], links: tuple[Link, ...], seed: int, existing: Mapping[str, str] | None
) -> LinkedSplits:
    names: dict[str, set[str]] = {}
    for record in labelled:
        names.setdefault(record.group, set()).update(record.names)
    known = alias_groups(names, [(link.first, link.second) for link in links])
    fine = [r for r in labelled if r.label.fine]
    # Semi-real spectra are dealt out apart, and so are the SED Machine's: each split has its share of either.
    strata = [r.class_name + (" (semi-real)" if r.semi_real else " (SED Machine)" if r.sedm else "") for r in fine]
    return assign_linked([r.group for r in fine], strata, known, seed=seed, existing=existing)


def _first_of_each(kept: list[Kept], duplicates: Duplicates) -> tuple[list[Kept], list[Rejected]]:
    original = {other: cluster[0] for cluster in duplicates.identical for other in cluster[1:]}
    doubled = [
        Rejected(record=kept[i].record, rule="duplicate", reason=f"the same spectrum as {_id(kept[first])}")
        for i, first in sorted(original.items())
    ]
    return [k for i, k in enumerate(kept) if i not in original], doubled


def _id(kept: Kept) -> str:
    return kept.spectrum.spectrum_id


def rules_broken(assembled: Assembled) -> Counter[str]:
    """How many spectra each rule took."""
    return Counter(r.rule for r in assembled.rejected)
