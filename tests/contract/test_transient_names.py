"""What every `TransientNames` promises, checked on each of them with the same sky."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.errors import Unavailable
from iris_client.http.pacer import Pacer
from iris_client.protocols import CrossMatches, TransientName, TransientNames
from iris_client.tns.budget import Budget
from iris_client.tns.client import Tns
from iris_client.tns.mirror import TnsObject
from models.domain import Target
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import open_store
from plugin.tns.lookup import RADIUS_ARCSEC, Api, BrokerMatches, InOrder, MarshalFields, Mirror
from plugin.tns.update import update_mirror
from tests.fakes.tns import Seconds

NOW = datetime(2026, 11, 21, 9, 30)
ARCSEC = 1 / 3600
SKY = [
    TnsObject(objid=1, prefix="AT", name="2026abc", ra_deg=10.0, dec_deg=5.0, internal_names=("ZTF26untyped",)),
    TnsObject(objid=2, prefix="SN", name="2026abd", ra_deg=20.0, dec_deg=-5.0, type="SN Ia", redshift=0.0312),
    TnsObject(objid=3, prefix="TDE", name="2026abe", ra_deg=30.0, dec_deg=60.0, type="TDE-H-He"),
    TnsObject(objid=4, prefix="AT", name="2026near", ra_deg=40.0, dec_deg=0.4 * ARCSEC),
    TnsObject(objid=5, prefix="AT", name="2026far", ra_deg=40.0, dec_deg=1.6 * ARCSEC),
    TnsObject(objid=6, prefix="SN", name="2026zero", ra_deg=0.2 * ARCSEC, dec_deg=0.0, type="SN II"),
]
TARGETS = {
    "2026abc": Target(target_id="ZTF26untyped", ra_deg=10.0, dec_deg=5.0 + 0.5 * ARCSEC),
    "2026abd": Target(target_id="ZTF26typed", ra_deg=20.0, dec_deg=-5.0 - 1.0 * ARCSEC),
    "2026abe": Target(target_id="ZTF26odd", ra_deg=30.0 + 2.0 * ARCSEC, dec_deg=60.0),
    "2026near": Target(target_id="ZTF26two", ra_deg=40.0, dec_deg=0.0),
    "2026zero": Target(target_id="ZTF26zero", ra_deg=360.0 - 0.3 * ARCSEC, dec_deg=0.0),
}
UNKNOWN = (
    Target(target_id="ZTF26unknown", ra_deg=100.0, dec_deg=40.0),
    Target(target_id="ZTF26beyond", ra_deg=20.0, dec_deg=-5.0 + 2.5 * ARCSEC),
    Target(target_id="ZTF26nowhere"),
    Target(target_id=""),
)
Maker = Callable[[Any], Any]


def row(one: TnsObject) -> dict[str, Any]:
    """As BOOM's catalogue has it."""
    known = {"name_prefix": one.prefix, "name": one.name, "ra": one.ra_deg, "dec": one.dec_deg}
    return {"_id": str(one.objid), **known, "type": one.type or "", "redshift": one.redshift}


@contextmanager
def marshal(_: Any) -> Iterator[tuple[TransientNames, str]]:
    yield MarshalFields(), "marshal"


@contextmanager
def broker(_: Any) -> Iterator[tuple[TransientNames, str]]:
    yield BrokerMatches(rows=lambda _: [*map(row, SKY), {"ra": None}, {"name": "x", "ra": 1, "dec": "y"}]), "broker"


def matched(sandbox: Sandbox) -> Sandbox:
    """A broker that has matched its objects with the TNS, and more of it than is near."""
    known = {target.target_id for target in (*TARGETS.values(), *UNKNOWN)} - {"ZTF26unknown", ""}
    for number, name in enumerate(sorted(known)):
        sandbox.add_alert(invented(name, number + 1, epochs=0))
        sandbox.state.alerts.match(name, *map(row, SKY), {"ra": None}, {"name": "x", "ra": 1, "dec": "y"})
    return sandbox


@contextmanager
def broker_of_the_marshal(_: Any) -> Iterator[tuple[TransientNames, str]]:
    with Sandbox() as sandbox, SkyPortalBroker(sandbox.url, sandbox.token, pacer=Pacer(1000, 1000)) as client:
        assert matched(sandbox)
        assert isinstance(client, CrossMatches)
        yield BrokerMatches(rows=client.tns_matches), "broker"


@contextmanager
def boom(_: Any) -> Iterator[tuple[TransientNames, str]]:
    with Sandbox() as sandbox, Boom(f"{sandbox.url}/boom", USERNAME, PASSWORD, pacer=Pacer(1000, 1000)) as client:
        assert matched(sandbox)
        assert isinstance(client, CrossMatches)
        yield BrokerMatches(rows=client.tns_matches), "broker"


@contextmanager
def asked(folder: Any) -> Iterator[tuple[Tns, Any]]:
    seconds = Seconds()
    with TnsSandbox(clock=seconds) as sandbox, open_store(f"sqlite:///{folder / 'x.sqlite'}", marshal="m") as store:
        sandbox.add(*SKY)
        who = {"bot_id": sandbox.bot[0], "bot_name": sandbox.bot[1], "api_key": sandbox.api_key}
        with Tns(sandbox.url, **who, budget=Budget(clock=seconds, sleep=seconds.sleep)) as tns:
            yield tns, store


@contextmanager
def api(folder: Any) -> Iterator[tuple[TransientNames, str]]:
    with asked(folder) as (tns, _):
        yield Api(tns=tns), "api"


@contextmanager
def mirror(folder: Any) -> Iterator[tuple[TransientNames, str]]:
    with asked(folder) as (tns, store):
        update_mirror(tns, store, NOW)
        yield Mirror(store=store, server=tns.url, clock=lambda: NOW), "mirror"


@contextmanager
def chain(folder: Any) -> Iterator[tuple[TransientNames, str]]:
    """All of them, in the order of the service."""
    with asked(folder) as (tns, store):
        update_mirror(tns, store, NOW)
        local = Mirror(store=store, server=tns.url, clock=lambda: NOW)
        few = BrokerMatches(rows=lambda name: [row(SKY[1])] if name == "ZTF26typed" else [])
        yield InOrder(first=[MarshalFields(), few], mirror=local, last=Api(tns=tns)), "marshal broker mirror"


@contextmanager
def chain_without_a_mirror(folder: Any) -> Iterator[tuple[TransientNames, str]]:
    with asked(folder) as (tns, _):
        yield InOrder(first=[MarshalFields()], last=Api(tns=tns)), "marshal api"


EVERYBODY = [marshal, broker, broker_of_the_marshal, boom, mirror, api, chain, chain_without_a_mirror]


@pytest.fixture(scope="module", params=EVERYBODY, ids=lambda made: made.__name__)
def names(request: Any, tmp_path_factory: Any) -> Iterator[tuple[TransientNames, str]]:
    with request.param(tmp_path_factory.mktemp("names")) as made:
        yield made


def told(one: TransientNames, name: str) -> Target:
    """The target of an object; the marshal's fields say what the TNS says, for it has nothing else to go by."""
    known = next(found for found in SKY if found.name == name)
    target = TARGETS[name]
    if isinstance(one, MarshalFields):
        return replace(target, tns_name=known.full_name, tns_type=known.type, redshift=known.redshift)
    return target


def test_it_is_one(names: Any) -> None:
    assert isinstance(names[0], TransientNames)


@pytest.mark.parametrize("name", TARGETS)
def test_name_type_and_redshift_are_those_of_the_tns(names: Any, name: str) -> None:
    one, sources = names
    known = next(found for found in SKY if found.name == name)
    found = one.match(told(one, name))
    assert isinstance(found, TransientName)
    assert (found.name, found.type, found.redshift) == (known.full_name, known.type, known.redshift)
    assert found.source in sources.split()


@pytest.mark.parametrize("name", TARGETS)
def test_the_nearest_counts_and_lies_within_the_radius(names: Any, name: str) -> None:
    one, _ = names
    found = one.match(told(one, name))
    assert found.separation_arcsec is None or 0 <= found.separation_arcsec <= RADIUS_ARCSEC
    assert (found.separation_arcsec is None) == (found.source == "marshal")


@pytest.mark.parametrize("target", UNKNOWN, ids=lambda target: target.target_id)
def test_what_is_not_known_is_none_and_no_error(names: Any, target: Target) -> None:
    assert names[0].match(target) is None


def test_the_same_question_has_the_same_answer(names: Any) -> None:
    one, _ = names
    assert one.match(told(one, "2026abd")) == one.match(told(one, "2026abd"))


def test_a_stale_name_of_the_marshal_is_overruled_by_whoever_knows_a_type(names: Any) -> None:
    one, sources = names
    stale = replace(TARGETS["2026abd"], tns_name="AT 2026abd")
    found = one.match(stale)
    if sources == "marshal":
        assert (found.name, found.type) == ("AT 2026abd", None)
    else:
        assert (found.name, found.type) == ("SN 2026abd", "SN Ia")


@pytest.mark.parametrize(("spelt", "kind"), [("2026abd", "SN Ia"), ("SN2026abd", "SN Ia"), (" SN  2026abd ", None)])
def test_other_spellings_of_a_name_are_told_with_prefix_and_one_blank(spelt: str, kind: str | None) -> None:
    found = MarshalFields().match(Target(target_id="a", tns_name=spelt, tns_type=kind))
    assert (found.name, found.type) == ("SN 2026abd", kind)


def test_a_marshal_without_a_broker_knows_no_matches() -> None:
    with Sandbox() as sandbox:
        client = SkyPortalBroker(sandbox.url, sandbox.token, broker="no such one", pacer=Pacer(1000, 1000))
        with client:
            assert client.tns_matches("ZTF26typed") == []


class Away:
    """Somebody who cannot be asked."""

    def match(self, target: Target) -> TransientName | None:
        raise Unavailable("away")


def test_one_who_is_away_is_passed_over_unless_nobody_after_knows() -> None:
    typed = BrokerMatches(rows=lambda _: [row(SKY[1])])
    target = TARGETS["2026abd"]
    assert InOrder(first=[Away(), typed]).match(target).type == "SN Ia"
    assert InOrder(first=[typed, Away()]).match(target).type == "SN Ia"
    with pytest.raises(Unavailable):
        InOrder(first=[MarshalFields(), Away()]).match(replace(target, tns_name="AT 2026abd"))
    untyped = BrokerMatches(rows=lambda _: [row(SKY[0])])
    assert InOrder(first=[Away(), untyped]).match(TARGETS["2026abc"]).name == "AT 2026abc"


def test_one_request_is_enough_for_a_name_that_the_marshal_has(tmp_path: Any) -> None:
    with asked(tmp_path) as (tns, _):
        before = len(tns.budget.everything.sent)
        found = Api(tns=tns).match(replace(TARGETS["2026abd"], tns_name="AT 2026abd"))
        assert (found.name, len(tns.budget.everything.sent) - before) == ("SN 2026abd", 1)
