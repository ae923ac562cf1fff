"""NEEDLE in the whole service against the embedded marshal and its broker, over HTTP."""

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from iris_client.brokers.avro import read_packets
from plugin.cycle.objects.compose import KEYS
from plugin.sandbox import Sandbox
from plugin.store import NEEDLE
from plugin.store.tables import reports
from tests.system.test_cycle import open_app

REAL = "ASTRANET_DATA_DIR"
TEXTS = {"class", "set", "status", "model", "caveats", "host_from", "host_z_kind"}


def real_packets() -> dict[str, list[dict[str, Any]]]:
    """Every real packet once, by object, in the order of their exposures."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for path in sorted((Path(os.environ[REAL]) / "ztf" / "alerts").rglob("*.avro")):
        for packet in read_packets(path):
            found[packet["objectId"]].setdefault(packet["candid"], packet)
    return {name: sorted(p.values(), key=lambda a: a["candidate"]["jd"]) for name, p in found.items()}


def needle_posts(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {a["place"]: a["data"] for a in sandbox.annotations() if a["origin"] == "NEEDLE"}


@pytest.mark.slow
@pytest.mark.skipif(REAL not in os.environ, reason="needs ASTRANET_DATA_DIR with real alert packets")
def test_every_real_packet_ends_in_an_answer_or_a_reason(tmp_path):
    """Night by night: the n-th packet of each object comes in the n-th cycle."""
    packets = real_packets()
    outcomes: Counter[str] = Counter()
    with Sandbox() as sandbox, open_app(sandbox, tmp_path, alert_source="marshal", overlap_seconds=0) as app:
        for night in range(max(map(len, packets.values()))):
            for name, of_object in packets.items():
                if night < len(of_object):
                    sandbox.add_alert(of_object[night])
                    place = of_object[night]["candidate"]
                    sandbox.add_source(name, ra=place["ra"], dec=place["dec"], group_ids=())
                    sandbox.add_candidate(name)
            # One cycle looks at a limited number of objects; what waits has its turn in the next.
            for _ in range(3):
                cycle = app.once()
                outcomes += cycle.objects
                if cycle.complete:
                    break
            assert cycle.complete
        with app.store.engine.connect() as connection:
            rows = connection.execute(reports.select().where(reports.c.producer == NEEDLE)).all()
        with app.store.begin() as unit:
            current = {f.target_id: f for f in unit.reports.every(NEEDLE)}
        said = {(row.target_id, row.version.partition(" ")[2]) for row in rows}
        assert said == {(name, str(p["candid"])) for name, of_object in packets.items() for p in of_object}
        for filed in current.values():
            report = filed.report
            assert (report.host_verdict is None) != (report.reason is None)
            assert "quality" in filed.facts or any(c.code in ("no_cutouts", "bad_image") for c in report.caveats)
        posts = needle_posts(sandbox)
        assert set(posts) == {name for name, filed in current.items() if filed.report.host_verdict is not None}
        for data in posts.values():
            assert set(KEYS.values()) <= set(data)
            assert all(isinstance(value, str) == (key in TEXTS) for key, value in data.items())
        sandbox.forget_requests()
        app.once()
        assert sandbox.writes() == []
    reasons = Counter(f.report.reason for f in current.values() if f.report.reason)
    print(f"\n{len(said)} packets of {len(packets)} objects: {dict(outcomes)}; at the end {dict(reasons)}")


def test_sources_that_no_broker_knows_are_answered_from_the_marshal_or_refused_with_the_cause(tmp_path):
    """The broker answers `200 data: []` about them: that is "no alerts", and no broken answer."""
    host = {"id": 1, "name": "a galaxy", "ra": 150.0, "dec": 20.0003, "redshift": 0.05, "redshift_error": 1e-4}
    with Sandbox() as sandbox, open_app(sandbox, tmp_path, alert_source="marshal") as app:
        names = [sandbox.add_source(f"ZTF26aaaaaa{n}", host=host if n else None) for n in range(2)]
        sandbox.add_source("ZTF26aaaaaa2", host=host)
        for name in names:
            for n in range(100):
                for band in ("ztfg", "ztfr"):
                    mag = 18.5 + ((n - 20) / 9.0) ** 2 if n < 20 else 18.5 + (n - 20) / 30.0
                    sandbox.add_photometry(name, mjd=61000.0 + n, band=band, mag=mag, magerr=0.05)
        cycle = app.once()
        assert cycle.complete
        assert cycle.objects.total() == 3
        asked = [r.status for r in sandbox.requests if r.path.startswith("/api/brokers/1/alerts/")]
        assert asked == [200] * 6  # once each by NEEDLE and by the look-up of names
        with app.store.begin() as unit:
            found = {f.target_id: f for f in unit.reports.every(NEEDLE)}
    assert found["ZTF26aaaaaa1"].report.host_verdict is not None
    assert found["ZTF26aaaaaa1"].facts["n_g"] > 50
    assert found["ZTF26aaaaaa2"].report.reason == "no light curve"
