"""Hiding a piece of a spectrum changes that piece alone, and the map's maximum is where a network looks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.domain import Spectrum
from models.domain.looked import WINDOW_A
from models.spectral.ensemble import Ensemble, Member, Metadata
from models.spectral.net import Output
from models.spectral.occlusion import STEP_A, occluded, where_looked
from models.spectral.prepare import GRID_A, prepare

WAVE = np.arange(3800.0, 9100.0, 4.0)


class LooksAt(nn.Module):
    """Calls a spectrum class 3 by its flux near one wavelength; class 5 where a redshift is told."""

    def __init__(self, at_A: float) -> None:
        super().__init__()
        self.register_buffer("near", torch.tensor(np.abs(GRID_A - at_A) < 30.0))

    def forward(self, flux: Tensor, mask: Tensor, values: Tensor, valid: Tensor) -> Output:
        logits = torch.zeros(len(flux), 7)
        logits[:, 3] = 4.0 * flux[:, self.near].mean(1)
        logits[:, 5] = 9.0 * valid[:, 1]
        other = torch.zeros(len(flux), 3)
        return Output(logits, other, other, other, other, other, other)


def spectrum(lines: dict[float, float], hole: tuple[float, float] = (0.0, 0.0)) -> Spectrum:
    flux = 1.0 + 0.1 * np.sin(WAVE / 700)
    for at, strength in lines.items():
        flux += strength * np.exp(-0.5 * ((WAVE - at) / 40) ** 2)
    flux[(hole[0] < WAVE) & (hole[1] > WAVE)] = np.nan
    return Spectrum(spectrum_id="1", wavelength_A=WAVE, flux=flux)


def ensemble(at_A: float) -> Ensemble:
    return Ensemble([Member(net=LooksAt(at_A), seed=s, kind="x") for s in (1, 2)])


def test_only_the_window_changes_and_its_line_is_gone() -> None:
    prepared = prepare(spectrum({6500.0: 1.0}))
    centres, hidden = occluded(prepared)
    i = int(np.argmin(np.abs(centres - 6500)))
    apart = np.abs(GRID_A - centres[i])
    same = np.isclose(hidden[i], prepared.flux, atol=1e-6)
    assert same[apart > (WINDOW_A + STEP_A) / 2 + 2].all()
    peak = prepared.flux[apart < 20].max() - hidden[i][apart < 20].max()
    assert peak > 0.8 * (prepared.flux.max() - np.median(prepared.flux))


def test_windows_that_are_hardly_measured_are_left_out() -> None:
    centres, hidden = occluded(prepare(spectrum({}, hole=(5000.0, 5600.0))))
    assert len(centres) == len(hidden)
    assert not ((centres > 5100) & (centres < 5500)).any()
    assert np.isfinite(hidden).all()


@pytest.mark.parametrize("at", [4700.0, 6500.0, 8000.0])
def test_the_maximum_is_where_the_network_looks_not_where_the_line_is(at: float) -> None:
    prepared = prepare(spectrum({at: 1.0, 5600.0: 2.0}))
    looked = where_looked(ensemble(at), prepared, 3)
    assert abs(looked.wavelength_A[np.argmax(looked.change)] - at) <= STEP_A
    assert looked.change[np.argmin(np.abs(looked.wavelength_A - 5600))] == pytest.approx(0.0, abs=1e-6)


def test_an_absorption_that_is_filled_speaks_against() -> None:
    looked = where_looked(ensemble(6500.0), prepare(spectrum({6500.0: -0.5})), 3)
    assert abs(looked.wavelength_A[np.argmin(looked.change)] - 6500) <= STEP_A
    assert looked.change.min() < -1.0


def test_what_the_networks_were_told_is_told_again() -> None:
    asked, prepared = ensemble(6500.0), prepare(spectrum({6500.0: 1.0}))
    told = Metadata(redshift=0.1)
    p = asked.predict([prepared], [told]).fine[0, 3]
    looked = where_looked(asked, prepared, 3, told)
    assert looked.log_odds == pytest.approx(np.log(p / (1 - p)), rel=1e-6)
    assert looked.log_odds < where_looked(asked, prepared, 3).log_odds
