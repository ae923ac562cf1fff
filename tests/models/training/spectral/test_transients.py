"""Simulated spectra of rare classes: finite, of the class they say, and shown at no other class's expense."""

import numpy as np
import pytest
import torch

from models.domain import FINE_CLASSES
from models.spectral.prepare import GRID_A
from models.training.spectral.auxiliary import SUBTYPES, subtypes
from models.training.spectral.sampling import SURVEY_SAMPLING, weights
from models.training.spectral.transients import SHARES, TRANSIENTS, _with_lines, _with_p_cygni, shared, transients
from tests.models.training.data import ripples


@pytest.fixture(scope="module")
def data():
    return ripples(12)


@pytest.fixture(scope="module")
def made(data):
    return transients(data, 40, 3)


def test_they_are_spectra_of_their_class(made) -> None:
    assert np.isfinite(made.flux).all()
    assert made.semi_real.all()
    assert set(made.sources) == {"simulated"}
    assert len(set(made.groups)) == len(made)
    for name in TRANSIENTS:
        mine = made.rows(made.label == FINE_CLASSES.index(name))
        assert len(mine) == 40
        known = subtypes(mine)
        assert (known >= 0).all()
        assert {SUBTYPES[k][0] for k in known} == {name}
        assert (mine.redshift > 0).all()


def test_every_kind_of_a_class_is_made(made) -> None:
    kinds = {
        name: {kind for kind, label in zip(made.kinds, made.label, strict=True) if FINE_CLASSES[label] == name}
        for name in TRANSIENTS
    }
    assert kinds["SLSN"] == {"SLSN-I", "SLSN-II"}
    assert kinds["SN II"] == {"IIP", "IIn"}
    assert kinds["SN Ibc"] == {"Ibn", "Ic"}
    assert kinds["TDE"] >= {"TDE-H", "TDE-H+He"}


def test_superluminous_ones_are_seen_farther_than_their_ordinary_likes(made) -> None:
    redshift = {kind: made.redshift[np.array(made.kinds) == kind] for kind in set(made.kinds)}
    assert np.median(redshift["SLSN-II"]) > 3 * np.median(redshift["IIn"])
    assert np.median(redshift["SLSN-I"]) > 3 * np.median(redshift["Ic"])


def test_a_p_cygni_line_absorbs_at_its_speed() -> None:
    flat, z, speed = np.ones(GRID_A.size), 0.05, 9000.0
    for seed in range(5):
        without, flux = (
            _with_p_cygni(flat, z, np.random.default_rng(seed), speed=speed, strength=0.5, dips=dips)
            for dips in (0.0, 1.0)
        )
        red = 6300 * (1 + z) < GRID_A  # H alpha alone
        assert without.max() > 1.2
        assert GRID_A[red][(flux / without)[red].argmin()] == pytest.approx(
            6563 * 1.05 * (1 - speed / 299792.458), abs=3
        )


def test_a_seed_makes_the_same_and_another_others(data, made) -> None:
    again, other = transients(data, 40, 3), transients(data, 40, 4)
    assert np.array_equal(made.flux, again.flux)
    assert not np.array_equal(made.flux, other.flux)


def test_every_class_is_shown_as_often_as_before(data, made) -> None:
    before = weights(data, SURVEY_SAMPLING)
    after = shared(before, data, made, 0.3)
    label = np.concatenate([data.label, made.label])
    real = torch.arange(len(label)) < len(data)
    assert float(after.sum()) == pytest.approx(1.0)
    for k, name in enumerate(FINE_CLASSES):
        mine = torch.from_numpy(label == k)
        total = float(before[mine[: len(data)]].sum())
        assert float(after[mine].sum()) == pytest.approx(total)
        assert float(after[mine & real].sum()) == pytest.approx(total * (1 - 0.3 * SHARES.get(name, 0.0)))


def test_a_line_has_its_width_and_place_either_way() -> None:
    flat, rng = np.ones(GRID_A.size), np.random.default_rng(0)
    for lorentzian in (False, True):
        flux = _with_lines(
            flat, ((6563.0, 1.0),), 0.1, 9000.0, 0.5, rng, offset=1500.0, spread=0.0, lorentzian=lorentzian
        )
        line = flux - 1
        above = GRID_A[line >= 0.5 * line.max()]
        centre = 6563 * 1.1 * (1 + 1500 / 299792.458)
        assert line.max() == pytest.approx(0.5, rel=0.01)
        assert GRID_A[line.argmax()] == pytest.approx(centre, abs=2)
        assert above[-1] - above[0] == pytest.approx(centre * 9000 / 299792.458, rel=0.02)
