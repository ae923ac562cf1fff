"""The Related Objects table: columns as the TNS shows them, then ours."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from models.domain import Target
from plugin.cycle.spectra.matched import redshift_in_words
from plugin.notes.entries import Entry
from plugin.notes.rules import NoteRules

TNS_COLUMNS: Final = ("Name", "RA", "DEC", "Obj-Type", "Redshift", "Source", "Remarks")
"""What every note has; after these come the columns of its kind."""
COLUMNS: Final = (*TNS_COLUMNS, "Probability", "Classes left")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedObject:
    """One row. Texts are plain; an unknown value is an empty text.

    Parameters
    ----------
    ra, dec : str
        ICRS degrees, five decimals (0.04 arcsec).
    obj_type : str
        Always "... candidate": a machine does not type objects.
    redshift : str
        As the marshal had it at the draft's `as_of`; it may be the host's.
    more : tuple of str
        The cells of the columns after `TNS_COLUMNS`.
    label : str
        What the object is counted under in the text.
    """

    name: str
    ra: str
    dec: str
    obj_type: str
    redshift: str
    source: str
    remarks: str
    more: tuple[str, ...] = ()
    label: str
    target_id: str
    spectrum_id: str

    def cells(self) -> tuple[str, ...]:
        """In the order of the draft's columns."""
        return (self.name, self.ra, self.dec, self.obj_type, self.redshift, self.source, self.remarks, *self.more)


def row(entry: Entry, rules: NoteRules) -> RelatedObject:
    """The row of one candidate.

    Raises
    ------
    ValueError
        If the entry has no verdict or no prediction set: `rules.select` never lets one through.
    """
    verdict, confidence = entry.report.verdict, entry.report.confidence
    if verdict is None or confidence is None:
        raise ValueError(f"{entry.target.target_id}: no verdict to announce")
    target = entry.target
    return RelatedObject(
        name=_name(target),
        ra="" if target.ra_deg is None else f"{target.ra_deg:.5f}",
        dec="" if target.dec_deg is None else f"{target.dec_deg:+.5f}",
        obj_type=f"{verdict.label} candidate",
        redshift="" if target.redshift is None else f"{target.redshift:.4f}",
        source=_clean(", ".join(p for p in (entry.instrument, (entry.observed_at or "")[:16]) if p)),
        remarks=_remarks(entry),
        more=(f"{verdict.probability:.2f}", "{" + ", ".join(confidence.prediction_sets[rules.alpha_key]) + "}"),
        label=verdict.label,
        target_id=_clean(target.target_id),
        spectrum_id=_clean(entry.report.spectrum_id or ""),
    )


def to_csv(columns: Iterable[str], rows: Iterable[RelatedObject]) -> str:
    """As CSV with a header line. Texts that a spreadsheet would run as a formula get a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in r.cells()] for r in rows)
    return out.getvalue()


def _name(target: Target) -> str:
    """`2026abc [ZTF26aaapple]`, as on the TNS page; the marshal's name alone where the TNS has none."""
    _, _, bare = (target.tns_name or "").partition(" ")
    internal = _clean(target.target_id)
    return f"{_clean(bare)} [{internal}]" if bare else internal


def _remarks(entry: Entry) -> str:
    parts = [f"marshal spectrum {entry.report.spectrum_id}"]
    if entry.report.anomaly is not None and entry.report.anomaly.flagged:
        parts.append(f"confident but odd: anomaly score {entry.report.anomaly.score:.2f}")
    if entry.target.redshift is not None and entry.target.redshift_origin:
        parts.append(f"redshift from {entry.target.redshift_origin}")
    if entry.report.redshift is not None and entry.report.redshift.value is not None:
        parts.append(f"spectrum: {redshift_in_words(entry.report.redshift)}")
    if entry.report.subtype is not None:
        parts.append(f"if {entry.report.verdict.label if entry.report.verdict else ''}: {entry.report.subtype.label}")
    if entry.simulated:
        parts.append("SIMULATED data")
    return _clean("; ".join(parts))


def _clean(text: str) -> str:
    """One line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    risky = cell[:1] in {"=", "@", "+", "-"} and not _is_number(cell)
    return f"'{cell}" if risky else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
