"""NEEDLE's record: the first crossing stays, what people say decides, and our own words count nowhere."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest

from iris_client.protocols import TransientName
from iris_client.taxonomy.names import translate
from models.domain import Report, Status
from plugin.ops.needle_record import Record, Share, as_csv, as_plain, in_words, read_record, truth_of
from plugin.store import ASTRANET, Filed, Store, spectrum
from plugin.store.needle import Crossing, Noted
from plugin.store.truth.truths import Told

NOW = datetime(2026, 11, 1, 12)
DAY = timedelta(days=1)


def crossing(name: str, label: str = "TDE", at: datetime = NOW, p: float = 0.9) -> Crossing:
    return Crossing(
        target_id=name, label=label, crossed_at=at, alert_mjd=61345.2, probability=p, threshold=0.8, model="m@1"
    )


def noted(name: str, *, listed: bool = True, discovery: float | None = 61335.5, at: datetime = NOW) -> Noted:
    return Noted(target_id=name, listed=listed, ra_deg=10.0, dec_deg=-5.0, discovery_mjd=discovery, answered_at=at)


def typed(store: Store, name: str, kind: str | None, at: datetime) -> None:
    found = TransientName(name=f"SN 2026{name}", type=kind, source="mirror")
    with store.begin() as unit:
        unit.names.put(name, found, at)


def test_the_first_crossing_of_a_class_stays_and_the_earliest_detection_too(store):
    with store.begin() as unit:
        unit.needle.note(noted("a", listed=False))
        unit.needle.cross(crossing("a"))
        unit.needle.cross(crossing("a", at=NOW + DAY, p=0.99))
        unit.needle.cross(crossing("a", "SLSN-I", at=NOW + 2 * DAY))
        unit.needle.note(noted("a", listed=True, discovery=61340.0, at=NOW + DAY))
        unit.needle.note(noted("a", listed=True, discovery=None, at=NOW + DAY))
    with store.begin() as unit:
        assert [(c.label, c.crossed_at, c.probability) for c in unit.needle.crossings("a")] == [
            ("TDE", NOW, 0.9),
            ("SLSN-I", NOW + 2 * DAY, 0.9),
        ]
        (found,) = unit.needle.objects()
        assert (found.listed, found.discovery_mjd, found.answered_at) == (True, 61335.5, NOW)
        unit.needle.note(noted("a", discovery=61330.0))
        assert unit.needle.of("a").discovery_mjd == 61330.0
        assert unit.needle.of("b") is None


def test_what_the_marshal_does_not_have_is_told_apart(store):
    with store.begin() as unit:
        unit.needle.note(noted("a", listed=False))
        unit.needle.note(noted("b"))
        assert (unit.needle.unlisted("a").ra_deg, unit.needle.unlisted("b")) == (10.0, None)


def test_another_marshals_record_is_not_ours(store):
    with store.begin() as unit:
        unit.needle.note(noted("a"))
        unit.needle.cross(crossing("a"))
    with Store(store.engine, "http://other.test").begin() as unit:
        assert (unit.needle.crossings(), unit.needle.objects()) == ([], [])


@pytest.fixture
def filled(store) -> Store:
    """Five candidates of TDE: one is, one is a SN, one an AGN, one unknown, one known before; two were missed."""
    with store.begin() as unit:
        for n, name in enumerate("abcdexy"):
            unit.needle.note(noted(name, at=NOW + n * DAY))
            if name in "abcde":
                unit.needle.cross(crossing(name, at=NOW + n * DAY))
        unit.needle.cross(crossing("b", "SLSN-I", at=NOW + 9 * DAY))
        report = Report.refusal(target_id="a", spectrum_id="1", caveats=[], bundle="m", input_hash="0")
        filed = Filed(
            subject=spectrum("1"), producer=ASTRANET, target_id="a", version="v", report=report, filed_at=NOW,
            observed_at="2026-11-04T00:00:00",
        )  # fmt: skip
        unit.reports.put(filed)
    assert report.status is Status.REFUSED
    said = [
        ("a", "TDE", 7),
        ("b", "SN Ia", 3),
        ("c", "AGN", 2),
        ("e", "TDE-H-He", -2),
        ("x", "TDE", 9),
        ("y", "TDE", 9),
    ]
    for name, kind, days in said:
        typed(store, name, None, NOW - 30 * DAY)
        typed(store, name, kind, NOW + days * DAY)
    typed(store, "d", None, NOW)
    return store


def test_days_before_others_and_what_it_turned_out_to_be(filled):
    with filled.begin() as unit:
        record = read_record(unit, ("tns", "marshal"))
    rows = {(row.target_id, row.label): row for row in record.rows}
    assert [row.crossed_at for row in record.rows] == sorted((row.crossed_at for row in record.rows), reverse=True)
    a, d, e = rows["a", "TDE"], rows["d", "TDE"], rows["e", "TDE"]
    assert (a.after_discovery_days, a.before_spectrum_days, a.before_class_days) == (10.0, 2.5, 7.0)
    assert (a.truth, a.tns_name) == ("TDE", "SN 2026a")
    assert (d.before_spectrum_days, d.before_class_days, d.truth) == (None, None, None)
    assert (e.before_class_days, e.truth) == (-6.0, "TDE")


def test_purity_and_completeness_with_their_intervals(filled):
    with filled.begin() as unit:
        record = read_record(unit, ("tns", "marshal"))
    slsn, tde = record.figures
    assert (tde.purity.hits, tde.purity.total, tde.unknown) == (2, 4, 1)
    assert (tde.completeness.hits, tde.completeness.total) == (2, 4)
    assert tde.purity.interval == pytest.approx((0.0676, 0.9324), abs=1e-4)  # from tables
    assert (slsn.purity.hits, slsn.purity.total, slsn.completeness.value) == (0, 1, None)
    assert (record.answered, record.typed) == (7, 6)
    assert str(Share(hits=0, total=0)) == "none known yet"


def told(store: Store, name: str, source: str, kind: str, *, days: float = 1.0, **more) -> None:
    with store.begin() as unit:
        label = Told(key=f"{source} 1", name=kind, told_at=NOW + days * DAY, **more)
        unit.truth.hear(name, source, [label], NOW + 20 * DAY)


def record_of(store: Store, *trust: str) -> Record:
    with store.begin() as unit:
        return read_record(unit, trust or ("tns", "marshal", "file"))


def test_a_class_that_people_gave_on_the_marshal_alone_counts(filled):
    told(filled, "d", "marshal", "Tidal Disruption Event", days=5)
    record = record_of(filled)
    (d,) = (row for row in record.rows if row.target_id == "d")
    assert (d.truth, d.before_class_days, d.tns_name) == ("TDE", 2.0, "SN 2026d")
    tde = record.figures[1]
    assert (tde.purity.hits, tde.purity.total, tde.unknown) == (3, 5, 0)
    assert (tde.completeness.hits, tde.completeness.total) == (3, 5)
    assert {row.truth for row in record_of(filled, "tns").rows if row.target_id == "d"} == {None}


@pytest.mark.parametrize(("kind", "truth"), [("SLSN-I", "SLSN-I"), ("SLSN-II", "SLSN-II"), ("Ic", "SN"), ("CV", "CV")])
def test_the_marshals_names_mean_what_the_tnss_do(filled, kind, truth):
    told(filled, "d", "marshal", kind)
    assert {row.truth for row in record_of(filled).rows if row.target_id == "d"} == {truth}


def test_people_who_disagree_give_no_truth_and_who_is_sure_is_heard(filled):
    told(filled, "b", "tns", "SN Ia")
    told(filled, "b", "marshal", "Type II")
    told(filled, "c", "marshal", "AGN", probability=0.9)
    told(filled, "d", "marshal", "TDE", probability=0.3)
    truths = {row.target_id: row.truth for row in record_of(filled).rows}
    assert (truths["b"], truths["c"], truths["d"]) == (None, "AGN", None)


def test_a_type_that_came_from_our_own_report_is_no_truth(filled):
    told(filled, "b", "tns", "SN Ia", derived=True)
    assert {row.truth for row in record_of(filled).rows if row.target_id == "b"} == {None}


def test_who_is_not_trusted_decides_nothing(filled):
    with filled.begin() as unit:
        record = read_record(unit, ("marshal",))
    assert record.typed == 0
    assert {row.truth for row in record.rows} == {None}


@pytest.mark.parametrize(
    ("raw", "truth"),
    [("SLSN-I", "SLSN-I"), ("Ic-SLSN", "SLSN-I"), ("SLSN-II", "SLSN-II"), ("II-SLSN", "SLSN-II"), ("SLSN", "SLSN"),
     ("SN IIn", "SN"), ("SN Ic-BL", "SN"), ("TDE-He", "TDE"), ("AGN", "AGN"), ("CV", "CV"), ("Other", None)],
)  # fmt: skip
def test_what_types_mean(raw, truth):
    assert truth_of(translate(raw)) == truth


def test_as_a_table_as_json_and_in_words(filled):
    with filled.begin() as unit:
        record = read_record(unit, ("tns", "marshal"))
    rows = list(csv.DictReader(io.StringIO(as_csv(record))))
    assert len(rows) == 6
    assert {row["target_id"]: row["truth"] for row in rows if row["label"] == "TDE"} == {
        "a": "TDE", "b": "SN", "c": "AGN", "d": "", "e": "TDE",
    }  # fmt: skip
    plain = json.loads(json.dumps(as_plain(record)))
    assert plain["figures"]["TDE"]["purity"]["hits"] == 2
    assert len(plain["rows"]) == 6
    words = in_words(record)
    assert "TDE: purity 0.50 [0.07, 0.93] (2 of 4); completeness 0.50" in words
    assert "+7.0 d" in words


def test_an_empty_record_says_so(store):
    with store.begin() as unit:
        record = read_record(unit, ("tns", "marshal"))
    assert "No object has crossed" in in_words(record)
    assert as_csv(record).startswith("target_id,label,")


def test_quiet_ones_are_looked_up_only_where_that_costs_nothing(store):
    with store.begin() as unit:
        for name, listed in (("quiet", False), ("candidate", False), ("saved", True)):
            unit.needle.note(noted(name, listed=listed))
            report = Report.refusal(target_id=name, spectrum_id=None, caveats=[], bundle="m", input_hash="0")
            filed = Filed(
                subject=spectrum(name), producer=ASTRANET, target_id=name, version="v", report=report, filed_at=NOW
            )
            unit.reports.put(filed)
        unit.needle.cross(crossing("candidate"))
        due = {"filed_since": NOW - DAY, "asked_before": NOW}
        assert sorted(unit.names.due(**due)) == ["candidate", "quiet", "saved"]
        assert sorted(unit.names.due(**due, quiet=False)) == ["candidate", "saved"]
