"""Redshift, phase, subtype and matches where people see them; several spectra of a source as one answer."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from models.domain import FINE_CLASSES, Report
from models.domain.matching import Luminosity, PhaseEstimate, RedshiftEstimate, Subtype, WhatIf, WithLuminosity
from models.together import Together, calibrated, combined
from plugin.batch.classify import line
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.compose import answer, on_source
from plugin.cycle.spectra.matched import in_words, matched
from plugin.store import ASTRANET, Filed, Subject
from tests.plugin.cycle.spectra.test_compose import report as plain

MATCH = {"object": "SN2011fe", "class": "SN Ia", "subtype": "Ia-norm", "phase_days": 3.2, "redshift": 0.051,
         "score": 0.91, "spectrum": "SN2011fe__001", "source": "WISeREP"}  # fmt: skip
REDSHIFT = RedshiftEstimate(
    value=0.05, low=0.045, high=0.055, alpha=0.05, best=0.05, share=0.93, second=0.12, second_share=0.04,
    known=0.2, known_origin="target (host)", agrees=False, cell="high resolution, share from 0.8", cell_size=200,
)  # fmt: skip


def everything_matched() -> Report:
    """A report in which matches say all they can."""
    each = dict.fromkeys(FINE_CLASSES, 1 / 7)
    what_if = WhatIf(
        redshift=0.2, origin="target (host)", with_redshift=each, without_redshift=each, sets_with=("SN Ia",),
        sets_without=("SN Ia", "SN Ibc"), alpha=0.05,
    )  # fmt: skip
    return replace(
        plain("1"),
        redshift=REDSHIFT,
        phase=PhaseEstimate(days=2.5, low=-3.0, high=8.0, alpha=0.05, cell="SN Ia", cell_size=90),
        subtype=Subtype(
            label="Ia-norm",
            probabilities={"Ia-norm": 0.8, "Ia-91T": 0.2},
            prediction_sets={"0.05": ("Ia-norm", "Ia-91T")},
        ),
        matches=(MATCH, {**MATCH, "object": "SN1994D", "subtype": None, "phase_days": None}),
        luminosity=Luminosity(
            magnitude=-19.2,
            at_spectrum=-18.9,
            band="g",
            redshift=0.2,
            redshift_origin="target (host)",
            correction="none",
        ),
        with_luminosity=WithLuminosity(
            label="SLSN", probabilities=each | {"SLSN": 0.91}, magnitude=-19.2, redshift=0.2, agrees=False
        ),
        what_if=what_if,
    )


def test_the_keys_say_both_redshifts_and_that_they_do_not_agree() -> None:
    body = answer(everything_matched(), 0.05)
    assert (body["z"], body["z_lo"], body["z_hi"], body["z_share"]) == (0.05, 0.045, 0.055, 0.93)
    assert (body["z_2"], body["z_2_share"], body["z_agrees"]) == (0.12, 0.04, 0)
    assert (body["phase"], body["phase_lo"], body["phase_hi"]) == (2.5, -3.0, 8.0)
    assert (body["subtype"], body["subtype_set"]) == ("Ia-norm", "Ia-norm|Ia-91T")
    assert (body["match_1"], body["match_score"], body["abs_mag"]) == ("SN2011fe, Ia-norm, +3 d", 0.91, -19.2)
    assert all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in body.values())


def test_a_redshift_that_is_not_believed_is_not_posted_as_one() -> None:
    doubtful = replace(REDSHIFT, value=None, low=None, high=None, agrees=None, share=0.31)
    body = matched(replace(everything_matched(), redshift=doubtful, phase=None, subtype=None), 0.05)
    assert not {"z", "z_lo", "z_hi", "z_agrees", "phase", "subtype"} & set(body)
    assert body["z_share"] == 0.31
    assert matched(plain("1"), 0.05) == {}


def test_the_spread_of_each_probability_is_posted() -> None:
    report = plain("1")
    body = answer(replace(report, verdict=replace(report.verdict, spread=dict.fromkeys(FINE_CLASSES, 0.04))), 0.05)
    label = report.verdict.label
    p = report.verdict.probabilities[label]
    key = label.removeprefix("SN ")
    assert body[f"p_lo_{key}"] == pytest.approx(max(p - 0.08, 0), abs=1e-4)
    assert body[f"p_hi_{key}"] == pytest.approx(min(p + 0.08, 1), abs=1e-4)
    assert all(0 <= body[f"p_{end}_{c.removeprefix('SN ')}"] <= 1 for c in FINE_CLASSES for end in ("lo", "hi"))


def test_the_command_line_has_every_key_also_without_a_bank() -> None:
    class Raw:
        spectrum_id = "1"

    full, bare = line(Raw(), everything_matched()), line(Raw(), plain("1"))
    assert set(full) == set(bare)
    assert (full["redshift_estimate"], full["redshift_interval"], full["redshift_second"]) == (
        0.05,
        [0.045, 0.055],
        0.12,
    )
    assert (full["phase_estimate"], full["phase_interval"]) == (2.5, [-3.0, 8.0])
    assert (full["subtype"], full["subtype_sets"]) == ("Ia-norm", {"0.05": ["Ia-norm", "Ia-91T"]})
    assert full["matches"][0]["object"] == "SN2011fe"
    assert full["what_if"]["sets_without"] == ("SN Ia", "SN Ibc")
    assert bare["redshift_estimate"] is None
    json.dumps(full, allow_nan=False)


def test_a_full_report_survives_json_and_one_from_before_is_read() -> None:
    full = everything_matched()
    assert Report.from_json(full.to_json()) == full
    told = json.loads(plain("1").to_json())
    for key in ("redshift", "phase", "subtype", "matches", "luminosity", "with_luminosity", "what_if"):
        told.pop(key)
    assert Report.from_json(json.dumps(told)) == plain("1")


def spectrum(
    name: str, day: int, label: str, p: float, groups: tuple[int, ...] = (6,), policy: str = "COMMIT"
) -> Filed:
    base = plain(name)
    rest = (1 - p) / (len(FINE_CLASSES) - 1)
    each = {c: p if c == label else rest for c in FINE_CLASSES}
    verdict = replace(base.verdict, label=label, probabilities=each)
    confidence = replace(base.confidence, policy=policy, sentence="s", calibration_cell="high resolution")
    return Filed(
        subject=Subject("spectrum", name), producer=ASTRANET, target_id="ZTF26a", version="m", group_ids=groups,
        report=replace(base, verdict=verdict, confidence=confidence), observed_at=f"2026-06-{day:02d}T00:00:00",
        filed_at=datetime(2026, 6, 20),
    )  # fmt: skip


RULE = Together(np.linspace(0.0, 0.4, 100), np.arange(100) % 2 == 0)
POSTING = Posting(group_ids=(6,), alpha=0.05, together=RULE, classification=True, least_probability=0.5)


def test_all_spectra_of_a_source_are_one_answer() -> None:
    sure = [spectrum("1", 1, "SN II", 0.95), spectrum("2", 2, "SN II", 0.9), spectrum("3", 3, "SN Ibc", 0.5)]
    summary, classification = on_source("ZTF26a", sure, POSTING)
    assert (summary.body["an_class"], summary.body["an_spectrum_id"]) == ("SN II", "3")
    assert (summary.body["an_n_combined"], summary.body["an_unanimous"]) == (3, 0)
    assert summary.body["an_history"] == "2026-06-01 SN II 0.95; 2026-06-02 SN II 0.90; 2026-06-03 SN Ibc 0.50"
    assert summary.body["an_set"] == "SN II"
    # What was said of the latest spectrum does not hold for the object: a person looks, nothing is classified.
    assert summary.body["an_policy"] == "ABSTAIN"
    assert classification.body is None
    alone, _ = on_source("ZTF26a", sure[2:], POSTING)
    assert alone.body["an_class"] == "SN Ibc"
    assert "an_history" not in alone.body
    latest_only, _ = on_source("ZTF26a", sure, replace(POSTING, together=None))
    assert latest_only.body["an_class"] == "SN Ibc"


def test_a_spectrum_that_not_all_readers_may_see_is_not_in_the_summary() -> None:
    filed = [spectrum("1", 1, "SN II", 0.99, groups=(7,)), spectrum("2", 2, "SN Ibc", 0.6, groups=(6, 7))]
    summary, _ = on_source("ZTF26a", filed, replace(POSTING, group_ids=(6, 7)))
    assert summary.group_ids == (6, 7)
    assert summary.body["an_class"] == "SN Ibc"
    assert "an_history" not in summary.body


def test_an_alert_of_the_latest_spectrum_stays_one() -> None:
    filed = [spectrum("1", 1, "SN II", 0.99), spectrum("2", 2, "SN Ibc", 0.4, policy="ALERT")]
    summary, _ = on_source("ZTF26a", filed, POSTING)
    assert summary.body["an_policy"] == "ALERT"


def test_combining_is_neither_an_average_nor_independent_evidence() -> None:
    p = np.array([0.6, 0.4, 0, 0, 0, 0, 0])
    one, four = combined(p[None]), combined(np.tile(p, (4, 1)))
    np.testing.assert_allclose(one[:2], p[:2], atol=1e-3)
    assert one[0] < four[0] < 0.6**4 / (0.6**4 + 0.4**4)
    ruled_out = combined(np.array([[1.0, 0, 0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0, 0, 0]]))
    assert ruled_out[0] == pytest.approx(ruled_out[1])


def test_objects_calibrate_and_single_spectra_do_not() -> None:
    p = np.full((5, 7), 0.02)
    p[np.arange(5), [0, 0, 3, 3, 1]] = 0.88
    arrays = calibrated(p, np.array([0, 0, 3, 3, 1]), ("a", "a", "b", "b", "c"), np.array([1, 1, 0, 0, 1], bool))
    assert arrays["together_nonconformity"].shape == (2,)
    assert arrays["together_low"].tolist() == [1, 0]
    assert Together.of({}) is None
    assert Together.of(arrays).members(combined(p[:2]), 0.4, low=True) == ("SN Ia",)


def test_the_card_shows_the_match_both_redshifts_and_the_same_bytes_again() -> None:
    from plugin.cycle.spectra.card import vetting_card
    from tests.plugin.cycle.spectra.test_layers_shown import alert
    from tests.plugin.cycle.spectra.test_layers_shown import spectrum as seen

    rest = np.linspace(2000.0, 10000.0, 805)

    def bank(name: str) -> tuple[np.ndarray, np.ndarray]:
        assert name == MATCH["spectrum"]
        return rest, np.where(rest > 3500, 1 + np.sin(rest / 200), np.nan)

    full = everything_matched()
    report = replace(alert(), redshift=full.redshift, matches=full.matches)
    picture = vetting_card(report, seen(), matched=bank)
    assert picture.startswith(b"\x89PNG")
    assert picture == vetting_card(report, seen(), matched=bank)
    assert picture != vetting_card(report, seen())


def test_lines_stand_at_the_known_redshift_before_the_found_one_and_nowhere_when_neither_is_believed() -> None:
    from plugin.cycle.spectra.match_panel import shown_redshift

    report = everything_matched()
    assert shown_redshift(report) == (0.2, "of the target (host)")
    unknown = replace(report, redshift=replace(REDSHIFT, known=None, known_origin=None, agrees=None))
    assert shown_redshift(unknown) == (0.05, "by matching")
    assert shown_redshift(replace(report, redshift=replace(unknown.redshift, value=None))) is None
    assert shown_redshift(plain("1")) is None


def test_in_words_for_a_terminal() -> None:
    told = in_words(everything_matched())
    assert told[0] == (
        "by matching z = 0.0500, share 0.93, 0.0450 to 0.0550 at 95%; or z = 0.1200, share 0.04; "
        "known: 0.2000 (target (host)), which does not agree"
    )
    assert told[1:3] == ["phase +2.5 d, -3.0 to +8.0 at 95%", "subtype Ia-norm: Ia-norm 0.80, Ia-91T 0.20"]
    assert told[3] == "M(g) = -19.20 at its brightest; z = 0.2000 (target (host)); corrected for: none"
    assert told[4].startswith("with its luminosity")
    assert told[5] == "matches SN2011fe, Ia-norm, +3 d (0.91); SN1994D, SN Ia (0.91)"
    assert in_words(plain("1")) == []
    doubtful = replace(REDSHIFT, value=None, low=None, high=None, agrees=None, known=None)
    assert in_words(replace(plain("1"), redshift=doubtful))[0].startswith(
        "by matching no redshift to believe (best peak z"
    )


@pytest.mark.parametrize("away", [False, True])
def test_the_marshals_photometry_reaches_the_models_where_it_is_asked_for(away: bool, monkeypatch) -> None:
    from iris_client.errors import Unavailable
    from models.domain import LightCurve
    from plugin.cycle.spectra.producer import SpectraProducer
    from plugin.store import Piece
    from tests.fakes.analyst import FakeAnalyst
    from tests.fakes.marshal import FakeMarshal, bad, good

    one = np.ones(1)
    curve = LightCurve(mjd=one, band=("g",), mag=18 * one, mag_error=one, limit_mag=one, is_limit=0 * one)
    marshal, asked = FakeMarshal(), []
    marshal.add(good("1", "ZTF26a"), bad("2", "ZTF26b"))

    def light_curve(name: str) -> LightCurve:
        asked.append(name)
        if away:
            raise Unavailable("no answer")
        return curve

    monkeypatch.setattr(marshal, "light_curve", light_curve)
    asking = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=POSTING, photometry=marshal)
    plain = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=POSTING)
    whole, refused = (
        Piece(
            id=i, subject=Subject("spectrum", str(i)), target_id=name, version="m", seen="", asked=1, state="new",
            attempts=0,
        )
        for i, name in ((1, "ZTF26a"), (2, "ZTF26b"))
    )  # fmt: skip
    assert plain.fetch(whole, {}).item[0].light_curve is None
    assert asked == []
    evidence, _ = asking.fetch(whole, {}).item
    assert evidence.light_curve == (None if away else curve)
    assert evidence.spectrum is not None
    assert asking.fetch(refused, {}).item[0].light_curve is None
    assert asked == ["ZTF26a"]


def test_how_bright_it_is_is_posted_and_said() -> None:
    report = everything_matched()
    told = replace(report.luminosity, at_spectrum=-18.1, at_spectrum_band="r", days_from_spectrum=1.2)
    body = answer(replace(report, luminosity=told), 0.05)
    assert (body["abs_mag"], body["abs_mag_at_spectrum"]) == (-19.2, -18.1)
    assert "abs_mag_at_spectrum" not in answer(report, 0.05)
    words = " ".join(in_words(replace(report, luminosity=told)))
    assert "M(g) = -19.20 at its brightest, M(r) = -18.10 at the spectrum" in words
    assert "at the spectrum" not in " ".join(in_words(report))


def test_the_marshals_redshift_reaches_the_models_and_no_secret_with_it() -> None:
    from models.domain import Target
    from plugin.cycle.spectra.producer import SpectraProducer
    from plugin.store import Piece
    from tests.fakes.analyst import FakeAnalyst
    from tests.fakes.marshal import FakeMarshal, good

    marshal = FakeMarshal()
    marshal.add(good("1", "ZTF26a"))
    marshal.targets["ZTF26a"] = Target(target_id="ZTF26a", redshift=0.07, redshift_origin="host, by tok-en")
    producer = SpectraProducer(marshal=marshal, analyst=FakeAnalyst(), posting=POSTING, secrets=("tok-en",))
    piece = Piece(
        id=1,
        subject=Subject("spectrum", "1"),
        target_id="ZTF26a",
        version="m",
        seen="",
        asked=1,
        state="new",
        attempts=0,
    )
    evidence, _ = producer.fetch(piece, {}).item
    assert evidence.target.redshift == 0.07
    assert evidence.target.redshift_origin == "host, by ***"


def test_what_the_luminosity_adds_stands_beside_the_class() -> None:
    report = everything_matched()
    body = answer(report, 0.05)
    assert (body["lum_class"], body["lum_p"]) == ("SLSN", 0.91)
    assert body["class"] == report.verdict.label
    without = replace(report, with_luminosity=None)
    assert answer(without, 0.05) == {k: v for k, v in body.items() if not k.startswith("lum_")}
    words = "with its luminosity (M = -19.20): SLSN 0.91"
    assert any(line.startswith(words) and "look again" in line for line in in_words(report))
    same = replace(report, with_luminosity=replace(report.with_luminosity, agrees=True))
    assert words in in_words(same)
