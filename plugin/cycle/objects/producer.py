"""NEEDLE on objects whose alerts are followed: what the loop needs to read, ask and say about each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from iris_client.protocols import AlertSource, Marshal
from models.domain import Caveat, Evidence, Status, Target
from models.needle.images.prepare import PreparedImages
from models.needle.objects import ObjectAnalyst, ObjectAnswer
from plugin.clock import Clock, utc_now
from plugin.cycle.objects import compose
from plugin.cycle.objects.discover import version_of
from plugin.cycle.objects.gather import ASKED, Gathering, is_patient, mostly_negative
from plugin.cycle.posting import Post, Posting
from plugin.cycle.posts import on_source
from plugin.cycle.producer import Draft
from plugin.store import NEEDLE, Filed, Piece, Subject, Unit
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
    against: str | None = None
    """Why there can be no answer, whatever the light curve says."""


@dataclass(slots=True, kw_only=True)
class ObjectsProducer:
    """A `plugin.cycle.producer.Producer`."""

    marshal: Marshal
    source: AlertSource
    analyst: ObjectAnalyst
    posting: Posting
    clock: Clock = utc_now
    name: Final[str] = NEEDLE
    kind: Final[Kind] = "object"
    tries: Final[int] = ASKED

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> KnownObject | None:
        """Alerts, photometry, stamps and host; None when no alert is newer than what was looked at."""
        name, patient = piece.subject.id, is_patient(piece.attempts)
        gathering = Gathering(marshal=self.marshal, source=self.source, analyst=self.analyst, patient=patient)
        stubs = gathering.alerts(name)
        newest = max(map(version_of, stubs), default=NO_ALERT)
        if newest <= piece.seen:
            return None
        targets[name] = target = self.marshal.target(name)
        evidence, images = gathering.gather(target, stubs)
        return KnownObject(newest, target, evidence, images, tuple(gathering.caveats), mostly_negative(stubs))

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
            report=replace(answer.report, target_id=piece.target_id),
            facts=answer.facts,
            group_ids=known.target.group_ids,
            filed_at=self.clock(),
        )
        return Draft(filed=filed, seen=known.newest)

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> list[Post]:
        """The report; the post of its own, and the source's summary that NEEDLE's answer is joined to."""
        unit.reports.put(draft.filed)
        joined = on_source(unit, piece.target_id, self.posting)
        return [compose.on_object(draft.filed, self.posting), *joined, *draft.posts]

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> list[Post]:
        """Nothing of NEEDLE's on the source, and the summary without it."""
        return [compose.gone(subject.id), *on_source(unit, target_id, self.posting)]


def _unless(reason: str | None, answer: ObjectAnswer) -> ObjectAnswer:
    """The answer; or a refusal, where there is a reason against any."""
    if reason is None or answer.report.host_verdict is None:
        return answer
    refused = replace(answer.report, status=Status.REFUSED, reason=reason, host_verdict=None)
    return replace(answer, report=refused)
