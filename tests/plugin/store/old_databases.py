"""Databases as earlier versions left them: the schema of each release, filled with what a service collects."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, MetaData, Table, insert, select

from models.domain import Caveat, CaveatCode, Confidence, HostVerdict, Report, Status, Verdict
from plugin.store import migrate
from plugin.store.context import canonical
from plugin.store.outbox import digest

MARSHAL = "http://marshal.test"
NOW = datetime(2026, 6, 10, 12)
RELEASED = ("0001", "0002", "0003", "0004")
TNS = "https://www.wis-tns.org"


def make(engine: Engine, revision: str) -> None:
    """Make the schema of a release and fill every table of it."""
    migrate.upgrade(engine, revision)
    fill(engine)


def contents(engine: Engine, *, but: frozenset[str] = frozenset({"id"})) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, without numbers that the database gives."""
    metadata = MetaData()
    metadata.reflect(engine)
    found = {}
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            kept = [c for c in table.c if c.name not in but]
            rows = [dict(row._mapping) for row in connection.execute(select(*kept))]
            found[name] = sorted(rows, key=lambda row: canonical([str(value) for value in row.values()]))
    return found


def fill(engine: Engine) -> None:
    metadata = MetaData()
    metadata.reflect(engine)
    rows = {**_of_spectra(), **_of_posts(), **_of_tns(), **_of_objects()}
    with engine.begin() as connection:
        for name, table in metadata.tables.items():
            if name != "alembic_version":
                _insert(connection, table, rows[name])


def _insert(connection: Any, table: Table, rows: list[dict[str, Any]]) -> None:
    columns = {c.name for c in table.c}
    for row in rows:
        assert set(row) <= columns, (table.name, set(row) - columns)
        connection.execute(insert(table).values(**row))


def spectral(spectrum_id: str, target_id: str = "ZTF26a", label: str = "SN Ia") -> Report:
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities={label: 1.0}, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": (label,)},
            method="lac",
            calibration_id="c",
            calibration_size=9,
            calibration_date="2026-01-01",
        ),
        bundle="compact-1@00000000",
        input_hash="ab" * 32,
    )


def refusal(spectrum_id: str) -> Report:
    caveats = [Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 61 %")]
    return Report.refusal(
        target_id="ZTF26b", spectrum_id=spectrum_id, caveats=caveats, bundle="compact-1@00000000", input_hash="cd" * 32
    )


def of_object(name: str) -> Report:
    verdict = HostVerdict(label="TDE", probabilities={"SN": 0.1, "SLSN-I": 0.1, "TDE": 0.8}, model="needle-1")
    return Report(target_id=name, spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="needle-1@0")


def _of_spectra() -> dict[str, list[dict[str, Any]]]:
    def task(number: str, state: str, version: str = "2026-06-10T07:00:00", **more: Any) -> dict[str, Any]:
        given = {"attempts": 0, "next_try": NOW, "created_at": NOW - timedelta(hours=1), **more}
        return {"marshal": MARSHAL, "spectrum_id": number, "target_id": "ZTF26a", "modified": version,
                "state": state, **given}  # fmt: skip

    held = {"claimed_by": "b" * 32, "claimed_at": NOW - timedelta(minutes=1)}
    late = {"attempts": 3, "next_try": NOW + timedelta(hours=1), "last_error": "504"}
    tasks = [
        task("9", "new", "2026-06-10T09:00:00"),
        task("10", "new", "2026-06-10T08:00:00"),
        task("11", "new", **late),
        task("12", "claimed", **held),
        task("13", "parked", attempts=50, last_error="BadPayload: data is str, é"),
        task("1", "superseded", "2026-06-09T07:00:00"),
        task("1", "done"),
        task("2", "gone"),
        task("3", "baseline", "2020-01-01T00:00:00"),
        {**task("9", "new"), "marshal": "http://elsewhere.test"},
    ]

    def report(number: str, what: Report, current: bool = True, version: str = "2026-06-10T07:00:00") -> dict[str, Any]:
        return {
            "marshal": MARSHAL,
            "spectrum_id": number,
            "target_id": what.target_id,
            "modified": version,
            "status": str(what.status),
            "is_current": current,
            "observed_at": "2026-06-09T05:00:00",
            "instrument": "SEDM",
            "group_ids": "[2,6]",
            "body": what.to_json(),
            "input_hash": what.input_hash,
            "bundle": what.bundle,
            "filed_at": NOW - timedelta(days=1),
        }

    reports = [
        report("1", spectral("1", label="SN II"), current=False, version="2026-06-09T07:00:00"),
        report("1", spectral("1")),
        report("4", refusal("4")),
    ]
    marks = [{"marshal": MARSHAL, "source": "poll 2,6", "cursor": "2026-06-10T07:00:00.000000"},
             {"marshal": MARSHAL, "source": "watch 2,6", "cursor": "2026-06-10T08:00:00.000000"}]  # fmt: skip
    return {"tasks": tasks, "reports": reports, "watermark": marks}


def _of_posts() -> dict[str, list[dict[str, Any]]]:
    body = {"class": "SN Ia", "p": 0.9}

    def post(place: str, state: str, **more: Any) -> dict[str, Any]:
        given = {"attempts": 0, "next_try": NOW, **more}
        return {"marshal": MARSHAL, "place_kind": "spectrum", "place_id": place, "kind": "annotation",
                "origin": "ASTRANet", "body": canonical(body), "group_ids": "[6]",
                "body_sha": digest(body, (6,)), "state": state, **given}  # fmt: skip

    held = {"attempts": 1, "claimed_by": "b" * 32, "claimed_at": NOW - timedelta(minutes=1)}
    outbox = [
        post("1", "sent"),
        post("4", "pending"),
        post("5", "sending", **held),
        post("6", "parked", attempts=2, last_error="no such group"),
        {**post("2", "retracted"), "body": None, "body_sha": "nothing"},
    ]
    there = {"marshal": MARSHAL, "place_kind": "spectrum", "kind": "annotation", "origin": "ASTRANet"}
    delivered = [
        {**there, "place_id": "1", "body_sha": digest(body, (6,)), "remote_id": "77", "delivered_at": NOW},
        {**there, "place_id": "5", "body_sha": None, "remote_id": None, "delivered_at": None},
    ]
    return {"outbox": outbox, "delivered": delivered}


def _of_tns() -> dict[str, list[dict[str, Any]]]:
    objects = [
        {"server": TNS, "objid": 7, "prefix": "SN", "name": "2026abc", "ra_deg": 150.0, "dec_deg": 2.0, "dec_band": 120,
         "type": "SN Ia", "redshift": 0.05, "internal_names": '["ZTF26a"]', "modified": "2026-06-09 00:00:00"},
    ]  # fmt: skip
    files = [{"server": TNS, "file": "full", "read_at": NOW, "not_before": None}]
    names = [
        {"marshal": MARSHAL, "target_id": "ZTF26a", "since": NOW - timedelta(days=2), "asked_at": NOW,
         "name": "AT 2026abc", "type": None, "redshift": None, "separation_arcsec": 0.3, "source": "mirror"},
        {"marshal": MARSHAL, "target_id": "ZTF26a", "since": NOW - timedelta(days=1), "asked_at": NOW,
         "name": "SN 2026abc", "type": "SN Ia", "redshift": 0.05, "separation_arcsec": 0.3, "source": "mirror"},
    ]  # fmt: skip
    return {"tns_objects": objects, "tns_files": files, "tns_names": names}


def _of_objects() -> dict[str, list[dict[str, Any]]]:
    def row(name: str, state: str, version: str = "61001.50000 2", **more: Any) -> dict[str, Any]:
        given = {"attempts": 0, "next_try": NOW, "touched_at": NOW - timedelta(days=3), "asked": 1, "saved": True}
        return {"marshal": MARSHAL, "target_id": name, "version": version, "state": state, **given, **more}

    held = {"claimed_by": "b" * 32, "claimed_at": NOW - timedelta(minutes=1), "asked": 4}
    objects = [
        row("ZTF26a", "done"),
        row("ZTF26n", "new", ""),
        row("ZTF26i", "idle", "61000.00000", asked=0, saved=False),
        row("ZTF26c", "claimed", **held),
        row("ZTF26p", "parked", attempts=2, last_error="the models failed: FloatingPointError: NaN"),
        row("ZTF26g", "gone"),
    ]

    def report(name: str, version: str, what: Report, current: bool = True) -> dict[str, Any]:
        return {
            "marshal": MARSHAL,
            "target_id": name,
            "version": version,
            "status": str(what.status),
            "is_current": current,
            "group_ids": "[6]",
            "body": what.to_json(),
            "facts": canonical({"n_g": 3, "n_r": 0, "phase": 1.5}),
            "input_hash": what.input_hash,
            "model": what.bundle,
            "filed_at": NOW - timedelta(days=1),
        }

    silent = Report(target_id="ZTF26r", spectrum_id=None, status=Status.REFUSED, reason="no light curve", bundle="n@0")
    reports = [
        report("ZTF26a", "61000.50000 1", of_object("ZTF26a"), current=False),
        report("ZTF26a", "61001.50000 2", of_object("ZTF26a")),
        report("ZTF26r", "0", silent),
    ]
    return {"objects": objects, "object_reports": reports}
