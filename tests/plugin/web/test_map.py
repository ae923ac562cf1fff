"""The page Map, without a browser: who stands on it, what is said of them, by which map, and that nothing breaks it."""

import json
import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest

from models.similar.archive import load_archive
from models.similar.plane import Plane
from plugin.batch.map import MAP_FILE, archive_keys, fit_map, map_picture
from plugin.cycle.spectra.likeness import remember
from plugin.web.look.map import HEIGHT, WIDTH, Point, archive_data, map_svg, on_paper
from tests.plugin.store.test_similar import filed
from tests.plugin.web.conftest import WEB_TOKEN

NASTY = '<b onload="x">&/?#'


@pytest.fixture(scope="module")
def archive():
    return load_archive()


@pytest.fixture
def filled(store, archive):
    """A store with three answered spectra of the bundle in use, one for another group."""
    with store.begin() as unit:
        for name, number, groups in ((NASTY, "1", (6,)), ("ZTF26b", "2", (6, 7)), ("ZTF26c", "3", (7,))):
            one = replace(
                filed(name, number, seed=int(number), groups=groups, bundle=archive.bundle), observed_at="2026"
            )
            unit.reports.put(one)
            remember(unit, one)
    return store


def points(page: str) -> list[tuple[str, str]]:
    return [
        (unescape(a), unescape(b))
        for a, b in re.findall(r'<a class="point[^>]* href="([^"]*)" aria-label="([^"]*)"', page)
    ]


def test_every_answered_spectrum_is_a_link_with_its_words(visit, filled, archive) -> None:
    text = visit(store=filled).get("/map").text
    found = dict(points(text))
    assert set(found) == {"/object/%3Cb%20onload%3D%22x%22%3E%26%2F%3F%23", "/object/ZTF26b", "/object/ZTF26c"}
    assert re.fullmatch(r"ZTF26b: SN Ibc 0\.\d\d; spectrum 2", found["/object/ZTF26b"])
    assert NASTY not in text
    assert "Made by PCA" in text
    assert "<code>astranet map</code>" in text
    data = json.loads(re.search(r'class="map-archive">(.*?)</script>', text, re.S)[1])
    assert len(data) == len(archive.shelf)
    assert data[0][2:] == [archive.analogs.names[0], archive.analogs.classes[0]]
    assert text.count('class="dots') == 7


def test_a_group_sees_its_own_spectra_and_nobody_any_without_a_login(visit, filled) -> None:
    browser = visit(store=filled, group_ids=(6, 7))
    assert [words.partition(":")[0] for _, words in points(browser.get("/map?group=6").text)] == ["ZTF26b", NASTY]
    assert len(points(browser.get("/map?group=no").text)) == 3
    closed = visit(store=filled, web_bind="0.0.0.0:8765", web_token=WEB_TOKEN)
    answer = closed.get("/map")
    assert answer.status_code == 303
    assert "ZTF26b" not in answer.text


def test_the_map_that_was_made_is_drawn_by_and_another_bundles_is_not(visit, filled, archive, tmp_path) -> None:
    keys = [*archive_keys(archive), "marshal 2"]
    unit = np.concatenate([archive.analogs.unit, archive.analogs.unit[:1]])
    xy = np.random.default_rng(0).uniform(size=(len(keys), 2)).astype(np.float32)
    xy[-1] = (0.25, 0.75)
    made = Plane(way="umap", bundle=archive.bundle, unit=unit, xy=xy, keys=tuple(keys))
    folder = tmp_path / "maps"
    folder.mkdir()
    browser = visit(store=filled, output_dir=folder)
    assert "Made by PCA" in browser.get("/map").text
    made.save(folder / MAP_FILE)
    text = browser.get("/map").text
    assert "Made by UMAP" in text
    ((x, y),) = on_paper(np.array([[0.25, 0.75]]))
    assert f'cx="{x:.1f}" cy="{y:.1f}" r="7"><title>ZTF26b' in text
    replace(made, bundle="other@1").save(folder / "other")
    for damaged in ((folder / "other").read_bytes(), b"no map"):
        (folder / MAP_FILE).write_bytes(damaged)
        assert "Made by PCA" in visit(store=filled, output_dir=folder).get("/map").text


def test_a_picture_of_its_own_is_whole_and_names_the_classes(archive) -> None:
    picture = ElementTree.fromstring(map_picture(fit_map(archive, way="pca"), archive))
    named = {node.text for node in picture.iter() if node.tag.endswith("text")}
    assert named == {"SN Ia", "SN Ibc", "SLSN", "SN II", "AGN", "CV", "TDE"}
    assert picture.get("role") == "img"


def test_what_lies_outside_is_drawn_at_the_rim_and_markup_is_text() -> None:
    point = Point(name=NASTY, label="TDE", words=NASTY, is_alert=True, xy=(9.0, -9.0))
    text = str(map_svg(np.array([[0.5, 0.5]]), ["TDE"], [point], alt=NASTY, alone=True))
    ElementTree.fromstring(text)
    assert NASTY not in text
    ((x, y),) = on_paper(np.array([(9.0, -9.0)]))
    assert 0 < x < WIDTH
    assert 0 < y < HEIGHT
    assert "</script" not in archive_data(np.array([[0.1, 0.2]]), ["</script>"], ["TDE"])


def test_a_sample_of_a_large_store_fits_and_the_rest_is_placed(archive) -> None:
    made = fit_map(archive, way="pca", most=500)
    assert len(made.keys) == 500
    assert made.place(archive.analogs.unit).shape == (len(archive.shelf), 2)
