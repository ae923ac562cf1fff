"""A run over a marshal: what it asks for, what it keeps, and that it answers as the service does."""

from dataclasses import replace

import numpy as np
import pytest

from iris_client.errors import NotFound, Refused, Unavailable
from models.bundle import load
from models.domain import LightCurve, RawSpectrum, Report, Target
from models.recalibration.applied import LocalAnalyst
from plugin.backfill import tables
from plugin.backfill.asked import Asked
from plugin.backfill.folder import RunFolder
from plugin.backfill.plan import Partition
from plugin.backfill.pulled import pull, pulled, sources_of
from plugin.store import ASTRANET
from tests.fakes.marshal import FakeMarshal, good
from tests.plugin.backfill.marshals import fill, over, run_here
from tests.plugin.conftest import TOKEN, make_settings


def rows(folder: RunFolder) -> dict[str, dict]:
    found = [row for path in sorted(folder.answers.iterdir()) for row in tables.rows(path)]
    return {row["spectrum_id"]: row for row in found}


@pytest.mark.sqlite
def test_the_answers_are_those_of_the_service(make_app, marshal, tmp_path, monkeypatch):
    fill(marshal, 6)
    app = make_app(analyst=LocalAnalyst(load()), backfill_days=10_000.0, post_cards=False)
    app.once()
    folder = RunFolder(tmp_path / "out")
    asked = Asked.of(make_settings(tmp_path))
    assert run_here(folder, asked, over(marshal, secrets=(TOKEN,)), monkeypatch).complete
    with app.store.begin(to_read=True) as unit:
        filed = {one.subject.id: one.report for one in unit.reports.every(ASTRANET)}
    found = rows(folder)
    assert set(found) == set(filed) == set(marshal.spectra)
    assert {str(one.status) for one in filed.values()} == {"ok", "refused"}
    for number, service in filed.items():
        ours = Report.from_json(found[number]["report"])
        assert (ours.target_id, ours.spectrum_id) == (service.target_id, service.spectrum_id)
        assert (ours.status, ours.reason, ours.bundle) == (service.status, service.reason, service.bundle)
        assert ours.input_hash == service.input_hash
        assert [c.code for c in ours.caveats] == [c.code for c in service.caveats]
        if service.verdict is None:
            continue
        assert ours.verdict.label == service.verdict.label == found[number]["label"]
        assert ours.verdict.probabilities == pytest.approx(service.verdict.probabilities, abs=1e-5)
        assert ours.confidence.prediction_sets == service.confidence.prediction_sets
        assert ours.confidence.policy == service.confidence.policy == found[number]["policy"]
        assert ours.anomaly.flagged == service.anomaly.flagged
        assert ours.anomaly.resembles == service.anomaly.resembles == found[number]["resembles"]
        assert ours.anomaly.score == pytest.approx(service.anomaly.score, abs=1e-5)
        assert (ours.redshift is None) == (service.redshift is None)
        assert (ours.what_if is None) == (service.what_if is None)
    assert any(r.what_if is not None for r in filed.values()), "some must know a redshift"


def test_spectra_are_pulled_by_source_and_once(asked, tmp_path, monkeypatch):
    marshal, folder = FakeMarshal(), RunFolder(tmp_path / "out")
    fill(marshal, 5)
    first = run_here(folder, asked, over(marshal), monkeypatch)
    assert first.complete
    assert +first.counts == {"ok": 9, "refused": 1}
    assert (marshal.count("spectrum"), marshal.count("spectra of"), marshal.count("target")) == (0, 5, 5)
    marshal.add(good("77", "ZTF26002"))  # the first list counts
    marshal.calls.clear()
    assert run_here(folder, asked, over(marshal), monkeypatch).finished == 0
    assert marshal.calls == []


def test_a_marshal_that_goes_away_is_gone_on_with_later(asked, tmp_path, monkeypatch):
    marshal, other = FakeMarshal(), FakeMarshal()
    for one in (marshal, other):
        fill(one, 5)
    marshal.trouble = lambda method, name: Unavailable("away") if (method, name) == ("spectra of", "ZTF26003") else None
    folder, undisturbed = RunFolder(tmp_path / "out"), RunFolder(tmp_path / "undisturbed")
    with pytest.raises(Unavailable):
        run_here(folder, asked, over(marshal), monkeypatch)
    done = len(folder.finished())
    assert done > 0
    marshal.trouble = lambda *_: None
    marshal.calls.clear()
    assert run_here(folder, asked, over(marshal), monkeypatch).before == done
    assert ("spectra of", "ZTF26000") not in marshal.calls
    run_here(undisturbed, asked, over(other), monkeypatch)
    assert [p.read_bytes() for p in sorted(folder.answers.iterdir())] == [
        p.read_bytes() for p in sorted(undisturbed.answers.iterdir())
    ]


def test_a_source_that_is_refused_gives_rows_with_the_reason_and_a_wrong_token_ends_the_run(
    asked, tmp_path, monkeypatch
):
    marshal, folder = FakeMarshal(), RunFolder(tmp_path / "out")
    fill(marshal, 3)
    marshal.trouble = lambda method, name: (
        Refused("no such source", status=400) if (method, name) == ("spectra of", "ZTF26001") else None
    )
    assert run_here(folder, asked, over(marshal), monkeypatch).complete
    refused = [row for row in rows(folder).values() if row["object_id"] == "ZTF26001"]
    assert {row["status"] for row in refused} == {"refused"}
    assert all("no such source" in row["reason"] for row in refused)
    marshal.trouble = lambda method, _: Refused("bad token", status=401) if method == "spectra of" else None
    with pytest.raises(Refused, match="bad token"):
        run_here(RunFolder(tmp_path / "other"), asked, over(marshal), monkeypatch)


def test_photometry_that_cannot_be_read_costs_no_class(asked, tmp_path, monkeypatch):
    marshal, folder, refused = FakeMarshal(), RunFolder(tmp_path / "out"), []
    fill(marshal, 3)

    def light_curve(source):
        refused.append(source)
        raise Refused("no photometry", status=400)

    monkeypatch.setattr(marshal, "light_curve", light_curve)
    assert +run_here(folder, asked, over(marshal, photometry=True), monkeypatch).counts == {"ok": 6, "refused": 1}
    assert refused == ["ZTF26000", "ZTF26001", "ZTF26002"]


def test_what_is_pulled_comes_back_as_it_was(tmp_path):
    marshal = FakeMarshal()
    odd = RawSpectrum(
        spectrum_id="5",
        target_id="ZTF26a",
        wavelengths=[1.0, None, "x", float("nan")],
        fluxes="no list",
        errors=None,
        group_ids=(6, 2),
        observers=("A. \ud800 Person",),
        modified="2026-06-10T07:12:00.000001",
        origin=f"pipeline {TOKEN}",
    )
    marshal.add(odd, good("6", "ZTF26a"), good("7", "ZTF26b"))
    curve = LightCurve(
        mjd=np.array([1.0, 2.0]),
        band=("g", "r"),
        mag=np.array([18.0, np.nan]),
        mag_error=np.array([0.1, np.nan]),
        limit_mag=np.array([20.0, 20.5]),
        is_limit=np.array([0.0, 1.0]),
    )
    marshal.light_curve = lambda name: curve if name == "ZTF26a" else None
    target = Target(target_id="ZTF26a", redshift=0.02, redshift_origin=f"by {TOKEN}", group_ids=(6,))
    marshal.targets["ZTF26a"] = target
    sources = sources_of(marshal, (6, 2))
    assert sources == [("ZTF26a", ("5", "6")), ("ZTF26b", ("7",))]
    path = tmp_path / "part.parquet"
    partition = Partition(name="part", spectra=3, sources=tuple(sources))
    pull(marshal, partition, path, photometry=True, secrets=(TOKEN,))
    found = list(pulled(path))
    assert repr(found[0].raw) == repr(replace(odd, origin="pipeline ***"))
    assert found[1].raw == good("6", "ZTF26a")
    assert found[0].target == replace(target, redshift_origin="by ***")
    assert found[0].light_curve.mag.tobytes() == curve.mag.tobytes()
    assert found[0].light_curve.band == curve.band
    assert found[2].light_curve is None
    assert TOKEN.encode() not in path.read_bytes()


def test_a_source_the_token_cannot_read_keeps_its_name_as_in_the_service(tmp_path):
    marshal = FakeMarshal()
    marshal.add(good("7", "ZTF26b"))
    marshal.trouble = lambda method, _: NotFound("no", status=404) if method == "target" else None
    path = tmp_path / "part.parquet"
    pull(marshal, Partition(name="part", spectra=1, sources=(("ZTF26b", ("7",)),)), path, photometry=False)
    (one,) = pulled(path)
    assert one.target == Target(target_id="ZTF26b")
    assert one.raw.trouble is None
