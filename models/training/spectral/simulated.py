"""Analytic spectra of things that are none of the seven classes, to expose the anomaly layer to. All simulated.

Continua, lines and bands of textbooks, nothing fitted to any spectrum of the evaluation. They teach kinds of which
there are too few real spectra to learn from, and they never stand in a figure on real spectra.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.spectral.prepare import GRID_A, PIXEL_A, WINDOW_A, percentile_scaled
from models.training.dataset import Dataset
from models.training.spectral.oddities import made_up

Floats = NDArray[np.float64]
RNG = np.random.Generator
LIGHT_KM_S = 299792.458
BALMER = ((6563.0, 1.0), (4861.0, 0.35), (4340.0, 0.2), (4102.0, 0.12), (3970.0, 0.08))
TIO = ((4760, 4950, 0.5), (4955, 5160, 0.7), (5167, 5440, 0.6), (5448, 5600, 0.4), (5759, 5950, 0.4), (5847, 6050, 0.5),
       (6158, 6380, 0.6), (6651, 6850, 0.7), (7053, 7270, 1.0), (7589, 7860, 0.8), (8206, 8350, 0.4), (8432, 8600, 0.5),
       (8859, 9000, 0.6))  # fmt: skip
NOVA_LINES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "Fe II": ((4924, 0.12), (5018, 0.18), (5169, 0.2), (5276, 0.1), (5317, 0.12), (4584, 0.1), (4233, 0.08),
              (5535, 0.07), (6248, 0.06), (6456, 0.06), (7774, 0.25), (8446, 0.35), (8498, 0.15), (8542, 0.2),
              (8662, 0.2)),
    "He/N": ((5876, 0.15), (6678, 0.06), (7065, 0.1), (4686, 0.1), (4640, 0.25), (5016, 0.06), (5679, 0.08),
             (5755, 0.08), (8446, 0.3), (8216, 0.05)),
    "nebular": ((5007, 1.0), (4959, 0.33), (4363, 0.3), (5755, 0.4), (6584, 0.3), (5876, 0.1), (4686, 0.25),
                (4640, 0.2), (6300, 0.1), (7325, 0.15), (7065, 0.1), (6087, 0.1)),
    "early": ((4924, 0.2), (5018, 0.25), (5169, 0.3), (4584, 0.15), (4233, 0.15), (7774, 0.3), (8446, 0.3),
              (8542, 0.2)),
}  # fmt: skip
NOVA_STRENGTH = {"Fe II": 0.8, "He/N": 1.2, "nebular": 1.6, "early": -0.5}
NOVA_P_CYGNI = {"Fe II": 0.5, "He/N": 0.2, "nebular": 0.0, "early": 1.0}
REDDENING = np.interp(GRID_A, (3800, 5500, 9000), (1.3, 1.0, 0.5))


def bump(centre: float, width: float, at: Floats = GRID_A) -> Floats:
    """A Gaussian of height one."""
    return np.asarray(np.exp(-0.5 * ((at - centre) / width) ** 2))


def line(rest_A: float, z: float, km_s: float, height: float) -> Floats:
    """An emission line of a full width at half maximum in km/s."""
    centre = rest_A * (1 + z)
    return height * bump(centre, centre * km_s / LIGHT_KM_S / 2.355)


def black_body(kelvin: float, at: Floats = GRID_A) -> Floats:
    """`F_lambda` of a black body, median one."""
    flux = at**-5.0 / np.expm1(np.minimum(1.4388e8 / (at * kelvin), 200.0))
    return flux / np.median(flux)


def reddened(flux: Floats, rng: RNG, most: float) -> Floats:
    """Dimmed by up to `most` magnitudes in V."""
    return flux * 10 ** (-0.4 * rng.uniform(0, most) * REDDENING)


def banded(flux: Floats, rng: RNG, depth: float) -> Floats:
    """With bands of titanium oxide, sharp at the blue edge."""
    for low, high, strength in TIO:
        x = (GRID_A - low) / (high - low)
        cut = min(0.95, depth * strength * rng.uniform(0.8, 1.2))
        flux = flux * (1 - cut * np.where((x > 0) & (x < 1), 1 - 0.8 * x, 0.0))
    return flux


def galaxy(rng: RNG, redshift: float | None = None) -> Floats:
    """Old and young stars in any mixture, with or without emission lines; z up to 0.9 unless given."""
    drawn, old = rng.uniform(0, 0.9), rng.uniform(0, 1)
    z = drawn if redshift is None else redshift
    rest = GRID_A / (1 + z)
    aged = np.interp(rest, (2300, 3300, 3900, 4050, 4300, 5000, 5500, 6500, 7500, 9200),
                     (0.1, 0.25, 0.38, 0.75, 0.85, 1, 1.02, 1, 0.95, 0.88))  # fmt: skip
    flux = old * aged + (1 - old) * (5000 / rest) ** rng.uniform(0, 1.5)
    depth = rng.uniform(0.4, 1.2) * (0.4 + 0.6 * old)
    for at, share, width in ((3934, 0.5, 9), (3969, 0.45, 9), (4304, 0.22, 12), (4102, 0.12, 8), (4340, 0.1, 8),
                             (4861, 0.12, 7), (5175, 0.22, 16), (5270, 0.09, 10), (5335, 0.07, 8), (5893, 0.15, 7),
                             (8542, 0.12, 8), (8662, 0.1, 8)):  # fmt: skip
        flux = flux * (1 - min(share * depth, 0.9) * bump(at, width, rest))
    glow = rng.choice([0, 0, 1, 1]) * rng.lognormal(-0.8, 0.9) * (1.3 - old)
    blue, oxygen, nitrogen = rng.uniform(0.15, 0.35), rng.lognormal(-0.4, 0.8), rng.uniform(0.1, 0.9)
    km_s = rng.uniform(300, 700)
    for at, share in ((6563, 1.0), (6584, nitrogen), (6548, nitrogen / 3), (4861, blue), (5007, oxygen * blue),
                      (4959, oxygen * blue / 3), (3727, rng.uniform(0.3, 1.2)), (6716, 0.2), (6731, 0.15),
                      (4340, 0.45 * blue)):  # fmt: skip
        flux = flux + line(at, z, km_s, glow * share)
    return flux


def nova(rng: RNG) -> Floats:
    """A hot continuum under broad Balmer lines with those of one of four phases, some with P Cygni dips."""
    phase = str(rng.choice(list(NOVA_LINES)))
    km_s, strength = rng.uniform(600, 4000), rng.lognormal(NOVA_STRENGTH[phase], 0.7)
    flux = reddened(black_body(rng.uniform(6000, 20000)), rng, 4.0)
    flux = flux / np.median(flux)
    split, dips = rng.random() < 0.4, rng.random() < NOVA_P_CYGNI[phase]
    for at, share in (*BALMER, *NOVA_LINES[phase]):
        height = strength * share * rng.lognormal(0, 0.35)
        offsets = (-km_s / 4, km_s / 4) if split else (0.0,)
        for offset in offsets:
            flux = flux + line(at, offset / LIGHT_KM_S, km_s * (0.6 if split else 1.0), height / len(offsets) ** 0.5)
        if dips:
            flux = flux * (1 - line(at, -0.8 * km_s / LIGHT_KM_S, 0.7 * km_s, min(0.6, 0.5 * height + 0.1)))
    return flux


def cool_star(rng: RNG) -> Floats:
    """A late K or M dwarf, some with Balmer emission."""
    subtype = rng.uniform(-1, 8)
    flux = banded(black_body(4000 - 170 * max(subtype, 0)), rng, float(np.clip(0.15 + 0.1 * subtype, 0.02, 0.85)))
    for at, most, width in ((5893, 0.7, 12), (8190, 0.5, 6), (4227, 0.5, 15)):
        flux = flux * (1 - rng.uniform(0, most) * bump(at, width))
    active = rng.choice([0, 1]) * rng.uniform(0.1, 2)
    return flux + active * np.median(flux) * (bump(6563, 3) + 0.3 * bump(4861, 3))


def star(rng: RNG) -> Floats:
    """A star of 3800 to 25000 K, white dwarfs among the hot ones."""
    kelvin = float(np.exp(rng.uniform(np.log(3800), np.log(25000))))
    flux = black_body(kelvin)
    hydrogen, metals = float(bump(9.16, 0.35, np.log([kelvin]))[0]), float(np.clip((7000 - kelvin) / 3500, 0, 1))
    width = rng.uniform(4, 30) if rng.random() < 0.7 else rng.uniform(30, 90)
    for at, _ in BALMER:
        flux = flux * (1 - 0.6 * hydrogen / (1 + ((GRID_A - at) / width) ** 2))
    for at, share, size in ((3934, 0.8, 8), (3969, 0.7, 8), (4304, 0.4, 12), (4227, 0.3, 6), (5175, 0.4, 14),
                            (5270, 0.2, 8), (5893, 0.35, 6), (8542, 0.3, 5), (8662, 0.25, 5),
                            (8498, 0.2, 5)):  # fmt: skip
        flux = flux * (1 - share * metals * rng.uniform(0.6, 1.1) * bump(at, size))
    return reddened(flux, rng, 2.0)


def kilonova(rng: RNG) -> Floats:
    """A cooling black body with a few very broad (0.1-0.3 c) troughs."""
    rest = GRID_A / (1 + rng.uniform(0, 0.1))
    flux = black_body(float(np.exp(rng.uniform(np.log(2000), np.log(7500)))), rest)
    speed = rng.uniform(0.1, 0.3)
    for at, most in ((10300, 0.6), (8500 * rng.uniform(0.95, 1.05), 0.3), (6200 * rng.uniform(0.9, 1.1), 0.3),
                     (7400, 0.25)):  # fmt: skip
        depth = rng.uniform(0, most)
        flux = flux * (1 - depth * bump(at * (1 - speed), 0.3 * at * speed, rest))
        flux = flux * (1 + 0.5 * depth * bump(at, 0.4 * at * speed, rest))
    return flux


def red_nova(rng: RNG) -> Floats:
    """A luminous red nova or intermediate-luminosity red transient: cool, with narrow hydrogen and calcium."""
    kelvin, z, km_s = rng.uniform(2800, 6500), rng.uniform(0, 0.03), rng.uniform(200, 900)
    flux = black_body(kelvin)
    flux = flux + line(6563, z, km_s, rng.lognormal(0, 0.9)) + line(4861, z, km_s, rng.lognormal(-1.5, 0.8))
    for at in (8498, 8542, 8662):
        flux = flux + line(at, z, km_s, rng.choice([-0.6, 1.0]) * rng.lognormal(-1.2, 0.8))
    for at in (7291, 7323):
        flux = flux + line(at, z, 0.7 * km_s, rng.lognormal(-1.8, 0.8))
    for at, depth in ((5893, 0.5), (4924, 0.2), (5018, 0.2), (5169, 0.25), (6142, 0.15), (6497, 0.15)):
        flux = flux * (1 - min(0.9, depth * rng.uniform(0, 1.4)) * bump(at * (1 + z), 6))
    return banded(flux, rng, rng.uniform(0.1, 0.6)) if kelvin < 3800 else flux


def power_law(rng: RNG) -> Floats:
    """An afterglow or a blazar: any slope, some with a host, some with absorption on the way."""
    flux = (GRID_A / 6000) ** rng.uniform(-2.6, 1.6)
    if rng.random() < 0.4:
        host = galaxy(rng)
        flux = flux + rng.uniform(0.02, 0.5) * host / np.median(host)
    if rng.random() < 0.4:
        z = rng.uniform(0.3, 2.2)
        for at in (2796, 2803, 2600, 2586, 2382, 2374, 2344):
            flux = flux * (1 - rng.uniform(0.1, 0.7) * bump(at * (1 + z), rng.uniform(3, 9)))
    return flux


def quasar(rng: RNG) -> Floats:
    """Broad ultraviolet lines at z 0.5 to 3.2."""
    z, km_s, strength = rng.uniform(0.5, 3.2), rng.uniform(2000, 9000), rng.lognormal(0, 0.4)
    rest = GRID_A / (1 + z)
    flux = np.where(rest > 1216, 1.0, rng.uniform(0.3, 0.8)) * (rest / 3000) ** rng.uniform(-2, -0.2)
    for at, share in ((1216, 3.0), (1240, 0.7), (1400, 0.35), (1549, 1.6), (1909, 0.8), (2798, 0.9), (4102, 0.2),
                      (4340, 0.4), (4861, 0.8)):  # fmt: skip
        flux = flux * (
            1 + 0.8 * strength * share * rng.lognormal(0, 0.3) * bump(at, at * km_s / LIGHT_KM_S / 2.355, rest)
        )
    for at, width in ((2500, 120), (4570, 60), (5250, 80)):
        flux = flux * (1 + 0.15 * strength * bump(at, width, rest))
    for at, share in ((5007, 1.5), (4959, 0.5), (3727, 0.3)):
        flux = flux + line(at, z, rng.uniform(400, 900), share * rng.lognormal(-1.5, 1))
    return flux


TEMPLATES: Mapping[str, Callable[[RNG], Floats]] = MappingProxyType(
    {
        "galaxy": galaxy,
        "nova": nova,
        "cool star": cool_star,
        "star": star,
        "kilonova": kilonova,
        "red nova": red_nova,
        "power law": power_law,
        "quasar": quasar,
    }
)


def observed(flux: Floats, rng: RNG) -> Floats:
    """Through some spectrograph: calibration errors, resolution 90 to 1800, its sampling, signal-to-noise 2 to 60."""
    flux = flux / np.median(np.abs(flux))
    flux = flux * np.interp(GRID_A, np.linspace(*WINDOW_A, 5), 1 + rng.normal(0, 0.05, 5))
    width = 6400 / np.exp(rng.uniform(np.log(90), np.log(1800)))
    smooth = gaussian_filter1d(flux, width / 2.355 / PIXEL_A)
    at = np.arange(WINDOW_A[0], WINDOW_A[1] + width / 2, max(width / 2, PIXEL_A))
    ends = 1 + rng.uniform(0, 2) * np.abs(np.linspace(-1, 1, len(at))) ** 3
    level = np.abs(smooth).mean() / np.exp(rng.uniform(np.log(2), np.log(60)))
    return np.interp(GRID_A, at, np.interp(at, GRID_A, smooth) + level * ends * rng.normal(size=len(at)))


def simulated(data: Dataset, kind: str, n: int, seed: int) -> Dataset:
    """`n` spectra of one kind, each with the mask of a random row of `data`.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    template, rng = TEMPLATES[kind], np.random.default_rng([seed, list(TEMPLATES).index(kind)])
    rows = data.rows(rng.choice(len(data), n, replace=n > len(data)).astype(np.int64))
    made = [percentile_scaled(observed(template(rng), rng), mask) for mask in rows.masks()]
    return made_up(rows, np.stack(made), kind, f"{kind}-{seed}")
