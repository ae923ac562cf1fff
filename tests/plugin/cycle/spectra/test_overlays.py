"""Which matches are drawn, and what is said against them; where the networks looked, kept and asked for sparingly."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from iris_client.quality.control import QualityRules, examine
from models.domain import Evidence, RawSpectrum, Report, Spectrum, Target
from models.domain.looked import Looked
from models.domain.matching import RedshiftEstimate
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.looked import ASKED, from_facts, looked_at, to_facts, with_looked
from plugin.cycle.spectra.overlays import no_redshift, panels
from plugin.cycle.spectra.producer import KnownSpectrum, SpectraProducer
from plugin.cycle.spectra.sketch import sketches, unpacked
from plugin.store import ASTRANET, Filed, Piece, spectrum
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import FakeMarshal, good
from tests.plugin.cycle.spectra.test_layers_shown import alert
from tests.plugin.cycle.spectra.test_matched import MATCH, everything_matched

WAVE = np.linspace(3700.0, 9300.0, 1500)
REST = np.linspace(2000.0, 10000.0, 805)
SECOND = {**MATCH, "object": "SN1999em", "class": "SN II", "subtype": "II", "redshift": 0.119, "score": 0.6}
LOOKED = Looked(
    label=3,
    wavelength_A=np.array([4000.0, 4050.0, 4100.0, 4300.0]),
    change=np.array([0.5, -1.25, 0.0, 2.5]),
    log_odds=1.0,
)


def matching(**changes: object) -> Report:
    """A report whose redshift nobody knew."""
    told = RedshiftEstimate(value=0.05, low=0.04, high=0.06, alpha=0.05, best=0.05, share=0.95)
    told = replace(told, **changes)  # type: ignore[arg-type]
    return replace(everything_matched(), redshift=told, what_if=None, other_match=None)


def test_a_believed_match_stands_alone_and_without_doubt() -> None:
    (panel,) = panels(matching())
    assert panel.words == "At z = 0.0500, share 0.95: SN2011fe, Ia-norm, +3 d, score 0.91"
    assert (panel.redshift, panel.doubts) == (0.05, ())
    assert no_redshift(matching()) is None


def test_two_redshifts_that_differ_are_both_shown() -> None:
    report = replace(matching(share=0.5, second=0.12, second_share=0.3), other_match=SECOND)
    first, second = panels(report)
    assert first.doubts == ("a redshift with a share below 0.9 is often wrong",)
    assert second.words.startswith("Or at z = 0.1200, share 0.30: SN1999em, II, +3 d")
    assert second.redshift == 0.12
    assert "another class than the answer, SN Ia" in second.doubts[0]


def test_a_known_redshift_that_the_spectrum_does_not_show_is_not_left_alone() -> None:
    told = matching(known=0.2, known_origin="target (host)", agrees=False)
    first, second = panels(replace(told, other_match=MATCH))
    assert first.words.startswith("At the known z = 0.2000 (target (host)): ")
    assert (first.redshift, first.doubts) == (0.2, ("the spectrum shows z = 0.0500",))
    assert "found without the known one" in second.words
    assert second.redshift == 0.05


def test_no_match_is_drawn_where_no_redshift_can_be_believed_and_the_guesses_are_told() -> None:
    report = matching(value=None, low=None, high=None, share=0.2, second=0.12, second_share=0.15)
    assert panels(replace(report, other_match=SECOND)) == ()
    assert no_redshift(report) == (
        "No redshift can be believed, so no match is drawn. "
        "The best guesses are z = 0.0500 (share 0.20) or 0.1200 (0.15)."
    )
    assert "match_1" not in facts_of(report)


def test_a_simulated_match_says_so() -> None:
    (panel,) = panels(replace(matching(), matches=({**MATCH, "source": "simulated, seed 3"},)))
    assert panel.doubts == ("this match is simulated",)


def bank(_: str) -> tuple[np.ndarray, np.ndarray]:
    return REST, 1 + 0.3 * np.sin(REST / 90)


def facts_of(report: Report) -> dict:
    flux = 2e-16 * np.interp(WAVE, REST * (1 + float(MATCH["redshift"])), bank("")[1])
    seen = Spectrum(spectrum_id="1", wavelength_A=WAVE, flux=flux)
    return sketches(seen, RawSpectrum(spectrum_id="1"), report, None, None, bank)


def test_a_match_is_kept_in_the_units_of_the_spectrum_so_that_what_it_leaves_can_be_drawn() -> None:
    facts = facts_of(matching())
    ours, theirs = unpacked(facts["sketch"]), unpacked(facts["match_1"])
    assert ours is not None
    assert theirs is not None
    wave, first, second = np.intersect1d(ours[0], theirs[0], return_indices=True)
    assert wave.size > 250
    assert np.abs(ours[1][first] - theirs[1][second]).max() < 0.03
    assert facts["match_1_fit"] > 0.98
    assert len(facts["match_1"]) < 420
    assert "match_2" not in facts


def test_where_the_networks_looked_comes_back_within_a_step_and_gaps_stay_gaps() -> None:
    found = from_facts(to_facts(LOOKED))
    assert found is not None
    assert found.label == 3
    np.testing.assert_allclose(found.wavelength_A, LOOKED.wavelength_A)
    np.testing.assert_allclose(found.change, LOOKED.change, atol=2.5 / 254)


@pytest.mark.parametrize("text", ["", "x", "1 2:AA==", "nan 1 1:AAA=", "1 1 1:not base64"])
def test_what_is_no_such_fact_is_nothing(text: str) -> None:
    assert from_facts({"looked": text, "looked_at": "SN II"}) is None
    assert from_facts({**to_facts(LOOKED), "looked_at": "planet"}) is None


def filed(**changes: object) -> Filed:
    plain = Filed(
        subject=spectrum("1"), producer=ASTRANET, target_id="ZTF26a", version="m", report=matching(),
        filed_at=datetime(2026, 6, 10),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_what_was_found_once_is_kept_as_long_as_the_answer_is_the_same() -> None:
    before = filed(facts=to_facts(LOOKED))
    assert with_looked(filed(), before).facts == to_facts(LOOKED)
    assert with_looked(filed(), None).facts == {}
    assert with_looked(filed(report=replace(matching(), input_hash="other")), before).facts == {}
    assert with_looked(filed(report=replace(matching(), bundle="other")), before).facts == {}


def test_the_networks_are_asked_what_they_were_told() -> None:
    asked = []

    def looking(seen: Spectrum, label: str, redshift: float | None) -> Looked:
        asked.append((label, redshift))
        return LOOKED

    seen = Spectrum(spectrum_id="1", wavelength_A=WAVE, flux=WAVE)
    looked_at(everything_matched(), seen, looking)
    looked_at(matching(), seen, looking)
    assert asked == [("SN Ia", 0.2), ("SN Ia", None)]


@pytest.mark.parametrize(
    ("policy", "reason", "times"), [("COMMIT", None, 0), ("ABSTAIN", None, 0), ("ALERT", None, 1), ("COMMIT", ASKED, 1)]
)
def test_it_is_looked_only_for_cards_and_where_somebody_asks(policy: str, reason: str | None, times: int) -> None:
    asked: list[str] = []

    def looking(seen: Spectrum, label: str, redshift: float | None) -> Looked:
        asked.append(label)
        return LOOKED

    cards: list[object] = []

    def card(report: Report, seen: Spectrum, looked: Looked | None = None) -> bytes:
        cards.append(looked)
        return b"\x89PNG"

    producer = SpectraProducer(
        marshal=FakeMarshal(), analyst=FakeAnalyst(), posting=Posting(group_ids=(6,)), card=card, looking=looking
    )
    raw = good("1", "ZTF26a", group_ids=(6,))
    piece = Piece(
        id=1, subject=spectrum("1"), target_id="ZTF26a", version="m", seen="", asked=0, state="claimed", attempts=0,
        reason=reason,
    )  # fmt: skip
    draft = producer.draft(piece, known(raw), alert(policy))
    assert len(asked) == times
    assert ("looked" in draft.filed.facts) == bool(times)
    assert cards == ([LOOKED] if policy == "ALERT" else [])


def known(raw: RawSpectrum) -> KnownSpectrum:
    target = Target(target_id="ZTF26a")
    seen = examine(raw, QualityRules())
    return KnownSpectrum(raw, target, (Evidence(target=target, spectrum=seen.spectrum), seen.caveats))
