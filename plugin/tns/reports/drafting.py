"""Which answers deserve a report, and the draft of each. Nothing is sent; who is left out is told with the reason."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from iris_client.errors import NotFound
from iris_client.protocols import SpectrumSource, TransientName
from iris_client.quality.control import QualityRules, examine
from iris_client.taxonomy.trust import ORDER, Voice, settle
from iris_client.tns.values import IdTables
from models.conformal.policy import Policy
from models.conformal.purity import Cut, Purities
from models.domain import RawSpectrum, RedshiftEstimate, Spectrum, Status, Subtype, Target
from plugin.store import ASTRANET, Filed, Store
from plugin.tns.reports.draft import Draft
from plugin.tns.reports.spectrum_file import ascii_file, file_name, observed
from plugin.tns.reports.types import NOT_REPORTED, tns_type

SIMULATED: Final = "simulated"
"""What the sandbox gives as origin of spectra that are made up."""
KNOWN: Final = ", redshift known"
"""How the cells of answers that were told a redshift end; the purity is that of answers without."""
SUBTYPE_ALPHA: Final = "0.05"
_NAME: Final = re.compile(r"(?:[A-Za-z]+\s*)??((?:19|20)\d\d[A-Za-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who reports, as the settings have it."""

    classifier: str = ""
    observer: str = ""
    reducer: str = ""
    group_id: int | None = None
    instruments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Ours to theirs, where the names differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What came of it: drafts by source, and why others have none."""

    drafts: Mapping[str, Draft]
    left_out: Mapping[str, str]


class _LeftOut(Exception):
    """This one gets no draft; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """The use case with what it needs.

    Parameters
    ----------
    server : str
        The TNS that the drafts are for.
    purities : Purities
        Of the bundle in use.
    at_least : float
        The purity asked for.
    days : float
        How long after an answer a report may be drafted.
    """

    store: Store
    marshal: SpectrumSource
    server: str
    purities: Purities
    at_least: float
    tables: IdTables
    signature: Signature
    rules: QualityRules
    trust: Sequence[Voice] = ORDER
    days: float = 30.0

    def run(self, now: datetime) -> Drafted:
        """Draft anew what deserves it, take away drafts that no longer do, and leave alone what is under way or done.

        Raises
        ------
        UpstreamError
            If the marshal does not answer; then everything stays as it is.
        """
        left_out: dict[str, str] = {}
        drafts: dict[str, Draft] = {}
        for target_id, (filed, cut) in self._best(now, left_out).items():
            try:
                drafts[target_id] = self._draft(filed, cut)
            except _LeftOut as why:
                left_out[target_id] = str(why)
        with self.store.begin() as unit:
            for target_id, draft in drafts.items():
                unit.tns_reports.put_draft(self.server, target_id, draft.to_dict(), now)
            unit.tns_reports.drop_drafts(self.server, drafts)
        return Drafted(drafts=drafts, left_out=left_out)

    def _best(self, now: datetime, left_out: dict[str, str]) -> dict[str, tuple[Filed, Cut]]:
        """The surest sure answer of each source that is pure enough and not reported yet."""
        with self.store.begin(to_read=True) as unit:
            found = unit.reports.filed_between(now - timedelta(days=self.days), now + timedelta(days=1), ASTRANET)
            known = {one.target_id: one.state for one in unit.tns_reports.every(self.server)}
        best: dict[str, tuple[Filed, Cut]] = {}
        for filed in found:
            if not _is_sure(filed):
                continue
            if (state := known.get(filed.target_id, "draft")) != "draft":
                left_out[filed.target_id] = f"its report is {state}"
                continue
            try:
                cut = self._cut(filed)
            except _LeftOut as why:
                if filed.target_id not in best:
                    left_out[filed.target_id] = str(why)
                continue
            left_out.pop(filed.target_id, None)
            if filed.target_id not in best or _probability(filed) > _probability(best[filed.target_id][0]):
                best[filed.target_id] = (filed, cut)
        return best

    def _cut(self, filed: Filed) -> Cut:
        verdict, confidence = filed.report.verdict, filed.report.confidence
        assert verdict is not None
        assert confidence is not None
        if verdict.label in NOT_REPORTED:
            raise _LeftOut(f"the TNS wants no {verdict.label}")
        if self.purities.bundle_id and filed.report.bundle != self.purities.bundle_id:
            raise _LeftOut(f"answered by {filed.report.bundle}, not by the model in use")
        probabilities = _plain(filed)
        if (called := max(probabilities, key=lambda name: probabilities[name])) != verdict.label:
            raise _LeftOut(f"without its redshift it would be called {called}")
        domain = (confidence.calibration_cell or "").removesuffix(KNOWN)
        cut = self.purities.cut(verdict.label, domain.split(" and "), self.at_least)
        if cut is None:
            raise _LeftOut(
                f"{verdict.label} is nowhere shown to be {self.at_least:.0%} pure at {domain or 'its domain'}"
            )
        if (p := probabilities[verdict.label]) < cut.threshold:
            raise _LeftOut(f"{verdict.label} with {p:.2f}, {self.at_least:.0%} pure from {cut.threshold:.2f} on")
        return cut

    def _draft(self, filed: Filed, cut: Cut) -> Draft:
        target, raw = self._asked(filed)
        with self.store.begin(to_read=True) as unit:
            on_file = unit.names.of(filed.target_id)
        known = None if on_file is None else on_file.name
        settled = settle(target, known, order=self.trust)
        if settled.typed:
            said = "; ".join(map(str, settled.counted)) or (known.name if known else target.tns_name)
            raise _LeftOut(f"people have classified it: {said}")
        name = _NAME.fullmatch((known.name if known else target.tns_name) or "")
        if name is None:
            raise _LeftOut("it has no name at the TNS")
        spectrum = examine(raw, self.rules).spectrum
        if spectrum is None:
            raise _LeftOut("its spectrum is not what it was: it would be refused now")
        return self._composed(filed, cut, name[1], spectrum, raw, _redshift(target, known, filed.report.redshift))

    def _asked(self, filed: Filed) -> tuple[Target, RawSpectrum]:
        try:
            target = self.marshal.target(filed.target_id)
            raw = self.marshal.spectrum(filed.subject.id)
        except NotFound:
            raise _LeftOut("it is no longer on the marshal") from None
        if raw.origin == SIMULATED:
            raise _LeftOut("its spectrum is simulated")
        if raw.modified != filed.version:
            raise _LeftOut("its spectrum has changed and is not answered anew yet")
        return target, raw

    def _composed(
        self,
        filed: Filed,
        cut: Cut,
        name: str,
        spectrum: Spectrum,
        raw: RawSpectrum,
        redshift: tuple[float | None, str | None],
    ) -> Draft:
        verdict, who = filed.report.verdict, self.signature
        assert verdict is not None
        type_name = tns_type(verdict.label, _sure_subtype(filed.report.subtype), self.tables)
        instrument = raw.instrument or ""
        theirs = who.instruments.get(instrument, instrument)
        taken = observed(raw.observed_at)
        observer = ", ".join(raw.observers) or who.observer
        units = (raw.units or "").strip() or "arbitrary scale"
        missing = {
            f"the TNS has no one type for {verdict.label}": type_name is None,
            f"the number of the instrument {theirs or '(none given)'} is not in {self.tables.origin}": (
                self.tables.instrument_id(theirs) is None
            ),
            "the spectrum has no date": taken is None,
            "no observer: set ASTRANET_TNS_OBSERVER": not observer,
            "no classifier: set ASTRANET_TNS_CLASSIFIER": not who.classifier,
            "no group: set ASTRANET_TNS_GROUP_ID": who.group_id is None,
        }
        return Draft(
            target_id=filed.target_id,
            spectrum_id=filed.subject.id,
            version=filed.version,
            name=name,
            label=verdict.label,
            type_name=type_name,
            probability=_probability(filed),
            without_redshift=filed.report.what_if is not None,
            purity=dataclasses.asdict(cut),
            bundle=filed.report.bundle,
            redshift=redshift[0],
            redshift_source=redshift[1],
            observed_at=None if taken is None else f"{taken:%Y-%m-%d %H:%M:%S}",
            instrument=instrument,
            tns_instrument=theirs,
            exposure_s=raw.exposure_s,
            observer=observer,
            reducer=", ".join(raw.reducers) or who.reducer,
            classifier=who.classifier,
            group_id=who.group_id,
            file_name=file_name(name, taken, instrument),
            ascii=ascii_file(
                spectrum, name=name, instrument=instrument, observer=observer, units=units, exposure_s=raw.exposure_s
            ),
            missing=tuple(said for said, is_missing in missing.items() if is_missing),
            numbers_from=self.tables.origin,
        )


def _is_sure(filed: Filed) -> bool:
    confidence = filed.report.confidence
    answered = filed.report.status is Status.OK and filed.report.verdict is not None
    return answered and confidence is not None and confidence.policy == Policy.COMMIT


def _probability(filed: Filed) -> float:
    return 0.0 if filed.report.verdict is None else _plain(filed)[filed.report.verdict.label]


def _plain(filed: Filed) -> Mapping[str, float]:
    """The probabilities without the help of a redshift: those that the calibration spectra have."""
    assert filed.report.verdict is not None
    what_if = filed.report.what_if
    return filed.report.verdict.probabilities if what_if is None else what_if.without_redshift


def _sure_subtype(subtype: Subtype | None) -> str | None:
    """A subtype that is the only one left at an error rate of 0.05."""
    if subtype is None:
        return None
    return subtype.label if subtype.prediction_sets.get(SUBTYPE_ALPHA) == (subtype.label,) else None


def _redshift(
    target: Target, known: TransientName | None, matched: RedshiftEstimate | None
) -> tuple[float | None, str | None]:
    """A redshift and whose it is: the marshal's, the TNS's, else that of matching archive spectra if there is one."""
    if target.redshift is not None:
        origin = f" ({target.redshift_origin})" if target.redshift_origin else ""
        return target.redshift, f"the marshal{origin}"
    if known is not None and known.redshift is not None:
        return known.redshift, f"the TNS ({known.source})"
    if matched is not None and matched.value is not None:
        width = "" if matched.low is None or matched.high is None else f" ({matched.low:.3f} to {matched.high:.3f})"
        return round(matched.value, 3), f"matching archive spectra{width}"
    return None, None
