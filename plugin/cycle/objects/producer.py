"""NEEDLE on objects whose alerts are followed: what the loop needs to read, ask and say about each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from iris_client.protocols import Alert, AlertSource, AlertStub, Marshal, TransientNames
from models.domain import Caveat, Evidence, Status, Target
from models.domain.joined import Surrounding
from models.joined.evidence import surrounding
from models.needle.images.prepare import PreparedImages
from models.needle.objects import ObjectAnalyst, ObjectAnswer
from plugin.clock import Clock, utc_now
from plugin.cycle.objects import compose
from plugin.cycle.objects.cuts import Cuts
from plugin.cycle.objects.discover import version_of
from plugin.cycle.objects.gather import ASKED, Gathering, is_patient, mostly_negative
from plugin.cycle.objects.lasair import at_lasair, candidate, gone
from plugin.cycle.posting import Post, Posting
from plugin.cycle.posts import on_source
from plugin.cycle.producer import Draft, LetGo
from plugin.store import NEEDLE, Filed, Piece, Subject, Unit
from plugin.store.needle import Crossing, Noted
from plugin.store.objects import NO_ALERT
from plugin.store.subject import Kind


@dataclass(frozen=True, slots=True)
class KnownObject:
    """Everything that is known about an object, up to its newest alert."""

    newest: str
    target: Target
    evidence: Evidence
    images: PreparedImages
    caveats: tuple[Caveat, ...]
    around: Surrounding
    against: str | None = None
    """Why there can be no answer, whatever the light curve says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDraft(Draft):
    """A report, and what the record keeps of its object."""

    target: Target
    discovery_mjd: float | None = None


@dataclass(slots=True, kw_only=True)
class ObjectsProducer:
    """A `plugin.cycle.producer.Producer`.

    Parameters
    ----------
    cuts : Cuts
        What is let go of what nobody saved. The marshal is asked nothing about it.
    names : TransientNames or None
        Who knows at no cost what the TNS calls an object.
    """

    marshal: Marshal
    source: AlertSource
    analyst: ObjectAnalyst
    posting: Posting
    cuts: Cuts = field(default_factory=Cuts)
    names: TransientNames | None = None
    clock: Clock = utc_now
    name: Final[str] = NEEDLE
    kind: Final[Kind] = "object"
    tries: Final[int] = ASKED

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> KnownObject | None:
        """Alerts, photometry, stamps and host; None when no alert is newer than what was looked at."""
        name, patient = piece.subject.id, is_patient(piece.attempts)
        marshal = self.marshal if piece.listed else None
        gathering = Gathering(marshal=marshal, source=self.source, analyst=self.analyst, patient=patient)
        stubs = gathering.alerts(name)
        newest = max(map(version_of, stubs), default=NO_ALERT)
        if newest <= piece.seen:
            return None
        if piece.listed:
            targets[name] = target = self.marshal.target(name)
        else:
            target = Target(target_id=name)
            if (reason := self._against(gathering, name, stubs)) is not None:
                raise LetGo(reason, seen=newest)
        evidence, images = gathering.gather(target, stubs)
        around = _around(evidence, gathering.newest(stubs), newest)
        return KnownObject(newest, target, evidence, images, tuple(gathering.caveats), around, mostly_negative(stubs))

    def _against(self, gathering: Gathering, name: str, stubs: Sequence[AlertStub]) -> str | None:
        """Why an object that nobody saved is let go, what costs least first; None to answer about it."""
        if (reason := self.cuts.of_curve(gathering.light_curve(name))) is not None:
            return reason
        around = gathering.surroundings(name)
        if (reason := self.cuts.of_place(around, None)) is not None:
            return reason
        newest = gathering.newest(stubs)
        if newest is not None and self.names is not None:
            known = self.names.match(newest.target)
            if (reason := self.cuts.of_place(None, None if known is None else known.type)) is not None:
                return reason
        return self.cuts.of_alert(newest)

    def answer(self, known: Sequence[KnownObject]) -> list[ObjectAnswer]:
        """NEEDLE's answers, in order."""
        return [_unless(one.against, self.analyst.run(one.evidence, one.images, one.caveats)) for one in known]

    def draft(self, piece: Piece, known: KnownObject, answer: ObjectAnswer) -> Draft:
        """The report, with what was found on the way."""
        filed = Filed(
            subject=piece.subject,
            producer=self.name,
            target_id=piece.target_id,
            version=known.newest,
            report=replace(answer.report, target_id=piece.target_id, surrounding=known.around),
            facts=answer.facts,
            group_ids=known.target.group_ids,
            filed_at=self.clock(),
        )
        target, curve = known.evidence.target, known.evidence.light_curve
        seen = [] if curve is None else [m for m, limit in zip(curve.mjd, curve.is_limit, strict=True) if not limit]
        first = float(min(seen)) if seen else None
        return ObjectDraft(filed=filed, seen=known.newest, target=target, discovery_mjd=first)

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> list[Post]:
        """The report and the record; the post of its own, and the source's summary that NEEDLE's answer is joined to.

        What the marshal does not have gets none there.
        """
        unit.reports.put(draft.filed)
        posts = self._recorded(unit, piece, draft)
        if not piece.listed:
            return posts
        joined = on_source(unit, piece.target_id, self.posting)
        return [compose.on_object(draft.filed, self.posting), *joined, *draft.posts, *posts]

    def _recorded(self, unit: Unit, piece: Piece, draft: Draft) -> list[Post]:
        """What the record keeps of an answer, and what goes to Lasair of both."""
        filed, verdict = draft.filed, draft.filed.report.host_verdict
        first = draft.discovery_mjd if isinstance(draft, ObjectDraft) else None
        place = draft.target if isinstance(draft, ObjectDraft) else Target(target_id=filed.target_id)
        if verdict is not None:
            unit.needle.note(
                Noted(
                    target_id=filed.target_id,
                    listed=piece.listed,
                    ra_deg=place.ra_deg,
                    dec_deg=place.dec_deg,
                    discovery_mjd=first,
                    answered_at=filed.filed_at,
                )
            )
        if verdict is not None and (label := candidate(verdict, self.posting.threshold)) is not None:
            unit.needle.cross(
                Crossing(
                    target_id=filed.target_id,
                    label=label,
                    crossed_at=filed.filed_at,
                    alert_mjd=_mjd_of(filed.version),
                    probability=verdict.probabilities[label],
                    threshold=self.posting.threshold,
                    model=filed.report.bundle,
                )
            )
        noted = unit.needle.of(filed.target_id)  # with the earliest detection that was ever known
        since = None if noted is None else noted.discovery_mjd
        return at_lasair(filed, self.posting, unit.needle.crossings(filed.target_id), since)

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> list[Post]:
        """Nothing of NEEDLE's on the source or at Lasair, and the summary without it."""
        return [compose.gone(subject.id), *on_source(unit, target_id, self.posting), *gone(target_id, self.posting)]


def _around(evidence: Evidence, newest: Alert | None, version: str) -> Surrounding:
    """What is kept of the source for joining it with a spectrum."""
    return surrounding(
        evidence.target,
        evidence.light_curve,
        star_score=None if newest is None else newest.star_score,
        nearest_arcsec=None if newest is None or newest.host is None else newest.host.separation_arcsec,
        seen_at_mjd=_mjd_of(version),
    )


def _mjd_of(version: str) -> float | None:
    """Of the alert that a version names."""
    try:
        return float(version.split(" ")[0])
    except ValueError:
        return None


def _unless(reason: str | None, answer: ObjectAnswer) -> ObjectAnswer:
    """The answer; or a refusal, where there is a reason against any."""
    if reason is None or answer.report.host_verdict is None:
        return answer
    refused = replace(answer.report, status=Status.REFUSED, reason=reason, host_verdict=None)
    return replace(answer, report=refused)
