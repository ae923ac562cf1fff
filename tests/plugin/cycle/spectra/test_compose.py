"""What is posted: flat values of one type per key, the same for the same reports, nothing that is not to be said."""

import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import FINE_CLASSES, Caveat, CaveatCode, Evidence, Report, Target
from plugin.cycle.posting import Posting, prediction_set
from plugin.cycle.spectra.compose import answer, on_source, on_spectrum
from plugin.store import ASTRANET, Filed
from plugin.store import spectrum as subject_of
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good

POSTING = Posting(group_ids=(6, 2), alpha=0.05)


def report(spectrum_id: str = "1", *caveats: Caveat) -> Report:
    from iris_client.quality.control import examine

    evidence = Evidence(target=Target(target_id="ZTF26a"), spectrum=examine(good(spectrum_id, "ZTF26a")).spectrum)
    return FakeAnalyst().run_many([(evidence, caveats)])[0]


def refused(spectrum_id: str = "1") -> Report:
    caveats = [Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 61 %, 80 % needed")]
    return Report.refusal(target_id="ZTF26a", spectrum_id=spectrum_id, caveats=caveats, bundle="b", input_hash="h")


def filed(spectrum_id: str = "1", observed_at: str | None = "2026-06-09T05:00:00", what: Report | None = None) -> Filed:
    return Filed(
        subject=subject_of(spectrum_id),
        producer=ASTRANET,
        target_id="ZTF26a",
        version="2026-06-10T07:00:00",
        report=what or report(spectrum_id),
        observed_at=observed_at,
        group_ids=(6,),
        filed_at=datetime(2026, 6, 10),
    )


def test_values_are_flat_and_json_without_nan():
    for post in (on_spectrum(filed(), POSTING), on_source("ZTF26a", [filed()], POSTING)[0]):
        assert all(isinstance(value, str | int | float) for value in post.body.values())
        assert not any(isinstance(value, bool) for value in post.body.values())
        json.dumps(post.body, allow_nan=False)


def test_answer_says_class_probabilities_set_and_where_they_come_from():
    body = answer(report(), 0.05)
    assert (body["class"], body["coarse"], body["status"]) == ("SN Ia", "SN-Thermonuclear", "ok")
    assert (body["set"], body["set_size"], body["alpha"]) == ("SN Ia|AGN", 2, 0.05)
    assert (body["in_set_AGN"], body["in_set_TDE"]) == (1, 0)
    assert body["p"] == body["p_Ia"] == round(body["p"], 4)
    assert (body["bundle"], body["calibration"], body["calibration_size"]) == ("fake-1@00000000", "cal-1", 100)
    assert {f"p_{c.removeprefix('SN ')}" for c in FINE_CLASSES} <= set(body)


def test_a_key_has_one_type_in_every_answer():
    bodies = [answer(report(str(n)), alpha) for n in range(1, 8) for alpha in (0.05, 0.1, 0.01)]
    bodies.append(answer(refused(), 0.05))
    types: dict[str, type] = {}
    for body in bodies:
        for key, value in body.items():
            assert types.setdefault(key, type(value)) is type(value), key


def test_empty_set_is_an_answer():
    body = answer(report(), 0.01)
    assert (body["set"], body["set_size"], body["in_set_Ia"]) == ("none", 0, 0)


def test_unknown_alpha_is_an_error_not_another_set():
    with pytest.raises(ValueError, match=r"no prediction set for alpha 0.2, only for 0.05, 0.1, 0.01"):
        prediction_set(report().confidence.prediction_sets, 0.2)


def test_caveats_of_this_spectrum_are_named_and_general_ones_are_not():
    unknown = Caveat(code=CaveatCode.UNITS_UNKNOWN, text="no units")
    absent = Caveat(code=CaveatCode.NOT_AVAILABLE, text="no anomaly score")
    assert answer(report("1", unknown, absent), 0.05)["caveats"] == "units_unknown"
    assert answer(report("1", absent), 0.05)["caveats"] == "none"


def test_refusal_leaves_nothing_unless_wanted():
    one = filed(what=refused())
    assert on_spectrum(one, POSTING).body is None
    body = on_spectrum(one, replace(POSTING, refusals=True)).body
    assert (body["status"], body["reason"]) == ("refused", "coverage 61 %, 80 % needed")
    assert on_source("ZTF26a", [one], replace(POSTING, refusals=True))[0].body is None


def test_source_repeats_its_latest_classified_spectrum_with_prefixed_keys():
    many = [filed("1"), filed("2", "2026-06-09T06:00:00"), filed("3", "2026-06-09T07:00:00", refused("3"))]
    post, _ = on_source("ZTF26a", many, POSTING)
    assert (post.body["an_spectrum_id"], post.body["an_n_spectra"]) == ("2", 2)
    assert post.body["an_class"] == "SN Ibc"
    assert all(key.startswith("an_") for key in post.body)
    assert {f"an_{key}" for key in answer(report("2"), 0.05)} < set(post.body)


@given(order=st.permutations(range(1, 6)), late=st.integers(1, 5))
def test_summary_does_not_depend_on_order(order, late):
    spectra = {n: filed(str(n), "2026-06-09T09:00:00" if n == late else None) for n in range(1, 6)}
    post, _ = on_source("ZTF26a", [spectra[n] for n in order], POSTING)
    assert post.body["an_spectrum_id"] == str(late)


def test_of_several_at_one_time_the_highest_number_counts():
    post, _ = on_source("ZTF26a", [filed("10"), filed("9")], POSTING)
    assert post.body["an_spectrum_id"] == "10"


def test_only_groups_that_see_the_spectrum_see_the_answer():
    assert on_spectrum(filed(), POSTING).group_ids == (6,)
    assert on_spectrum(replace(filed(), group_ids=(9,)), POSTING).body is None
    assert on_spectrum(replace(filed(), group_ids=()), POSTING).group_ids == (2, 6)


def classified(policy: str | None = "COMMIT", p: float = 0.95, sets: tuple[str, ...] = ("SN Ia",), **more):
    """What is said as a machine's classification of a source with one answer."""
    one = report()
    verdict = replace(one.verdict, probabilities={c: p if c == "SN Ia" else (1 - p) / 6 for c in FINE_CLASSES})
    confidence = replace(one.confidence, policy=policy, prediction_sets={"0.05": sets})
    answered = filed(what=replace(one, verdict=verdict, confidence=confidence))
    _, post = on_source("ZTF26a", [answered], replace(POSTING, **{"classification": True, **more}))
    assert post.kind == "classification"
    return post.body


def test_a_commit_that_is_sure_enough_becomes_a_classification():
    assert classified() == {"label": "SN Ia", "probability": 0.95}
    assert classified(p=0.5, least_probability=0.5) == {"label": "SN Ia", "probability": 0.5}


@pytest.mark.parametrize(
    "unsure",
    [
        {"policy": "ABSTAIN"},
        {"policy": "ALERT"},
        {"policy": None},
        {"p": 0.899},
        {"sets": ()},
        {"sets": ("TDE",)},
        {"classification": False},
    ],
)
def test_nothing_else_becomes_a_classification(unsure):
    assert classified(**unsure) is None


def test_a_source_without_an_answer_has_no_classification():
    for what in ([], [filed(what=refused())]):
        posts = on_source("ZTF26a", what, replace(POSTING, classification=True, refusals=True))
        assert [(p.kind, p.body) for p in posts] == [("annotation", None), ("classification", None)]
