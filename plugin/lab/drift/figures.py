"""Every figure of `astranet evaluate drift`."""

from pathlib import Path
from typing import Any

from models.bundle import Bundle
from models.conformal.domains import LOW
from models.recalibration.rows import Rows
from models.training.dataset import Dataset
from plugin.lab.drift.answers import Started, halved, rows_of, tilted
from plugin.lab.drift.evaluation import AFTER, BEFORE, delays, false_alarms, recalibration


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

    test = data.part("test")
    calibrate, answered = ask("calibrate", data.part("calibrate")), ask("test", test)
    low = test.rows(answered.domain_names == LOW)
    disturbed = {"halved": ask("resolution halved", halved(low)), "tilted": ask("tilted", tilted(test))}
    odd = ask("rare", rare.rows(~rare.semi_real))
    splits = {"calibrate": calibrate, "test": answered, "rare types": odd}
    return {
        "data": {name: {"spectra": len(r), "objects": r.count_objects()} for name, r in splits.items()},
        "before": BEFORE,
        "after": AFTER,
        "delays": delays(calibrate, answered, disturbed, odd, started=started),
        "recalibration": recalibration(calibrate, answered, started=started),
        "false_alarms": false_alarms(Rows.joined([calibrate, answered]), started=started, runs=runs),
    }
