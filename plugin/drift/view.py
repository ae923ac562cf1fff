"""Drift and calibrations in words, for terminal, page and doctor."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.cards import BundleError
from plugin.drift.renewing import older_sentence
from plugin.ops.check import Check
from plugin.settings import PREFIX, Settings
from plugin.store import Store, StoreError, Unit, open_store
from plugin.store.drift.calibrations import StoredCalibration
from plugin.store.drift.drift import RaisedAlarm


def alarm_lines(alarms: Sequence[RaisedAlarm]) -> list[str]:
    """One line each."""
    return [
        f"{alarm.raised_at:%Y-%m-%d %H:%M} UT, {alarm.test}: {alarm.sentence}"
        + ("" if alarm.acknowledged_at is None else f" (acknowledged {alarm.acknowledged_at:%Y-%m-%d})")
        for alarm in alarms
    ]


def drift_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """How far the tests are, one line each."""
    if "evidence" not in summary:
        yield "the tests for drift begin with the next cycle"
        return
    yield (
        f"since {str(summary['since'])[:10]}, against calibration {summary['calibration']}: {summary['answers']} "
        f"objects answered or refused, the class of {summary['truths']} known; a test raises its alarm at "
        f"{summary['threshold']:g}, by chance in {summary['rate']:g} of all streams without drift"
    )
    figures = summary.get("figures", {})
    for name, value in summary["evidence"].items():
        yield f"{name}: evidence {value:.3g}" + (f", {figures[name]}" if name in figures else "")


def calibration_line(one: StoredCalibration) -> str:
    """One calibration in a line."""
    told = one.summary
    when = f" ({one.adopted_at:%Y-%m-%d})" if one.adopted_at is not None else ""
    return (
        f"{one.calibration_id}  {one.state}{when}; made {one.made_at:%Y-%m-%d %H:%M} UT for {one.bundle} of "
        f"{told['spectra']} spectra of {told['objects']} objects ({' and '.join(told['domains'])})"
    )


def check_lines(one: StoredCalibration) -> Iterator[str]:
    """What it showed, one line for each check."""
    for check in one.summary["checks"]:
        yield f"{'ok  ' if check['ok'] else 'FAIL'} {check['name']}: {check['found']}"


def drift_check(settings: Settings) -> Iterator[Check]:
    """Alarms that stand, for the doctor; nothing before there is a database."""
    try:
        with (
            open_store(settings.database_url, marshal=settings.marshal_url or "", to_read=True) as store,
            store.begin(to_read=True) as unit,
        ):
            yield _check(unit, settings)
            yield _renewals(unit, settings)
    except StoreError:
        return  # of which another check tells


def _check(unit: Unit, settings: Settings) -> Check:
    alarms = unit.drift.alarms()
    if alarms:
        remedy = "see docs/staying-calibrated.md; `astranet drift reset` acknowledges it and begins anew"
        return Check(name="drift", ok=False, found="; ".join(alarm_lines(alarms)), remedy=remedy)
    adopted = unit.calibrations.adopted()
    calibration = "the model's own calibration"
    if adopted is not None and settings.recalibrate == "off":
        calibration += f" ({adopted.calibration_id} was adopted, and {PREFIX}RECALIBRATE is off)"
    elif adopted is not None:
        calibration = f"calibration {adopted.calibration_id}"
    return Check(name="drift", ok=True, found=f"no alarm; {calibration} answers")


def _renewals(unit: Unit, settings: Settings) -> Check:
    try:
        older = older_sentence(settings, unit)
    except BundleError:
        return Check(name="renewals", ok=True, found="not known without the bundle")  # of which another check tells
    return Check(name="renewals", ok=True, found=older or "every answer is by the bundle and calibration that answer")


def open_alarms(store: Store) -> Sequence[RaisedAlarm]:
    """Those that nobody has acknowledged."""
    with store.begin(to_read=True) as unit:
        return unit.drift.alarms()
