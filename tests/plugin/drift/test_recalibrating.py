"""The service with another calibration: proposed, adopted, posted under its own name, rolled back; nothing leaks."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from models.bundle import load
from models.domain import FINE_CLASSES, Evidence, HumanLabel, Target
from models.recalibration.applied import LocalAnalyst, LocalCalibration, applied, shipped_rows
from models.recalibration.rows import Rows
from plugin.drift.from_marshal import FromMarshal
from plugin.drift.part import make_part
from plugin.drift.recalibrating import CannotAdopt, Recalibrating, adopt, calibration_id, rollback
from plugin.store.truth.truths import Told
from tests.fakes.answered import answer, calibration_rows, filed
from tests.fakes.marshal import FakeMarshal, bad, good
from tests.plugin.conftest import make_settings

NOW = datetime(2026, 6, 10, 12)


@pytest.fixture(scope="module")
def bundle():
    return load()


def own_rows(bundle, n: int = 400, name: str = "ZTF") -> Rows:
    """The bundle's own spectra of the SED Machine, as if they were a group's, each an object."""
    rows = shipped_rows(bundle)
    low = np.flatnonzero(rows.domain_names == "low resolution")
    chosen = np.random.default_rng(1).permutation(np.resize(low, n))
    made = rows.rows(chosen)
    return replace(made, objects=np.array([f"{name}{i}" for i in range(n)]), answered_at=np.arange(n, dtype=float))


def local(bundle, rows: Rows, name: str = "local-1") -> LocalCalibration:
    return LocalCalibration(calibration_id=name, bundle_id=bundle.bundle_id, date="2026-06-10", rows=rows)


def item(name: str = "ZTF7"):
    from iris_client.quality.control import examine

    examined = examine(good("7", name))
    return Evidence(target=Target(target_id=name), spectrum=examined.spectrum), examined.caveats


def test_the_shipped_rows_give_the_answers_of_the_bundle(bundle) -> None:
    analyst = LocalAnalyst(bundle)
    (shipped,) = analyst.run_many([item()])
    analyst.use(local(bundle, shipped_rows(bundle)))
    (same,) = analyst.run_many([item()])
    assert same.confidence.calibration_id == "local-1"
    assert replace(same, confidence=None) == replace(shipped, confidence=None)
    assert same.confidence == replace(
        shipped.confidence, calibration_id="local-1", calibration_date=same.confidence.calibration_date
    )
    assert same.basis.probabilities == pytest.approx(dict(same.verdict.probabilities))


def test_a_calibration_for_another_bundle_is_not_used(bundle) -> None:
    analyst = LocalAnalyst(bundle)
    other = replace(local(bundle, shipped_rows(bundle)), bundle_id="another@1")
    with pytest.raises(ValueError, match="another@1"):
        analyst.use(other)
    assert analyst.calibration is None


def test_the_truth_of_an_object_says_nothing_about_its_own_answer(bundle) -> None:
    """Its rows are left out when it is answered, and it alone: others are answered with all of them."""
    rows = shipped_rows(bundle)
    names = rows.objects.astype("<U8")
    names[::5] = "ZTF7"
    known = replace(rows, objects=names)
    without = known.rows(known.objects != "ZTF7")
    analyst = LocalAnalyst(bundle)
    analyst.use(local(bundle, known))
    itself, other = analyst.run_many([item("ZTF7"), item("ZTF8")])
    plain = LocalAnalyst(bundle)
    plain.use(local(bundle, without))
    (expected,) = plain.run_many([item("ZTF7")])
    assert itself == expected
    assert other.confidence.calibration_size > itself.confidence.calibration_size
    whatever = replace(known, label=np.where(known.objects == "ZTF7", 6, known.label))
    analyst.use(local(bundle, whatever))
    assert analyst.run_many([item("ZTF7")]) == [expected]


def test_what_answers_with_a_redshift_keeps_the_shipped_name(bundle) -> None:
    analyst = LocalAnalyst(bundle)
    analyst.use(local(bundle, shipped_rows(bundle)))
    evidence, caveats = item()
    told = replace(evidence, spectrum=replace(evidence.spectrum, redshift=0.05))
    (report,) = analyst.run_many([(told, caveats)])
    assert report.confidence.calibration_id == bundle.card["calibration"]["id"]
    assert applied(bundle, analyst.calibration).bundle_id == bundle.bundle_id


def file_known(store, rows: Rows, bundle_id: str, *, shuffled: bool = False) -> None:
    labels = np.random.default_rng(0).permutation(rows.label) if shuffled else rows.label
    with store.begin() as unit:
        for i, name in enumerate(rows.objects):
            report = answer(str(name), rows, i, bundle=bundle_id)
            unit.reports.put(filed(report, NOW + timedelta(seconds=i)))
            unit.truth.hear(str(name), "marshal", [Told(key="1", name=FINE_CLASSES[labels[i]])], NOW)


def recalibrating(store, bundle, **more) -> Recalibrating:
    return Recalibrating(
        store=store, analyst=LocalAnalyst(bundle), alpha=0.05, clock=lambda: NOW + timedelta(hours=9), **more
    )


def test_a_proposal_waits_for_a_person_answers_once_adopted_and_goes_back(store, bundle) -> None:
    own = own_rows(bundle)
    file_known(store, own, bundle.bundle_id)
    making = recalibrating(store, bundle)
    found = making.nightly()
    assert found.ok, [c for c in found.checks if not c.ok]
    assert found.domains == ("low resolution",)
    assert not making.use_adopted()
    adopt(store, found.calibration_id, bundle_id=bundle.bundle_id, now=NOW)
    assert making.use_adopted()
    assert not making.use_adopted()
    assert calibration_id(making.analyst) == found.calibration_id
    (report,) = making.analyst.run_many([item()])
    assert report.confidence.calibration_id == found.calibration_id
    with pytest.raises(CannotAdopt, match="there is no calibration"):
        adopt(store, "local-nothing", bundle_id=bundle.bundle_id, now=NOW)
    with pytest.raises(CannotAdopt, match="answers now"):
        adopt(store, found.calibration_id, bundle_id="another@1", now=NOW)
    off = Recalibrating(store=store, analyst=making.analyst, alpha=0.05, mode="off")
    assert off.use_adopted()  # back to the bundle's own
    assert off.nightly() is None
    assert making.use_adopted()
    retired, answers = rollback(store, NOW)
    assert (retired.calibration_id, answers) == (found.calibration_id, None)
    assert making.use_adopted()
    assert making.analyst.calibration is None
    assert rollback(store, NOW) == (None, None)


def test_automatic_adopts_what_passes_once_and_shuffled_labels_never(store, bundle) -> None:
    making = recalibrating(store, bundle, mode="automatic")
    file_known(store, own_rows(bundle), bundle.bundle_id, shuffled=True)
    assert not making.nightly().ok
    with store.begin(to_read=True) as unit:
        (refused,) = unit.calibrations.every()
        assert refused.state == "refused"
    with pytest.raises(CannotAdopt, match=r"has not passed: .*labels"):
        adopt(store, refused.calibration_id, bundle_id=bundle.bundle_id, now=NOW)
    file_known(store, own_rows(bundle), bundle.bundle_id)
    found = making.nightly()
    assert found.ok
    assert making.use_adopted()
    assert calibration_id(making.analyst) == found.calibration_id
    rollback(store, NOW)
    making.nightly()  # the same once more: what a person took back does not come back by itself
    with store.begin(to_read=True) as unit:
        assert unit.calibrations.adopted() is None


def test_damaged_content_never_answers(store, bundle) -> None:
    rows = own_rows(bundle)
    with store.begin() as unit:
        unit.calibrations.propose(
            "local-00000000",
            bundle=bundle.bundle_id,
            passed=True,
            summary={"checks": []},
            body=rows.to_bytes(),
            now=NOW,
        )
        unit.calibrations.propose(
            "local-11111111", bundle=bundle.bundle_id, passed=True, summary={"checks": []}, body=b"pickle?", now=NOW
        )
    for name in ("local-00000000", "local-11111111"):
        with pytest.raises(CannotAdopt):
            adopt(store, name, bundle_id=bundle.bundle_id, now=NOW)
    with store.begin() as unit:
        unit.calibrations.adopt("local-11111111", NOW)
    making = recalibrating(store, bundle)
    assert not making.use_adopted()
    assert making.analyst.calibration is None


class Known:
    """An analyst that knows the truth of every spectrum's object, more or less."""

    bundle_id = "b@1"

    def __init__(self, rows: Rows) -> None:
        self.rows, self.asked = rows, 0

    def run_many(self, items):
        self.asked += len(items)
        numbers = [int(evidence.target.target_id.removeprefix("ZTF")) for evidence, _ in items]
        return [answer(f"ZTF{i}", self.rows, i) for i in numbers]


def test_from_the_marshal_classified_spectra_are_answered_and_nothing_is_written(clock) -> None:
    rows, marshal = calibration_rows(60), FakeMarshal()
    for i in range(60):
        marshal.add(good(str(i), f"ZTF{i}"))
        label = HumanLabel(FINE_CLASSES[rows.label[i]])
        marshal.targets[f"ZTF{i}"] = replace(marshal.targets[f"ZTF{i}"], classifications=(label,))
    marshal.targets["ZTF1"] = replace(marshal.targets["ZTF1"], classifications=())
    two = (HumanLabel("Ia"), HumanLabel("AGN"))
    marshal.targets["ZTF2"] = replace(marshal.targets["ZTF2"], classifications=two)
    marshal.spectra["3"] = bad("3", "ZTF3")
    analyst = Known(rows)
    reading = FromMarshal(marshal=marshal, analyst=analyst, group_ids=(6,), clock=clock)
    found = reading.rows(timedelta(days=30))
    assert sorted(found.objects) == sorted(f"ZTF{i}" for i in range(60) if i not in (1, 2, 3))
    assert analyst.asked == 57
    assert {str(n): int(k) for n, k in zip(found.objects, found.label, strict=True)}["ZTF9"] == rows.label[9]
    assert dict(reading.left_out) == {"no class that all agree on": 2, "refused by quality control": 1}
    assert marshal.writes == []
    assert len(FromMarshal(marshal=FakeMarshal(), analyst=analyst, group_ids=(6,)).rows(timedelta(days=1))) == 0


def test_the_part_looks_after_both_and_a_fault_keeps_no_answer_waiting(store, bundle, tmp_path, clock) -> None:
    settings = make_settings(tmp_path)
    assert make_part(settings, store, object(), clock, messages=False) is None
    part = make_part(settings, store, LocalAnalyst(bundle), clock, messages=True)
    file_known(store, own_rows(bundle), bundle.bundle_id)
    clock.forward(hours=1)
    assert part.after_cycle() == []
    with store.begin(to_read=True) as unit:
        assert unit.drift.summary()["truths"] == 400
        (proposed,) = unit.calibrations.every()
        assert proposed.passed
    adopt(store, proposed.calibration_id, bundle_id=bundle.bundle_id, now=clock())
    part.before_cycle()
    assert calibration_id(part.analyst) == proposed.calibration_id
    clock.forward(hours=21)
    part.after_cycle()
    with store.begin(to_read=True) as unit:
        assert unit.drift.summary()["calibration"] == proposed.calibration_id
    store.engine.dispose()
    broken = replace(part, store=None)
    broken.before_cycle()
    assert broken.after_cycle() == []


def test_the_name_of_the_calibration_is_posted_with_the_answer(make_app, marshal, bundle, store, clock) -> None:
    marshal.add(good("7", "ZTF7"))
    own = own_rows(bundle)
    file_known(store, own, bundle.bundle_id)
    found = recalibrating(store, bundle).nightly()
    adopt(store, found.calibration_id, bundle_id=bundle.bundle_id, now=NOW)
    store.close()
    app = make_app(analyst=LocalAnalyst(bundle))
    app.once()
    posted = marshal.posted["spectrum/7"]
    assert posted["calibration"] == found.calibration_id
    assert posted["bundle"] == bundle.bundle_id


def test_it_can_whatever_the_analyst_can() -> None:
    """The service asks for some of it by name, and does without where there is none."""
    from models.analyst import Analyst

    wanted = {name for name in vars(Analyst) if not name.startswith("_")} - {"in_question"}  # for the laboratory alone
    assert wanted <= set(dir(LocalAnalyst))
