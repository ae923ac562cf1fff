"""What a night has brought, in numbers and names, for one message in a chat."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.domain import Status
from plugin.notes.files import drafted
from plugin.notes.kinds.candidates import CANDIDATES
from plugin.notes.night import Night
from plugin.store import ASTRANET, NEEDLE, Filed, Unit


def night_digest(unit: Unit, night: Night, *, output_dir: Path) -> Mapping[str, Any]:
    """Count what was answered in a night, and name its alerts and NEEDLE's candidates."""
    span = (night.start.replace(tzinfo=None), night.end.replace(tzinfo=None))
    spectra = unit.reports.filed_between(*span, ASTRANET)
    objects = unit.reports.filed_between(*span, NEEDLE)
    answered = [f for f in spectra if f.report.status is Status.OK]
    alerts = [f for f in answered if f.report.confidence is not None and f.report.confidence.policy == "ALERT"]
    candidates = [f for f in objects if f.report.host_verdict is not None and f.report.host_verdict.label in CANDIDATES]
    parked = sum(count for _, state, count in [*unit.figures.work(), *unit.figures.posts()] if state == "parked")
    return {
        "night": str(night),
        "answered": len(answered),
        "refused": len(spectra) - len(answered),
        "alerts": _names(alerts),
        "candidates": _names(candidates),
        "parked": parked,
        "notes": sorted(kind for period, kind in drafted(output_dir) if period.last == night),
    }


def _names(filed: list[Filed]) -> list[dict[str, str]]:
    """Each source once, with its class."""
    found: dict[str, str] = {}
    for one in filed:
        verdict = one.report.verdict or one.report.host_verdict
        found.setdefault(one.target_id, "" if verdict is None else verdict.label)
    return [{"source": name, "class": label} for name, label in sorted(found.items())]
