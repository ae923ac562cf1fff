"""One bundle of the members of several: same answers, own kinds of network, one calibration."""

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from typer.testing import CliRunner

from models.bundle import fingerprint, load, verify, write_card
from models.cards import digest
from models.domain import FINE_CLASSES
from models.training.evaluate import predict_dataset
from plugin.cli import app
from plugin.lab.dataset.labelled import Labelled
from plugin.lab.spectra.make_bundle import SIMULATED, join_bundles
from tests.models.bundles import tiny_bundle, tiny_labelled
from tests.models.training.data import ripples

TODAY = date(2026, 1, 2)


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    return tiny_bundle(tmp_path / "a"), tiny_bundle(tmp_path / "b", seeds=(7, 8), log_bins=1024)


def test_members_answer_as_they_did_before(parts: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = parts
    card = join_bundles(tmp_path / "c", [(a, {2: 2}), (b, {7: 7, 8: 8})], tiny_labelled(), name="both", today=TODAY)
    data = ripples().part("test")
    joined = predict_dataset(load(tmp_path / "c").ensemble, data)
    first, second = (predict_dataset(load(p).ensemble, data) for p in parts)
    assert joined.seeds == (2, 7, 8)
    # Members go through together: with others beside it a sum may be taken in another order.
    np.testing.assert_allclose(joined.member_logits[0], first.member_logits[1], atol=1e-5)
    np.testing.assert_allclose(joined.member_logits[1:], second.member_logits, atol=1e-5)
    assert [m["net"]["log_bins"] for m in card["members"]] == [0, 1024, 1024]
    assert [m["from"] for m in card["members"]] == ["tiny", "velocity", "velocity"]
    assert set(card["training"]["joined"]) == {"tiny", "velocity"}
    assert card["calibration"]["size"] == len(ripples().part("calibrate"))
    assert card["temperature"] != 1.0


def test_two_trainings_from_one_seed_stand_beside_each_other(tmp_path: Path) -> None:
    a, b = tiny_bundle(tmp_path / "a"), tiny_bundle(tmp_path / "b", log_bins=1024)
    card = join_bundles(tmp_path / "c", [(a, {1: 1}), (b, {1: 101})], tiny_labelled(), name="both", today=TODAY)
    data = ripples().part("test")
    joined = predict_dataset(load(tmp_path / "c").ensemble, data)
    assert joined.seeds == (1, 101)
    for i, part in enumerate((a, b)):
        assert np.array_equal(joined.member_logits[i], predict_dataset(load(part).ensemble, data).member_logits[0])
    assert [m["begun"] for m in card["members"]] == [1, 1]
    again = join_bundles(tmp_path / "d", [(tmp_path / "c", {101: 5})], tiny_labelled(), name="once more", today=TODAY)
    assert (again["members"][0]["seed"], again["members"][0]["begun"]) == (5, 1)


def test_one_member_of_each_training(parts: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = parts
    have = [m["kind"] for m in verify(a)["members"]]
    taken = [(a, {1: 1, 2: 2}), (b, {7: 7})]
    card = join_bundles(tmp_path / "c", taken, tiny_labelled(), name="swa", today=TODAY, kinds=have[:1])
    assert {m["kind"] for m in card["members"]} == {have[0]}
    with pytest.raises(ValueError, match="seed 1 has no member of kind average"):
        join_bundles(tmp_path / "d", taken, tiny_labelled(), name="none", today=TODAY, kinds=["average"])


def test_simulated_spectra_are_named_among_the_sources(tmp_path: Path) -> None:
    a, b = tiny_bundle(tmp_path / "a"), tiny_bundle(tmp_path / "b", seeds=(7,), simulated=0.3)
    card = join_bundles(tmp_path / "c", [(a, {1: 1}), (b, {7: 7})], tiny_labelled(), name="both", today=TODAY)
    assert not [s for s in verify(a)["sources"] if s.startswith("simulated")]
    assert card["sources"] == [*verify(a)["sources"], SIMULATED]


def test_what_kind_of_network_a_member_is_decides_the_fingerprint(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """Both kinds have weights of the same shapes: the files alone would not tell them apart."""
    card = join_bundles(tmp_path / "c", [(parts[0], {1: 1})], tiny_labelled(), name="both", today=TODAY)
    other = {**card, "members": [{**card["members"][0], "net": card["net"] | {"log_bins": 1024}}]}
    assert fingerprint(card) != fingerprint(other)


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [
        ({9: 9}, "no member of seed 9"),
        ({1: 1}, "seed 1 is taken twice"),
        ({2: 1}, "seed 1 is taken twice"),
    ],
)
def test_seeds_that_cannot_be_taken(
    seeds: dict[int, int], reason: str, parts: tuple[Path, Path], tmp_path: Path
) -> None:
    taken = [(parts[0], {1: 1}), (tiny_bundle(tmp_path / "d"), seeds)]
    with pytest.raises(ValueError, match=reason):
        join_bundles(tmp_path / "c", taken, tiny_labelled(), name="both", today=TODAY)
    assert not (tmp_path / "c").exists()


def test_bundles_of_other_splits_are_refused(parts: tuple[Path, Path], tmp_path: Path) -> None:
    data = ripples()
    half = Labelled(data=data.rows(np.arange(len(data)) % 2 == 0), splits_hash="1" * 64, rejected=Counter())
    with pytest.raises(ValueError, match="other spectra or splits"):
        join_bundles(tmp_path / "c", [(parts[0], {1: 1})], half, name="both", today=TODAY)


@pytest.mark.parametrize("take", ["a:first", "a:1,", "a:1=x", "1"])
def test_the_command_says_what_it_wants(take: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["bundle", "join", "--data", str(tmp_path), "--out", str(tmp_path / "c"), "--take", take]
    )
    assert result.exit_code == 2
    assert "is not BUNDLE:SEED,SEED=NUMBER" in result.output


def test_a_training_does_not_go_on_from_another_kind_of_network(parts: tuple[Path, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["train", "spectral", "--data", str(tmp_path), "--out", str(tmp_path / "c"), "--preset", "tiny", "--seeds", "7",
         "--threads", "1", "--from", str(parts[1])],
    )  # fmt: skip
    assert result.exit_code == 2
    assert "are not those of the preset" in " ".join(result.output.replace("│", " ").split())


def test_the_card_says_which_mix_the_answers_are_for_and_they_are_for_it(tmp_path: Path) -> None:
    """What training showed comes from its own settings; another mix moves every member's odds by the same factor."""
    folder = tiny_bundle(tmp_path / "a")
    card = verify(folder)
    shown, answered = (card["prior"][k] for k in ("shown", "answered"))
    assert sum(shown.values()) == pytest.approx(1, abs=1e-3)
    assert answered["SN Ia"] > answered["SN II"] > answered["SN Ibc"] > answered["AGN"]
    for name in FINE_CLASSES:
        assert card["class_odds"][name] == pytest.approx(answered[name] / shown[name], rel=5e-3)
    data = ripples().part("test")
    told = predict_dataset(load(folder).ensemble, data)
    without = {**card, "class_odds": dict.fromkeys(FINE_CLASSES, 1.0)}
    write_card(folder, without)
    plain = predict_dataset(load(folder).ensemble, data)
    odds = np.array([card["class_odds"][c] for c in FINE_CLASSES])
    expected = plain.member_fine * odds
    np.testing.assert_allclose(told.member_fine, expected / expected.sum(-1, keepdims=True), rtol=1e-9)
    assert fingerprint(card) != fingerprint(without)


def test_a_bundle_from_before_there_were_odds_answers_as_it_did(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "a")
    old = {k: v for k, v in verify(folder).items() if k not in ("class_odds", "prior")}
    write_card(folder, old)
    logits = (prediction := predict_dataset(load(folder).ensemble, ripples().part("test"))).member_logits
    np.testing.assert_allclose(prediction.member_fine, softmax(logits / old["temperature"], axis=-1), rtol=1e-9)
    assert fingerprint(verify(folder)) == digest(verify(folder), ("net", "temperature", "files"))
