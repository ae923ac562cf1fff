"""Spectrum and source together on the source: beside the class of the spectrum, which stays as it is."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.domain import FINE_CLASSES, Basis, HostVerdict, Report, Status
from models.domain.joined import Surrounding
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.compose import on_source
from plugin.cycle.spectra.jointly import PREFIX, in_words
from plugin.store import Filed
from tests.fakes.joiner import joiner
from tests.plugin.cycle.spectra.test_compose import filed

ALONE = Posting(group_ids=(6, 2), alpha=0.05)
BOTH = replace(ALONE, joiner=joiner())
PLANE = Surrounding(latitude_deg=-6.0, star_score=0.95, nearest_arcsec=0.3)


def with_basis(spectrum_id: str = "4", around: Surrounding | None = PLANE, spacing: float = 25.0) -> Filed:
    """Spectrum 4 is a SN II to the fake."""
    one = filed(spectrum_id)
    assert one.report.verdict is not None
    basis = Basis(
        probabilities=one.report.verdict.probabilities,
        epistemic=0.1,
        spacing_A=spacing,
        coverage=1.0,
        blue_end=0.0,
        red_end=0.0,
    )
    return replace(one, report=replace(one.report, basis=basis, surrounding=around))


def needle(around: Surrounding | None) -> Report:
    each = {"SN": 0.8, "SLSN-I": 0.1, "TDE": 0.1}
    verdict = HostVerdict(label="SN", probabilities=each, model="m", prediction_sets={"0.05": ("SN",)})
    return Report(
        target_id="ZTF26a", spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="m", surrounding=around
    )


def joined_of(body: dict) -> dict:
    return {key: value for key, value in body.items() if key.startswith(PREFIX)}


def test_everything_else_stays_byte_for_byte():
    one = with_basis()
    plain, both = (on_source("ZTF26a", [one], posting) for posting in (ALONE, BOTH))
    assert joined_of(both[0].body)
    assert {k: v for k, v in both[0].body.items() if not k.startswith(PREFIX)} == plain[0].body
    assert both[1:] == plain[1:]


def test_the_keys_are_flat_and_say_what_was_weighed():
    body = joined_of(on_source("ZTF26a", [with_basis()], BOTH)[0].body)
    assert body["an_joined_from"] == "latitude|counterpart"
    assert body["an_joined_without"] == "luminosity|rise"
    assert sum(body[f"an_joined_p_{c.removeprefix('SN ')}"] for c in FINE_CLASSES) == pytest.approx(1.0, abs=1e-3)
    assert (body["an_joined_alpha"], body["an_joined_model"].split("@")[0]) == (0.05, "joined-0")
    assert body["an_joined_p_CV"] > with_basis().report.verdict.probabilities["CV"]
    high = joined_of(on_source("ZTF26a", [with_basis(spacing=2.0)], BOTH)[0].body)
    assert "an_joined_set" not in high
    assert high["an_joined_class"] == body["an_joined_class"]


def test_a_spectrum_of_a_part_of_the_window_is_not_joined():
    one = with_basis()
    basis = replace(one.report.basis, coverage=0.75, red_end=0.25)
    assert joined_of(on_source("ZTF26a", [replace(one, report=replace(one.report, basis=basis))], BOTH)[0].body) == {}


def test_it_agrees_with_the_class_that_is_named():
    one = with_basis()
    joined = joined_of(on_source("ZTF26a", [one], BOTH)[0].body)
    named = replace(one.report.verdict, label=joined["an_joined_class"])
    other = replace(one.report.verdict, label=next(c for c in FINE_CLASSES if c != joined["an_joined_class"]))
    for verdict, agrees in ((named, 1), (other, 0)):
        filed_so = replace(one, report=replace(one.report, verdict=verdict))
        assert joined_of(on_source("ZTF26a", [filed_so], BOTH)[0].body)["an_joined_agrees"] == agrees


@pytest.mark.parametrize(
    "one",
    [with_basis(around=None), filed("4"), with_basis(around=Surrounding())],
    ids=["nothing known", "an earlier version's report", "an empty one"],
)
def test_nothing_is_joined_where_nothing_is_known(one):
    assert on_source("ZTF26a", [one], BOTH) == on_source("ZTF26a", [one], ALONE)


def test_powers_are_for_one_bundle():
    other = with_basis()
    other = replace(other, report=replace(other.report, bundle="another@1"))
    assert not joined_of(on_source("ZTF26a", [other], BOTH)[0].body)


def test_what_the_alerts_say_comes_first_and_the_marshals_place_stays():
    seen = Surrounding(star_score=0.05, nearest_arcsec=0.4, mjd=(61193.0, 61198.0), mag=(19.0, 18.0), band=("g", "g"))
    body = joined_of(on_source("ZTF26a", [with_basis()], BOTH, needle(seen))[0].body)
    assert body["an_joined_from"] == "latitude|counterpart|rise"
    alone = joined_of(on_source("ZTF26a", [with_basis()], BOTH)[0].body)
    assert body["an_joined_p_CV"] < alone["an_joined_p_CV"]  # a galaxy lies there


def test_in_words():
    body = dict(on_source("ZTF26a", [with_basis()], BOTH)[0].body)
    words = in_words(body)
    assert words.startswith("with its source (latitude, counterpart): ")
    assert "not known: luminosity, rise" in words
    assert in_words({**body, "an_joined_agrees": 0}).endswith("look again")
    assert "not known" not in in_words({**body, "an_joined_without": "none"})
    assert in_words({}) is None


def test_the_documents_have_every_key():
    text = (Path(__file__).parents[4] / "docs" / "reading.md").read_text()
    named = set(re.findall(r"`(an_joined_\w+)`", text))
    posted = set(joined_of(on_source("ZTF26a", [with_basis()], BOTH)[0].body))
    each = {key for key in posted if key.startswith("an_joined_p_")}
    assert posted - each <= named
    assert named - posted == set()
    assert {"an_joined_p_Ia", "an_joined_p_TDE"} <= named & each
