"""Phase and redshift of a spectrum: by its own date, with an error, and with a reason where there is none."""

from datetime import UTC, datetime

import numpy as np
import pytest

from iris_client.quality.phase import Peak, mjd_of, peak_of, phase_of, redshift_of
from models.domain import Host, LightCurve, RawSpectrum, Target

PEAK = 60000.0
RISE, FALL = 5.0, 25.0


def curve(days: np.ndarray, *, seed: int = 0, error: float = 0.05, band: str = "r", limits: int = 3) -> LightCurve:
    """A supernova-like curve with `limits` non-detections before it; days from maximum."""
    rng = np.random.default_rng(seed)
    t = days + RISE * np.log(FALL / RISE - 1)
    flux = np.exp(-t / FALL) / (1 + np.exp(-t / RISE))  # Bazin et al. 2009, A&A 499, 653, Eq. 1
    mag = 18.0 - 2.5 * np.log10(flux / 0.6) + rng.normal(0, error, days.size)
    before = days[0] - 3.0 * np.arange(limits, 0, -1)
    nothing = np.full(limits, np.nan)
    n = days.size + limits
    return LightCurve(
        mjd=PEAK + np.r_[before, days],
        band=(band,) * n,
        mag=np.r_[nothing, mag],
        mag_error=np.r_[nothing, np.full(days.size, error)],
        limit_mag=np.full(n, 20.5),
        is_limit=np.r_[np.ones(limits), np.zeros(days.size)],
    )


def test_the_maximum_is_found_and_its_error_covers_the_truth():
    pulls = []
    for seed in range(30):
        peak = peak_of(curve(np.arange(-14, 40, 3.0), seed=seed))
        assert peak.mjd is not None, peak.reason
        assert peak.error_days is not None
        pulls.append((peak.mjd - PEAK) / peak.error_days)
    assert np.mean(np.abs(pulls) < 2) >= 0.85
    assert abs(float(np.median(pulls))) < 1.0


@pytest.mark.parametrize(
    ("days", "why"),
    [
        (np.arange(4, 60, 3.0), "rise"),
        (np.arange(-16, -3, 2.0), "decline"),
        (np.array([-3.0, 0.0, 4.0]), "detections"),
    ],
)
def test_a_curve_that_does_not_show_the_maximum_gives_none_and_says_why(days, why):
    peak = peak_of(curve(days, limits=0))
    assert peak.mjd is None
    assert why in (peak.reason or "")


def test_no_light_curve_is_a_reason_too():
    assert peak_of(None).reason == "there is no light curve"
    assert phase_of(60010.0, peak_of(None), 0.1).reason == "there is no light curve"


def test_noisier_photometry_gives_a_larger_error():
    good, poor = (peak_of(curve(np.arange(-14, 40, 3.0), error=e)) for e in (0.02, 0.25))
    assert good.error_days is not None
    assert poor.mjd is None or (poor.error_days is not None and poor.error_days > good.error_days)


def test_two_epochs_of_one_object_get_two_phases_in_the_rest_frame():
    peak = Peak(mjd=PEAK, error_days=0.5, band="r")
    early, late = phase_of(PEAK - 5, peak, 0.25), phase_of(PEAK + 20, peak, 0.25)
    assert (early.days, late.days) == (-4.0, 16.0)
    assert late.error_days == pytest.approx(0.4)


def test_without_date_or_redshift_there_is_no_phase():
    peak = Peak(mjd=PEAK, error_days=0.5, band="r")
    assert phase_of(None, peak, 0.1).days is None
    assert "redshift" in (phase_of(PEAK, peak, None).reason or "")


def test_redshift_of_the_spectrum_before_the_objects_before_the_hosts():
    raw, target, host = (
        RawSpectrum(spectrum_id="1", redshift=0.1),
        Target(target_id="a", redshift=0.2, redshift_origin="host galaxy"),
        Host(redshift=0.3),
    )
    bare = RawSpectrum(spectrum_id="1")
    assert (redshift_of(raw, target, host).value, redshift_of(raw, target, host).origin) == (0.1, "spectrum")
    assert redshift_of(bare, target, host).origin == "target (host galaxy)"
    assert redshift_of(bare, Target(target_id="a"), host).origin == "host"
    assert redshift_of(bare).value is None
    assert redshift_of(RawSpectrum(spectrum_id="1", redshift=float("nan")), target).value == 0.2


def test_dates():
    assert mjd_of("2000-01-01T12:00:00") == 51544.5
    assert mjd_of("2000-01-01T14:00:00+02:00") == 51544.5
    assert mjd_of(datetime(2000, 1, 1, 12, tzinfo=UTC).isoformat()) == 51544.5
    assert mjd_of("yesterday") is None
    assert mjd_of(None) is None
