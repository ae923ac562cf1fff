"""What can happen to a spectrum between the star and the marshal, on batches of tensors (App. B b, and beyond).

The paper's five augmentations come before the derivative, which the network takes itself. The others make spectra of
different archives alike, so that the network cannot learn the archive instead of the physics: every spectrum may be
brought to low resolution, coarse sampling, high noise, a narrower window, another continuum slope.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.spectral.prepare import GRID_SIZE, PIXEL_A, WINDOW_A

WAVELENGTH_A = torch.linspace(*WINDOW_A, GRID_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Probabilities and ranges; the first five are the paper's, the rest are off in `PAPER_AUGMENT`.

    Parameters
    ----------
    stretch : (probability, amplitude)
        Wavelengths times 1 +- amplitude; a known redshift moves along.
    redshift : probability
        Wavelengths times a factor drawn from the class's range in `REDSHIFT_FACTORS`, for classes seen at distances
        that the few known objects do not sample.
    degrade : (probability, lowest R, highest R)
        Gaussian blur to a resolving power, sampled at about its width.
    sedm : (probability, lowest, highest signal-to-noise per pixel)
        Seen by the SED Machine, if it was not: its resolution and pixels, noise along wavelength as one of its own
        spectra has it. Those are not degraded further.
    noise : (probability, lowest, highest signal-to-noise per sampled pixel)
    more_noise : (probability, lowest, highest signal-to-noise per pixel)
        Instead, for a spectrum that the SED Machine took.
    crop : (probability, bluest start, reddest end)
        Angstrom that may be lost at the two ends.
    """

    shift: tuple[float, float] = (0.3, 3.0)
    warp: tuple[float, float] = (0.3, 0.05)
    scale: tuple[float, float, float] = (0.4, 0.85, 1.15)
    noise: tuple[float, float, float] = (0.5, 10.0, 50.0)
    holes: tuple[float, float, float] = (0.5, 0.05, 0.30)
    stretch: tuple[float, float] = (0.0, 0.0)
    redshift: float = 0.0
    degrade: tuple[float, float, float] = (0.0, 100.0, 1000.0)
    sedm: tuple[float, float, float] = (0.0, 4.0, 45.0)
    more_noise: tuple[float, float, float] = (0.5, 6.0, 60.0)
    slope: tuple[float, float] = (0.0, 0.0)
    crop: tuple[float, float, float] = (0.0, 0.0, 0.0)
    telluric: float = 0.0
    galaxy: tuple[float, float] = (0.0, 0.0)
    spikes: float = 0.0


PAPER_AUGMENT = AugmentConfig()
SURVEY_AUGMENT = AugmentConfig(
    warp=(0.4, 0.08),
    noise=(0.7, 4.0, 60.0),
    holes=(0.3, 0.05, 0.25),
    stretch=(0.5, 0.025),
    degrade=(0.6, 80.0, 700.0),
    slope=(0.5, 0.35),
    crop=(0.5, 700.0, 1400.0),
    telluric=0.3,
    galaxy=(0.2, 0.6),
    spikes=0.1,
)


WIDE_AUGMENT = replace(SURVEY_AUGMENT, redshift=0.4)
BOTH_AUGMENT = replace(WIDE_AUGMENT, sedm=(0.35, 4.0, 45.0))
SEDM_AUGMENT = replace(WIDE_AUGMENT, sedm=(0.75, 4.0, 45.0), degrade=(0.9, 60.0, 250.0), noise=(0.9, 4.0, 40.0))

SEDM_R = (85.0, 130.0)
SEDM_STEP_A = (22.4, 25.7)
"""Resolving power of the SED Machine, and its pixels as pysedm wrote them from 2018 on."""

LINES_A = ((6563.0, 1.0), (6584.0, 0.4), (4861.0, 0.3), (5007.0, 0.8), (4959.0, 0.27), (3727.0, 0.6))
"""Narrow lines of a star-forming galaxy and their rough strengths."""


REDSHIFT_FACTORS = torch.tensor(
    [(0.97, 1.30), (0.98, 1.15), (0.87, 1.50), (0.98, 1.12), (0.90, 1.30), (1.0, 1.0), (0.92, 1.25)]
)
"""Lowest and highest factor on the wavelengths of each fine class: SN Ia, SN Ibc, SLSN, SN II, AGN, CV, TDE. Luminous
classes are seen farther; CVs are in the Galaxy."""


class Augmenter:
    """Draws from one generator, so that a seed fixes every epoch; works where the generator lives, CPU or GPU.

    Parameters
    ----------
    curves : Tensor, shape (curves, 4096), optional
        Noise along wavelength of spectra of the SED Machine, each with a median of 1; without, it rises to the ends.
    """

    def __init__(self, config: AugmentConfig, generator: torch.Generator, curves: Tensor | None = None) -> None:
        self.config, self.generator, self.curves = config, generator, curves
        self.device = generator.device
        self.wave = WAVELENGTH_A.to(self.device)
        self.pixel = torch.arange(GRID_SIZE, device=self.device)

    def __call__(
        self, flux: Tensor, mask: Tensor, redshift: Tensor, floor: Tensor, label: Tensor, coarse: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Change a batch.

        Parameters
        ----------
        flux, mask : Tensor, shape (batch, 4096)
            Scaled flux, 1 where measured.
        redshift : Tensor, shape (batch,)
            Any value where unknown.
        floor : Tensor, shape (batch,)
            Where zero flux lies below the scaled flux's zero, which is the 5th percentile.
        label : Tensor of int, shape (batch,)
            Fine class, for the range of redshifts.
        coarse : Tensor of bool, shape (batch,), optional
            Which were sampled as coarsely as the SED Machine does; none if left out.

        Returns
        -------
        flux, mask, redshift : Tensor
            Scaled again by percentiles, since the window may have changed.
        """
        c = self.config
        flux = flux + floor[:, None]  # slopes, bands and noise act on the real flux
        flux, mask, redshift = self._resampled(flux, mask, redshift, label)
        flux = flux * self._continuum(len(flux))
        if c.galaxy[0]:
            flux = self._with_galaxy(flux, redshift)
        flux = self._degraded(flux, mask, torch.zeros_like(floor, dtype=torch.bool) if coarse is None else coarse)
        if c.telluric:
            flux = flux * self._telluric(len(flux))
        if c.spikes:
            flux = self._with_spikes(flux)
        mask = mask * self._window(len(flux)) * self._holes(len(flux))
        flux = rescale(flux, mask)
        factor = torch.where(self._chosen(len(flux), c.scale[0]), self._uniform(len(flux), *c.scale[1:]), 1.0)
        return flux * factor[:, None], mask, redshift

    def _uniform(self, n: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=self.generator, device=self.device)

    def _log_uniform(self, n: int, low: float, high: float) -> Tensor:
        return self._uniform(n, math.log(low), math.log(high)).exp()

    def _chosen(self, n: int, probability: float) -> Tensor:
        return torch.rand(n, generator=self.generator, device=self.device) < probability

    def _resampled(self, flux: Tensor, mask: Tensor, redshift: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sub-pixel shift and stretch of the wavelength axis."""
        n, c = len(flux), self.config
        shift = self._uniform(n, -c.shift[1], c.shift[1]) * self._chosen(n, c.shift[0])
        factor = 1 + self._uniform(n, -c.stretch[1], c.stretch[1]) * self._chosen(n, c.stretch[0])
        if c.redshift:
            low, high = REDSHIFT_FACTORS.to(self.device)[label].unbind(1)
            drawn = low + (high - low) * self._uniform(n, 0, 1)
            factor = torch.where(self._chosen(n, c.redshift), drawn, factor)
        source = ((self.wave / factor[:, None]) - WINDOW_A[0]) / PIXEL_A + shift[:, None]
        inside = (source >= 0) & (source <= GRID_SIZE - 1)
        left = source.floor().clamp(0, GRID_SIZE - 2).long()
        w = (source - left).clamp(0, 1)
        moved = flux.gather(1, left) * (1 - w) + flux.gather(1, left + 1) * w
        kept = mask.gather(1, left) * mask.gather(1, left + 1) * inside
        return moved, kept, (1 + redshift) * factor - 1

    def _continuum(self, n: int) -> Tensor:
        """A smooth multiplicative curve: five knots as in the paper, and a tilt as reddening or calibration give."""
        c = self.config
        knots = self._uniform(n * 5, -c.warp[1], c.warp[1]).view(n, 1, 5) * self._chosen(n, c.warp[0])[:, None, None]
        curve = torch.nn.functional.interpolate(knots, GRID_SIZE, mode="linear", align_corners=True)[:, 0]
        tilt = self._uniform(n, -c.slope[1], c.slope[1]) * self._chosen(n, c.slope[0])
        return (1 + curve) * torch.exp(tilt[:, None] * torch.linspace(-1, 1, GRID_SIZE, device=self.device))

    def _with_galaxy(self, flux: Tensor, redshift: Tensor) -> Tensor:
        """Add an analytic galaxy: red continuum with a 4000 A break, and the usual narrow lines."""
        p, most = self.config.galaxy
        chosen = self._chosen(len(flux), p).nonzero()[:, 0]
        if not len(chosen):
            return flux
        k = len(chosen)
        z = torch.where(redshift[chosen] > 0, redshift[chosen], self._uniform(k, 0.005, 0.1))[:, None]
        rest = self.wave / (1 + z)
        galaxy = (self.wave / 6000) ** self._uniform(k, 0.0, 2.0)[:, None]
        galaxy = galaxy * (1 - self._uniform(k, 0.2, 0.5)[:, None] * torch.sigmoid((4000 - rest) / 30))
        width = self._uniform(k, 4.0, 25.0)[:, None]
        for line, strength in (
            (6563.0, 1.0),
            (6584.0, 0.4),
            (4861.0, 0.3),
            (5007.0, 0.8),
            (4959.0, 0.27),
            (3727.0, 0.6),
        ):
            amplitude = strength * self._uniform(k, 0.0, 0.8)[:, None]
            galaxy = galaxy + amplitude * torch.exp(-0.5 * ((rest - line) / width) ** 2)
        galaxy = galaxy * flux[chosen].mean(1, keepdim=True) * self._uniform(k, 0.0, most)[:, None]
        return flux.index_add(0, chosen, galaxy)

    def _degraded(self, flux: Tensor, mask: Tensor, coarse: Tensor) -> Tensor:
        """Blur to a resolving power, sample at about half its width, add noise there, interpolate back."""
        n, c = len(flux), self.config
        sedm = self._chosen(n, c.sedm[0]) & ~coarse
        degrade = self._chosen(n, c.degrade[0]) & ~coarse & ~sedm
        power = torch.where(sedm, self._uniform(n, *SEDM_R), self._log_uniform(n, *c.degrade[1:]))
        width = 6400.0 / power / PIXEL_A * (degrade | sedm)  # full width at half maximum, pixels
        if width.any():
            flux = torch.where((width > 0)[:, None], blur(flux, mask, width / 2.355), flux)
        as_sedm = coarse | sedm
        step = torch.where(as_sedm, self._uniform(n, *SEDM_STEP_A) / PIXEL_A, width * self._uniform(n, 0.3, 0.6))
        step = step.clamp_min(1.0)
        position = self.pixel / step[:, None]
        low = position.floor()
        w = (position - low) * (degrade | as_sedm)[:, None]
        left = (low * step[:, None]).round().long().clamp(0, GRID_SIZE - 1)
        right = ((low + 1) * step[:, None]).round().long().clamp(0, GRID_SIZE - 1)
        noisy = flux + self._noise(flux, coarse, as_sedm)
        return noisy.gather(1, left) * (1 - w) + noisy.gather(1, right) * w

    def _noise(self, flux: Tensor, coarse: Tensor, as_sedm: Tensor) -> Tensor:
        """Noise at a drawn signal-to-noise: as in the SED Machine's spectra, or up to three times worse at the ends."""
        n, c = len(flux), self.config
        wanted = torch.where(coarse, self._chosen(n, c.more_noise[0]), self._chosen(n, c.noise[0]) | as_sedm)
        snr = torch.where(as_sedm, self._log_uniform(n, *c.sedm[1:]), self._log_uniform(n, *c.noise[1:]))
        snr = torch.where(coarse, self._log_uniform(n, *c.more_noise[1:]), snr)
        ends = self._uniform(n, 0.0, 2.0)[:, None] * torch.linspace(-1, 1, GRID_SIZE, device=self.device).abs() ** 3
        shape = 1 + ends
        if self.curves is not None:
            drawn = torch.randint(len(self.curves), (n,), generator=self.generator, device=self.device)
            shape = torch.where(as_sedm[:, None], self.curves[drawn], shape)
        sigma = (flux.abs().mean(1) / snr * wanted)[:, None] * shape
        return torch.randn(flux.shape, generator=self.generator, device=self.device) * sigma

    def _telluric(self, n: int) -> Tensor:
        """Residuals of the oxygen bands near 6870 and 7605 A."""
        amount = self._uniform(n, -0.1, 0.3) * self._chosen(n, self.config.telluric)
        bands = torch.exp(-0.5 * ((self.wave - 7620) / 30) ** 2)
        bands = bands + 0.5 * torch.exp(-0.5 * ((self.wave - 6880) / 18) ** 2)
        return 1 - amount[:, None] * bands

    def _with_spikes(self, flux: Tensor) -> Tensor:
        """A cosmic ray: a few pixels far above the rest."""
        n = len(flux)
        chosen = self._chosen(n, self.config.spikes)
        at = self._uniform(n, 0, GRID_SIZE)[:, None]
        height = flux.abs().amax(1, keepdim=True) * self._uniform(n, 0.3, 4.0)[:, None] * chosen[:, None]
        return flux + height * torch.exp(-0.5 * ((self.pixel - at) / 2.0) ** 2)

    def _window(self, n: int) -> Tensor:
        """Cut the ends off, as another spectrograph would."""
        p, blue, red = self.config.crop
        chosen = self._chosen(n, p)
        start = WINDOW_A[0] + self._uniform(n, 0, blue) * chosen
        end = WINDOW_A[1] - self._uniform(n, 0, red) * chosen
        return ((start[:, None] <= self.wave) & (end[:, None] >= self.wave)).float()

    def _holes(self, n: int) -> Tensor:
        """One to three contiguous gaps, 5-30 % of the spectrum together."""
        p, low, high = self.config.holes
        chosen = self._chosen(n, p)
        number = torch.randint(1, 4, (n,), generator=self.generator, device=self.device)
        length = self._uniform(n, low, high) * GRID_SIZE / number
        keep = torch.ones(n, GRID_SIZE, device=self.device)
        for i in range(3):
            start = self._uniform(n, 0, 1) * (GRID_SIZE - length)
            inside = (self.pixel >= start[:, None]) & (self.pixel < (start + length)[:, None])
            keep = keep * ~(inside & (chosen & (number > i))[:, None])
        return keep


def blur(flux: Tensor, mask: Tensor, sigma_pixels: Tensor) -> Tensor:
    """Gaussian smoothing with one width per row, normalised over the measured pixels."""
    size = 2 * GRID_SIZE
    frequency = torch.fft.rfftfreq(size, device=flux.device)
    transfer = torch.exp(-2 * (torch.pi * frequency * sigma_pixels[:, None]) ** 2)
    both = torch.cat([flux * mask, mask])
    smooth = torch.fft.irfft(torch.fft.rfft(both, size) * transfer.repeat(2, 1), size)[:, :GRID_SIZE]
    value, weight = smooth.chunk(2)
    return torch.where(weight > 0.05, value / weight.clamp_min(0.05), flux)


def rescale(flux: Tensor, mask: Tensor) -> Tensor:
    """The percentile scaling of `prepare` on a batch; zero where missing."""
    ordered = flux.masked_fill(mask == 0, float("inf")).sort(1).values
    count = mask.sum(1)

    def percentile(q: float) -> Tensor:
        position = (count - 1).clamp_min(0) * q
        low = position.floor().long()
        high = torch.minimum(low + 1, (count - 1).clamp_min(0).long())
        w = (position - low)[:, None]
        return ordered.gather(1, low[:, None]) * (1 - w) + ordered.gather(1, high[:, None]) * w

    p5, p95 = percentile(0.05), percentile(0.95)
    scaled = (flux - p5) / (p95 - p5).clamp_min(1e-6)
    return scaled.masked_fill((mask == 0) | (count[:, None] < 2), 0.0)
