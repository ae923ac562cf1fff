"""Three in ten calls to the TNS go wrong: every name arrives, nothing twice, and no budget is ever exceeded."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iris_client.errors import BadPayload, Unavailable
from iris_client.tns.budget import Budget
from iris_client.tns.client import FULL, Tns, daily_file, hourly_file
from iris_client.tns.mirror import TnsObject
from plugin.sandbox import FaultKind, FaultPlan
from plugin.sandbox.faults import Fault, Seen
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import Store, open_store
from plugin.tns.lookup import Api, InOrder, MarshalFields, Mirror
from plugin.tns.update import update_mirror
from tests.fakes.tns import Seconds, expected, night

RATES = {
    FaultKind.TIMEOUT: 0.01,
    FaultKind.RESET: 0.05,
    FaultKind.RATE_LIMIT: 0.05,
    FaultKind.SERVER_ERROR: 0.05,
    FaultKind.BAD_GATEWAY: 0.02,
    FaultKind.TRUNCATED: 0.04,
    FaultKind.SHORT_BODY: 0.02,
    FaultKind.HTML: 0.03,
    FaultKind.WRONG_TYPES: 0.03,
}
MIDNIGHT = datetime(2026, 11, 21, 0, 20)
LIMIT, CONES = 10, 2


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def sandbox(seconds: Seconds) -> Iterator[TnsSandbox]:
    with TnsSandbox(clock=seconds, limit=LIMIT, cone_limit=CONES) as made:
        yield made


@pytest.fixture
def tns(sandbox: TnsSandbox, seconds: Seconds) -> Iterator[Tns]:
    who = {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}
    with Tns(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep), timeout_s=0.5) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal="m") as opened:
        yield opened


def insist(call: Any) -> Any:
    """What the service does: put off what is unavailable and come back to it. Anything else ends the test."""
    for _ in range(20):
        try:
            return call()
        except (Unavailable, BadPayload):
            continue
    raise AssertionError("twenty times in vain")


class Counted:
    """A plan of faults that counts how often it strikes."""

    def __init__(self, seed: int) -> None:
        self.plan, self.calls, self.struck = FaultPlan(rates=RATES, seed=seed, delay_s=0.6), 0, 0

    def __call__(self, seen: Seen) -> Fault | None:
        fault = self.plan(seen)
        self.calls += 1
        self.struck += fault is not None
        return fault

    @property
    def share(self) -> float:
        return self.struck / self.calls


def within_budget(sandbox: TnsSandbox) -> bool:
    """The server itself never had to refuse: the 429 that faults put in its place are not in this list."""
    return 429 not in {status for _, status in sandbox.requests}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_name_arrives_from_the_api(sandbox: TnsSandbox, tns: Tns, seed: int) -> None:
    targets, objects = night(60, 40, seed)
    sandbox.add(*objects)
    sandbox.faults = faults = Counted(seed)
    order = InOrder(first=[MarshalFields()], last=Api(tns=tns))
    found = {target.target_id: insist(lambda target=target: order.match(target)) for target in targets}
    assert {name: one.name for name, one in found.items() if one} == expected(40)
    assert within_budget(sandbox)
    assert faults.share > 0.2


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_the_mirror_ends_complete_and_holds_nothing_twice(sandbox: TnsSandbox, tns: Tns, store: Any, seed: int) -> None:
    """A day and a night of hourly jobs; what became a supernova meanwhile is noticed once."""
    targets, objects = night(60, 40, seed)
    sandbox.add(*objects)
    changed = replace(objects[0], prefix="SN", type="SLSN-I", modified="2026-11-21 05:10:00")
    new = TnsObject(objid=77, prefix="AT", name="2026new", ra_deg=123.0, dec_deg=4.0, modified="2026-11-21 06:10:00")
    sandbox.faults = faults = Counted(seed)
    noticed, now = [], MIDNIGHT
    for hour in range(36):
        now = MIDNIGHT + timedelta(hours=hour)
        if now.hour and now.date() == MIDNIGHT.date():
            of_hour = {5: [changed], 6: [new]}.get(now.hour - 1, [])
            sandbox.files.publish(hourly_file(now.hour - 1), *of_hour)
        if now.date() > MIDNIGHT.date():
            sandbox.files.publish(daily_file(f"{MIDNIGHT:%Y%m%d}"), changed, new)
        if sandbox.requests and sandbox.requests[-1][0].endswith(FULL):
            sandbox.files.forgive()  # the one that was served was lost on its way
        noticed += update_mirror(tns, store, now)
    assert [(one.before.full_name, one.after.full_name) for one in noticed] == [("AT 2026a0000", "SN 2026a0000")]
    mirror = Mirror(store=store, server=tns.url, clock=lambda: now)
    found = {target.target_id: mirror.match(target) for target in targets}
    names = {**expected(40), "ZTF26a00000": "SN 2026a0000"}
    assert {name: one.name for name, one in found.items() if one} == names
    with store.begin() as unit:
        assert unit.tns.count(tns.url) == len(objects) + 1
        assert len(unit.tns.near(tns.url, 123.0, 4.0, 5.0)) == 1
    assert within_budget(sandbox)
    assert faults.share > 0.1


def test_a_stand_in_that_fails_always_costs_no_more_than_the_budget(
    sandbox: TnsSandbox, tns: Tns, seconds: Any
) -> None:
    sandbox.faults = FaultPlan(rates={FaultKind.RESET: 1.0}, after=1.0)
    begun = seconds.now
    for _ in range(10):
        with pytest.raises(Unavailable):
            tns.object("2026a")
    minutes = (seconds.now - begun) / 60
    assert len(sandbox.requests) == 40
    assert within_budget(sandbox)
    assert len(sandbox.requests) <= LIMIT * (minutes + 1)


def test_quotas_of_all_sizes_are_kept_to_when_answers_get_lost(seconds: Seconds) -> None:
    rng = random.Random(8)
    for limit, cones in ((1, 1), (3, 2), (10, 2), (50, 7)):
        with TnsSandbox(clock=seconds, limit=limit, cone_limit=cones) as sandbox:
            sandbox.faults = FaultPlan(rates={FaultKind.RESET: 0.15, FaultKind.TRUNCATED: 0.15}, seed=limit)
            who = {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}
            with Tns(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep)) as tns:
                for _ in range(40):
                    insist(lambda: tns.near(10.0, 5.0, 2.0) if rng.random() < 0.3 else tns.named("ZTF26a"))
                    seconds.now += rng.choice([0.0, 0.0, 3.0, 45.0])
        # Until the first answer came the assumed ten may have been too many for a smaller quota.
        assert sum(status == 429 for _, status in sandbox.requests) <= max(0, 10 - limit)
