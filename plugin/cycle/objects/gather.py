"""Everything about one object: photometry of marshal and broker, stamps of its newest alerts, its host.

What is missing or cannot be read becomes a caveat; what may come back later is left to be tried again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from iris_client.brokers.curves import merged
from iris_client.brokers.streams import KnowsSurroundings, Surroundings
from iris_client.errors import BadPayload, Unavailable, UpstreamError
from iris_client.protocols import Alert, AlertSource, AlertStub, HostSource, PhotometrySource
from models.domain import Caveat, CaveatCode, Evidence, Host, LightCurve, Target
from models.needle.images.prepare import EARLIER, PreparedImages
from models.needle.objects import ObjectAnalyst
from plugin.cycle.patience import denied

STAR_SCORE: Final = 0.5
"""Above it the nearest catalogue source looks like a star rather than a galaxy."""
HOST_ARCSEC: Final = 10.0
"""Farther away the nearest catalogue source is no likely host."""
SAME_ARCSEC: Final = 2.0
"""Two offsets that differ by less are of the same galaxy."""
ASKED: Final = 3
"""An answer that cannot be read may be a proxy's; after so many attempts it is the server's."""
_SEVERAL: Final = 3  # fewer may be artefacts of the subtraction
_CURVE, _STAMPS = CaveatCode.NO_LIGHT_CURVE, CaveatCode.NO_CUTOUTS

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Gathering:
    """One object's evidence in the making.

    Parameters
    ----------
    marshal : PhotometrySource or None
        None for an object that it does not have.
    patient : bool
        Whether an answer that cannot be read is worth another attempt; else it counts as missing.
    """

    marshal: PhotometrySource | None
    source: AlertSource
    analyst: ObjectAnalyst
    patient: bool
    caveats: list[Caveat] = field(default_factory=list)
    _read: dict[str, Alert | None] = field(default_factory=dict)

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object; none when the source knows none, or cannot say."""
        return list(self._had("alerts", lambda: self.source.alerts(target_id), _STAMPS) or ())

    def gather(self, target: Target, stubs: Sequence[AlertStub]) -> tuple[Evidence, PreparedImages]:
        """What is known of a target whose alerts are these.

        Raises
        ------
        UpstreamError
            If it is worth trying again later.
        """
        name, marshal = target.target_id, self.marshal
        theirs = None
        if marshal is not None:
            theirs = self._had("the marshal's photometry", partial(marshal.light_curve, name), _CURVE)
        curve = merged([theirs, self.light_curve(name)])
        around, theirs_too = self.surroundings(name), None
        if isinstance(marshal, HostSource):
            theirs_too = self._had("the marshal's host", partial(marshal.host, name), CaveatCode.NO_HOST)
        galaxy = first_host(None if around is None else around.host, theirs_too)
        wanted = self._wanted(stubs)
        latest = [found for stub in wanted[:1] if (found := self._alert(stub)) is not None]
        evidence = self._evidence(target, curve, latest, galaxy)
        images = self.analyst.images(evidence)
        if images.caveats and len(wanted) > 1:  # earlier epochs are fetched only when the latest is not good as it is
            alerts = [*latest, *(found for stub in wanted[1:] if (found := self._alert(stub)) is not None)]
            evidence = self._evidence(target, curve, alerts, galaxy)
            images = self.analyst.images(evidence)
        return evidence, images

    def light_curve(self, target_id: str) -> LightCurve | None:
        """The broker's photometry; None when it has none, or cannot say."""
        return self._had("the broker's photometry", lambda: self.source.light_curve(target_id), _CURVE)

    def newest(self, stubs: Sequence[AlertStub]) -> Alert | None:
        """The alert that images are taken from."""
        wanted = _latest_first(stubs)
        return self._alert(wanted[0]) if wanted else None

    def surroundings(self, target_id: str) -> Surroundings | None:
        """What the broker has found at its place, where it does such a thing."""
        source = self.source
        if not isinstance(source, KnowsSurroundings):
            return None
        return self._had("the broker's cross-matches", partial(source.surroundings, target_id), CaveatCode.NO_HOST)

    def _wanted(self, stubs: Sequence[AlertStub]) -> list[AlertStub]:
        """The latest positive subtraction and up to five before it in the same band, latest first."""
        if stubs and not any(stub.positive for stub in stubs):
            self._tell(CaveatCode.NO_CUTOUTS, "only negative subtractions: it is fainter than in the reference image")
        positive = _latest_first(stubs)
        return [s for s in positive if s.band == positive[0].band][: EARLIER + 1]

    def _alert(self, stub: AlertStub) -> Alert | None:
        if stub.candid in self._read:
            return self._read[stub.candid]
        found = self._had(f"alert {stub.candid}", lambda: self.source.alert(stub.target_id, stub.candid), _STAMPS)
        if found is not None:
            self.caveats += [c for c in found.caveats if c.code is CaveatCode.BAD_IMAGE]
        self._read[stub.candid] = found
        return found

    def _evidence(
        self, target: Target, curve: LightCurve | None, alerts: Sequence[Alert], galaxy: Host | None
    ) -> Evidence:
        place = next((a.target for a in alerts if a.target.ra_deg is not None), None)
        if target.ra_deg is None and place is not None:
            target = replace(target, ra_deg=place.ra_deg, dec_deg=place.dec_deg)
        hosts = [host for alert in alerts if (host := host_of(alert)) is not None]
        return Evidence(
            target=target,
            light_curve=curve,
            cutouts=tuple(alert.cutouts for alert in alerts),
            host=joined_host(galaxy, hosts[0] if hosts else None),
            neighbours=alerts[0].neighbours if alerts else (),
        )

    def _had(self, what: str, ask: Callable[[], T], missing: CaveatCode) -> T | None:
        """An answer; or None and a caveat, when another attempt would not help."""
        try:
            return ask()
        except UpstreamError as error:
            if self._worth_it(error):
                raise
            self._tell(missing, f"{what}: {error}"[:300])
            return None

    def _worth_it(self, error: UpstreamError) -> bool:
        return isinstance(error, Unavailable) or denied(error) or (self.patient and isinstance(error, BadPayload))

    def _tell(self, code: CaveatCode, text: str) -> None:
        self.caveats.append(Caveat(code=code, text=text))


def _latest_first(stubs: Sequence[AlertStub]) -> list[AlertStub]:
    return sorted((s for s in stubs if s.positive), key=lambda s: (s.mjd, s.candid), reverse=True)


def mostly_negative(stubs: Sequence[AlertStub]) -> str | None:
    """Why an object most of whose subtractions are negative has no class: it fades below its reference image, as
    variable stars and active galaxies do and supernovae do not.
    """
    negative = sum(not stub.positive for stub in stubs)
    if negative < _SEVERAL or 2 * negative <= len(stubs):
        return None
    return f"{negative} of {len(stubs)} subtractions are negative: it is mostly fainter than in the reference image"


def is_patient(attempts: int) -> bool:
    """Whether after so many attempts an answer that cannot be read is worth more than this one: the last counts."""
    return attempts + 1 < ASKED


def host_of(alert: Alert) -> Host | None:
    """The nearest catalogue source, if it can be the host: near, and no star."""
    host, score = alert.host, alert.star_score
    near = host is not None and host.separation_arcsec is not None and host.separation_arcsec <= HOST_ARCSEC
    return host if near and score is not None and score <= STAR_SCORE else None


def first_host(sherlock: Host | None, marshal: Host | None) -> Host | None:
    """Sherlock's galaxy, where a broker has one, else the marshal's; of one and the same, whatever either knows.

    A redshift from a spectrum stands before any other.
    """
    if sherlock is None or marshal is None:
        return sherlock or marshal
    if not _one_galaxy(sherlock, marshal):
        return sherlock
    known = [one for one in (sherlock, marshal) if one.redshift is not None]
    best = next((one for one in known if one.redshift_kind == "spectroscopic"), known[0] if known else sherlock)
    joined = replace(sherlock, dlr=marshal.dlr)
    if best is not marshal:
        return joined
    source = f"{sherlock.source}; redshift of {marshal.source or 'the marshal'}"
    kind = {"redshift_error": marshal.redshift_error, "redshift_kind": marshal.redshift_kind}
    return replace(joined, redshift=marshal.redshift, source=source, **kind)  # type: ignore[arg-type]  # each has its type


def _one_galaxy(one: Host, other: Host) -> bool:
    if one.ra_deg is None or one.dec_deg is None or other.ra_deg is None or other.dec_deg is None:
        return False
    east = ((one.ra_deg - other.ra_deg + 180.0) % 360.0 - 180.0) * math.cos(math.radians(one.dec_deg))
    return 3600.0 * math.hypot(east, one.dec_deg - other.dec_deg) <= SAME_ARCSEC


def joined_host(given: Host | None, nearest: Host | None) -> Host | None:
    """The host that the marshal was given, with the magnitudes of the nearest source when that is the same galaxy."""
    if given is None or nearest is None or given.separation_arcsec is None or nearest.separation_arcsec is None:
        return given or nearest
    same = abs(given.separation_arcsec - nearest.separation_arcsec) <= SAME_ARCSEC
    return replace(given, mags=nearest.mags) if same else given
