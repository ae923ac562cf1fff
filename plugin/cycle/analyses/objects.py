"""NEEDLE asked about an object: the queue's own answer, or, where alerts are not followed, one from what was sent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from models.domain import Caveat, CaveatCode, Evidence, LightCurve, Target
from models.needle.images.prepare import PreparedImages
from models.needle.objects import ObjectAnswer
from plugin.cycle.analyses import compose
from plugin.cycle.analyses.inputs import Inputs
from plugin.cycle.analyses.requests import Said, deadline_of
from plugin.cycle.posting import Posting
from plugin.cycle.producer import Waits
from plugin.store import NEEDLE, Filed, Store, object_of
from plugin.store.analyses import Analysis
from plugin.store.objects import NO_ALERT

SENT_ONLY: Final = "without alerts and host; the answer is from the photometry that was sent with the request"


class ObjectModel(Protocol):
    """What is needed of `models.needle.objects.ObjectAnalyst`."""

    def images(self, evidence: Evidence) -> PreparedImages:
        """What the stamps show."""

    def run(self, evidence: Evidence, images: PreparedImages, caveats: tuple[Caveat, ...] = ()) -> ObjectAnswer:
        """The answer about one object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """What is known: a report on file, or why there is none; and what was sent."""

    curve: LightCurve | None
    target: Target
    filed: Filed | None = None
    failed: str | None = None


@dataclass(slots=True, kw_only=True)
class ObjectsService:
    """A `plugin.cycle.analyses.requests.Service`.

    Parameters
    ----------
    model : callable
        Gives NEEDLE's models; called when they are needed.
    follows : bool
        Whether alerts are followed, so that the queue answers about objects.
    """

    store: Store
    model: Callable[[], ObjectModel]
    posting: Posting
    clock: Callable[[], datetime]
    follows: bool
    origin: Final[str] = NEEDLE

    def gather(self, request: Analysis) -> KnownRequest:
        """The report on file; raises `Waits` when there will be one soon."""
        inputs, name = Inputs(**request.inputs), request.target_id
        target = Target(target_id=name, redshift=inputs.redshift, redshift_origin=inputs.redshift_origin)
        known = KnownRequest(curve=inputs.light_curve(), target=target)
        if not self.follows:
            return known
        with self.store.begin() as unit:
            filed = unit.reports.of(object_of(name), NEEDLE)
            if filed is not None:
                return replace(known, filed=filed)
            state, reason = unit.analyses.state_of(object_of(name), "")
            if state == "gone":
                return known
            if state == "parked":
                return replace(known, failed=reason or "it was set aside")
            if self.clock() >= deadline_of(request):
                return replace(known, failed=f"no answer in time; {reason or 'it is still waiting for its turn'}")
            if state == "done" and unit.objects.looked_at(name):
                return replace(known, failed="its report cannot be read")
            if state not in ("new", "claimed"):
                now = self.clock()
                unit.objects.watch([name], now, saved=False)
                unit.objects.welcome([name])
                unit.objects.ask([name], now)
        raise Waits(f"waits for NEEDLE's answer about {name}")

    def say(self, request: Analysis, known: KnownRequest) -> Said:
        """The answer in words, with light curve and scores as a picture."""
        if known.failed is not None:
            return Said(body=compose.failure(f"{NEEDLE}: no class. {known.failed}"))
        filed = known.filed or self._from_sent(request, known)
        caveat = None if known.filed is not None else SENT_ONLY
        body = compose.about_object(filed, self.posting.alpha, caveat)
        verdict = filed.report.host_verdict
        if verdict is None:
            return Said(body=body)
        from plugin.cycle.analyses import plots  # matplotlib is loaded with the first picture and not before

        picture = plots.encoded(plots.of_object(request.target_id, verdict, known.curve))
        return Said(body=body, plots=[picture], report=filed.report)

    def _from_sent(self, request: Analysis, known: KnownRequest) -> Filed:
        evidence = Evidence(target=known.target, light_curve=known.curve)
        model = self.model()
        caveats = (Caveat(code=CaveatCode.NO_HOST, text="a request says nothing of the host"),)
        answer = model.run(evidence, model.images(evidence), caveats)
        return Filed(
            subject=object_of(request.target_id),
            producer=NEEDLE,
            target_id=request.target_id,
            version=NO_ALERT,
            report=answer.report,
            facts=answer.facts,
            filed_at=self.clock(),
        )
