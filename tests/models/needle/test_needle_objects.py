"""One object, one answer: what is missing becomes a caveat, what is found becomes a fact."""

import json

import numpy as np
import pytest

from models.domain import Caveat, CaveatCode, Cutouts, Evidence, Host, LightCurve, Report, Status, Target
from models.needle import model
from models.needle.images import quality
from models.needle.objects import ObjectAnalyst, input_hash
from tests.models.needle.stamps import sky, star

TARGET = Target(target_id="ZTF26a", ra_deg=150.0, dec_deg=20.0, ebv_mag=0.05)
HOST = Host(mags={"g": 19.0, "r": 18.4}, separation_arcsec=3.0)


@pytest.fixture(scope="module")
def analyst() -> ObjectAnalyst:
    return ObjectAnalyst(model.load(), quality.load())


def curve(brightest: float = 18.0) -> LightCurve:
    """A rise of a fortnight in g and r every other day, with two limits before."""
    mjd = np.repeat(np.arange(60990.0, 61004.0, 2.0), 2) + np.tile([0.0, 0.02], 7)
    mag = brightest + ((mjd - 61003.0) / 9.0) ** 2
    n = mjd.size
    return LightCurve(
        mjd=np.concatenate([[60980.0, 60985.0], mjd]),
        band=("g", "r") * (n // 2 + 1),
        mag=np.concatenate([[np.nan] * 2, mag]),
        mag_error=np.full(n + 2, 0.05),
        limit_mag=np.full(n + 2, 20.5),
        is_limit=np.concatenate([[1.0, 1.0], np.zeros(n)]),
    )


def stamps(candid: str = "1", mjd: float = 61002.0, *, damaged: bool = False) -> Cutouts:
    science, template = (sky(seed, 63) + star(31, 31, 600, size=63) for seed in (1, 2))
    if damaged:
        template = template.copy()
        template[:8] = np.nan
    return Cutouts(candid=candid, band="g", mjd=mjd, science=science, template=template)


def answer(analyst: ObjectAnalyst, *caveats: Caveat, **known: object):
    evidence = Evidence(target=TARGET, **known)  # type: ignore[arg-type]
    return analyst.run(evidence, analyst.images(evidence), caveats)


def test_everything_there(analyst):
    found = answer(analyst, light_curve=curve(), host=HOST, cutouts=(stamps(),))
    verdict = found.report.host_verdict
    assert (found.report.status, found.report.reason) == (Status.OK, None)
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
    assert (found.facts["n_g"], found.facts["n_r"], found.facts["host_sep"]) == (7, 7, 3.0)
    assert found.facts["phase"] == pytest.approx(0.0, abs=0.05)
    assert 0.75 <= found.facts["quality"] <= 1.0
    assert found.facts["restored"] == 0
    assert verdict.model == found.report.bundle
    assert Report.from_json(found.report.to_json()).host_verdict.label == verdict.label
    json.dumps(dict(found.facts), allow_nan=False)


def test_the_history_is_what_would_have_been_said_each_night(analyst):
    verdict = answer(analyst, light_curve=curve(), host=HOST).report.host_verdict
    rows = verdict.history
    assert [row[0] for row in rows] == [round(60990.02 + 2 * k, 4) for k in range(7)]
    assert rows[-1][1:] == [round(verdict.probabilities[c], 4) for c in ("SN", "SLSN-I", "TDE")]
    whole = curve()
    keep = whole.mjd <= 60996.5
    columns = {k: getattr(whole, k)[keep] for k in ("mjd", "mag", "mag_error", "limit_mag", "is_limit")}
    then = LightCurve(band=whole.band[: keep.sum()], **columns)
    early = answer(analyst, light_curve=then, host=HOST).report.host_verdict
    assert rows[3][1:] == [round(early.probabilities[c], 4) for c in ("SN", "SLSN-I", "TDE")]


def test_a_damaged_reference_is_restored_and_said_so(analyst):
    found = answer(analyst, light_curve=curve(), host=HOST, cutouts=(stamps(damaged=True),))
    assert found.facts["restored"] == 1
    assert CaveatCode.IMAGE_RESTORED in {c.code for c in found.report.caveats}


def test_without_images_and_host_there_is_an_answer_with_caveats(analyst):
    found = answer(analyst, Caveat(code=CaveatCode.NO_CUTOUTS, text="away"), light_curve=curve())
    codes = {c.code for c in found.report.caveats}
    assert found.report.host_verdict is not None
    assert {CaveatCode.NO_CUTOUTS, CaveatCode.NO_HOST} <= codes
    assert not {"quality", "restored", "host_sep"} & set(found.facts)
    assert "away" in {c.text for c in found.report.caveats}


@pytest.mark.parametrize(("light", "reason"), [(None, "no light curve"), (curve(24.0), "no detection in g or r")])
def test_nothing_to_go_by_is_a_refusal_with_a_reason(analyst, light, reason):
    found = answer(analyst, light_curve=light, cutouts=(stamps(),))
    assert found.report.status is Status.REFUSED
    assert found.report.reason.startswith(reason)
    assert (found.facts["n_g"], found.facts["n_r"]) == (0, 0)
    assert "phase" not in found.facts
    assert "quality" in found.facts


def test_the_same_evidence_has_the_same_bytes_and_other_evidence_another_hash(analyst):
    evidence = Evidence(target=TARGET, light_curve=curve(), host=HOST, cutouts=(stamps(),))
    one, two = (analyst.run(evidence, analyst.images(evidence)).report.to_json() for _ in range(2))
    assert one == two
    others = [
        Evidence(target=TARGET, light_curve=curve(18.1), host=HOST, cutouts=(stamps(),)),
        Evidence(target=TARGET, light_curve=curve(), cutouts=(stamps(),)),
        Evidence(target=TARGET, light_curve=curve(), host=HOST, cutouts=(stamps("2"),)),
        Evidence(target=TARGET, light_curve=curve(), host=HOST),
    ]
    assert len({input_hash(e) for e in [evidence, *others]}) == 5


@pytest.fixture(scope="module")
def network():
    from models.needle.hybrid.model import load

    return load()


def both_ways(network, **known):
    """Answers of light curve and host alone, with the network beside it, and with the network's word."""
    needle, checker = model.load(), quality.load()
    ways = ({}, {"network": network}, {"network": network, "decides": True})
    return [answer(ObjectAnalyst(needle, checker, **way), **known) for way in ways]


def test_the_network_is_heard_beside_the_answer_or_answers_itself(network):
    alone, beside, first = both_ways(network, light_curve=curve(), host=HOST, cutouts=(stamps(),))
    assert beside.report.host_verdict.probabilities == alone.report.host_verdict.probabilities
    scores = {c: beside.facts[f"image_{c.split('-')[0].lower()}"] for c in ("SN", "SLSN-I", "TDE")}
    assert scores == {c: pytest.approx(v, abs=1e-4) for c, v in first.report.host_verdict.probabilities.items()}
    assert beside.facts["image_class"] == first.report.host_verdict.label == max(scores, key=scores.get)
    assert beside.facts["image_model"] == first.report.bundle
    assert first.report.bundle.startswith("needle-hybrid")
    assert not any(key.startswith("image_") for found in (alone, first) for key in found.facts)
    assert all(any("semi-real" in c.text for c in found.report.caveats) for found in (beside, first))


def test_without_images_light_curve_and_host_answer_and_it_is_said(network):
    alone, beside, first = both_ways(network, light_curve=curve(), host=HOST)
    for found in (beside, first):
        assert found.report.host_verdict == alone.report.host_verdict
        assert any("no answer from the images" in c.text for c in found.report.caveats)
        assert not any(key.startswith("image_") for key in found.facts)


def test_who_answers_is_told_in_the_order_of_who_decides(network):
    needle, checker = model.load(), quality.load()
    assert ObjectAnalyst(needle, checker, network=network).model_id == f"{needle.model_id} + {network.model_id}"
    deciding = ObjectAnalyst(needle, checker, network=network, decides=True)
    assert deciding.model_id == f"{network.model_id} + {needle.model_id}"
