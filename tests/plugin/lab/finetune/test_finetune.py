"""From a marshal's labels to a candidate: loads, answers, judged on objects that taught nothing; nothing adopted."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from iris_client.taxonomy.names import Label
from iris_client.taxonomy.trust import ORDER
from models.analyst import Analyst
from models.bundle import load, read_member, verify
from models.cards import SHIPPED
from models.domain import Evidence, HumanLabel, RawSpectrum, Spectrum, Target
from models.training.dataset import SPLITS
from models.training.evaluate import predict_dataset
from models.training.metrics import binomial_interval
from models.training.spectral.going_on import GoingOn, blended, in_mix
from models.training.spectral.presets import PRESETS
from models.training.spectral.sampling import weights
from plugin.cli import app
from plugin.lab.dataset.records import Record
from plugin.lab.finetune import tuning
from plugin.lab.finetune.judging import judge
from plugin.lab.finetune.page import verdict
from plugin.lab.finetune.running import _agreed, read_own
from plugin.lab.finetune.sides import Own
from plugin.parts import quality_rules
from plugin.sandbox import Sandbox
from plugin.sandbox.load import HUMAN_CLASSES, load_simulated
from plugin.settings import Settings
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples

TODAY = date(2026, 6, 10)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    load_simulated(made, n_sources=100, seed=3)
    for number, label in made.truths.items():
        source = made.state.spectra[int(number)].obj_id
        if label in HUMAN_CLASSES:
            made.add_classification(source, HUMAN_CLASSES[label])
    with made:
        yield made


def run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, out: Path, bundle: Path, *more: str):
    monkeypatch.delenv("ASTRANET_DATA_DIR", raising=False)
    monkeypatch.setenv("ASTRANET_MARSHAL_URL", sandbox.url)
    monkeypatch.setenv("ASTRANET_MARSHAL_TOKEN", sandbox.token)
    monkeypatch.setenv("ASTRANET_GROUP_IDS", str(sandbox.group_id))
    monkeypatch.setenv("ASTRANET_REQUESTS_PER_SECOND", "1000")
    options = ["--out", str(out), "--bundle", str(bundle), "--epochs", "2", "--steps", "2", "--least", "3", *more]
    return CliRunner().invoke(app, ["train", "from-marshal", *options])


@pytest.mark.slow
def test_from_a_sandbox_to_a_candidate(sandbox, tmp_path, monkeypatch) -> None:
    bundle, out = tiny_bundle(tmp_path / "before"), tmp_path / "run"
    before = {p.name: p.read_bytes() for p in bundle.iterdir()}
    sandbox.forget_requests()
    result = run(sandbox, monkeypatch, out, bundle)
    assert result.exit_code == 0, result.output
    assert sandbox.token not in result.output
    assert {r.method for r in sandbox.requests} == {"GET"}  # nothing is posted
    assert before == {p.name: p.read_bytes() for p in bundle.iterdir()}
    made = load(out / "bundle")
    card = made.card
    assert made.sentinel is None
    assert "metrics" not in card
    assert card["name"] == "fine-tuned"
    assert card["training"]["data_hash"] == verify(bundle)["training"]["data_hash"]
    assert card["training"]["fine_tuned"]["from"] == "tiny"
    assert card["temperature"] == verify(bundle)["temperature"]
    found = json.loads((out / "report.json").read_text())
    own, notes = read_own(out / "fetched", bundle, rules=quality_rules(Settings.load()))
    assert notes == found["notes"] != []  # nobody knows what taught the tiny bundle
    groups = [set(own.data.part(s, real=False, min_coverage=0.0).groups) for s in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert found["judged"]["objects"] == len(set(own.data.part("test").groups))
    assert card["calibration"]["objects"] == len(set(own.data.part("calibrate").groups))
    page = (out / "report.md").read_text()
    assert "ASTRANET_SHADOW_BUNDLE=" in page
    assert page.strip() in result.output
    for old in card["members"]:
        name = f"member-{old['seed']}-best.safetensors"
        moved = [
            (a - b).abs().max()
            for (_, a), (_, b) in zip(
                sorted(read_member(out / "bundle" / old["file"]).items()),
                sorted(read_member(bundle / name).items()),
                strict=True,
            )
            if a.dtype.is_floating_point and a.numel()
        ]
        assert 0 < max(moved) < 0.1
    # Again: nothing is trained twice, and it ends with the same candidate.
    again = run(sandbox, monkeypatch, out, bundle)
    assert again.exit_code == 0, again.output
    assert "epoch" not in again.output
    assert load(out / "bundle").bundle_id == made.bundle_id
    # A checkpoint does not go on with other settings, nor with other sides.
    other = run(sandbox, monkeypatch, out, bundle, "--least", "4")
    assert other.exit_code == 1
    assert "take a new folder" in " ".join(other.output.split())


@pytest.mark.slow
def test_what_is_asked_of_the_candidate_is_answered(tmp_path) -> None:
    """It answers as the shipped ones do, without the layers that it lacks."""
    bundle = tiny_bundle(tmp_path / "before")
    data = ripples(40)
    own = Own(data=data, left_out=Counter(), known_train=0)
    tuning.tune(
        tmp_path / "run", bundle, own, tuning.Tuning(epochs=1, steps=1, least=1), name="own", today=TODAY
    )  # fmt: skip
    made = load(tmp_path / "run" / "bundle")
    wave = np.arange(3800.0, 9100.0, 10.0)
    spectrum = Spectrum(spectrum_id="1", wavelength_A=wave, flux=3 + np.sin(wave / 30))
    (report,) = Analyst(made).run_many([(Evidence(target=Target(target_id="a"), spectrum=spectrum), ())])
    assert report.verdict is not None
    assert report.confidence.calibration_id == made.card["calibration"]["id"]


def test_too_little_is_refused_in_one_sentence(tmp_path) -> None:
    own = Own(data=ripples(), left_out=Counter(), known_train=0)
    with pytest.raises(ValueError, match="42 that teach, 7 that calibrate, 14 that judge"):
        tuning.tune(tmp_path, tiny_bundle(tmp_path / "b"), own, tuning.Tuning(), name="x", today=TODAY)
    assert not (tmp_path / "bundle").exists()


def test_the_mix_of_classes_stays_that_of_before() -> None:
    data = ripples().part("train")
    few = data.rows(np.flatnonzero((data.label != 2) & ~((data.label == 0) & (np.arange(len(data)) % 3 > 0))))
    shown = np.array([0.4, 0.1, 0.05, 0.3, 0.05, 0.05, 0.05])
    mixed = in_mix(weights(few, PRESETS["tiny"].sampling), few.label, shown).numpy()
    sums = np.bincount(few.label, mixed, 7)
    expected = np.where(np.arange(7) == 2, 0, shown)
    np.testing.assert_allclose(sums, expected / expected.sum())
    both, weight = GoingOn(shown=shown, rehearsed=data, share=0.25).together(
        few, weights(few, PRESETS["tiny"].sampling), PRESETS["tiny"]
    )
    assert len(both) == len(weight) == len(few) + len(data)
    assert float(weight[len(few) :].sum()) == pytest.approx(0.25)
    assert float(weight.sum()) == pytest.approx(1)


def test_weights_between_two() -> None:
    one, other = ({"w": torch.tensor([v, 2 * v]), "n": torch.tensor(int(v))} for v in (1.0, 3.0))
    between = blended(one, other, 0.5)
    assert between["w"].tolist() == [2.0, 4.0]
    assert between["n"] == 3
    assert torch.equal(blended(one, other, 0.0)["w"], one["w"])


def test_a_bundle_against_itself_gains_and_loses_nothing(tmp_path) -> None:
    """And the figures equal a recount."""
    bundle = load(tiny_bundle(tmp_path / "b"))
    data = ripples()
    found = judge(bundle, bundle, data)
    for part in (found["figures"].values(), found["recall"].values()):
        for figure in part:
            assert figure["before"] == figure["after"]
            if figure["difference"] is not None:
                assert figure["difference"] == {"value": 0, "low": 0, "high": 0}
                assert verdict(figure["difference"]) == "cannot be told"
    test = data.part("test")
    assert (found["spectra"], found["objects"]) == (len(test), len(set(test.groups)))
    right = predict_dataset(bundle.ensemble, test).fine.argmax(1) == test.label
    # Every object of this set has two spectra.
    assert found["figures"]["accuracy"]["before"] == pytest.approx(right.mean(), abs=1e-4)
    low, high = binomial_interval(round(found["sets"]["0.2"]["coverage"]["before"] * len(test)), len(test))
    assert low <= 0.8 <= high


@pytest.mark.parametrize(
    ("low", "high", "less", "said"),
    [
        (0.01, 0.2, False, "gained"),
        (0.01, 0.2, True, "lost"),
        (-0.2, -0.1, False, "lost"),
        (-0.2, -0.1, True, "gained"),
        (-0.1, 0.1, True, "cannot be told"),
    ],
)
def test_an_interval_that_holds_zero_tells_nothing(low: float, high: float, less: bool, said: str) -> None:
    assert verdict({"value": (low + high) / 2, "low": low, "high": high}, less_is_better=less) == said


def test_the_shipped_members_can_go_on() -> None:
    """Each with its own network, one a seed, at a low rate, and the class alone is learned."""
    card = verify(SHIPPED)
    members = tuning._one_of_each(card)
    assert len(members) == 4
    for member in members:
        config = tuning.Tuning(epochs=3).config(card, member)
        assert config.net.log_bins == 256
        assert not config.auxiliary.used
        assert config.learning_rate <= 1e-4
    assert len(tuning.dropped(card)) == 4


def test_only_what_people_agree_on_teaches_and_no_type_that_we_reported() -> None:
    """A type of the TNS behind our own report is our own; a label of a person on the marshal stays."""
    people = {
        "agreed": Target(target_id="agreed", tns_type="SN Ia", classifications=(HumanLabel("Ia"),)),
        "disputed": Target(target_id="disputed", tns_type="SN II", classifications=(HumanLabel("Ia"),)),
        "ours": Target(target_id="ours", tns_type="SN II"),
        "ours too": Target(target_id="ours too", tns_type="SN II", classifications=(HumanLabel("Ia"),)),
    }
    nothing = Label(raw="", status="unknown")
    records = [Record(raw=RawSpectrum(spectrum_id=n, target_id=n), group=n, label=nothing) for n in people]
    said = {r.group: r.label for r in _agreed(iter(records), people, ORDER, {"ours", "ours too"})}
    assert said["agreed"].fine == "SN Ia"
    assert not said["agreed"].ambiguous
    assert said["disputed"].ambiguous
    assert said["ours"].fine is None
    assert (said["ours too"].fine, said["ours too"].ambiguous) == ("SN Ia", False)
