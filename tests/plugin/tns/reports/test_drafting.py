"""Which answers become drafts, what stands in them, and who is left out with which reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iris_client.errors import Unavailable
from iris_client.files.spectra import read_spectra as read_file
from iris_client.quality.control import QualityRules
from models.domain import HumanLabel, RedshiftEstimate, Subtype, Target, WhatIf
from plugin.store import Store
from plugin.tns.reports.drafting import Drafted, Drafting, Signature
from plugin.tns.reports.files import write_files
from plugin.tns.reports.types import tns_type
from tests.fakes.marshal import FakeMarshal
from tests.fakes.tns_reports import SERVER, answer, called, file, make_draft, purities, tables
from tests.plugin.conftest import FakeClock

SIGNED = Signature(classifier="A. Bee (Institute)", observer="Robot", reducer="pysedm", group_id=48)


@pytest.fixture
def draft(store: Store, marshal: FakeMarshal, clock: FakeClock):
    def run(**change) -> Drafted:
        given = {"tables": tables(), "signature": SIGNED, "at_least": 0.95, "purities": purities(), **change}
        return Drafting(store=store, marshal=marshal, server=SERVER, rules=QualityRules(), **given).run(clock())

    return run


@pytest.fixture
def put(store: Store, marshal: FakeMarshal, clock: FakeClock):
    def one(name: str = "ZTF26a", tns: str | None = "AT 2026abc", *, report=None, kind=None, z=None, **more) -> None:
        file(store, marshal, report or answer(name, more.pop("spectrum", f"s-{name}")), clock(), **more)
        if tns is not None:
            called(store, name, tns, clock(), kind, z)

    return one


def test_a_draft_has_everything_the_tns_wants(put, draft) -> None:
    z = Target(target_id="ZTF26a", redshift=0.0512, redshift_origin="host")
    put(target=z, observers=("Ann Observer", "B. Two"), reducers=("pysedm",), exposure_s=2250.0)
    found = draft()
    one = found.drafts["ZTF26a"]
    assert (one.name, one.type_name, one.missing, found.left_out) == ("2026abc", "SN Ia", (), {})
    entry = one.wire(reviewer="Ann Example", stored_name="kept.ascii", tables=tables())["classification_report"]["0"]
    spectrum = entry["spectra"]["spectra-group"]["0"]
    assert (entry["objtypeid"], entry["groupid"], entry["redshift"]) == ("3", "48", "0.0512")
    assert entry["classifier"] == "A. Bee (Institute)"
    assert "Classified by a machine" in entry["remarks"]
    assert "reviewed by Ann Example" in entry["remarks"]
    assert "fake-1@00000000" in entry["remarks"]
    assert "Redshift from the marshal (host)" in entry["remarks"]
    wanted = {"obsdate": "2026-06-09 05:00:00", "instrumentid": "149", "exptime": "2250", "ascii_file": "kept.ascii"}
    assert {key: spectrum[key] for key in wanted} == wanted
    assert (spectrum["observer"], spectrum["reducer"], spectrum["spectypeid"]) == (
        "Ann Observer, B. Two",
        "pysedm",
        "10",
    )


def test_the_file_says_what_it_is_and_is_read_back(put, draft, marshal: FakeMarshal, tmp_path: Path) -> None:
    put(exposure_s=1800.0, units="erg/s/cm2/A")
    raw = marshal.spectra["s-ZTF26a"]
    marshal.spectra["s-ZTF26a"] = replace(raw, errors=[1e-18] * len(raw.wavelengths))
    one = draft().drafts["ZTF26a"]
    head = [line for line in one.ascii.splitlines() if line.startswith("#")]
    for said in (
        "OBJECT     = 2026abc",
        "2026-06-09T05:00:00",
        "SEDM",
        "A. Observer",
        "1800 s",
        "Angstrom",
        "flux_error",
    ):
        assert any(said in line for line in head), said
    columns = np.loadtxt(one.ascii.splitlines())
    assert columns.shape == (400, 3)
    assert columns[:, 0] == pytest.approx(raw.wavelengths, abs=1e-3)
    assert columns[:, 1] == pytest.approx(raw.fluxes, rel=1e-5)
    path = tmp_path / one.file_name
    path.write_text(one.ascii)
    assert path.name == "2026abc_20260609_SEDM.ascii"
    (again,) = read_file(path)
    assert again.trouble is None
    assert list(again.fluxes) == pytest.approx(raw.fluxes, rel=1e-5)


def test_a_redshift_is_the_marshals_or_the_tnss_and_never_ours(put, draft) -> None:
    put("ZTF26a", "AT 2026a")
    put("ZTF26b", "AT 2026b", z=0.071)
    put("ZTF26c", "AT 2026c", z=0.071, target=Target(target_id="ZTF26c", redshift=0.08))
    found = draft().drafts
    assert {name: (one.redshift, one.redshift_source) for name, one in found.items()} == {
        "ZTF26a": (None, None),
        "ZTF26b": (0.071, "the TNS (mirror)"),
        "ZTF26c": (0.08, "the marshal"),
    }
    entry = found["ZTF26a"].wire(reviewer="x", stored_name="y", tables=tables())["classification_report"]["0"]
    assert entry["redshift"] == ""


def test_a_redshift_of_matches_is_told_as_such_and_a_known_one_goes_first(put, draft) -> None:
    matched = {"redshift": RedshiftEstimate(value=0.06149, low=0.055, high=0.068, alpha=0.1, best=0.06, share=0.9)}
    doubtful = {"redshift": RedshiftEstimate(value=None, alpha=0.1, best=0.06, share=0.2)}
    put("ZTF26a", "AT 2026a", report=answer("ZTF26a", "a", found=matched))
    put("ZTF26b", "AT 2026b", report=answer("ZTF26b", "b", found=matched), z=0.071)
    put("ZTF26c", "AT 2026c", report=answer("ZTF26c", "c", found=doubtful))
    assert {name: (one.redshift, one.redshift_source) for name, one in draft().drafts.items()} == {
        "ZTF26a": (0.061, "matching archive spectra (0.055 to 0.068)"),
        "ZTF26b": (0.071, "the TNS (mirror)"),
        "ZTF26c": (None, None),
    }


def without(**p: float) -> dict[str, WhatIf]:
    """What the networks say without the redshift."""
    plain = {"SN Ia": 0.0, "SN II": 0.0, **p}
    told = {"redshift": 0.05, "origin": "x", "with_redshift": {}, "sets_with": (), "sets_without": (), "alpha": 0.05}
    return {"what_if": WhatIf(without_redshift=plain, **told)}


def test_with_a_redshift_told_the_purity_is_that_of_the_answer_without(put, draft) -> None:
    cell = "high resolution, redshift known"
    for name, p in (("ZTF26a", {"SN Ia": 0.95, "SN II": 0.05}), ("ZTF26b", {"SN Ia": 0.6}), ("ZTF26c", {"SN II": 0.8})):
        report = answer(name, name, p=0.99, calibration_cell=cell, found=without(**p))
        put(name, f"AT 2026{name[-1]}", report=report)
    found = draft()
    one = found.drafts["ZTF26a"]
    assert (list(found.drafts), one.probability, one.without_redshift) == (["ZTF26a"], 0.95, True)
    assert "probability 0.95 without the redshift" in one.remarks()
    assert found.left_out["ZTF26b"].startswith("SN Ia with 0.60")
    assert found.left_out["ZTF26c"] == "without its redshift it would be called SN II"


@pytest.mark.parametrize(("left", "kind"), [(("IIn",), "SN IIn"), (("IIn", "IIP"), "SN II"), ((), "SN II")])
def test_a_subtype_is_reported_only_when_it_is_sure(put, draft, left, kind: str) -> None:
    subtype = Subtype(label="IIn", probabilities={"IIn": 0.9}, prediction_sets={"0.05": left})
    put(report=answer("ZTF26a", "s", "SN II", found={"subtype": subtype}))
    found = draft(purities=purities("SN II"))
    assert found.drafts["ZTF26a"].type_name == kind


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tns": None}, "no name at the TNS"),
        ({"kind": "SN II"}, "TNS: SN II"),
        ({"target": Target(target_id="ZTF26a", classifications=(HumanLabel("Ia"),))}, "marshal: Ia"),
        ({"tns": "SN 2026abc"}, "people have classified it"),
        ({"origin": "simulated"}, "simulated"),
        ({"report": answer("ZTF26a", "s", "CV", 0.97)}, "wants no CV"),
        ({"report": answer("ZTF26a", "s", p=0.7)}, "95% pure from"),
        ({"report": answer("ZTF26a", "s", "TDE")}, "nowhere shown to be 95% pure"),
        ({"report": answer("ZTF26a", "s", calibration_cell=None)}, "nowhere shown to be 95% pure at its domain"),
        ({"report": answer("ZTF26a", "s", calibration_cell="low resolution")}, "at low resolution"),
        ({"report": replace(answer("ZTF26a", "s"), bundle="other@1")}, "answered by other@1"),
    ],
)
def test_who_is_left_out_is_told_why(put, draft, change, why: str) -> None:
    put(**change)
    found = draft()
    assert found.drafts == {}
    assert why in found.left_out["ZTF26a"]


def test_a_label_that_people_were_unsure_of_leaves_nobody_out(put, draft) -> None:
    put(target=Target(target_id="ZTF26a", classifications=(HumanLabel("Ia", 0.3),)))
    assert list(draft().drafts) == ["ZTF26a"]


def test_only_sure_answers_are_looked_at(put, draft) -> None:
    for name, policy in (("ZTF26b", "ABSTAIN"), ("ZTF26c", "ALERT"), ("ZTF26d", None)):
        put(name, f"AT 2026{name[-1]}", report=answer(name, name, policy=policy))
    assert draft() == Drafted(drafts={}, left_out={})


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"instrument": "Magic Eye"}, "the number of the instrument Magic Eye is not in the stand-in"),
        ({"observed_at": None}, "the spectrum has no date"),
        ({"report": answer("ZTF26a", "s", "SLSN")}, "the TNS has no one type for SLSN"),
    ],
)
def test_what_is_missing_is_told_and_keeps_the_draft_here(put, draft, change, lacks: str) -> None:
    put(**change)
    one = draft().drafts["ZTF26a"]
    assert one.missing == (lacks,)
    with pytest.raises(ValueError, match=lacks):
        one.wire(reviewer="x", stored_name="y", tables=tables())


def test_settings_that_are_missing_are_named(put, draft) -> None:
    put(observers=())
    missing = draft(signature=Signature()).drafts["ZTF26a"].missing
    assert [one.rpartition(" ")[2] for one in missing] == [
        "ASTRANET_TNS_OBSERVER",
        "ASTRANET_TNS_CLASSIFIER",
        "ASTRANET_TNS_GROUP_ID",
    ]


def test_an_instrument_may_have_another_name_there(put, draft) -> None:
    put(instrument="NGPS-red")
    one = draft(signature=replace(SIGNED, instruments={"NGPS-red": "P200 - NGPS"})).drafts["ZTF26a"]
    assert (one.tns_instrument, one.missing) == ("P200 - NGPS", ())


def test_a_subtype_counts_where_it_belongs_to_the_class() -> None:
    assert tns_type("SN II", "IIn", tables()) == "SN IIn"
    assert tns_type("SN II", "SN IIn", tables()) == "SN IIn"
    assert tns_type("SN Ia", "IIn", tables()) == "SN Ia"
    assert tns_type("SN II", "IIb", tables()) == "SN II"  # the stand-in has no such type
    assert tns_type("SN II", None, tables()) == "SN II"


def test_the_surest_spectrum_of_a_source_is_taken(put, draft) -> None:
    for number, p in (("1", 0.93), ("2", 0.98), ("3", 0.95), ("4", 0.6)):
        put(report=answer("ZTF26a", number, p=p))
    found = draft()
    assert (found.drafts["ZTF26a"].spectrum_id, found.left_out) == ("2", {})


def test_a_draft_goes_when_the_answer_does_and_nothing_else_is_touched(put, draft, store: Store, clock) -> None:
    put("ZTF26a", "AT 2026a")
    put("ZTF26b", "AT 2026b")
    draft()
    with store.begin() as unit:
        one = unit.tns_reports.of(SERVER, "ZTF26b")
        assert unit.tns_reports.approve(SERVER, "ZTF26b", "Ann", one.drafted_at, clock())
    called(store, "ZTF26a", "SN 2026a", clock.now.replace(hour=13), "SN Ia")
    found = draft()
    assert found.left_out == {
        "ZTF26a": "people have classified it: TNS: SN Ia",
        "ZTF26b": "its report is approved",
    }
    with store.begin() as unit:
        assert [(one.target_id, one.state) for one in unit.tns_reports.every(SERVER)] == [("ZTF26b", "approved")]


def test_the_same_draft_again_is_the_one_that_was_looked_at(put, draft, store: Store, clock: FakeClock) -> None:
    put()
    draft()
    with store.begin() as unit:
        before = unit.tns_reports.of(SERVER, "ZTF26a")
    clock.forward(hours=1)
    draft()
    with store.begin() as unit:
        assert unit.tns_reports.of(SERVER, "ZTF26a") == before
    put(report=answer("ZTF26a", "better", p=0.985))
    draft()
    with store.begin() as unit:
        assert not unit.tns_reports.approve(SERVER, "ZTF26a", "Ann", before.drafted_at, clock())
        assert unit.tns_reports.of(SERVER, "ZTF26a").state == "draft"


def test_a_marshal_that_is_away_changes_nothing(put, draft, marshal: FakeMarshal, store: Store) -> None:
    put()
    draft()
    marshal.trouble = lambda method, _: Unavailable("away") if method == "target" else None
    with pytest.raises(Unavailable):
        draft()
    with store.begin() as unit:
        assert len(unit.tns_reports.every(SERVER)) == 1


def test_the_files_follow_the_database(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    with store.begin() as unit:
        for name in ("2026a", "2026b"):
            unit.tns_reports.put_draft(SERVER, f"ZTF{name}", make_draft(f"ZTF{name}", name).to_dict(), clock())
        every = unit.tns_reports.every(SERVER)
    folder = write_files(tmp_path, every)
    (folder / "mine").mkdir()
    assert sorted(p.name for p in folder.iterdir()) == ["2026a", "2026b", "mine"]
    assert (folder / "2026a" / "2026a_20260609_SEDM.ascii").read_text() == make_draft(name="2026a").ascii
    write_files(tmp_path, every[:1])
    assert sorted(p.name for p in folder.iterdir()) == [every[0].draft["name"], "mine"]
