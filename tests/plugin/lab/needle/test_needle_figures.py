"""From labelled objects to a trained model and its page of figures, on light curves made for the purpose."""

from datetime import date

import numpy as np
import pytest

from models.domain import Host, LightCurve
from models.needle.model import load
from models.training.needle.examples import ExampleRules, Labelled
from plugin.lab.needle.compare import against, out_of_fold_against
from plugin.lab.needle.data import NeedleData
from plugin.lab.needle.evaluate import evaluate, untaught
from plugin.lab.needle.report import markdown
from plugin.lab.needle.train import TrainRules, prepared, train

RULES = TrainRules(folds=2, rounds=20, examples=ExampleRules(common_epochs=3, rare_epochs=3, per_object=2))
WIDTH, COLOUR, HOST_MAG = (8.0, 30.0, 18.0), (0.1, -0.1, -0.25), (17.5, 21.5, 17.0)


def made(i: int, label: int) -> Labelled:
    rng = np.random.default_rng([label, i])
    mjd = np.sort(rng.uniform(0, 70, 40))
    band = rng.choice(["g", "r"], 40)
    mag = 18.0 + rng.normal(0, 0.3) + 0.54 * ((mjd - 35) / WIDTH[label]) ** 2 + np.where(band == "g", COLOUR[label], 0)
    curve = LightCurve(
        mjd=59000 + mjd, band=tuple(band), mag=mag + rng.normal(0, 0.04, 40), mag_error=np.full(40, 0.05),
        limit_mag=np.full(40, np.nan), is_limit=np.zeros(40),
    )  # fmt: skip
    host = Host(mags={"g": HOST_MAG[label] + 0.6, "r": HOST_MAG[label] + rng.normal(0, 0.5)}, separation_arcsec=1.0)
    kind = ("SN Ia" if i % 4 else "SN II", "SLSN-I", "TDE")[label]
    return Labelled(
        object_id=f"{label}-{i}", label=label, kind=kind, curve=curve, ebv_mag=0.03, ra_deg=150.0, dec_deg=20.0,
        redshift=0.1, host=host if i % 5 else None, source="here",
    )  # fmt: skip


@pytest.fixture(scope="module")
def data() -> NeedleData:
    objects = [made(i, label) for label, n in ((0, 36), (1, 24), (2, 24)) for i in range(n)]
    return NeedleData(
        develop=tuple(o for i, o in enumerate(objects) if i % 3), test=tuple(objects[::3]), splits_hash="made"
    )


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("needle")
    train(data, out / "model", RULES, today=date(2026, 1, 1), rows=out / "rows.npz")
    return out


def test_rows_are_kept_for_the_same_data_and_rules_alone(data, folder):
    told: list[str] = []
    bank, examples = prepared(data, RULES, folder / "rows.npz", told.append)
    assert not told
    again, same = prepared(data, RULES, None, told.append)
    np.testing.assert_array_equal(bank.parameters, again.parameters)
    np.testing.assert_array_equal(examples.x, same.x)
    other = NeedleData(develop=data.develop[:30], test=(), splits_hash="other")
    copy = folder / "copy.npz"
    copy.write_bytes((folder / "rows.npz").read_bytes())
    prepared(other, RULES, copy, told.append)
    assert any("made anew" in text for text in told)


def test_two_trainings_give_the_same_model(data, folder, tmp_path):
    card = train(data, tmp_path / "again", RULES, today=date(2026, 1, 1), rows=folder / "rows.npz")
    assert card["files"] == load(folder / "model").card["files"]


def test_objects_with_and_without_a_host_are_calibrated_apart(data, folder):
    model = load(folder / "model")
    for variant, hosted in (("TH", True), ("T", False)):
        objects = [o for o in data.develop if (o.host is not None) == hosted]
        assert len(objects) > 5
        counts = np.bincount(model.model.calibration[f"{variant}.label"], minlength=3)
        assert counts.tolist() == np.bincount([o.label for o in objects], minlength=3).tolist()


def test_the_page_says_what_was_measured(data, folder):
    model = load(folder / "model")
    figures = evaluate(model, data.test, keep=folder / "test")
    assert figures == evaluate(model, data.test, keep=folder / "test")
    hosted = sum(row["hosted"] for row in figures["table 5"].values())
    assert hosted == sum(o.host is not None for o in data.test)
    page = markdown(figures, model.model_id)
    assert model.model_id in page
    value = figures["purity"]["all"]["TDE"]["0.8"]["found"]["value"]
    assert f"| purity | all | TDE | {_cell(figures['purity']['all']['TDE']['0.8']['purity'])} |" in page
    assert 0 <= value <= 1
    sets = figures["conformal"]["0.2"]["SN"]
    assert 0 < sets["low"] < 0.8 < sets["high"] <= 1
    assert f"| 0.2 | SN | {sets['objects']} | {sets['coverage']:.2f} | {sets['low']:.2f} to" in page
    assert figures["completeness"]["all"]["TDE"]["0.8"]["found"]["value"] >= 0.3


def test_two_models_are_compared_on_the_same_objects(data, folder):
    model = load(folder / "model")
    found = against(model, model, {"those of the test": data.test}, keep=folder / "test")
    part = found["tests"]["those of the test"]
    same = [figure["difference"] for row in part["order"].values() for figure in row.values()]
    assert same == [{"value": 0.0, "low": 0.0, "high": 0.0}] * 6
    assert part["before"] == part["after"]
    figures = evaluate(model, data.test, keep=folder / "test")
    landed = untaught(model, data.test[:6], keep=folder / "test")
    page = markdown({**figures, "before": found, "untaught": landed}, model.model_id)
    assert f"## Before ({model.model_id}) and after" in page
    assert "those of the test: 12 SN, 8 SLSN-I, 8 TDE" in page
    assert "## Where SLSNe-II land" in page
    assert f"| SN Ia | {sum(o.kind == 'SN Ia' for o in data.test)} |" in page


def test_which_model_ships_is_decided_out_of_fold(data, folder):
    model = load(folder / "model")
    found = out_of_fold_against(model, data, model, data, folder / "rows.npz", rules=RULES)
    assert set(found) == {"all", "hosted", "hostless", "alerts alone, and TDEs"}
    # The same trees; the earlier model's hosts are those it ships, the later one's those of each fold.
    assert abs(found["hostless"]["TDE"]["area"]["difference"]["value"]) < 1e-6
    assert found["all"]["SLSN-I"]["area"]["after"]["value"] > 0.1
    assert "SLSN-I" not in found["alerts alone, and TDEs"]  # none of these is made of alerts
    other = NeedleData(develop=data.develop, test=(), splits_hash="other")
    with pytest.raises(ValueError, match="trained on other objects"):
        out_of_fold_against(model, other, model, data, None, rules=RULES)


def _cell(row):
    from plugin.lab.needle.report import cell

    return cell(row)
