"""Ten thousand damaged payloads: whatever comes, the clients answer with a value or with an error of the tree."""

import io
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pytest

import plugin
from iris_client.brokers.alert import alert
from iris_client.brokers.avro import read_alert
from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.brokers.records import from_stream, stubs
from iris_client.brokers.stamps import cutouts
from iris_client.errors import UpstreamError
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME
from tests.fakes.kafka import record
from tests.fakes.mutate import mutate_bytes, mutate_json

FILES = Path(plugin.__file__).parent / "sources" / "graphql"
DOCUMENTS = (FILES / "spectra.graphql").read_text()
FIELDS = FieldMap.from_json((FILES / "fields.json").read_text())
NAME = "ZTF26aaaaaaa"
HTTP_PAYLOADS = 4000


def survives(call: Callable[[], Any]) -> bool:
    """Whether it gave a value; any exception outside the tree fails the test."""
    try:
        call()
    except UpstreamError:
        return False
    return True


class Damaging(httpx.BaseTransport):
    """Passes requests on and damages the answers, one in two in its JSON, one in two in its bytes."""

    def __init__(self, seed: int) -> None:
        self._inner, self._rng, self._cache = httpx.HTTPTransport(), random.Random(seed), {}
        self.damaged = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        key = (request.method, str(request.url), request.content)
        if key not in self._cache:
            reply = self._inner.handle_request(request)
            self._cache[key] = reply.status_code, reply.headers.get("content-type", ""), reply.read()
        status, kind, body = self._cache[key]
        if request.url.path.endswith("/auth") and self._rng.random() < 0.9:
            return httpx.Response(status, content=body, headers={"content-type": kind})
        self.damaged += 1
        if self._rng.random() < 0.5:
            return httpx.Response(status, content=mutate_bytes(body, self._rng), headers={"content-type": kind})
        text = json.dumps(mutate_json(json.loads(body), self._rng), default=str, ensure_ascii=True)
        return httpx.Response(status, content=text.encode(), headers={"content-type": kind})

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def marshal() -> Iterator[Sandbox]:
    with Sandbox(graphql=True) as sandbox:
        sandbox.add_source(NAME, redshift=0.1)
        sandbox.add_spectrum(NAME, wavelengths=[4000.0, 5000.0, 6000.0], fluxes=[1.0, 2.0, math.nan], origin="SEDM")
        sandbox.add_photometry(NAME, mjd=61000.0, mag=18.0, magerr=0.1)
        sandbox.add_classification(NAME, "Ia")
        sandbox.add_alert({**invented(NAME, 5), **dict.fromkeys(("cutoutTemplate", "cutoutDifference"))})
        yield sandbox


def calls(client: Any) -> list[Callable[[], Any]]:
    """Everything that reads."""
    if hasattr(client, "alerts"):
        return [lambda: client.alerts(NAME), lambda: client.alert(NAME, "5")]
    found = [
        lambda: client.spectra_modified_since(None, group_ids=[6]),
        lambda: list(client.spectra_shared_with(group_ids=[6])),
        lambda: client.spectrum("1"),
        lambda: client.target(NAME),
    ]
    if isinstance(client, SkyPortal):
        found += [lambda: client.light_curve(NAME), client.account, client.sysinfo]
        found += [lambda: list(client.sources_modified_since("2026-01-01T00:00:00", group_ids=[6]))]
    return found


@pytest.mark.parametrize("kind", ["rest", "graphql", "skyportal broker", "boom"])
def test_damaged_answers_over_http(marshal: Sandbox, kind: str) -> None:
    http = Damaging(seed=len(kind))
    options: dict[str, Any] = {"pacer": Pacer(1e6, 1000, sleep=_no_wait), "sleep": _no_wait, "http": http}
    if kind == "rest":
        client: Any = SkyPortal(marshal.url, marshal.token, **options)
    elif kind == "graphql":
        url = f"{marshal.url}/graphql"
        client = GraphQLSpectra(url, marshal.token, documents=DOCUMENTS, fields=FIELDS, persisted=False, **options)
    elif kind == "boom":
        client = Boom(f"{marshal.url}/boom", USERNAME, PASSWORD, **options)
    else:
        client = SkyPortalBroker(marshal.url, marshal.token, **options)
    good = bad = 0
    with client:
        while http.damaged < HTTP_PAYLOADS // 4:
            for call in calls(client):
                if survives(call):
                    good += 1
                else:
                    bad += 1
    assert good > 10, "damage that nothing survives tests nothing"
    assert bad > 10, "damage that everything survives tests nothing"


def test_damaged_alert_packets() -> None:
    rng, packet = random.Random(3), {**invented(NAME, 5), **dict.fromkeys(("cutoutTemplate", "cutoutDifference"))}
    packet["cutoutScience"] = None
    packet["fp_hists"][0] |= {"forcediffimflux": 100.0, "forcediffimfluxunc": 10.0, "magzpsci": 26.0}
    filtered = {**packet, "jd": 2461000.5, "photometry": [{"jd": 2461000.5, "band": "g", "flux": 1.0, "flux_err": 0.1}]}
    for _ in range(1500):
        damaged = mutate_json(packet, rng)
        if isinstance(damaged, dict):
            survives(lambda damaged=damaged: alert(damaged))
            survives(lambda damaged=damaged: stubs([damaged]))
        stream = mutate_json(filtered, rng)
        if isinstance(stream, dict):
            survives(lambda stream=stream: from_stream(stream))


def test_damaged_avro_files() -> None:
    rng, whole = random.Random(4), record(invented(NAME, 5, epochs=1))
    small = record({**invented(NAME, 5, epochs=1), **dict.fromkeys(("cutoutScience", "cutoutTemplate"))})
    outcomes = [survives(lambda: read_alert(mutate_bytes(rng.choice([whole, small]), rng))) for _ in range(700)]
    assert 0 < sum(outcomes) < len(outcomes)


def test_damaged_stamps_are_a_caveat_and_never_an_error() -> None:
    rng, packet = random.Random(5), invented(NAME, 5)
    plain = io.BytesIO()
    from astropy.io import fits

    fits.PrimaryHDU([[1.0, 2.0], [3.0, 4.0]]).writeto(plain)
    for _ in range(300):
        stamps = {k: mutate_bytes(rng.choice([packet["cutoutScience"], plain.getvalue()]), rng) for k in _KINDS}
        found, caveats = cutouts(stamps, candid="5", band="g", mjd=61000.0, position=(500.0, 500.0))
        for kind in _KINDS:
            stamp = getattr(found, kind)
            assert stamp is not None or any(c.text.startswith(f"{kind} stamp") for c in caveats)


def test_an_avro_file_of_something_else() -> None:
    for schema, value in (("string", "x"), ({"type": "array", "items": "int"}, [1]), ("null", None)):
        buffer = io.BytesIO()
        fastavro.writer(buffer, schema, [value])
        assert not survives(lambda buffer=buffer: read_alert(buffer.getvalue()))


_KINDS = ("science", "template", "difference")


def _no_wait(_seconds: float) -> None:
    """Time does not pass here."""
