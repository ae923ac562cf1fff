"""Ten thousand damaged answers of the TNS: JSON, bulk files, pages and headers give a value or an error of the tree."""

import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, ClassVar

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, UpstreamError
from iris_client.tns.budget import Budget
from iris_client.tns.client import Tns, daily_file
from iris_client.tns.mirror import TnsObject, from_object, read_csv, unzip
from models.domain import Target
from plugin.sandbox.tns.files import zipped
from plugin.sandbox.tns.stand_in import NO_RESULTS
from plugin.store import Store, open_store
from plugin.tns.lookup import Api, BrokerMatches, MarshalFields
from tests.fakes.mutate import ODD, mutate_bytes, mutate_json
from tests.fakes.tns import Seconds, night

KEY = "the-secret-key"
OBJECT: dict[str, Any] = {
    "objname": "2022G", "name_prefix": "SN", "objid": 98453, "object_type": {"name": "SN Ia", "id": 3},
    "redshift": 0.077, "ra": "11:39:53.103", "dec": "-14:34:55.88", "radeg": 174.97, "decdeg": -14.58,
    "hostname": None, "internal_names": ", ATLAS22aeh, PS22bqr", "discoverydate": "2022-01-01 13:23:31.200",
    "discmagfilter": {"id": 72, "name": "orange", "family": "ATLAS"}, "photometry": [], "spectra": [],
}  # fmt: skip
FOUND = [{"objname": "2022G", "prefix": "SN", "objid": 98453}, {"objname": "2022H", "prefix": "AT", "objid": 98454}]
KINDS = {"value", "NotFound", "Unavailable", "BadPayload", "Refused"}
NOW = datetime(2026, 11, 21)
HEADERS = ("x-rate-limit", "x-cone-rate-limit")


class Damaged(requests.adapters.BaseAdapter):
    """Answers of the TNS as they may come, drawn from a seed; the one in hand is kept for what is asked about it."""

    pages: ClassVar[tuple[bytes, ...]] = (
        b"<!DOCTYPE html><html><body>Down for maintenance</body></html>",
        b"<html><h1>403 Forbidden</h1></html>",
        b"\n  <HTML>",
        b"",
        b"\x00\xff\xfe",
        b"Exceeded",
        b"[" * 100_000,
        b'{"id_code":' + b"9" * 5000 + b"}",
    )

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng, self.count = random.Random(seed), 0
        self.bulk = zipped(night(20, 10)[1][:12], "2026-11-21 00:00:00 - 23:59:59")
        self.body = b""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.count += 1
        reply = requests.Response()
        reply.request, reply.url = request, str(request.url)
        reply.headers = CaseInsensitiveDict(self._headers())
        reply.status_code = self.rng.choice([200] * 12 + [400, 401, 403, 404, 418, 429, 500, 502, 503, 301])
        self.body = self._bulk() if "/system/files/" in reply.url else self._json(reply.url)
        if self.rng.random() < 0.1:
            self.body = self.rng.choice(self.pages)
        reply.raw = io.BytesIO(self.body)
        return reply

    def close(self) -> None:
        """Nothing is open."""

    def _json(self, url: str) -> bytes:
        data: Any = [FOUND, []][self.rng.random() < 0.2] if url.endswith("search") else OBJECT
        if self.rng.random() < 0.1:
            data = NO_RESULTS
        old = self.rng.random() < 0.5
        body: Any = {"id_code": 200, "id_message": "OK", "data": {"received_data": {}, "reply": data} if old else data}
        drawn = self.rng.random()
        if drawn < 0.6:
            body = mutate_json(body, self.rng)
        text = json.dumps(body, default=str).encode()
        return mutate_bytes(text, self.rng) if drawn > 0.8 else text

    def _bulk(self) -> bytes:
        drawn = self.rng.random()
        if drawn < 0.4:
            return mutate_bytes(self.bulk, self.rng)
        with zipfile.ZipFile(io.BytesIO(self.bulk)) as archive:
            text = archive.read(archive.namelist()[0])
        packed = io.BytesIO()
        method = self.rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.writestr("tns.csv", mutate_bytes(text, self.rng))
            if drawn > 0.95:
                archive.writestr("another.csv", text)
        return packed.getvalue()

    def _headers(self) -> dict[str, str]:
        made = {"Content-Type": self.rng.choice(["application/json", "text/html; charset=x", "", "application/zip"])}
        for name in HEADERS:
            for part in ("limit", "remaining", "reset"):
                if self.rng.random() < 0.6:
                    odd = ["Exceeded", "exceeded ", "0", "3", "-1", "1e400", "nan", "", "x", "9" * 400, "2.5", "60"]
                    made[f"{name}-{part}"] = self.rng.choice(odd)
        return made


@pytest.fixture
def store(tmp_path: Any) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal="m") as opened:
        yield opened


def outcome(call: Callable[[], Any]) -> str:
    """How a call ended; any exception outside the tree fails the test."""
    try:
        call()
    except UpstreamError as error:
        return "the key in a message" if KEY in str(error) else type(error).__name__
    return "value"


def client(http: Damaged, seconds: Seconds) -> Tns:
    made = Tns(
        "http://tns.test", bot_id=1, bot_name="b", api_key=KEY, budget=Budget(clock=seconds, sleep=seconds.sleep)
    )
    made._session.mount("http://", http)
    return made


def test_damaged_answers_of_the_api() -> None:
    http, seconds, outcomes = Damaged(1), Seconds(), Counter()
    target = Target(target_id="ZTF26a", ra_deg=174.97, dec_deg=-14.58)
    with client(http, seconds) as tns:
        calls = (
            lambda: tns.near(10.0, 5.0, 2.0),
            lambda: tns.named("ZTF26a"),
            lambda: tns.object("2022G"),
            lambda: Api(tns=tns).match(target),
        )
        while http.count < 6000:
            outcomes[outcome(calls[http.count % 4])] += 1
            seconds.now += 3600.0
    assert set(outcomes) == KINDS
    assert min(outcomes.values()) > 20, outcomes


def test_damaged_bulk_files_go_into_the_database_or_nowhere(store: Store) -> None:
    """Rows that are left over after the damage are such that the database takes them and gives them back."""
    http, seconds, outcomes = Damaged(2), Seconds(), Counter()

    def take() -> None:
        objects = list(tns.bulk(daily_file("20261121")))
        last = {one.objid: one for one in objects}
        with store.begin() as unit:
            unit.tns.upsert(str(http.count), objects)
            for one in list(last.values())[:3]:
                assert one in unit.tns.near(str(http.count), one.ra_deg, one.dec_deg, 1.0)

    with client(http, seconds) as tns:
        while http.count < 2500:
            outcomes[outcome(take)] += 1
            seconds.now += 3600.0
    assert set(outcomes) == KINDS
    assert min(outcomes.values()) > 20, outcomes


def test_damaged_objects_and_rows_of_brokers_and_marshals(store: Store) -> None:
    rng, outcomes = random.Random(3), Counter()
    row = {"_id": "1", "name": "2022G", "name_prefix": "SN", "ra": 10.0, "dec": 5.0, "type": "SN Ia", "redshift": "0.1"}
    target = Target(target_id="a", ra_deg=10.0, dec_deg=5.0)
    with store.begin() as unit:
        for number in range(1500):
            damaged = mutate_json(OBJECT, rng)
            if isinstance(damaged, dict):
                outcomes[outcome(lambda one=damaged: unit.tns.upsert("objects", [from_object(one)]))] += 1
            rows = mutate_json([row, row], rng)
            if isinstance(rows, list):
                found = BrokerMatches(rows=lambda _, rows=rows: rows).match(target)
                outcomes["broker"] += found is not None
                unit.names.put(f"b{number}", found, NOW)
            odd = Target(target_id="a", tns_name=rng.choice([*ODD, "SN 2022G"]), tns_type=rng.choice(ODD))
            unit.names.put(f"a{number}", MarshalFields().match(odd), NOW)
    assert set(outcomes) == {"value", "BadPayload", "broker"}
    assert min(outcomes.values()) > 50, outcomes


def test_pages_in_place_of_answers_are_told_apart() -> None:
    seconds = Seconds()

    class Page(Damaged):
        status, page, kind = 200, b"<html>maintenance</html>", "text/html"

        def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
            reply = super().send(request)
            reply.status_code, reply.raw = self.status, io.BytesIO(self.page)
            reply.headers = CaseInsensitiveDict({"Content-Type": self.kind})
            return reply

    http = Page(4)
    with client(http, seconds) as tns:
        for status, page, kind, expected in (
            (200, b"<html>maintenance</html>", "text/html", Unavailable),
            (200, b"<!doctype html>", "application/json", Unavailable),
            (503, b"<html>503</html>", "text/html", Unavailable),
            (403, b"<html>403 Forbidden</html>", "text/html", Refused),
            (404, b"<html>404</html>", "text/html", Refused),
            (401, b'{"id_code":401,"id_message":"Unauthorized"}', "application/json", Refused),
            (200, b'{"id_code":401,"id_message":"Unauthorized"}', "application/json", Refused),
            (200, b'{"id_code":200,"id_message":"OK"}', "application/json", BadPayload),
            (200, b'{"id_code":200,"data":{"objid":null}}', "application/json", BadPayload),
            (200, json.dumps({"id_code": 200, "data": NO_RESULTS}).encode(), "application/json", NotFound),
            (200, b'{"id_code":200,"data":{"reply":{"name":{"110":{}}}}}', "application/json", NotFound),
        ):
            http.status, http.page, http.kind = status, page, kind
            seconds.now += 3600.0
            with pytest.raises(expected):
                tns.object("2022G")
        for status, expected in ((403, Unavailable), (503, Unavailable), (404, NotFound)):
            http.status, http.page, http.kind = status, b"<html></html>", "text/html"
            with pytest.raises(expected):
                list(tns.bulk(daily_file("20261121")))


texts = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=90)
OBJECT_KEYS = ("objname", "name_prefix", "objid", "object_type", "redshift", "radeg", "decdeg", "internal_names")


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OBJECT_KEYS, texts)))
def test_an_object_is_sound_or_refused(data: dict[str, Any]) -> None:
    try:
        one = from_object(data)
    except BadPayload:
        return
    assert 0 < one.objid < 2**31
    assert 0.0 <= one.ra_deg < 360.0
    assert -90.0 <= one.dec_deg <= 90.0
    assert one.name == one.name.strip()
    for text in (one.name, one.prefix, one.type, *one.internal_names):
        assert text is None or (0 < len(text) <= 64 and "\0" not in text and text.encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(
    TnsObject, objid=st.integers(1, 2**31 - 1), prefix=st.sampled_from(["AT", "SN", "TDE"]),
    name=st.text("abcdefgh,\"' é\n", min_size=1, max_size=20).map(lambda text: f"2026{text}x"),
    ra_deg=st.floats(0, 359.999), dec_deg=st.floats(-90, 90), type=st.none() | st.sampled_from(["SN Ia", "TDE-H-He"]),
    redshift=st.none() | st.floats(0, 9),
), max_size=20))  # fmt: skip
def test_what_a_bulk_file_holds_comes_out_of_it(objects: list[TnsObject]) -> None:
    assert list(read_csv(unzip(io.BytesIO(zipped(objects, "2026-11-21 00:00:00"))))) == objects
