"""The TNS: a night of 500 sources within the budget, with the mirror and without; AT becoming SN is noticed."""

import io
import itertools
import json
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
import requests

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.protocols import TransientNames
from iris_client.tns.budget import Budget
from iris_client.tns.client import FULL, Tns, daily_file, hourly_file
from iris_client.tns.mirror import TnsObject, from_object, read_csv, separation_arcsec, unzip
from models.domain import Target
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.tns.lookup import Api, BrokerMatches, InOrder, MarshalFields, Mirror
from plugin.tns.update import update_mirror
from tests.fakes.tns import Seconds, expected, night

NIGHT = datetime(2026, 11, 21, 9, 30)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def sandbox(seconds: Seconds) -> Iterator[TnsSandbox]:
    with TnsSandbox(clock=seconds) as made:
        yield made


@pytest.fixture
def tns(sandbox: TnsSandbox, seconds: Seconds) -> Iterator[Tns]:
    budget = Budget(clock=seconds, sleep=seconds.sleep)
    with Tns(
        sandbox.url, bot_id=sandbox.bot[0], bot_name=sandbox.bot[1], api_key=sandbox.api_key, budget=budget
    ) as made:
        yield made


def never_twice(sandbox: TnsSandbox) -> bool:
    statuses = [status for _, status in sandbox.requests]
    return (429, 429) not in set(itertools.pairwise(statuses))


def test_a_night_with_the_mirror_costs_one_download_and_no_call(sandbox, tns, store):
    targets, objects = night()
    sandbox.add(*objects)
    update_mirror(tns, store, NIGHT)
    order = InOrder(mirror=Mirror(store=store, server=tns.url, clock=lambda: NIGHT), last=Api(tns=tns))
    found = order.match_all(targets)
    assert {k: v.name for k, v in found.items() if v} == expected()
    assert all(v.type == ("SN Ia" if v.name.startswith("SN") else None) for v in found.values() if v)
    assert sandbox.requests == [(f"/system/files/tns_public_objects/{FULL}", 200)]


def test_a_night_without_the_mirror_keeps_within_ten_a_minute(sandbox, tns, seconds):
    targets, objects = night()
    sandbox.add(*objects)
    found = InOrder(last=Api(tns=tns)).match_all(targets)
    assert {k: v.name for k, v in found.items() if v} == expected()
    assert never_twice(sandbox)
    assert sum(status == 429 for _, status in sandbox.requests) == 0
    assert len(sandbox.requests) / (seconds.slept / 60) <= 10.5


def test_at_becoming_sn_is_noticed_between_two_nights(sandbox, tns, store):
    _, objects = night()
    sandbox.add(*objects)
    assert update_mirror(tns, store, NIGHT) == []
    changed = replace(objects[0], prefix="SN", type="SLSN-I", modified="2026-11-21 20:00:00")
    new = replace(objects[1], objid=77, name="2026new")
    sandbox.files.publish(daily_file("20261121"), changed, new)
    later = NIGHT + timedelta(days=1)
    (noticed,) = update_mirror(tns, store, later)
    assert (noticed.before.full_name, noticed.after.full_name) == ("AT 2026a0000", "SN 2026a0000")
    with store.begin() as unit:
        assert unit.tns.count(tns.url) == len(objects) + 1
    assert len(sandbox.requests) < 20
    assert update_mirror(tns, store, later) == []


def test_an_older_row_does_not_replace_a_newer_one(store):
    one = TnsObject(objid=1, prefix="SN", name="2026a", ra_deg=1.0, dec_deg=2.0, type="SN II", modified="2026-02-01")
    with store.begin() as unit:
        unit.tns.upsert("x", [one])
        assert unit.tns.upsert("x", [replace(one, prefix="AT", type=None, modified="2026-01-01")]) == []
        assert unit.tns.near("x", 1.0, 2.0, 1.0) == [one]


def asked(sandbox: TnsSandbox) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in sandbox.requests]


def test_hours_of_today_are_read_once_each(sandbox, tns, store):
    sandbox.add(*night()[1])
    update_mirror(tns, store, NIGHT)
    for hour in range(12):
        sandbox.files.publish(hourly_file(hour))
    update_mirror(tns, store, NIGHT.replace(hour=12))
    update_mirror(tns, store, NIGHT.replace(hour=12, minute=50))
    # The full file is that of midnight, however late it was fetched.
    assert asked(sandbox) == [FULL, *(hourly_file(hour) for hour in range(12))]


def test_a_file_that_is_late_is_not_forgotten(sandbox, tns, store):
    """Yesterday's file appears after the first hours of today have been read."""
    one = TnsObject(objid=5, prefix="AT", name="2026a", ra_deg=1.0, dec_deg=2.0, modified="2026-11-21 23:50:00")
    update_mirror(tns, store, NIGHT)
    sandbox.files.publish(hourly_file(0))
    update_mirror(tns, store, NIGHT.replace(day=22, hour=1))
    with store.begin() as unit:
        assert unit.tns.near(tns.url, 1.0, 2.0, 1.0) == []
    sandbox.files.publish(daily_file("20261121"), one)
    update_mirror(tns, store, NIGHT.replace(day=22, hour=3))
    with store.begin() as unit:
        assert unit.tns.near(tns.url, 1.0, 2.0, 1.0) == [one]


def test_half_a_file_is_asked_for_again_and_not_at_once(sandbox, tns, store):
    sandbox.add(*night()[1])
    update_mirror(tns, store, NIGHT)
    name, later = daily_file("20261121"), NIGHT + timedelta(days=1)
    new = TnsObject(objid=5, prefix="AT", name="2026a", ra_deg=1.0, dec_deg=2.0)
    sandbox.files.publish(name, new)
    whole = sandbox.files.spoil(name, lambda content: content[: len(content) // 2])
    for minutes in (0, 5, 10):
        assert update_mirror(tns, store, later + timedelta(minutes=minutes)) == []
    sandbox.files.spoil(name, lambda _: whole)
    update_mirror(tns, store, later + timedelta(minutes=20))
    assert asked(sandbox).count(name) == 2
    with store.begin() as unit:
        assert unit.tns.near(tns.url, 1.0, 2.0, 1.0) == [new]


def test_a_refused_full_file_is_left_alone_for_hours(sandbox, tns, store):
    sandbox.add(*night()[1])
    sandbox.files.serve(FULL)
    for minutes in (0, 10, 300):
        assert update_mirror(tns, store, NIGHT + timedelta(minutes=minutes)) == []
    assert [status for _, status in sandbox.requests] == [403]


def test_the_mirror_finds_what_a_search_of_everything_finds(store):
    rng = np.random.default_rng(3)
    n = 4000
    ra, dec = rng.uniform(0, 1, n) % 360, rng.uniform(88.9, 90, n)
    ra = np.concatenate([ra * 360, rng.normal(0, 0.004, n) % 360])
    dec = np.concatenate([dec, rng.normal(0, 0.004, n)])
    made = [TnsObject(objid=i, prefix="AT", name=str(i), ra_deg=ra[i], dec_deg=dec[i]) for i in range(2 * n)]
    with store.begin() as unit:
        unit.tns.upsert("x", made)
        for i in range(0, 2 * n, 800):
            near = unit.tns.near("x", ra[i], dec[i], 30.0)
            slow = {o.objid for o in made if separation_arcsec(ra[i], dec[i], o.ra_deg, o.dec_deg) <= 30.0}
            assert {o.objid for o in near} == slow
            assert near[0].objid == i


@pytest.mark.parametrize("envelope", ["new", "old"])
def test_both_envelopes(sandbox, tns, envelope):
    sandbox.envelope = envelope
    one = night(10, 1)[1][0]
    sandbox.add(replace(one, internal_names=("ZTF26x", "ATLAS26y")))
    assert tns.near(one.ra_deg, one.dec_deg, 2.0) == [one.name]
    assert tns.named("ZTF26x") == [one.name]
    assert tns.named("nobody") == []
    assert tns.object(one.name).internal_names == ("ZTF26x", "ATLAS26y")
    with pytest.raises(NotFound):
        tns.object("2026none")


def test_what_the_server_refuses_is_told_apart(sandbox, tns):
    wrong = Tns(sandbox.url, bot_id=1, bot_name="b", api_key="not-the-key")
    with wrong, pytest.raises(Refused, match="401") as refused:
        wrong.object("2026a")
    assert "not-the-key" not in str(refused.value) + repr(wrong)
    for page in ("503", "200"):
        sandbox.maintenance = page
        with pytest.raises(Unavailable, match="maintenance"):
            tns.object("2026a")


def test_the_stand_in_has_the_manners_of_the_real_one(sandbox, tns):
    url, agent = sandbox.url, tns._session.headers["User-Agent"]
    with requests.Session() as session:
        bare = session.post(f"{url}/api/get/search", data={"api_key": sandbox.api_key})
        assert (bare.status_code, bare.headers["content-type"][:9]) == (403, "text/html")
        session.headers["User-Agent"] = agent
        query = json.dumps({"ra": "12.123456789", "dec": "1.0", "radius": "2", "units": "arcsec"})
        form = {"api_key": sandbox.api_key, "data": query}
        assert session.post(f"{url}/api/get/search", data=form).status_code == 500
        form["data"] = query.replace("123456789", "1234")
        assert session.post(f"{url}/api/get/search", data=form).json()["data"] == []
        third = session.post(f"{url}/api/get/search", data=form)
        assert (third.status_code, third.headers["x-cone-rate-limit-remaining"]) == (429, "Exceeded")
        entry = {"ra": {"value": "10"}, "dec": {"value": "5"}}
        for more, status, code in (({}, 400, "6"), ({"non_detection": {"obsdate": "2026"}}, 200, "100")):
            report = json.dumps({"at_report": {"0": entry | more}})
            sent = session.post(f"{url}/api/set/bulk-report", data={"api_key": sandbox.api_key, "data": report})
            ask = {"api_key": sandbox.api_key, "report_id": sent.json()["data"]["report_id"]}
            assert session.post(f"{url}/api/get/bulk-report-reply", data=ask).status_code == 404
            reply = session.post(f"{url}/api/get/bulk-report-reply", data=ask)
            assert reply.status_code == status
            assert code in reply.json()["data"]["feedback"]["at_report"][0]


def test_the_marshal_and_the_broker_are_asked_before_the_mirror(store):
    target = Target(target_id="a", ra_deg=10.0, dec_deg=5.0, tns_name="AT 2026x")
    row = {"ra": 10.0001, "dec": 5.0, "name": "2026x", "name_prefix": "SN", "type": "TDE", "redshift": "0.1"}
    broker = BrokerMatches(rows=lambda _: [row, {"name": "far", "ra": 11.0, "dec": 5.0}, {"ra": None}])
    mirror = Mirror(store=store, server="x", clock=lambda: NIGHT)
    for one in (MarshalFields(), broker, mirror):
        assert isinstance(one, TransientNames)
    found = InOrder(first=[MarshalFields(), broker], mirror=mirror).match(target)
    assert (found.name, found.type, found.redshift, found.source) == ("SN 2026x", "TDE", 0.1, "broker")
    firm = replace(target, tns_name="SN 2026x", tns_type="SN II")
    assert InOrder(first=[MarshalFields(), broker], mirror=mirror).match(firm).source == "marshal"
    assert InOrder(first=[MarshalFields()], mirror=mirror).match(target).name == "AT 2026x"


def test_numbers_in_whatever_form_and_rows_that_lack_something():
    base = {
        "objname": "2026a",
        "objid": "12",
        "radeg": "370.5",
        "decdeg": 1,
        "redshift": "",
        "object_type": {"name": None},
    }
    one = from_object(base)
    assert (one.objid, one.ra_deg, one.redshift, one.type, one.prefix) == (12, 10.5, None, None, "AT")
    for missing in ("objid", "radeg", "objname"):
        with pytest.raises(BadPayload):
            from_object({k: v for k, v in base.items() if k != missing})
    text = '"2026-11-21 00:00:00"\n"objid","name","ra","declination"\n"1","2026a","5","6"\n"x","2026b","5","6"\n"3"\n'
    assert [o.objid for o in read_csv(text.splitlines(keepends=True))] == [1]
    with pytest.raises(BadPayload):
        list(read_csv(["<html>"]))
    with pytest.raises(BadPayload):
        list(unzip(io.BytesIO(b"<html>403</html>")))


def packed_csv(lines: Iterable[bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("tns.csv", "w") as file:
        file.writelines(lines)
    return packed


def test_the_whole_catalogue_is_never_in_memory() -> None:
    header = b'"2026-11-21 00:00:00"\n"objid","name","ra","declination","internal_names"\n'
    rows = (f'"{n}","2026a{n}","{n % 360}.5","6.25","ZTF26{n:07d}, ATLAS26{n}"\n'.encode() for n in range(1, 60_001))
    packed = packed_csv(itertools.chain([header], rows))
    tracemalloc.start()
    found = sum(1 for _ in read_csv(unzip(packed)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == 60_000
    assert most < 3 * 2**20


@pytest.mark.parametrize("line", [b"x" * 2**16, b'"' + b"y" * 2**16])
def test_a_catalogue_without_lines_is_given_up_long_before_it_is_in_memory(line: bytes) -> None:
    packed = packed_csv(line for _ in range(2000))  # 130 MB in some hundred kilobytes
    tracemalloc.start()
    with pytest.raises(BadPayload, match="no lines"):
        list(read_csv(unzip(packed)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 2**20


def test_a_catalogue_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iris_client.tns.mirror.MAX_CSV_BYTES", 10_000)
    with pytest.raises(BadPayload, match="does not end"):
        list(unzip(packed_csv(b"1,2,3\n" for _ in range(5000))))
