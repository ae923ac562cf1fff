"""Which sources GET /api/sources finds, and in which order."""

import json
import operator
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from plugin.sandbox.skyportal.api import ApiError, Call
from plugin.sandbox.skyportal.rows import Annotation, Photometry, Source
from plugin.sandbox.skyportal.sky import separation_deg
from plugin.sandbox.skyportal.taxonomy import TAXONOMY_NAME

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
}
_MJD_EPOCH = datetime(1858, 11, 17)
Test = Callable[[Source], bool]


def matching(call: Call, groups: list[int]) -> list[Source]:
    """The sources saved to one of `groups` that pass every filter of the query."""
    tests = [*_by_save(call, groups), *_by_columns(call), *_by_spectra(call), *_by_photometry(call)]
    tests += [*_by_annotations(call), *_by_classifications(call), *_by_labels(call)]
    return [s for s in call.state.sources.values() if all(test(s) for test in tests)]


def ordered(call: Call, sources: Iterable[Source]) -> list[Source]:
    """Sorted as asked; by time of saving, latest first, when nothing is asked."""
    by, downwards = call.query.get("sortBy", "saved_at"), call.query.get("sortOrder", "desc") == "desc"
    rows = sorted(sources, key=lambda s: s.id)
    values = {s.id: _sort_value(call, s, by) for s in rows}
    known = [s for s in rows if values[s.id] is not None]
    return sorted(known, key=lambda s: values[s.id], reverse=downwards) + [s for s in rows if values[s.id] is None]


def _sort_value(call: Call, source: Source, by: str) -> Any:
    if by.startswith("annotation."):
        _, origin, key = by.split(".", 2)
        notes = call.state.annotations_on(source.id, None, call.user)
        return next((a.data.get(key) for a in notes if a.origin == origin), None)
    if by == "saved_at":
        return max((save.saved_at for save in source.saves.values()), default=None)
    return getattr(source, by) if by in {"id", "ra", "dec", "redshift", "origin"} else None


def _by_save(call: Call, groups: list[int]) -> Iterable[Test]:
    after, before = call.date("savedAfter"), call.date("savedBefore")
    wanted = set(groups)

    def saved(source: Source) -> bool:
        times = [save.saved_at for g, save in source.saves.items() if g in wanted]
        return any((after is None or t >= after) and (before is None or t <= before) for t in times)

    yield saved


def _by_columns(call: Call) -> Iterable[Test]:
    part, low, high = call.query.get("sourceID"), call.query.get("minRedshift"), call.query.get("maxRedshift")
    if part:
        yield lambda s: part in s.id
    if low:
        yield lambda s: s.redshift is not None and s.redshift >= float(low)
    if high:
        yield lambda s: s.redshift is not None and s.redshift <= float(high)
    if call.flag("hasTNSname"):
        yield lambda s: s.tns_name is not None
    if call.query.get("rejectedSourceIDs"):
        yield lambda s: s.id not in call.query["rejectedSourceIDs"].split(",")
    if (changed := call.date("createdOrModifiedAfter")) is not None:
        yield lambda s: s.modified > changed  # `modified` is never before `created_at`; the limit itself is outside
    if {"ra", "dec", "radius"} <= set(call.query):
        ra, dec, radius = (float(call.query[name]) for name in ("ra", "dec", "radius"))
        yield lambda s: separation_deg(s.ra, s.dec, ra, dec) <= radius


def _by_spectra(call: Call) -> Iterable[Test]:
    have = {spectrum.obj_id for spectrum in call.state.spectra.values() if call.user.sees(spectrum.group_ids)}
    if call.flag("hasSpectrum"):
        yield lambda s: s.id in have
    if call.flag("hasNoSpectrum"):
        yield lambda s: s.id not in have
    # Documented as "saved after"; the server compares the time of observation.
    if (after := call.date("hasSpectrumAfter")) is not None:
        yield lambda s: any(x.observed_at >= after for x in call.state.spectra_of(s.id, call.user))
    if (before := call.date("hasSpectrumBefore")) is not None:
        yield lambda s: any(x.observed_at <= before for x in call.state.spectra_of(s.id, call.user))


def _by_photometry(call: Call) -> Iterable[Test]:
    def detections(source: Source) -> list[datetime]:
        points: list[Photometry] = call.state.photometry_of(source.id, call.user)
        return [_MJD_EPOCH + timedelta(days=p.mjd) for p in points if p.flux is not None]

    if (start := call.date("startDate")) is not None:
        yield lambda s: min(detections(s), default=datetime.min) >= start
    if (end := call.date("endDate")) is not None:
        yield lambda s: max(detections(s), default=datetime.max) <= end


def _by_annotations(call: Call) -> Iterable[Test]:
    # Origins are compared in lower case with the text as it was typed: a capital in it finds nothing, on any server.
    origins = [origin.strip() for origin in call.query.get("annotationsFilterOrigin", "").split(",") if origin.strip()]
    after, before = call.date("annotationsFilterAfter"), call.date("annotationsFilterBefore")
    conditions = [c.split(":") for c in call.query.get("annotationsFilter", "").split(",") if c]
    if not (origins or after or before or conditions):
        return
    notes = [
        a
        for a in call.state.annotations
        if a.spectrum_id is None
        and (not origins or a.origin.lower() in origins)
        and (after is None or a.created_at >= after)
        and (before is None or a.created_at <= before)
    ]
    for condition in conditions or [[]]:
        kept = {a.obj_id for a in notes if _holds(a, condition) and call.user.sees(a.group_ids)}
        yield lambda s, kept=kept: s.id in kept  # type: ignore[misc]


def _holds(note: Annotation, condition: list[str]) -> bool:
    """Whether an annotation has the key, or (`key:value:op`) a number there that compares as asked.

    As in the server's SQL, text under the key breaks the whole query, whoever wrote it.
    """
    if not condition:
        return True
    if condition[0] not in note.data or len(condition) == 1:
        return condition[0] in note.data
    try:
        limit = float(condition[1])
    except ValueError as error:
        raise ApiError(400, f"Cannot retrieve sources: Invalid annotation filter value: {error}") from None
    value = note.data[condition[0]]
    return value is not None and _OPERATORS[condition[2]](_as_number(value), limit)


def _as_number(value: Any) -> float:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return float(text)
    except ValueError:
        about = f'(psycopg.errors.InvalidTextRepresentation) invalid input syntax for type double precision: "{text}"'
        raise ApiError(400, f"Cannot retrieve sources: {about}\n[SQL: SELECT objs.id AS id ...]") from None


def _by_classifications(call: Call) -> Iterable[Test]:
    def names(source: Source, *, people_only: bool = False) -> set[str]:
        rows = call.state.classifications_of(source.id, call.user)
        return {f"{TAXONOMY_NAME}: {c.classification}" for c in rows if not (people_only and c.ml)}

    if wanted := call.query.get("classifications"):
        yield lambda s: bool(names(s) & set(wanted.split(",")))
    if unwanted := call.query.get("nonclassifications"):
        yield lambda s: not names(s) & set(unwanted.split(","))
    if call.flag("classified"):
        yield lambda s: bool(names(s, people_only=True))
    if call.flag("unclassified"):
        yield lambda s: not names(s, people_only=True)


def _by_labels(call: Call) -> Iterable[Test]:
    labelled = {obj_id for obj_id, _, _ in call.state.labels}
    if call.flag("hasBeenLabelled"):
        yield lambda s: s.id in labelled
    if call.flag("hasNotBeenLabelled"):
        yield lambda s: s.id not in labelled
