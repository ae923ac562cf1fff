"""Spectra that are meant to be strange, made from formulae: no class of the classifier fits them."""

from collections.abc import Callable, Mapping

import numpy as np

from models.simulation.grid import FloatArray
from models.simulation.instrument import PIXELS_A

# Heads of the strongest TiO bands and of CaH, Angstrom, with depths (after Kirkpatrick et al. 1991, ApJS 77, 417).
_BANDS_A = (
    (4761.0, 0.30), (4954.0, 0.40), (5167.0, 0.50), (5448.0, 0.35), (5847.0, 0.45), (6158.0, 0.50),
    (6382.0, 0.25), (6651.0, 0.45), (7053.0, 0.60), (7589.0, 0.45), (8206.0, 0.30), (8432.0, 0.35), (8859.0, 0.30),
)  # fmt: skip


def blazar(rng: np.random.Generator) -> FloatArray:
    """A featureless power law: F_lambda proportional to lambda^-a, a between 0.4 and 1.4."""
    power: FloatArray = (PIXELS_A / 6000.0) ** -rng.uniform(0.4, 1.4)
    return power


def noise_only(rng: np.random.Generator) -> FloatArray:
    """Sky residuals about zero: the extraction missed the object."""
    walk = np.cumsum(rng.normal(size=PIXELS_A.size)) / np.sqrt(PIXELS_A.size)
    return rng.normal(size=PIXELS_A.size) + 0.5 * (walk - walk.mean())


def m_dwarf(rng: np.random.Generator) -> FloatArray:
    """A cool black body cut by molecular bands, each sharp at its head and recovering redwards."""
    flux = black_body(rng.uniform(3000.0, 3400.0))
    for head, depth in _BANDS_A:
        beyond = PIXELS_A - head
        flux = flux * (1.0 - depth * (beyond > -12.0) * np.exp(-np.clip(beyond, 0.0, None) / (0.026 * head)))
    sodium = 1.0 - 0.55 * np.exp(-0.5 * ((PIXELS_A - 5893.0) / 28.0) ** 2)
    h_alpha = 0.25 * np.exp(-0.5 * ((PIXELS_A - 6563.0) / 26.0) ** 2)
    return flux * sodium + h_alpha * float(np.median(flux))


def galaxy(rng: np.random.Generator) -> FloatArray:
    """An old galaxy at low redshift: 4000 Angstrom break, stellar absorption, narrow H-alpha and [N II]."""
    rest = PIXELS_A / (1.0 + rng.uniform(0.02, 0.06))
    flux = np.interp(rest, [3300, 3900, 4050, 5000, 6500, 8000, 9500], [0.35, 0.42, 0.80, 1.0, 1.05, 1.0, 0.95])
    for centre, width, depth in (
        (3950, 30, 0.3),
        (4304, 22, 0.14),
        (4861, 16, 0.06),
        (5175, 32, 0.16),
        (5893, 16, 0.1),
    ):
        flux = flux * (1.0 - depth * np.exp(-0.5 * ((rest - centre) / width) ** 2))
    return flux + rng.uniform(0.1, 0.4) * np.exp(-0.5 * ((rest - 6570.0) / 24.0) ** 2)


def black_body(kelvin: float) -> FloatArray:
    """Planck's law on the pixels, F_lambda, scaled to a maximum of 1."""
    x = 1.438777e8 / (PIXELS_A * kelvin)
    flux = PIXELS_A**-5.0 / np.expm1(x)
    return np.asarray(flux / flux.max())


ODD: Mapping[str, Callable[[np.random.Generator], FloatArray]] = {
    "blazar": blazar,
    "noise": noise_only,
    "M dwarf": m_dwarf,
}
"""The odd kinds by name."""
