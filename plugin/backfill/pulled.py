"""Spectra of a marshal on disk: pulled once, by lists and within the budget of requests, and the same ever after."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from iris_client.errors import NotFound, Unavailable, UpstreamError, redact
from iris_client.protocols import SpectrumStub
from models.domain import GivenLabel, HumanLabel, LightCurve, RawSpectrum, Target
from plugin.backfill import tables
from plugin.backfill.plan import Partition
from plugin.cycle.patience import denied
from plugin.cycle.spectra.producer import without_secrets

_TUPLES = ("group_ids", "observers", "reducers")
_CURVE = ("mjd", "mag", "mag_error", "limit_mag", "is_limit")


class ArchiveSource(Protocol):
    """What is needed of a marshal: lists instead of a request for each spectrum."""

    def spectra_shared_with(self, *, group_ids: Sequence[int]) -> Iterator[SpectrumStub]:
        """Every spectrum of the groups, without arrays."""

    def spectra_of(self, target_id: str) -> Sequence[RawSpectrum]:
        """The spectra of a source."""

    def target(self, target_id: str) -> Target:
        """A source."""

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Its photometry."""


def sources_of(marshal: ArchiveSource, group_ids: Sequence[int]) -> list[tuple[str, tuple[str, ...]]]:
    """The sources of some groups with the spectra that these see, by name; a request for some hundred spectra.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for stub in marshal.spectra_shared_with(group_ids=group_ids):
        found[stub.target_id].add(stub.spectrum_id)
    return [(source, tuple(sorted(found[source], key=_by_number))) for source in sorted(found)]


def pull(
    marshal: ArchiveSource, partition: Partition, path: Path, *, photometry: bool, secrets: tuple[str, ...] = ()
) -> None:
    """Write the spectra of a partition's sources; two requests a source, three with photometry.

    A source that cannot be read gives its spectra with the reason instead of arrays.

    Raises
    ------
    UpstreamError
        If the marshal is away, or takes the token no more. What was pulled before stays.
    """
    with tables.writing(path, tables.SPECTRA) as out:
        for source, wanted in partition.sources:
            try:
                raws = {raw.spectrum_id: without_secrets(raw, secrets) for raw in marshal.spectra_of(source)}
                target = _cleaned(_target(marshal, source), secrets)
                curve = _photometry(marshal, source) if photometry else None
            except UpstreamError as error:
                if isinstance(error, Unavailable) or denied(error):
                    raise
                trouble = redact(f"cannot be read from the marshal: {error}", secrets)
                raws = {n: RawSpectrum(spectrum_id=n, target_id=source, trouble=trouble) for n in wanted}
                target, curve = Target(target_id=source), None
            # What was taken away since the list was made is not there to be answered.
            out.add(_row(raws[number], target, curve) for number in wanted if number in raws)


def _photometry(marshal: ArchiveSource, source: str) -> LightCurve | None:
    """None where it cannot be read: as for the service, a class does not need it."""
    try:
        return marshal.light_curve(source)
    except UpstreamError as error:
        if isinstance(error, Unavailable) or denied(error):
            raise
        return None


@dataclass(frozen=True, slots=True)
class Pulled:
    """A spectrum as it was pulled, with its source."""

    raw: RawSpectrum
    target: Target
    light_curve: LightCurve | None

    def curve_of(self, _: str) -> LightCurve | None:
        """The photometry of its source, as it was pulled."""
        return self.light_curve


def pulled(path: Path) -> Iterator[Pulled]:
    """Read what `pull` wrote, in order."""
    for row in tables.rows(path):
        raw, target = json.loads(row["spectrum"]), json.loads(row["target"])
        curve = None if row["light_curve"] is None else json.loads(row["light_curve"])
        yield Pulled(
            RawSpectrum(**{**raw, **{name: tuple(raw[name]) for name in _TUPLES}}),
            Target(
                **{
                    **target,
                    "classifications": tuple(HumanLabel(**one) for one in target["classifications"]),
                    "given": tuple(GivenLabel(**one) for one in target["given"]),
                    "group_ids": tuple(target["group_ids"]),
                }
            ),
            None if curve is None else _curve(curve),
        )


def _target(marshal: ArchiveSource, name: str) -> Target:
    """The source; only its name where the token may read the spectrum but not the source, as the service does."""
    try:
        return marshal.target(name)
    except NotFound:
        return Target(target_id=name)


def _cleaned(target: Target, secrets: tuple[str, ...]) -> Target:
    origin = target.redshift_origin
    holds = origin is not None and any(secret in origin for secret in secrets)
    return replace(target, redshift_origin=redact(str(origin), secrets)) if holds else target


def _row(raw: RawSpectrum, target: Target, curve: LightCurve | None) -> dict[str, Any]:
    plain = {key: _plain(value) for key, value in asdict(raw).items() if key != "notes"}
    return {
        "spec_id": raw.spectrum_id,
        "object_id": raw.target_id,
        "modified": raw.modified,
        "spectrum": json.dumps(plain),
        "target": json.dumps(asdict(target)),
        "light_curve": None
        if curve is None
        else json.dumps({"band": curve.band} | {name: getattr(curve, name).tolist() for name in _CURVE}),
    }


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _curve(plain: Mapping[str, Any]) -> LightCurve:
    return LightCurve(band=tuple(plain["band"]), **{name: np.array(plain[name], dtype=float) for name in _CURVE})


def _by_number(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() else -1), name
