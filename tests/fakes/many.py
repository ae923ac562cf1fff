"""A store with very many answers, written past the service: what a marshal has after years."""

from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from models.domain import FINE_CLASSES, Confidence, Report, Status, Verdict
from plugin.store import ASTRANET, NEEDLE, Store
from plugin.store.tables import outbox, queue, reports

END: Final = datetime(2026, 6, 10, 12)
_AT_ONCE = 2000


def fill(store: Store, n: int, *, per_night: int = 100, padding: int = 3000, seed: int = 0) -> None:
    """Write `n` answers about `n // 2` objects, `per_night` each night, the last one at `END`.

    Parameters
    ----------
    padding : int
        Characters that each report is longer than it must be: real ones hold scores and neighbours.
    """
    rng = np.random.default_rng(seed)
    with store.begin() as unit:
        connection, marshal = unit.reports.context.connection, store.marshal
        for start in range(0, n, _AT_ONCE):
            rows = [_row(i, n, marshal, per_night, padding, rng) for i in range(start, min(n, start + _AT_ONCE))]
            connection.execute(reports.insert(), rows)
            connection.execute(queue.insert(), [_work(row) for row in rows])
            connection.execute(outbox.insert(), [_post(row) for row in rows])


def _row(i: int, n: int, marshal: str, per_night: int, padding: int, rng: np.random.Generator) -> dict[str, Any]:
    label = FINE_CLASSES[int(rng.integers(len(FINE_CLASSES)))]
    policy = ("COMMIT", "ABSTAIN", "ALERT")[int(rng.choice(3, p=(0.9, 0.08, 0.02)))]
    p = round(float(rng.uniform(0.3, 1.0)), 4)
    is_refused = rng.random() < 0.1
    filed_at = END - timedelta(days=(n - 1 - i) / per_night)
    report = _report(i, label, p, policy, padding) if not is_refused else _refusal(i)
    return {
        "marshal": marshal,
        "subject": "spectrum",
        "subject_id": str(i + 1),
        "producer": ASTRANET if i % 4 else NEEDLE,
        "version": filed_at.isoformat(timespec="microseconds"),
        "target_id": f"ZTF26{i // 2:07d}",
        "status": str(report.status),
        "is_current": True,
        "observed_at": filed_at.isoformat(),
        "instrument": "SEDM",
        "group_ids": "[1,6]" if i % 3 else "[16]",
        "body": report.to_json(),
        "facts": "{}",
        "input_hash": "0",
        "model": "many-1@00000000",
        "filed_at": filed_at,
        "label": None if is_refused else label,
        "policy": None if is_refused else policy,
        "probability": None if is_refused else p,
        "anomaly": None if is_refused else round(float(rng.random()), 4),
    }


def _report(i: int, label: str, p: float, policy: str, padding: int) -> Report:
    probabilities = {c: p if c == label else (1 - p) / 6 for c in FINE_CLASSES}
    return Report(
        target_id=None,
        spectrum_id=str(i + 1),
        status=Status.OK,
        reason="x" * padding,
        verdict=Verdict(label=label, probabilities=probabilities, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": (label,)},
            method="lac",
            calibration_id="c",
            calibration_size=500,
            calibration_date="2026-01-01",
            policy=policy,
            sentence="A sentence.",
        ),
    )


def _refusal(i: int) -> Report:
    return Report(target_id=None, spectrum_id=str(i + 1), status=Status.REFUSED, reason="coverage 30 %, 80 % needed")


def _work(row: dict[str, Any]) -> dict[str, Any]:
    same = {name: row[name] for name in ("marshal", "subject", "subject_id", "version", "target_id")}
    when = row["filed_at"]
    state = "parked" if int(row["subject_id"]) % 500 == 0 else "done"
    return {**same, "state": state, "not_before": when, "created_at": when, "touched_at": when}


def _post(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "marshal": row["marshal"],
        "place_kind": "spectrum",
        "place_id": row["subject_id"],
        "kind": "annotation",
        "origin": "ASTRANet",
        "body": "{}",
        "group_ids": "[6]",
        "body_sha": "0",
        "state": "sent",
        "not_before": row["filed_at"],
    }
