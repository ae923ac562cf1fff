"""The Related Objects table: columns as the TNS shows them, then those of the kind of note."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from models.domain import Target
from models.domain.matching import RedshiftEstimate
from plugin.notes.entries import Entry

TNS_COLUMNS: Final = ("Name", "RA", "DEC", "Obj-Type", "Redshift", "Source", "Remarks")
"""What every note has; after these come the columns of its kind."""
WIDEST_REDSHIFT: Final = 0.06
"""Interval of a redshift from matching; a wider one is not shown."""


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
        As it was known at the draft's `as_of`, with its origin in `remarks`; it may be the host's.
    more : tuple of str
        The cells of the columns after `TNS_COLUMNS`.
    label : str
        What the object is counted under in the text.
    answer : str
        What it is announced as: it is announced again only when this has changed.
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
    answer: str
    target_id: str
    spectrum_id: str

    def cells(self) -> tuple[str, ...]:
        """In the order of the draft's columns."""
        return (self.name, self.ra, self.dec, self.obj_type, self.redshift, self.source, self.remarks, *self.more)


@dataclass(frozen=True, slots=True)
class Redshift:
    """A redshift as it is shown, and whose it is."""

    text: str
    origin: str


def row(
    entry: Entry,
    *,
    label: str,
    answer: str,
    source: str = "",
    remarks: Sequence[str] = (),
    more: Sequence[str] = (),
    redshift: Redshift | None = None,
) -> RelatedObject:
    """The row of one object; the remarks say where its redshift is from."""
    target = entry.target
    said = [*remarks]
    if redshift is not None:
        said.append(f"redshift from {redshift.origin}")
    if entry.simulated:
        said.append("SIMULATED data")
    return RelatedObject(
        name=name_of(target),
        ra="" if target.ra_deg is None else f"{target.ra_deg:.5f}",
        dec="" if target.dec_deg is None else f"{target.dec_deg:+.5f}",
        obj_type=f"{label} candidate",
        redshift="" if redshift is None else redshift.text,
        source=clean(source),
        remarks=clean("; ".join(said)),
        more=tuple(clean(cell) for cell in more),
        label=label,
        answer=answer,
        target_id=clean(target.target_id),
        spectrum_id=clean(entry.report.spectrum_id or ""),
    )


def known_redshift(target: Target) -> Redshift | None:
    """What the marshal has, or the TNS."""
    if target.redshift is None:
        return None
    return Redshift(f"{target.redshift:.4f}", target.redshift_origin or "the marshal")


def matched_redshift(told: RedshiftEstimate | None) -> Redshift | None:
    """What the spectrum itself shows, where that can be believed and is no wide guess."""
    if told is None or told.value is None:
        return None
    if told.low is not None and told.high is not None and told.high - told.low > WIDEST_REDSHIFT:
        return None
    within = "" if told.low is None or told.high is None else f" ({told.low:.3f} to {told.high:.3f})"
    return Redshift(f"{told.value:.3f}", f"matching the spectrum with those of an archive{within}")


def to_csv(columns: Iterable[str], rows: Iterable[RelatedObject]) -> str:
    """As CSV with a header line. Texts that a spreadsheet would run as a formula get a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in r.cells()] for r in rows)
    return out.getvalue()


def name_of(target: Target) -> str:
    """`2026abc [ZTF26aaapple]`, as on the TNS page; the marshal's name alone where the TNS has none."""
    _, _, bare = (target.tns_name or "").partition(" ")
    internal = clean(target.target_id)
    return f"{clean(bare)} [{internal}]" if bare and clean(bare) != internal else internal


def source_of(entry: Entry) -> str:
    """Instrument and time of a spectrum; the day alone where no time is known."""
    day, _, time = (entry.observed_at or "")[:16].partition("T")
    when = f"{day} {time}" if time not in ("", "00:00") else day
    return ", ".join(part for part in (entry.instrument, when) if part)


def clean(text: str) -> str:
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
