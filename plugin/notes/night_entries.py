"""What a note needs, from where it is: reports from the store, objects as the marshal knows them now, the card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from iris_client.errors import NotFound
from iris_client.protocols import SpectrumSource, TransientName
from iris_client.taxonomy.trust import ORDER, Voice, settle
from models.card_fields import BundleCard, IntervalFields
from models.domain import Target
from plugin.notes.entries import Entry, Figure, Figures
from plugin.notes.night import Night
from plugin.notes.rules import NoteRules, confident
from plugin.store import ASTRANET, Filed, Store
from plugin.store.tns.names import Known

SIMULATED = "simulated"
"""What the sandbox gives as origin of spectra that are made up."""


def night_entries(
    store: Store, marshal: SpectrumSource, night: Night, rules: NoteRules, *, order: Sequence[Voice] = ORDER
) -> list[Entry]:
    """Every report made in a night, with its object as the marshal knows it now, or the TNS where it knows more.

    Parameters
    ----------
    order : sequence of str
        Who is believed first about what an object is, and who at all.

    The night is when the spectrum was answered, not when it was taken: so one that was uploaded late is in exactly
    one night all the same.

    Raises
    ------
    UpstreamError
        If the marshal does not answer: a note with types of unknown date is worse than none.
    """
    with store.begin(to_read=True) as unit:
        found = unit.reports.filed_between(night.start.replace(tzinfo=None), night.end.replace(tzinfo=None), ASTRANET)
        names = {filed.target_id: unit.names.of(filed.target_id) for filed in found}
    targets: dict[str, Target] = {}
    entries = [
        _entry(filed, _target(marshal, filed.target_id, targets), names[filed.target_id], order) for filed in found
    ]
    return [replace(e, simulated=_made_up(marshal, e)) if confident(e, rules) else e for e in entries]


def figures_of(card: BundleCard) -> Figures:
    """The figures of a bundle's card: its real test spectra, without redshift and phase, as the service runs."""
    metrics = card.get("metrics")
    if not metrics:
        return Figures()
    real = metrics["real"]
    return Figures(
        purity=_by_class(real["precision"]),
        recall=_by_class(real["recall"]),
        test=f"{real['spectra']} real {metrics['split']} spectra of {real['objects']} objects not used in training",
    )


def _by_class(values: Mapping[str, IntervalFields | None]) -> dict[str, Figure]:
    return {c: Figure(v["value"], v["low"], v["high"]) for c, v in values.items() if v is not None}


def _entry(filed: Filed, target: Target, known: Known | None, order: Sequence[Voice]) -> Entry:
    name = None if known is None else known.name
    return Entry(
        target=informed(target, name),
        settled=settle(target, name, order=order),
        report=filed.report,
        instrument=filed.instrument,
        observed_at=filed.observed_at,
        looked_up_at=None if known is None else known.asked_at,
    )


def informed(target: Target, name: TransientName | None) -> Target:
    """The marshal's object with what the TNS calls it: a marshal's copy of that may be old."""
    if name is None or (name.type is None and (target.tns_type or "").strip().upper() not in ("", "AT")):
        return target
    return replace(target, tns_name=name.name, tns_type=name.type)


def _target(marshal: SpectrumSource, target_id: str, known: dict[str, Target]) -> Target:
    if target_id not in known:
        try:
            known[target_id] = marshal.target(target_id)
        except NotFound:
            known[target_id] = Target(target_id=target_id)
    return known[target_id]


def _made_up(marshal: SpectrumSource, entry: Entry) -> bool:
    """Whether the spectrum calls itself simulated; one that is gone meanwhile cannot say."""
    try:
        return marshal.spectrum(entry.report.spectrum_id or "").origin == SIMULATED
    except NotFound:
        return False
