"""The spread of the networks and what the operator chose, in `astranet show` and on the object's page."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from models.domain import FINE_CLASSES
from plugin.cycle.spectra.compose import answer
from plugin.ops.show import report
from plugin.web.pages.objects import SpectrumView
from tests.plugin.store.test_similar import filed


@pytest.fixture
def one():
    """A TDE named against a more probable SN Ia, with adaptive sets."""
    found = filed("ZTF26a", "1", seed=1)
    told = dict.fromkeys(FINE_CLASSES, 0.0) | {"SN Ia": 0.7, "TDE": 0.28, "AGN": 0.02}
    spread = dict.fromkeys(FINE_CLASSES, 0.0) | {"SN Ia": 0.05, "TDE": 0.04, "AGN": 0.03}
    verdict = replace(
        found.report.verdict, label="TDE", probabilities=told, spread=spread, members=4, strategy="tde_priority"
    )
    sets = {"0.05": ("SN Ia", "TDE")}
    confidence = replace(found.report.confidence, method="aps", prediction_sets=sets)
    return replace(found, report=replace(found.report, verdict=verdict, confidence=confidence))


def shown(filed) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(report(filed))
    return console.file.getvalue()


def test_show_gives_p_and_sigma_within_zero_and_one_and_what_was_chosen(one) -> None:
    text = shown(one)
    assert "p -+ sigma" in text
    assert "0.650 to 0.750" in text
    assert "0.000 to 0.050" in text  # AGN: 0.02 less 0.03 is none
    assert "called TDE; strategy tde_priority, sets aps" in text
    usual = replace(one.report.verdict, strategy="within_seed", spread={})
    lac = replace(one.report.confidence, method="lac")
    plain = replace(one, report=replace(one.report, verdict=usual, confidence=lac))
    assert "sigma" not in shown(plain)
    assert "strategy" not in shown(plain)


def test_the_page_of_an_object_gives_them_for_the_class_and_what_is_left(one) -> None:
    view = SpectrumView(filed=one, alpha=0.05)
    assert view.spreads == "SN Ia 0.70 ± 0.05, TDE 0.28 ± 0.04"
    assert view.chosen == "strategy tde_priority, sets aps"


def test_the_annotation_says_what_was_chosen_where_it_is_not_the_usual(one) -> None:
    body = answer(one.report, 0.05)
    assert (body["class"], body["p"], body["strategy"], body["set_method"]) == ("TDE", 0.28, "tde_priority", "aps")
    assert (body["p_lo_AGN"], body["p_hi_Ia"]) == (0.0, 0.8)
    usual = filed("ZTF26a", "1", seed=1).report
    assert not {"strategy", "set_method"} & set(answer(usual, 0.05))
