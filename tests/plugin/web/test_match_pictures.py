"""The pictures of a match and of where the networks looked: their parts, their words, and as a file of their own."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.domain.looked import Looked
from plugin.cycle.spectra.looked import to_facts
from plugin.ops.why import lines_at, looked_table, match_tables, strongest, write_picture
from plugin.web.look.figures import figures_of, match_figures
from plugin.web.look.match import draw_looked, draw_match
from tests.plugin.cycle.spectra.test_overlays import LOOKED, SECOND, facts_of, filed, matching

WAVE = np.linspace(3700.0, 9300.0, 280)
OURS = WAVE, 0.5 + 0.3 * np.sin(WAVE / 200)


def parts(picture: str) -> tuple[ET.Element, list[str]]:
    """The picture as XML, and the classes of its paths."""
    root = ET.fromstring(picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    return root, [path.get("class", "") for path in root.iter("{http://www.w3.org/2000/svg}path")]


def draw(match: tuple[np.ndarray, np.ndarray] = OURS, *, doubted: bool = False) -> str:
    return str(draw_match(OURS, match, label="SN II", redshift=0.02, alt='a "match" & more', doubted=doubted))


def ys(path: str) -> np.ndarray:
    return np.array([float(y) for y in re.findall(r"[ML][\d.]+ ([\d.-]+)", path)])


def test_a_picture_has_spectrum_match_residual_and_the_lines_of_the_class_at_its_redshift() -> None:
    root, paths = parts(draw())
    assert paths == ["line seen", "line fit c-sn-ii", "line left"]
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Hβ", "Hα", "what it leaves"} <= set(words)
    marks = [
        float(line.get("x1", "0"))
        for line in root.iter("{http://www.w3.org/2000/svg}line")
        if line.get("class") == "feature"
    ]
    at = 8 + (6562.8 * 1.02 - 3600) / 5800 * 584
    assert min(abs(mark - at) for mark in marks) < 0.1
    assert root.get("aria-label") == 'a "match" & more'
    assert len(draw()) < 16_000


def test_a_copy_leaves_nothing_and_what_is_left_is_on_the_spectrums_scale() -> None:
    def residual(match: np.ndarray) -> np.ndarray:
        root, _ = parts(draw((WAVE, match)))
        (path,) = [p for p in root.iter("{http://www.w3.org/2000/svg}path") if p.get("class") == "line left"]
        return ys(path.get("d", ""))

    assert np.ptp(residual(OURS[1])) < 0.11
    shifted, level = residual(OURS[1] + np.where(WAVE > 6000, 0.1, 0.0)), residual(OURS[1])
    assert shifted[-1] - level[-1] == pytest.approx(0.1 * 142, abs=0.2)


def test_a_doubted_match_is_dashed_and_a_gap_stays_open() -> None:
    assert parts(draw(doubted=True))[1][1] == "line fit doubted c-sn-ii"
    keep = (WAVE < 5000) | (WAVE > 5400)
    root, _ = parts(draw((WAVE[keep], OURS[1][keep])))
    drawn = {p.get("class"): p.get("d", "").count("M") for p in root.iter("{http://www.w3.org/2000/svg}path")}
    assert drawn == {"line seen": 1, "line fit c-sn-ii": 2, "line left": 2}


def test_where_the_networks_looked_is_drawn_up_and_down_with_its_maximum() -> None:
    root, paths = parts(str(draw_looked(LOOKED, alt="x")))
    assert paths == ["for", "against"]
    assert "+2.50 at 4300 Å" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert str(draw_looked(replace(LOOKED, change=np.zeros(4)), alt="x")) == ""


def test_figures_say_what_speaks_against_them_and_both_redshifts_stand_one_under_the_other() -> None:
    report = replace(matching(share=0.5, second=0.12, second_share=0.3), other_match=SECOND)
    first, second = match_figures(filed(report=report, facts=facts_of(report)))
    assert "explains" in first.words
    assert first.doubts
    assert "doubted" in first.picture
    assert second.words.startswith("Or at z = 0.1200")
    assert match_figures(filed(report=report)) == []


def test_a_file_of_its_own_is_one_sound_picture(tmp_path: Path) -> None:
    facts = {**facts_of(matching()), **to_facts(LOOKED)}
    write_picture(filed(facts=facts), tmp_path / "one.svg")
    root = ET.parse(tmp_path / "one.svg").getroot()
    inner = [svg.get("class") for svg in root.findall("{http://www.w3.org/2000/svg}svg")]
    assert inner == ["spectrum match", "spectrum looked"]
    text = (tmp_path / "one.svg").read_text()
    assert "It is no proof that the class is right." in " ".join(re.findall(r'class="words">([^<]+)<', text))
    with pytest.raises(ValueError, match="nothing of spectrum 1"):
        write_picture(filed(), tmp_path / "two.svg")


def test_a_spectrum_without_a_believable_redshift_is_drawn_alone_and_says_so() -> None:
    report = matching(value=None, low=None, high=None, share=0.2)
    (figure,) = figures_of(filed(report=report, facts=facts_of(report)))
    assert figure.words.startswith("No redshift can be believed")
    assert "line fit" not in figure.picture


def said(parts: object) -> str:
    from rich.console import Console

    console = Console(width=180)
    with console.capture() as captured:
        for part in parts:  # type: ignore[attr-defined]
            console.print(part)
    return captured.get()


def test_the_terminal_lists_the_matches_at_both_redshifts() -> None:
    text = said(match_tables(replace(matching(share=0.5, second=0.12, second_share=0.3), other_match=SECOND)))
    assert re.search(r"0\.0510 .*SN2011fe .*SN Ia .*Ia-norm .*\+3 d .*0\.91 .*WISeREP", text)
    assert re.search(r"0\.1190 .*SN1999em .*SN II", text)
    assert "often wrong" in text
    assert "none of these matches can be" in said(match_tables(matching(value=None, low=None, high=None)))
    assert said(match_tables(replace(matching(), matches=()))) == ""


def test_the_terminal_names_windows_that_do_not_overlap_and_the_lines_there() -> None:
    change = np.exp(-0.5 * ((np.arange(4000.0, 8000.0, 50.0) - 6750) / 60) ** 2)
    looked = Looked(label=3, wavelength_A=np.arange(4000.0, 8000.0, 50.0), change=change, log_odds=2.0)
    first, second, *_ = strongest(looked.change, looked.wavelength_A)
    assert looked.wavelength_A[first] == 6750
    assert abs(looked.wavelength_A[second] - 6750) >= 200
    assert re.search(r"6650-6850 .*6618 .*\+1\.00 .*Hα", said(looked_table(looked, 0.02)))
    assert lines_at("SN Ia", 6150.0) == ["Si II"]
    assert lines_at("SN Ia", 7000.0) == []
