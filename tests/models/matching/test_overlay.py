"""A match over a spectrum: a copy explains everything whatever its continuum, and what is unlike it hardly anything."""

import numpy as np
import pytest

from models.matching.overlay import laid_over

REST = np.linspace(2000.0, 10000.0, 805)
LINES = -0.5 * np.exp(-(((REST - 6150) / 80) ** 2)) - 0.4 * np.exp(-(((REST - 5400) / 90) ** 2))
WAVE = np.linspace(4000.0, 9000.0, 600)


def seen(redshift: float) -> np.ndarray:
    """The same lines on another continuum."""
    at = np.interp(WAVE, REST * (1 + redshift), 1 + LINES)
    x = np.linspace(-1, 1, WAVE.size)
    return 3e-16 * (at * (1 + 0.4 * x - 0.2 * x**3) + 0.7)


def test_a_copy_explains_everything_whatever_its_scale_and_continuum() -> None:
    found = laid_over(WAVE, seen(0.05), REST, 1 + LINES, 0.05)
    assert found.explained == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(found.model, seen(0.05), rtol=1e-3)


def test_a_match_at_a_wrong_redshift_explains_little() -> None:
    found = laid_over(WAVE, seen(0.05), REST, 1 + LINES, 0.15)
    assert found.explained is not None
    assert found.explained < 0.4


def test_where_either_is_missing_there_is_no_model() -> None:
    flux, match = seen(0.05), np.where(REST < 6000, 1 + LINES, np.nan)
    flux[:50] = np.nan
    found = laid_over(WAVE, flux, REST, match, 0.05)
    assert np.isnan(found.model[:50]).all()
    assert np.isnan(found.model[WAVE > 6000 * 1.05 + 20]).all()
    assert np.isfinite(found.model[(WAVE[50] < WAVE) & (WAVE < 5900 * 1.05)]).all()


def test_nothing_in_common_is_said() -> None:
    for match in (np.full(REST.size, np.nan), np.where(REST < 2500, 1.0, np.nan)):
        found = laid_over(WAVE, seen(0.0), REST, match, 0.0)
        assert found.explained is None
        assert np.isnan(found.model).all()
