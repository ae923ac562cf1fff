"""ASTRANet asked about a source: the queue's own answers about its spectra.

A spectrum that is on the marshal is answered from the report on file; one without a report becomes work like any other,
and the request waits for it. What the service's account cannot read there is answered from what was sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from iris_client.errors import NotFound, Unavailable, UpstreamError
from iris_client.protocols import SpectraOfSources, SpectrumStub
from iris_client.quality.control import QualityRules, examine
from iris_client.quality.phase import redshift_of
from models.domain import Evidence, RawSpectrum, Report, Spectrum, Target
from plugin.cycle.analyses import compose
from plugin.cycle.analyses.inputs import Inputs
from plugin.cycle.analyses.match import match
from plugin.cycle.analyses.requests import Said, deadline_of
from plugin.cycle.patience import denied
from plugin.cycle.posting import Posting
from plugin.cycle.producer import Waits
from plugin.cycle.spectra.producer import Analyst, Card, Item, without_secrets
from plugin.store import ASTRANET, Store, Unit, spectrum
from plugin.store.analyses import Analysis

MOST_PLOTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One spectrum of a request: as the marshal has it, or as it was sent."""

    raw: RawSpectrum
    item: Item
    report: Report | None = None
    failed: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the models must be asked."""
        return self.report is None and self.failed is None


@dataclass(slots=True, kw_only=True)
class SpectraService:
    """A `plugin.cycle.analyses.requests.Service`.

    Parameters
    ----------
    marshal : object
        Asked for the source's spectra, if it can list them.
    card : callable
        Draws a report that has everything a vetting card shows.
    """

    marshal: object
    store: Store
    analyst: Analyst
    posting: Posting
    card: Card
    clock: Callable[[], datetime]
    rules: QualityRules = field(default_factory=QualityRules)
    secrets: tuple[str, ...] = ()
    origin: Final[str] = ASTRANET

    def gather(self, request: Analysis) -> Sequence[Part]:
        """Each spectrum with its report, where it has one; raises `Waits` when one will have its own soon."""
        inputs = Inputs(**request.inputs)
        there = self._there(request.target_id)
        target = Target(target_id=request.target_id, redshift=inputs.redshift, redshift_origin=inputs.redshift_origin)
        late = self.clock() >= deadline_of(request)
        parts, awaited = [], []
        for sent in inputs.raw_spectra(request.target_id):
            own = match(sent, there)
            part = self._part(own or replace(sent, spectrum_id=compose.SENT), target)
            if own is None:
                parts.append(part)
                continue
            with self.store.begin() as unit:
                report, failed, asked = self._filed(unit, own, late=late)
            parts.append(replace(part, report=report, failed=failed))
            awaited += [own.spectrum_id] if asked else []
        if awaited:
            raise Waits(f"waits for the answer about spectrum {', '.join(awaited)}")
        return parts

    def say(self, request: Analysis, known: Sequence[Part]) -> Said:
        """Ask the models about what has no report, and put everything into words and pictures."""
        unanswered = [part for part in known if part.is_open]
        fresh = iter(self.analyst.run_many([part.item for part in unanswered]) if unanswered else ())
        done = [replace(part, report=next(fresh)) if part.is_open else part for part in known]
        about = [
            compose.About(
                spectrum_id=part.raw.spectrum_id,
                observed_at=part.raw.observed_at,
                instrument=part.raw.instrument,
                report=part.report,
                failed=part.failed,
            )
            for part in done
        ]
        shown = [part for part, one in zip(done, about, strict=True) if one.has_class][:MOST_PLOTS]
        pictures = [self._plot(p.report, p.item[0].spectrum) for p in shown if p.report and p.item[0].spectrum]
        body = compose.about_spectra(request.target_id, about, self.posting.alpha)
        spoken = next((part.report for part in done if part.report and part.report.verdict), None)
        return Said(body=body, plots=pictures, report=spoken)

    def _there(self, target_id: str) -> Sequence[RawSpectrum]:
        """The source's spectra on the marshal; none where our account may not see it."""
        if not isinstance(self.marshal, SpectraOfSources):
            return ()
        try:
            return self.marshal.spectra_of(target_id)
        except NotFound:
            return ()
        except UpstreamError as error:
            if isinstance(error, Unavailable) or denied(error):
                raise
            return ()

    def _part(self, raw: RawSpectrum, target: Target) -> Part:
        clean = without_secrets(raw, self.secrets)
        examined = examine(clean, self.rules, redshift=redshift_of(clean, target))
        return Part(raw=clean, item=(Evidence(target=target, spectrum=examined.spectrum), examined.caveats))

    def _filed(self, unit: Unit, own: RawSpectrum, *, late: bool) -> tuple[Report | None, str | None, bool]:
        """The report on file, or why there is none, or that it will come."""
        subject, version = spectrum(own.spectrum_id), own.modified or ""
        filed = unit.reports.of(subject, ASTRANET)
        if filed is not None and filed.version >= version:
            return filed.report, None, False
        state, reason = unit.analyses.state_of(subject, version)
        if state in ("parked", "done"):
            return None, reason or "its report cannot be read", False
        if state == "gone" or own.modified is None:
            return None, None, False  # the models are asked about what was sent
        if late:
            return None, f"no answer in time; {reason or 'it is still waiting for its turn'}", False
        stub = SpectrumStub(spectrum_id=own.spectrum_id, target_id=own.target_id or "", modified=version, kind=own.kind)
        unit.spectra.ask(stub, self.clock())
        return None, None, True

    def _plot(self, report: Report, cleaned: Spectrum) -> Mapping[str, str]:
        from plugin.cycle.analyses import plots  # matplotlib is loaded with the first picture and not before

        drawn = (
            plots.of_spectrum(report, cleaned, self.posting.alpha)
            if report.anomaly is None
            else self.card(report, cleaned)
        )
        return plots.encoded(drawn)
