"""Whose galaxy counts, and that what lies around an object is told and changes no answer."""

from dataclasses import replace

import pytest

from iris_client.brokers.alert import alert as read_alert
from models.domain import Host
from plugin.cycle.objects.compose import around
from plugin.cycle.objects.gather import first_host
from plugin.sandbox.brokers.alerts import invented

SHERLOCK = Host(separation_arcsec=3.0, ra_deg=10.0, dec_deg=20.0, source="Sherlock, NED")
MARSHAL = Host(separation_arcsec=3.1, ra_deg=10.0001, dec_deg=20.0001, source="NGC 1", dlr=0.7)


def test_sherlocks_galaxy_stands_before_the_marshals():
    elsewhere = replace(MARSHAL, dec_deg=20.01, redshift=0.1)
    assert first_host(SHERLOCK, elsewhere) is SHERLOCK
    assert first_host(None, MARSHAL) is MARSHAL
    assert first_host(SHERLOCK, None) is SHERLOCK
    assert first_host(None, None) is None
    assert first_host(SHERLOCK, replace(MARSHAL, ra_deg=None)) is SHERLOCK


def test_of_one_galaxy_both_tell_what_they_know():
    found = first_host(SHERLOCK, replace(MARSHAL, redshift=0.021, redshift_error=0.001))
    assert (found.redshift, found.redshift_error, found.dlr) == (0.021, 0.001, 0.7)
    assert found.source == "Sherlock, NED; redshift of NGC 1"
    assert found.separation_arcsec == 3.0
    assert first_host(SHERLOCK, MARSHAL) == replace(SHERLOCK, dlr=0.7)


def test_a_redshift_from_a_spectrum_stands_before_any_other():
    by_colours = replace(SHERLOCK, redshift=0.1, redshift_error=0.05, redshift_kind="photometric")
    measured = replace(MARSHAL, redshift=0.021, redshift_kind="spectroscopic")
    assert first_host(by_colours, measured).redshift == 0.021
    assert first_host(by_colours, replace(measured, redshift_kind=None)).redshift == 0.1
    spectroscopic = replace(SHERLOCK, redshift=0.03, redshift_kind="spectroscopic")
    found = first_host(spectroscopic, measured)
    assert (found.redshift, found.source) == (0.03, "Sherlock, NED")


def test_an_alert_tells_its_neighbours_and_the_host_of_the_model_stays_the_nearest():
    packet = invented("ZTF26aaaaaaa", 1)
    packet["candidate"] |= {"distpsnr1": 5.2, "sgscore1": 0.4, "srmag1": 20.4, "sgmag1": -999.0, "simag1": -999.0}
    packet["candidate"] |= {"szmag1": -999.0, "distpsnr2": 6.8, "sgscore2": 0.1, "srmag2": 17.0}
    found = read_alert(packet)
    assert (found.host.separation_arcsec, found.star_score) == (5.2, 0.4)
    assert [one.separation_arcsec for one in found.neighbours] == [5.2, 6.8]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, []),
        ({"host_sep": 1.2}, ['host at 1.2"']),
        (
            {"host_sep": 1.2, "host_from": "Sherlock, NED", "host_z": 0.03, "host_z_kind": "spectroscopic"},
            ['host at 1.2" (Sherlock, NED, z 0.03, spectroscopic)'],
        ),
        ({"host_z": 0.03, "host_dlr": 0.7}, ["host at 0.7 of its radii away (z 0.03, kind not told)"]),
        (
            {"galaxy_sep": 6.8, "galaxy_chance": 0.006, "star_sep": 0.4, "star_score": 0.98},
            ['most probable galaxy of three sources nearby at 6.8" (0.006 by chance)', 'star at 0.4" (score 0.98)'],
        ),
    ],
)
def test_what_lies_there_is_told_in_words(facts, words):
    assert around(facts) == words
