"""Augmentations do what their names say, and nothing to what is missing."""

import dataclasses

import numpy as np
import pytest
import torch

from models.spectral.prepare import GRID_A, GRID_SIZE, PIXEL_A, percentile_scaled
from models.training.spectral.augment import SURVEY_AUGMENT, AugmentConfig, Augmenter, blur, rescale

OFF = AugmentConfig(
    shift=(0, 0), warp=(0, 0), scale=(0, 1, 1), noise=(0, 10, 50), holes=(0, 0.05, 0.3), degrade=(0.0, 80.0, 700.0)
)


def spectra(n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    phase = torch.arange(n)[:, None]
    flux = 2 + torch.sin(torch.tensor(GRID_A, dtype=torch.float32) / 150 + phase)
    mask = torch.ones_like(flux)
    return rescale(flux, mask), mask


def run(config: AugmentConfig, seed: int = 0, n: int = 4):
    flux, mask = spectra(n)
    augment = Augmenter(config, torch.Generator().manual_seed(seed))
    return flux, mask, augment(flux, mask, torch.full((n,), 0.05), torch.full((n,), 0.5), torch.full((n,), 2))


def test_all_off_changes_nothing() -> None:
    flux, mask, (after, after_mask, z) = run(OFF)
    torch.testing.assert_close(after, flux, atol=1e-4, rtol=0)
    torch.testing.assert_close(after_mask, mask)
    torch.testing.assert_close(z, torch.full((4,), 0.05))


def test_a_seed_fixes_everything() -> None:
    for first, second in zip(run(SURVEY_AUGMENT, 3)[2], run(SURVEY_AUGMENT, 3)[2], strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(run(SURVEY_AUGMENT, 3)[2][0], run(SURVEY_AUGMENT, 4)[2][0])


@pytest.mark.parametrize("name", ["holes", "crop"])
def test_what_is_cut_out_is_zero_and_masked(name: str) -> None:
    value = {"holes": (1.0, 0.2, 0.3), "crop": (1.0, 700.0, 1400.0)}[name]
    _, _, (flux, mask, _) = run(dataclasses.replace(OFF, **{name: value}), n=32)
    lost = 1 - mask.mean(1)
    assert (flux[mask == 0] == 0).all()
    assert 0.05 < lost.mean() < 0.35
    assert lost.max() < (2100 / 5150 if name == "crop" else 0.31)


def test_noise_has_the_drawn_level() -> None:
    config = dataclasses.replace(OFF, noise=(1.0, 10.0, 10.0))
    flux, _, (noisy, _, _) = run(config, n=16)
    scatter = (noisy - flux).diff(dim=1).std(1) / np.sqrt(2)
    # Mean flux above true zero is about 1 in these units; noise grows up to threefold towards the ends.
    assert ((scatter > 0.05) & (scatter < 0.3)).all()


def test_stretch_moves_the_redshift_along() -> None:
    config = dataclasses.replace(OFF, stretch=(1.0, 0.02))
    flux, _, (moved, mask, z) = run(config, n=8)
    for i in range(8):
        factor = (1 + z[i].item()) / 1.05
        expected = np.interp(GRID_A / factor, GRID_A, flux[i].numpy(), left=np.nan, right=np.nan)
        good = (mask[i].numpy() > 0) & np.isfinite(expected)
        low, high = np.percentile(expected[good], (5, 95))
        np.testing.assert_allclose(moved[i].numpy()[good], (expected[good] - low) / (high - low), atol=2e-2)


def test_degrading_takes_lines_away_but_not_the_continuum() -> None:
    line = torch.exp(-0.5 * ((torch.tensor(GRID_A) - 6563) / 4) ** 2).float()[None]
    flux = 1 + torch.linspace(0, 1, GRID_SIZE)[None] + line
    wide = blur(flux, torch.ones_like(flux), torch.tensor([64 / 2.355 / PIXEL_A]))
    peak = int(np.abs(GRID_A - 6563).argmin())
    assert wide[0, peak] - (1 + peak / GRID_SIZE) < 0.3
    np.testing.assert_allclose(wide[0, 500:2000], flux[0, 500:2000], atol=0.01)


def test_blur_does_not_mix_in_what_is_missing() -> None:
    flux, mask = torch.ones(1, GRID_SIZE), torch.ones(1, GRID_SIZE)
    flux[0, 1000:1500], mask[0, 1000:1500] = 0, 0
    smooth = blur(flux, mask, torch.tensor([30.0]))
    torch.testing.assert_close(smooth[mask > 0], torch.ones(int(mask.sum())), atol=1e-4, rtol=0)


def test_rescaling_is_that_of_the_service() -> None:
    generator = torch.Generator().manual_seed(2)
    flux = torch.randn(3, GRID_SIZE, generator=generator)
    mask = (torch.rand(3, GRID_SIZE, generator=generator) > 0.3).float()
    expected = [percentile_scaled(f.double().numpy(), m.numpy() > 0) for f, m in zip(flux, mask, strict=True)]
    np.testing.assert_allclose(rescale(flux, mask).numpy(), np.stack(expected), atol=1e-5)


def test_seen_by_the_sed_machine_noise_follows_its_curves() -> None:
    n = 48
    flux = torch.ones(n, GRID_SIZE) + 0.2 * torch.linspace(0, 1, GRID_SIZE)
    mask, zeros = torch.ones_like(flux), torch.zeros(n)
    curve = torch.where(torch.arange(GRID_SIZE) < GRID_SIZE // 2, 4.0, 1.0)[None]
    config = dataclasses.replace(OFF, sedm=(1.0, 20.0, 20.0))
    augment = Augmenter(config, torch.Generator().manual_seed(0), curve)
    after, _, _ = augment(flux, mask, zeros, torch.full((n,), 1.0), zeros.long())
    blue, red = (after[:, s].diff(dim=1).std() for s in (slice(100, 1900), slice(2200, 4000)))
    assert 3.2 < float(blue / red) < 4.8
    # Straight lines between pixels of 25 A, which are 20 of the grid's.
    bends = (after[0].diff(n=2).abs() > 1e-4 * after.abs().max()).float().mean()
    assert 0.02 < float(bends) < 0.15


def test_a_spectrum_of_the_sed_machine_is_not_degraded_again() -> None:
    flux, mask = spectra(8)
    wiggles = torch.sin(torch.arange(GRID_SIZE) * (2 * np.pi / 60))  # three pixels of the SED Machine
    flux = rescale(flux + 0.5 * wiggles, mask)
    config = dataclasses.replace(OFF, degrade=(1.0, 60.0, 60.0), more_noise=(0.0, 6.0, 60.0))
    augment = Augmenter(config, torch.Generator().manual_seed(0))
    coarse = torch.arange(8) % 2 == 0
    after, _, _ = augment(flux, mask, torch.zeros(8), torch.full((8,), 0.5), torch.zeros(8).long(), coarse)
    kept = (after * wiggles).mean(1)
    assert float(kept[coarse].min()) > 3 * float(kept[~coarse].max())
