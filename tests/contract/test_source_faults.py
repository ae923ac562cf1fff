"""Three in ten calls go wrong, in every way a network can: everything arrives in the end, and nothing twice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

import plugin
from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.brokers.kafka import KafkaAlerts
from iris_client.brokers.kept import AvroFolder
from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.errors import BadPayload, Unavailable
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from models.domain import CaveatCode
from plugin.sandbox import FaultKind, FaultPlan, Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME
from plugin.sandbox.brokers.lasair import ANNOTATOR, TOKEN
from tests.fakes.kafka import MockCluster, record

T = TypeVar("T")
FILES = Path(plugin.__file__).parent / "sources" / "graphql"
DOCUMENTS = (FILES / "spectra.graphql").read_text()
FIELDS = FieldMap.from_json((FILES / "fields.json").read_text())
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
COUNT = 30


@pytest.fixture
def marshal() -> Iterator[Sandbox]:
    with Sandbox(graphql=True) as sandbox:
        for n in range(COUNT):
            name = sandbox.add_source(f"ZTF26aaaa{n:03d}", redshift=0.01 * n)
            sandbox.add_spectrum(name, wavelengths=[4000.0, 5000.0], fluxes=[1.0 * n, 2.0])
            sandbox.add_alert(invented(name, 100 + n))
        sandbox.faults = FaultPlan(rates=RATES, seed=7, delay_s=2.5)
        yield sandbox


def insist(call: Callable[[], T]) -> T:
    """What the service does: put off what is unavailable and come back to it. Anything else ends the test."""
    for _ in range(20):
        try:
            return call()
        except (Unavailable, BadPayload):
            continue
    raise AssertionError("twenty times in vain")


def options() -> dict[str, Any]:
    return {"pacer": Pacer(1e6, 1000, sleep=_no_wait), "sleep": _no_wait, "timeout_s": 2.0}


def spectra_by_rest(marshal: Sandbox) -> Any:
    return SkyPortal(marshal.url, marshal.token, **options())


def spectra_by_graphql(marshal: Sandbox) -> Any:
    url = f"{marshal.url}/graphql"
    return GraphQLSpectra(url, marshal.token, documents=DOCUMENTS, fields=FIELDS, page=7, **options())


def alerts_by_skyportal(marshal: Sandbox) -> Any:
    return SkyPortalBroker(marshal.url, marshal.token, **options())


def alerts_by_boom(marshal: Sandbox) -> Any:
    return Boom(f"{marshal.url}/boom", USERNAME, PASSWORD, **options())


def lasair_calls(marshal: Sandbox) -> LasairCalls:
    budget = HourlyBudget(10**9, sleep=_no_wait)
    return LasairCalls(f"{marshal.url}/lasair/api", TOKEN, budget=budget, sleep=_no_wait, timeout_s=2.0)


def alerts_by_lasair(marshal: Sandbox) -> Any:
    return Lasair(lasair_calls(marshal), **options())


@pytest.mark.parametrize("made", [spectra_by_rest, spectra_by_graphql])
def test_all_spectra_arrive_once(marshal: Sandbox, made: Callable[[Sandbox], Any]) -> None:
    with made(marshal) as source:
        stubs = insist(lambda: source.spectra_modified_since(None, group_ids=[marshal.group_id]))
        swept = insist(lambda: list(source.spectra_shared_with(group_ids=[marshal.group_id])))
        got = [insist(lambda stub=stub: source.spectrum(stub.spectrum_id)) for stub in stubs]  # type: ignore[misc]
        targets = [insist(lambda stub=stub: source.target(stub.target_id)) for stub in stubs]  # type: ignore[misc]
    numbers = [str(n) for n in marshal.state.spectra]
    assert sorted(s.spectrum_id for s in stubs) == sorted(s.spectrum_id for s in swept) == sorted(numbers)
    assert [raw.fluxes[0] for raw in got] == [1.0 * n for n in range(COUNT)]
    assert [round(100 * t.redshift) for t in targets] == list(range(COUNT))
    assert _struck(marshal) > 5


def test_all_photometry_and_candidates_arrive_once(marshal: Sandbox) -> None:
    """A marshal's other reading: light curves, who we are, candidates and saves."""
    marshal.faults = None
    for n, name in enumerate(sorted(marshal.state.sources)):
        for day in range(3):
            marshal.add_photometry(name, mjd=61000.0 + day, mag=18.0 + 0.01 * n, magerr=0.1)
        marshal.add_candidate(name)
    marshal.faults = FaultPlan(rates=RATES, seed=9, delay_s=2.5)
    names, groups = sorted(marshal.state.sources), {"group_ids": [marshal.group_id]}
    with spectra_by_rest(marshal) as source:
        curves = [insist(lambda name=name: source.light_curve(name)) for name in names]  # type: ignore[misc]
        candidates = insist(lambda: list(source.candidates(**groups)))
        saves = insist(lambda: list(source.saves(**groups)))
        assert insist(source.account).username
    assert [list(curve.mjd) for curve in curves] == [[61000.0, 61001.0, 61002.0]] * COUNT
    assert [round(100 * (curve.mag[0] - 18.0)) for curve in curves] == list(range(COUNT))
    assert sorted(target.target_id for target in candidates) == names
    assert sorted(save.target_id for save in saves) == names
    assert _struck(marshal) > 5


@pytest.mark.parametrize("made", [alerts_by_skyportal, alerts_by_boom])
def test_all_cross_matches_arrive(marshal: Sandbox, made: Callable[[Sandbox], Any]) -> None:
    names = sorted(marshal.state.sources)
    for n, name in enumerate(names):
        marshal.state.alerts.match(name, {"name": f"2026a{n}", "name_prefix": "SN", "ra": 1.0, "dec": 2.0})
    with made(marshal) as source:
        found = [insist(lambda name=name: source.tns_matches(name)) for name in names]  # type: ignore[misc]
    assert [[row["name"] for row in rows] for rows in found] == [[f"2026a{n}"] for n in range(COUNT)]
    assert _struck(marshal) > 2


@pytest.mark.parametrize("made", [alerts_by_skyportal, alerts_by_boom, alerts_by_lasair])
def test_all_alerts_arrive_once(marshal: Sandbox, made: Callable[[Sandbox], Any]) -> None:
    found = []
    with made(marshal) as source:
        for name in sorted(marshal.state.sources):
            for stub in insist(lambda name=name: source.alerts(name)):  # type: ignore[misc]
                got = insist(lambda stub=stub: source.alert(stub.target_id, stub.candid))  # type: ignore[misc]
                known = [caveat for caveat in got.caveats if caveat.code is not CaveatCode.NO_HOST]  # Lasair tells none
                assert known == []
                assert got.light_curve.mjd.size == 7
                found.append(got.cutouts.candid)
    assert found == [str(100 + n) for n in range(COUNT)]
    assert _struck(marshal) > 5


def test_all_annotations_arrive_at_lasair_and_hang_there_once(marshal: Sandbox) -> None:
    with lasair_calls(marshal) as calls:
        for name in sorted(marshal.state.sources):
            body = {"classification": "TDE", "explanation": f"It's {name}", "classdict": {"TDE": 0.9}}
            insist(lambda name=name, body=body: calls.annotate(ANNOTATOR, name, body))  # type: ignore[misc]
    assert {name for _, name in marshal.lasair.annotations} == set(marshal.state.sources)
    assert len(marshal.lasair.annotations) == COUNT
    assert marshal.lasair.annotations[ANNOTATOR, "ZTF26aaaa000"]["classdict"] == {"TDE": 0.9}
    assert _struck(marshal) > 5


def _struck(marshal: Sandbox) -> int:
    return sum(status in (0, 429, 500, 502) for _, _, status in marshal.requests)


def damaged(n: int) -> bytes:
    """Rubbish of many kinds in place of an alert."""
    good = record(invented("ZTF26aaabad", 9000 + n))
    return [good[: len(good) // 3], b"<html>log in</html>", b"", b"Obj\x01", record(invented("", 9000 + n))][n % 5]


def test_a_stream_with_rubbish_and_repetitions_gives_every_alert_once() -> None:
    cluster, topic = MockCluster(), "boom.faults"
    sent = []
    for n in range(COUNT):
        good = record(invented("ZTF26aaaaaaa", 100 + n))
        sent += [good, *([damaged(n)] if n % 2 else []), *([good] if n % 3 == 0 else [])]
    cluster.send(topic, *sent)
    stream = KafkaAlerts.connect(cluster.servers, [topic], group="faults")
    got: list[str] = []
    while len(got) < COUNT and (more := stream.receive(most=7, patience_s=20)):
        got += [found.cutouts.candid for found in more]
        stream.commit()
    stream.receive(patience_s=1)
    assert got == [str(100 + n) for n in range(COUNT)]
    assert len(stream.rejected) == COUNT // 2
    assert len(stream.alerts("ZTF26aaaaaaa")) == COUNT
    stream.close()


def test_a_folder_with_damaged_files_gives_the_others_and_says_why(tmp_path: Path) -> None:
    for n in range(COUNT):
        whole = record(invented("ZTF26aaaaaaa", 100 + n, jd=2461000.5 + n))
        (tmp_path / f"{n}.avro").write_bytes(damaged(n) if n % 3 == 0 else whole)
    folder = AvroFolder(tmp_path)
    left = [str(100 + n) for n in range(COUNT) if n % 3]
    assert [stub.candid for stub in folder.alerts("ZTF26aaaaaaa")] == left
    assert sorted(name for name, _ in folder.rejected) == sorted(f"{n}.avro" for n in range(0, COUNT, 3))
    assert all(why for _, why in folder.rejected)


def _no_wait(_seconds: float) -> None:
    """Time does not pass here."""
