"""What notes need, from where it is: reports from the store, objects as the marshal knows them now."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from iris_client.errors import NotFound
from iris_client.protocols import SpectrumSource, TransientName
from iris_client.taxonomy.trust import ORDER, Voice, settle
from iris_client.tns.hosts import PRODUCTION
from models.domain import Target
from plugin.notes.entries import Entry
from plugin.notes.period import Period
from plugin.store import ASTRANET, NEEDLE, Filed, Store
from plugin.store.tns.names import Known
from plugin.tns.others import noted_by_others

SIMULATED = "simulated"
"""What the sandbox gives as origin of spectra that are made up."""


@dataclass(slots=True, kw_only=True)
class Gatherer:
    """Reads the answers of a period, and each of their objects once, for all kinds of notes together.

    An answer belongs to the night in which it was given, not to that of the observation: so one about a spectrum that
    was uploaded late is in exactly one night all the same.

    Parameters
    ----------
    trust : sequence of str
        Who is believed first about what an object is, and who at all.
    server : str
        The TNS whose AstroNotes of others count.
    """

    store: Store
    marshal: SpectrumSource
    trust: Sequence[Voice] = ORDER
    server: str = PRODUCTION
    _targets: dict[str, Target] = field(default_factory=dict)

    def spectra(self, period: Period) -> list[Entry]:
        """Every answer about a spectrum, with its object as the marshal knows it now, or the TNS where it knows more.

        Raises
        ------
        UpstreamError
            If the marshal does not answer: a note with types of unknown date is worse than none.
        """
        return self._entries(period, ASTRANET)

    def objects(self, period: Period) -> list[Entry]:
        """Every answer of NEEDLE's, likewise, with what the spectra of each object were called.

        Raises
        ------
        UpstreamError
            If the marshal does not answer.
        """
        entries = self._entries(period, NEEDLE)
        with self.store.begin(to_read=True) as unit:
            return [replace(e, spectra=tuple(unit.reports.of_target(e.target.target_id, ASTRANET))) for e in entries]

    def entry(self, filed: Filed) -> Entry:
        """One answer, likewise.

        Raises
        ------
        UpstreamError
            If the marshal does not answer.
        """
        with self.store.begin(to_read=True) as unit:
            known = unit.names.of(filed.target_id)
            about = tuple(unit.reports.of_target(filed.target_id, ASTRANET)) if filed.producer == NEEDLE else ()
        return replace(_entry(filed, self._target(filed.target_id), known, self.trust), spectra=about)

    def is_made_up(self, entry: Entry) -> bool:
        """Whether an object or its spectrum calls itself simulated; a spectrum that is gone meanwhile cannot say.

        Raises
        ------
        UpstreamError
            If the marshal does not answer.
        """
        if entry.target.simulated or entry.report.spectrum_id is None:
            return entry.target.simulated
        try:
            return self.marshal.spectrum(entry.report.spectrum_id).origin == SIMULATED
        except NotFound:
            return False

    def is_simulated(self, target_id: str) -> bool:
        """Whether an object calls itself simulated.

        Raises
        ------
        UpstreamError
            If the marshal does not answer.
        """
        return self._target(target_id).simulated

    def _entries(self, period: Period, producer: str) -> list[Entry]:
        span = (period.start.replace(tzinfo=None), period.end.replace(tzinfo=None))
        with self.store.begin(to_read=True) as unit:
            found = unit.reports.filed_between(*span, producer)
            names = {filed.target_id: unit.names.of(filed.target_id) for filed in found}
        entries = [_entry(filed, self._target(filed.target_id), names[filed.target_id], self.trust) for filed in found]
        with self.store.begin(to_read=True) as unit:
            return [replace(e, noted=noted_by_others(unit, e.target, server=self.server)) for e in entries]

    def _target(self, target_id: str) -> Target:
        if target_id not in self._targets:
            try:
                self._targets[target_id] = self.marshal.target(target_id)
            except NotFound:
                self._targets[target_id] = Target(target_id=target_id)
        return self._targets[target_id]


def informed(target: Target, name: TransientName | None) -> Target:
    """The marshal's object with what the TNS calls it: a marshal's copy of that may be old."""
    if name is not None and target.redshift is None and name.redshift is not None:
        target = replace(target, redshift=name.redshift, redshift_origin="the TNS")
    if name is None or (name.type is None and (target.tns_type or "").strip().upper() not in ("", "AT")):
        return target
    return replace(target, tns_name=name.name, tns_type=name.type)


def _entry(filed: Filed, target: Target, known: Known | None, trust: Sequence[Voice]) -> Entry:
    name = None if known is None else known.name
    return Entry(
        target=informed(target, name),
        settled=settle(target, name, order=trust),
        report=filed.report,
        instrument=filed.instrument,
        observed_at=filed.observed_at,
        looked_up_at=None if known is None else known.asked_at,
        facts=filed.facts,
    )
