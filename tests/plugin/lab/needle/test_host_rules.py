"""Rules that name a host, measured: on objects made up here, and the law of sizes on the real table."""

import os
from pathlib import Path

import pytest

from iris_client.brokers.alert import alert as read_alert
from models.domain import Neighbour
from models.needle.neighbours import SIZE
from plugin.lab.hosts.evaluation import RULES, Known, least_radii, nearest, nearest_galaxy, of_rules, size_law
from plugin.lab.hosts.page import markdown
from plugin.sandbox.brokers.alerts import invented

DATA = os.environ.get("ASTRANET_DATA_DIR")


def known(name: str, *around: tuple[float, float, float], right: int) -> Known:
    """An object with neighbours given as distance, r and star score, of which one is the host."""
    packet = invented(name, 1)
    for n, (away, r, score) in enumerate(around, 1):
        packet["candidate"] |= {f"distpsnr{n}": away, f"srmag{n}": r, f"sgscore{n}": score}
        packet["candidate"] |= {f"s{band}mag{n}": -999.0 for band in "giz"}
    apart = {n: 0.1 if n == right else 9.0 for n in range(len(around))}
    return Known(name=name, alert=read_alert(packet), by="made up", radius_arcsec=0.0, apart=apart)


EASY = known("ZTF26easy000", (0.5, 20.0, 0.1), (8.0, 19.0, 0.1), right=0)
BRIGHT = known("ZTF26bright0", (5.2, 20.4, 0.4), (6.8, 17.0, 0.1), right=1)
NONE = known("ZTF26none000", (9.0, 21.6, 0.1), right=7)


def test_each_rule_is_counted_against_the_nearest():
    found = of_rules([EASY, BRIGHT, NONE])
    assert {name: row["right"] for name, row in found.items()} == dict(zip(RULES, (1, 1, 2, 2), strict=True))
    best = found["least probably there by chance"]
    assert (best["gained"], best["lost"]) == (1, 0)
    assert best["difference"]["low"] <= best["difference"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["nearest source, as in the model's input"]["difference"]["high"] == 0.0


def test_rules_pass_over_stars_and_what_is_too_far():
    star = Neighbour(separation_arcsec=0.5, mags={"r": 17.0}, star_score=0.9)
    galaxy = Neighbour(separation_arcsec=3.0, mags={"r": 19.0}, star_score=0.1)
    assert nearest([star, galaxy]) is None
    assert nearest_galaxy([star, galaxy]) is least_radii([star, galaxy]) is galaxy
    assert nearest([Neighbour(separation_arcsec=10.5, mags={"r": 15.0}, star_score=0.1)]) is None
    assert nearest([]) is nearest_galaxy([]) is least_radii([]) is None


def test_the_page_tells_what_was_measured():
    rules = of_rules([EASY, BRIGHT, NONE])
    needle = {"objects": 2, "classes": {"SN": 2}, "other_host": 1, "other_class": 0, "largest": 0.1, "gain": None}
    law = {"at_18_mag": 2.09, "slope": -0.115, "scatter": 0.18, "galaxies": 3047}
    page = markdown([EASY, BRIGHT, NONE], law, rules, needle, "needle-5")
    assert "| least probably there by chance | 2 of 3 | 0.67 [" in page
    assert all(len(line) <= 120 for line in page.splitlines())


@pytest.mark.skipif(DATA is None, reason="needs the real table of hosts")
def test_the_usual_radius_is_that_of_the_real_hosts():
    law = size_law(Path(DATA or ""), set())
    assert law["at_18_mag"] == pytest.approx(10 ** SIZE[0], rel=0.02)
    assert law["slope"] == pytest.approx(SIZE[1], rel=0.02)
    assert law["galaxies"] > 3000
