"""The look-up of names with the real clients, while marshal, broker and TNS fail in three calls of ten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iris_client.brokers.http import SkyPortalBroker
from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from iris_client.tns.budget import Budget
from iris_client.tns.client import Tns
from models.domain import Report, Status
from plugin.sandbox import FaultKind, FaultPlan, Sandbox
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import ASTRANET, Filed, Store, open_store, spectrum
from plugin.tns.source import make_naming
from tests.fakes.tns import Seconds, expected, night

RATES = {
    FaultKind.RESET: 0.06,
    FaultKind.RATE_LIMIT: 0.05,
    FaultKind.SERVER_ERROR: 0.05,
    FaultKind.BAD_GATEWAY: 0.02,
    FaultKind.TRUNCATED: 0.04,
    FaultKind.SHORT_BODY: 0.02,
    FaultKind.HTML: 0.03,
    FaultKind.WRONG_TYPES: 0.03,
}
NOW = datetime(2026, 11, 21, 0, 30)
COUNT, KNOWN = 40, 25


@pytest.fixture
def store(tmp_path: Any) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal="m") as opened:
        yield opened


def answered(store: Store, name: str) -> None:
    report = Report(target_id=name, spectrum_id=name, bundle="b", input_hash="h", status=Status.REFUSED)
    with store.begin() as unit:
        about = {"subject": spectrum(name), "producer": ASTRANET, "target_id": name, "version": "m"}
        unit.reports.put(Filed(**about, report=report, filed_at=NOW))


def run_until_nothing_is_due(naming: Any, clock: list[datetime]) -> int:
    """Hourly, as the schedule does; how many runs it took."""
    for number in range(1, 25):
        outcomes = naming.run()
        clock[0] += timedelta(hours=1)
        if not outcomes:
            return number
    raise AssertionError("not in a day")


@pytest.mark.slow
@pytest.mark.parametrize("with_mirror", [True, False])
def test_every_name_is_found_out_and_every_change_noticed_once(store: Store, with_mirror: bool) -> None:
    targets, objects = night(COUNT, KNOWN)
    seconds, clock = Seconds(), [NOW]
    with Sandbox() as marshal, TnsSandbox(clock=seconds) as tns:
        for n, target in enumerate(targets):
            marshal.add_source(target.target_id, ra=target.ra_deg, dec=target.dec_deg)
            if n % 10 == 0:  # the broker knows some of them, and is the first to know that
                marshal.state.alerts.match(target.target_id)
            answered(store, target.target_id)
        tns.add(*objects)
        if not with_mirror:
            tns.files.serve("tns_public_objects.csv.zip")
        marshal.faults = FaultPlan(rates=RATES, seed=1)
        tns.faults = FaultPlan(rates=RATES, seed=2)
        quick = {"pacer": Pacer(1e6, 1000), "sleep": lambda _: None, "timeout_s": 2.0}
        budget = Budget(clock=seconds, sleep=seconds.sleep)
        who = {"bot_id": tns.bot[0], "bot_name": tns.bot[1], "api_key": tns.api_key, "budget": budget}
        with (
            SkyPortal(marshal.url, marshal.token, **quick) as client,
            SkyPortalBroker(marshal.url, marshal.token, **quick) as broker,
            Tns(tns.url, **who) as reader,
        ):
            naming = make_naming(
                reader,
                watched=timedelta(days=30),
                marshal=client,
                store=store,
                alerts=broker,
                clock=lambda: clock[0],
                wait=lambda _: False,
                stop=bool,
            )
            assert naming is not None
            budget.sleep = seconds.sleep
            run_until_nothing_is_due(naming, clock)
            assert names(store, targets) == expected(KNOWN)
            changed = replace(objects[0], prefix="SN", type="SLSN-I", modified="2026-11-21 20:00:00")
            tns.add(changed)
            tns.files.publish("tns_public_objects_20261121.csv.zip", changed)
            clock[0] = NOW + timedelta(days=1, hours=2)
            run_until_nothing_is_due(naming, clock)
        with store.begin() as unit:
            found = unit.names.changes(NOW + timedelta(days=1))
    assert [str(change).split(": ")[1] for change in found if change.before is not None] == [
        "AT 2026a0000 (unclassified) -> SN 2026a0000 (SLSN-I)"
    ]
    assert 429 not in {status for _, status in tns.requests}, "the server itself never had to refuse"
    calls = sum(path.startswith("/api/") for path, _ in tns.requests)
    assert calls < 20 if with_mirror else calls > COUNT


def names(store: Store, targets: Any) -> dict[str, str]:
    with store.begin() as unit:
        known = {target.target_id: unit.names.of(target.target_id) for target in targets}
    return {name: one.name.name for name, one in known.items() if one is not None and one.name is not None}
