"""Every figure of `astranet evaluate drift`."""

from pathlib import Path
from typing import Any

from models.bundle import Bundle
from models.conformal.domains import LOW
from models.domain import FINE_CLASSES
from models.recalibration.rows import Rows
from models.training.dataset import Dataset, joined
from plugin.lab.drift.answers import Started, halved, rows_of, tilted
from plugin.lab.drift.evaluation import AFTER, delays, false_alarms, recalibration


def evaluate_drift(
    bundle: Bundle, data: Dataset, rare: Dataset, *, started: Started, kept: Path | None = None, runs: int
) -> dict[str, Any]:
    """Ask about every spectrum once, and draw streams from the answers.

    Parameters
    ----------
    rare : Dataset
        Types that no network learned; the real ones of them count.
    runs : int
        Streams without drift.

    Raises
    ------
    ValueError
        If the bundle has no anomaly layer.
    """

    def ask(what: str, spectra: Dataset) -> Rows:
        return rows_of(bundle, spectra, started=started, what=what, kept=kept)

    parts = {split: data.part(split) for split in ("calibrate", "test")}
    answered = {split: ask(split, spectra) for split, spectra in parts.items()}
    both, spectra = Rows.joined(list(answered.values())), joined(list(parts.values()))
    low = spectra.rows(both.domain_names == LOW)
    disturbed = {"halved": ask("resolution halved", halved(low)), "tilted": ask("flux tilted", tilted(spectra))}
    odd = ask("rare types", rare.rows(~rare.semi_real))
    return {
        "data": {
            name: {"spectra": len(rows), "objects": rows.count_objects(), "mix": _mix(rows)}
            for name, rows in {**answered, "rare types": odd}.items()
        },
        "after": AFTER,
        "delays": delays(both, disturbed, odd, started=started),
        "recalibration": recalibration(answered["calibrate"], answered["test"], started=started),
        "false_alarms": false_alarms(both, started=started, runs=runs),
    }


def _mix(rows: Rows) -> dict[str, int]:
    """Spectra of each class."""
    return {name: int((rows.label == k).sum()) for k, name in enumerate(FINE_CLASSES) if (rows.label == k).any()}
