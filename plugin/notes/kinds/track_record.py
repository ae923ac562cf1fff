"""What became of NEEDLE's candidates, for the weekly note: the figures to date, and the week's crossings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from plugin.notes import wording
from plugin.notes.draft import ExtraTable
from plugin.notes.period import Period
from plugin.notes.wording import Sentence
from plugin.ops.needle_record import Figures, Record, Row, Share

COLUMNS: Final = (
    "Name", "Name at the TNS", "Answered so first (UT)", "As", "Score then",
    "Days after first detection", "Days before first spectrum", "Days before its class", "Turned out to be",
)  # fmt: skip
UNKNOWN: Final = "not known yet"
_PLAIN: Final = {"SN": "supernova", "SLSN": "SLSN (type I or II is not said)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """NEEDLE's record as a weekly note tells it.

    Parameters
    ----------
    rows : tuple of Row
        The crossings of the week, the first one first.
    figures : tuple of Figures
        Of each class, to date.
    """

    rows: tuple[Row, ...]
    figures: tuple[Figures, ...]

    @classmethod
    def of(cls, record: Record, period: Period) -> "TrackRecord":
        """What a record holds of a period, and its figures."""
        start, end = (moment.replace(tzinfo=None) for moment in (period.start, period.end))
        rows = [row for row in record.rows if start <= row.crossed_at < end]
        return cls(rows=tuple(sorted(rows, key=_when)), figures=record.figures)

    def sentence(self) -> Sentence | None:
        """For the abstract; None while nothing is known."""
        parts = [f"{one.label} {_share(one.purity)}" for one in self.figures if one.purity.total]
        if not parts:
            return None
        return Sentence(
            "Record to date (95 % interval): of the earlier candidates that people have classified since, the share "
            f"of the right class is {'; '.join(parts)}.",
            3,
        )

    def paragraph(self, as_of: str) -> str:
        """For the body."""
        purity = "; ".join(f"{one.label} {_share(one.purity)}" for one in self.figures)
        completeness = "; ".join(f"{one.label} {_share(one.completeness)}" for one in self.figures)
        waiting = [f"{wording.n(one.unknown, 'object')} as {one.label}" for one in self.figures if one.unknown]
        not_yet = f"Not classified yet, of those above the threshold: {wording.listed(waiting)}. " if waiting else ""
        return (
            f"Record to date, as of {as_of}. Purity, the share of the right class among the objects that were ever "
            f"above the threshold and that people have classified since: {purity}. Completeness, the share of the "
            "objects of a class that were ever above the threshold, among those of the class that NEEDLE looked at: "
            f"{completeness}. {not_yet}Brackets hold exact 95 % intervals. What an object is was told by people, at "
            "the TNS or in the marshal, and a hydrogen-rich superluminous supernova counts as wrong. "
            f"{self._week()}"
        )

    def tables(self) -> tuple[ExtraTable, ...]:
        """The week's crossings; none where there were none."""
        if not self.rows:
            return ()
        return (ExtraTable(title="First above the threshold this week", columns=COLUMNS, rows=_cells(self.rows)),)

    def _week(self) -> str:
        if not self.rows:
            return "This week no object came above the threshold for the first time."
        many = wording.n(len({row.target_id for row in self.rows}), "object")
        return (
            f"This week {many} came above the threshold for the first time: see the table of that name, in which days "
            "count from or to the service's own answer and are negative where others were first."
        )


def _when(row: Row) -> tuple[datetime, str, str]:
    return row.crossed_at, row.target_id, row.label


def _cells(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            wording.brief(row.target_id),
            wording.brief(row.tns_name or ""),
            f"{row.crossed_at:%Y-%m-%d %H:%M}",
            row.label,
            f"{row.probability:.2f}",
            _days(row.after_discovery_days),
            _days(row.before_spectrum_days),
            _days(row.before_class_days),
            UNKNOWN if row.truth is None else _PLAIN.get(row.truth, row.truth),
        )
        for row in rows
    )


def _days(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _share(share: Share) -> str:
    return "not known yet" if share.value is None else f"{_short(share)}, {share.hits} of {share.total}"


def _short(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f}-{high:.2f})"
