"""Real alerts through the image pipeline, and the figures made of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from models.needle.images.quality import load
from models.needle.images.stamps import central
from models.training.needle.quality_training import Stamps
from plugin.lab.needle.quality import Labelled, label, measure, share
from plugin.lab.needle.sheets import Panel, draw, masking_panels, outcome, prepared, quality_panels, restoration_panels
from plugin.lab.needle.stamps import AlertStamps, arrays, packets

DATA = os.environ.get("ASTRANET_DATA_DIR")
needs_data = pytest.mark.skipif(not DATA, reason="ASTRANET_DATA_DIR is not set")


@pytest.fixture(scope="module")
def alerts():
    every = list(packets(Path(DATA)))
    unreadable = [a for a in every if a.file.startswith("unreadable")]
    return [*every[:16], *[a for a in every if a.caveats][:24], *unreadable]


def test_a_share_has_its_exact_interval():
    found = share(np.array([True] * 19 + [False]))
    assert found["share"] == 0.95
    # Clopper-Pearson for 19 of 20, from tables.
    assert (found["low"], found["high"]) == pytest.approx((0.7513, 0.9987), abs=1e-4)
    assert (share(np.zeros(5, bool))["low"], share(np.ones(5, bool))["high"]) == (0.0, 1.0)


def test_facts_decide_even_when_the_network_is_content():
    good = np.array([True] * 50 + [False] * 4)
    data = Labelled(
        stamps=Stamps(images=np.zeros((54, 60, 60)), good=good, object_id=[str(i) for i in range(54)]),
        fact=np.array([False] * 50 + [True, True, False, False]),
        lost=np.array([False] * 50 + [True, False, False, False]),
        file=("",) * 54,
        kind=("science",) * 54,
    )
    p = np.array([0.9] * 49 + [0.2] + [0.9, 0.1, 0.9, 0.1])
    found = measure(data, p)["at_threshold"]
    assert found["network"]["recall_bad"]["k"] == 2
    assert found["facts_or_network"]["recall_bad"]["k"] == 3
    assert found["lost_or_network"]["recall_bad"]["k"] == 3
    assert found["facts_or_network"]["recall_bad_nothing_lost"]["k"] == 2
    assert found["network"]["false_alarms"]["k"] == 1


@needs_data
def test_every_alert_has_images_or_a_reason(alerts):
    for alert, found in prepared(alerts, load()):
        if alert.file.startswith("unreadable"):
            assert outcome(found) == "no answer: stamps unreadable"
        assert (found.pair is None) == outcome(found).startswith("no answer")
        if found.pair is None:
            assert found.caveats[0].text
        else:
            assert np.isfinite(found.pair.science).all()
            assert np.isfinite(found.pair.reference).all()


@needs_data
def test_stamps_at_the_edge_of_the_detector_are_padded():
    cut = [a for a in packets(Path(DATA)) if a.cutouts and a.cutouts.center_yx]
    assert len(cut) == 5
    images = [central(alert.cutouts.science, alert.cutouts.center_yx) for alert in cut]
    # One lacks a single column, which lies outside the central 60.
    assert sum((image == -999).any() for image in images) == 4
    assert all(image[30, 30] != -999 for image in images)


@needs_data
def test_the_array_file_is_read_like_the_packets():
    found = next(arrays(Path(DATA)))
    assert found.cutouts.science.shape == (63, 63)
    assert found.cutouts.band in "gri"


@needs_data
def test_labels_and_sheets(alerts, tmp_path):
    data = label(alerts)
    assert data.fact.any()
    assert data.stamps.good.any()
    assert not (data.fact & data.stamps.good).any()
    checker = load()
    for number, panels in enumerate(
        (quality_panels(data, checker), restoration_panels(data, checker), masking_panels(data, checker))
    ):
        assert panels
        draw(panels[:20], 10, tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 5000


def test_an_unreadable_packet_is_an_answer_too():
    found = prepared([AlertStamps(object_id="", file="x.avro", cutouts=None)], load())[0][1]
    assert outcome(found) == "no answer: no epoch with stamps"


def test_a_sheet_may_have_empty_places(tmp_path):
    draw([Panel(image=np.zeros((4, 4)), title="a")] * 3, 2, tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()
