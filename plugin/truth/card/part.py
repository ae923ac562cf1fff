"""The report card from the store to the files: OUTPUT_DIR/report-card/."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from plugin.notes.files import replace_file
from plugin.settings import Settings
from plugin.store import ASTRANET, NEEDLE, Store, Unit
from plugin.store.truth.answered import UNDECIDED, Answered, tally
from plugin.truth.card.alerts import purity
from plugin.truth.card.figures import figures
from plugin.truth.card.files import FOLDER, SCHEMA
from plugin.truth.card.needle import needle_figures
from plugin.truth.card.rows import row_of

_FIRST: Final = datetime(1, 1, 1)
_log = structlog.get_logger("astranet.truth")


def write_card(settings: Settings, store: Store, *, now: datetime) -> Path:
    """Write page, text and figures; returns their folder.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    from plugin.truth.card.render import files

    with store.begin(to_read=True) as unit:
        card = make_card(unit, settings, now=now)
    folder = settings.output_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files(card).items():
        replace_file(folder / name, text)
    _log.info("report card written", objects=card["selection"]["settled"], folder=str(folder))
    return folder


def make_card(unit: Unit, settings: Settings, *, now: datetime) -> dict[str, Any]:
    """Everything on the card, as plain JSON."""
    order, alpha = settings.trust, settings.alpha
    answered = unit.truth.answered(_FIRST, now, order=order)
    rows = [row for one in answered if (row := row_of(one)) is not None]
    alerts = unit.reports.alerts(ASTRANET)
    needle = unit.truth.answered(_FIRST, now, producer=NEEDLE, order=order)
    return {
        "schema": SCHEMA,
        "made_at": now.isoformat(timespec="seconds"),
        "alpha": alpha,
        "trust": list(order),
        "selection": selection(unit, settings, answered),
        "before": figures([row for row in rows if not row.after_ours], alpha),
        "after": figures([row for row in rows if row.after_ours], alpha),
        "alerts": purity(alerts, unit.verdicts.last(spectrum_id for _, spectrum_id in alerts), rows),
        "needle": {
            "before": needle_figures([one for one in needle if not one.after_ours]),
            "after": needle_figures([one for one in needle if one.after_ours]),
        },
    }


def selection(unit: Unit, settings: Settings, answered: Sequence[Answered]) -> dict[str, Any]:
    """How many objects were answered about, of how many people have said what they are, and why not of the others."""
    said = unit.reports.said_of(ASTRANET)
    settled = unit.truth.settled(said, settings.trust)
    undecided = Counter(tally(settled)) + Counter(nobody=len(said) - len(settled))
    with_truth = {one.target_id for one in answered}
    by_said: dict[str, list[str]] = {}
    for name, label in said.items():
        by_said.setdefault(label, []).append(name)
    times = [one.filed_at for one in answered]
    return {
        "answered": len(said),
        "settled": len(with_truth),
        "spectra": len(answered),
        "rare": len({one.target_id for one in answered if one.rare is not None}),
        "undecided": {why: undecided[why] for why in UNDECIDED},
        "by_said": {
            label: {"answered": len(names), "settled": sum(name in with_truth for name in names)}
            for label, names in sorted(by_said.items())
        },
        "since": min(times).isoformat(timespec="seconds") if times else None,
        "until": max(times).isoformat(timespec="seconds") if times else None,
    }
