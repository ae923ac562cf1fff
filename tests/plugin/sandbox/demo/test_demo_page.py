"""The demo's page and pictures, from reports made by hand: order, agreement, escaping, nothing from outside."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from models.domain import FINE_CLASSES, Anomaly, Caveat, CaveatCode, Confidence, Report, Status, Target, Verdict
from plugin.sandbox.demo import svg
from plugin.sandbox.demo.look import Look, in_order
from plugin.sandbox.demo.page import Account, Example, render, tally
from plugin.web.look.answer import Interest

ACCOUNT = Account(sent=(("annotation on a spectrum", 3),), sent_again=0, seconds=2.0, bundle="b@1", seed=0)
WAVE = tuple(np.linspace(3800, 9200, 900).tolist())
FLUX = tuple((1 + np.sin(np.linspace(0, 20, 900))).tolist())


def look(spectrum="1", label="SN Ia", p=0.9, members=None, *, truth="SN Ia", anomaly=None, target="ZTF26a", **kwargs):
    probabilities = {c: p if c == label else (1 - p) / 6 for c in FINE_CLASSES}
    report = Report(
        target_id=target,
        spectrum_id=spectrum,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities=probabilities, coarse={}),
        confidence=Confidence(
            prediction_sets={"0.05": (label,) if members is None else members},
            method="lac",
            calibration_id="c",
            calibration_size=500,
            calibration_date="2026-01-01",
        ),
        anomaly=anomaly,
        caveats=(Caveat(code=CaveatCode.NOT_AVAILABLE, text="no anomaly score in this bundle"),),
    )
    shown = {"wavelength_A": WAVE, "flux": FLUX, **kwargs}
    return Look(target=Target(target_id=target, redshift=0.05), report=report, alpha="0.05", truth=truth, **shown)


def refused(text="coverage 30 % of 3850-9000 A, 80 % needed"):
    caveat = Caveat(code=CaveatCode.LOW_COVERAGE, text=text)
    report = Report.refusal(target_id="ZTF26r", spectrum_id="9", caveats=[caveat], bundle="b", input_hash="")
    return Look(target=Target(target_id="ZTF26r"), report=report, alpha="0.05", truth="noise")


def odd():
    return Anomaly(score=0.99, flagged=True, threshold=0.97, scores={}, families={})


@pytest.mark.parametrize(
    ("made", "interest"),
    [
        (look(anomaly=odd()), Interest.ODD),
        (look(members=()), Interest.FITS_NOTHING),
        (look(label="TDE"), Interest.RARE),
        (look(label="SLSN", members=("SLSN", "SN Ibc")), Interest.MAYBE_RARE),
        (look(label="SLSN", members=FINE_CLASSES), Interest.UNDECIDED),
        (look(), Interest.CLASSIFIED),
        (look(members=("SN Ia", "SN Ibc")), Interest.UNDECIDED),
        (refused(), Interest.REFUSED),
    ],
)
def test_interest(made, interest):
    assert made.interest is interest


def test_no_set_at_a_rate_is_not_an_empty_one():
    elsewhere = replace(look(label="TDE", members=()), alpha="0.03")
    assert (elsewhere.has_set, elsewhere.interest) == (False, Interest.CLASSIFIED)
    assert "none of the seven" not in elsewhere.why


def test_most_interesting_first_whatever_the_order():
    made = [refused(), look("1"), look("2", label="TDE", p=0.8), look("3", label="SLSN", p=0.99), look("4", members=())]
    ids = [k.report.spectrum_id for k in in_order(made)]
    assert ids == ["4", "2", "3", "1", "9"]
    assert [k.report.spectrum_id for k in in_order(made[::-1])] == ids


@pytest.mark.parametrize(
    ("made", "agreement"),
    [
        (look(), "agrees"),
        (look(truth="SN Ibc", members=("SN Ia", "SN Ibc")), "in set"),
        (look(truth="TDE"), "missed"),
        (look(truth="blazar"), "odd"),
        (look(truth=None), "unknown"),
        (refused(), "refused"),
    ],
)
def test_agreement_with_the_simulated_truth(made, agreement):
    assert made.agreement == agreement


def test_tally_counts_only_what_has_a_class_and_a_truth():
    made = [look("1"), look("2", truth="TDE"), look("3", truth="blazar"), refused(), look("5", truth=None)]
    counts = tally(made)
    assert (counts["judged"], counts["agrees"], counts["inside"]) == (2, 1, 1)
    assert (counts["spectra"], counts["objects"], counts["refused"], counts["odd"]) == (5, 2, 1, 2)


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"wavelength_A": (), "flux": ()},
        {"wavelength_A": WAVE, "flux": FLUX[:-3]},
        {"wavelength_A": WAVE[::-1]},
        {"flux": (float("nan"),) * 900},
        {"flux": (float("inf"), *FLUX[1:])},
        {"flux": (3.0,) * 900},
        {"flux": (1e300, *FLUX[1:])},
        {"wavelength_A": (5000.0,) * 900},
        {"wavelength_A": tuple(w / 10 for w in WAVE)},
        {"wavelength_A": tuple(w * 1e6 for w in WAVE)},
    ],
)
def test_every_kind_of_array_gives_a_well_formed_picture(kwargs):
    root = ET.fromstring(str(svg.draw(look(**kwargs))))
    assert root.get("role") == "img"
    numbers = [float(n) for e in root.iter("path") for n in re.findall(r"-?[\d.]+", e.get("d"))]
    assert all(np.isfinite(numbers))


def test_a_picture_is_small_and_gaps_stay_open():
    assert len(svg.draw(look())) < 9000
    gap = [i for i, w in enumerate(WAVE) if not 6000 < w < 7000]
    broken = svg.draw(look(wavelength_A=tuple(WAVE[i] for i in gap), flux=tuple(FLUX[i] for i in gap)))
    assert broken.count("M") == svg.draw(look()).count("M") + 1


class Tags(HTMLParser):
    """Checks that tags close in order and gathers ids and addresses."""

    void = frozenset({"meta", "line", "path", "br", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "action", "data")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag


def page(looks, account=ACCOUNT):
    example = Example(place="Annotation on spectrum 1", rows=(("class", "SN Ia"),))
    return render(looks, account, [], example)


def test_the_page_is_one_well_formed_file_without_anything_from_outside():
    html = page([look(), refused(), look("3", label="TDE"), look("4", members=("SN Ia", "CV"))])
    tags = Tags(html)
    assert len(tags.ids) == len(set(tags.ids))
    assert all(a.startswith("#") and a[1:] in tags.ids for a in tags.addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script", html)
    assert html.count("<svg") == 4 == html.count('role="img" aria-label="Flux against')
    assert "Simulated data" in html
    assert "coverage 30 % of 3850-9000 A, 80 % needed" in html


def test_data_are_escaped():
    evil = "<img src=x onerror=alert(1)>"
    html = page([look(target=evil, instrument=evil, truth=evil), refused(evil)])
    assert "<img" not in html
    Tags(html)


def test_a_second_cycle_that_wrote_is_shown_as_a_fault():
    again = Account(sent=(), sent_again=2, seconds=1.0, bundle="b", seed=0)
    assert "must be 0" in page([look()], again)
    assert "must be 0" not in page([look()])


def test_an_empty_night_has_a_page_too():
    Tags(page([]))
