"""One answer beside its truth, with no more than the card counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plugin.store.filed import SNR
from plugin.store.truth.answered import Answered

_BINS: Final = ((3.0, "below 3"), (6.0, "3 to 6"), (12.0, "6 to 12"), (25.0, "12 to 25"))
SNR_BINS: Final = (*(name for _, name in _BINS), "25 and more", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An answer about a spectrum whose object has a truth.

    Parameters
    ----------
    label, rare : str or None
        What people say: one of our classes, or a rare type.
    said, p : str, float
        Our class and its probability.
    domain : str
        The part of the calibration set that it was compared with.
    sets : mapping
        The prediction set by alpha, as the report writes it.
    fires : bool or None
        Whether AD-MCP fires; None where the bundle has none, or too few calibration spectra for it ever to fire.
    """

    object: str
    label: str | None
    rare: str | None
    after_ours: bool
    said: str
    p: float
    policy: str
    domain: str
    instrument: str
    snr: str
    month: str
    bundle: str
    sets: Mapping[str, tuple[str, ...]]
    p_mondrian: float | None
    p_marginal: float | None
    fires: bool | None

    @property
    def right(self) -> bool:
        """Whether our class is theirs."""
        return self.said == self.label


def row_of(one: Answered) -> Row | None:
    """What counts of an answer; None for one without a class."""
    report = one.report
    verdict, confidence = report.verdict, report.confidence
    if verdict is None:
        return None
    cell = None if confidence is None else confidence.cell
    can_fire = cell is not None and cell.get("threshold") is not None
    return Row(
        object=one.target_id,
        label=one.label,
        rare=one.rare,
        after_ours=one.after_ours,
        said=verdict.label,
        p=verdict.probability,
        policy=(confidence.policy if confidence else None) or "none",
        domain=(confidence.calibration_cell if confidence else None) or "whole calibration set",
        instrument=one.instrument or "unknown",
        snr=snr_bin(one.facts.get(SNR)),
        month=f"{one.filed_at:%Y-%m}",
        bundle=report.bundle or "unknown",
        sets=confidence.prediction_sets if confidence else {},
        p_mondrian=confidence.p_mondrian if confidence else None,
        p_marginal=confidence.p_marginal if confidence else None,
        fires=bool(cell["fires"]) if cell is not None and can_fire else None,
    )


def snr_bin(value: object) -> str:
    """The name of the bin in which a signal to noise lies."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return SNR_BINS[-1]
    return next((name for limit, name in _BINS if value < limit), SNR_BINS[-2])
