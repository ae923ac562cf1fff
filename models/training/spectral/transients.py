"""Analytic spectra of TDEs, SLSNe and of the supernovae that look like them, to be learned from. All simulated.

67 TDEs and 44 SLSNe are all there is to learn from, only two of them SLSNe-II, so a network can mistake for the class
what these few happen to share: a temperature, a line width, a host. Here what makes the class is kept and everything
else drawn. TDEs are hot with symmetric broad lines of hydrogen, helium and nitrogen, often in a bright host. SLSNe-I
have the absorptions of O II, later those of iron, and forbidden lines in the end. SLSNe-II have the lines of young SNe
II and of SNe IIn, as cool SLSNe-I have those of SNe Ic: what tells them apart is how far they are seen. SNe Ibn are
rare as well. Nothing is fitted to any spectrum, and no figure holds one of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from models.domain import FINE_CLASSES
from models.spectral.prepare import GRID_A, PIXEL_A, WINDOW_A, percentile_scaled
from models.training.dataset import Dataset, joined
from models.training.spectral.simulated import LIGHT_KM_S, RNG, Floats, black_body, bump, galaxy, reddened

SOURCE: Final = "simulated"
HYDROGEN = ((6563.0, 1.0), (4861.0, 0.4), (4340.0, 0.22), (4102.0, 0.12))
HELIUM = ((5876.0, 1.0), (7065.0, 0.6), (6678.0, 0.3))
BOWEN = ((4640.0, 1.0), (4100.0, 0.5))
"""Nitrogen III."""
OXYGEN = ((3737.0, 0.7), (3959.0, 0.8), (4115.0, 0.9), (4357.0, 1.0), (4650.0, 1.0))
"""Oxygen II, the W of a SLSN-I near maximum."""
CARBON = ((6580.0, 1.0), (7234.0, 1.0))
METALS = ((3945.0, 1.2), (4300.0, 0.6), (4481.0, 0.8), (4924.0, 0.5), (5018.0, 0.6), (5169.0, 0.9), (6355.0, 0.4),
          (7774.0, 0.6))  # fmt: skip
"""Calcium, iron, magnesium, silicon and oxygen of a cooler one."""
ULTRAVIOLET = ((2324.0, 0.8), (2543.0, 0.8), (2798.0, 1.0))
"""Carbon II, silicon III and magnesium II, which a redshift brings into sight."""
HELIUM_I = ((5876.0, 1.0), (7065.0, 0.7), (6678.0, 0.4), (5016.0, 0.3), (4471.0, 0.4), (3889.0, 0.5))
CALCIUM = ((8498.0, 0.3), (8542.0, 1.0), (8662.0, 0.8))
FORBIDDEN = ((4571.0, 0.35), (6300.0, 1.0), (6364.0, 0.35), (7291.0, 0.6), (7323.0, 0.6), (8542.0, 0.4), (8662.0, 0.3))
"""Magnesium, oxygen and calcium of a nebula."""
IRON_II = ((4350.0, 0.5), (4950.0, 0.6), (5200.0, 1.0), (5450.0, 0.4))
"""Blends of [Fe II], strong in SLSNe-I."""

Lines = tuple[tuple[float, float], ...]
Made = tuple[Floats, float, str]
"""Flux on the grid, redshift, subtype as `auxiliary.SUBTYPES` reads it."""


def tde(rng: RNG) -> Made:
    """A black body of 11000 to 38000 K with broad symmetric lines, three in four with a host."""
    z, flux = _hot(rng, (0.012, 0.35), (11000, 38000))
    km_s, offset, strength = rng.uniform(4000, 19000), rng.normal(0, 1500), rng.lognormal(-0.75, 0.6)
    kind = str(rng.choice(["H", "H+He", "He", "featureless"], p=[0.35, 0.4, 0.17, 0.08]))
    if kind in ("H", "H+He"):
        flux = _with_lines(flux, HYDROGEN, z, km_s, strength, rng, offset=offset, spread=0.5)
    if kind in ("He", "H+He"):
        flux = _with_lines(
            flux, ((4686.0, rng.uniform(0.3, 1.2)),), z, km_s * rng.uniform(0.6, 1.1), strength, rng, offset=offset
        )
        if rng.random() < 0.5:
            flux = _with_lines(flux, BOWEN, z, 0.7 * km_s, strength * rng.uniform(0.2, 0.8), rng, offset=offset)
    if kind != "featureless" and rng.random() < 0.4:
        flux = _with_lines(flux, HELIUM[:1], z, 0.8 * km_s, 0.3 * strength, rng, offset=offset)
    return _in_host(flux, z, rng, chance=0.8, most=3.0), z, f"TDE-{kind}"


def young_supernova(rng: RNG) -> Made:
    """A SN II in its first weeks: P Cygni lines on a cooling black body, a few with narrow lines of a flash."""
    z, flux = _hot(rng, (0.003, 0.15), (7000, 20000))
    flux = _with_p_cygni(flux, z, rng, speed=rng.uniform(5000, 13000), strength=rng.lognormal(-0.9, 0.6), dips=0.8)
    if rng.random() < 0.15:
        flash = ((4686.0, 1.0), (4640.0, 0.6))
        flux = _with_lines(flux, flash, z, rng.uniform(200, 1500), rng.uniform(0.1, 0.6), rng)
    return _in_host(flux, z, rng, chance=0.4, most=0.6), z, "IIP"


def interacting_supernova(rng: RNG) -> Made:
    """A SN IIn: narrow lines with the wings that electrons scatter."""
    z, flux = _interacting(rng, (0.003, 0.15))
    return _in_host(flux, z, rng, chance=0.4, most=0.6), z, "IIn"


def supernova(rng: RNG) -> Made:
    """A young SN II or a SN IIn."""
    return young_supernova(rng) if rng.random() < 0.5 else interacting_supernova(rng)


def helium_supernova(rng: RNG) -> Made:
    """A SN Ibn: narrow helium, in emission or as P Cygni lines, on a hot continuum that iron lifts in the blue."""
    z, flux = _hot(rng, (0.005, 0.15), (6500, 18000))
    if rng.random() < 0.6:
        edge, slope = rng.uniform(5300, 5800) * (1 + z), rng.uniform(40, 300)
        flux = flux * (1 + rng.uniform(0.1, 1.0) / (1 + np.exp((GRID_A - edge) / slope)))
        flux = _with_lines(flux, IRON_II, z, rng.uniform(2000, 7000), rng.uniform(0, 0.5), rng, spread=0.5)
    km_s, strength = rng.uniform(700, 6000), rng.lognormal(-1.2, 0.8)
    flux = _with_lines(flux, HELIUM_I, z, km_s, strength, rng, offset=rng.normal(0, 0.1) * km_s)
    if rng.random() < 0.6:
        for at, share in HELIUM_I:
            flux = _absorbed(flux, at, z, 0.8 * km_s, 0.6 * km_s, min(0.5, share * rng.uniform(0.05, 0.4)))
    if rng.random() < 0.3:
        flux = _with_lines(flux, CALCIUM, z, rng.uniform(3000, 9000), rng.uniform(0.1, 0.8), rng)
    if rng.random() < 0.3:
        flux = _with_lines(flux, HYDROGEN[:1], z, km_s, 0.4 * strength, rng)
    return _in_host(flux, z, rng, chance=0.4, most=0.6), z, "Ibn"


def stripped_supernova(rng: RNG) -> Made:
    """A SN Ibn, a SN Ic with the absorptions of a cool SLSN-I, or a nebular SN Ib or Ic; all nearer than SLSNe."""
    draw = rng.random()
    if draw < 0.45:
        return helium_supernova(rng)
    if draw < 0.75:
        z, flux = _metallic(rng, (0.003, 0.1), (4000, 9000))
    else:
        z, flux = _nebular(rng, (0.002, 0.06), rng.uniform(0.0, 0.5))
    return _in_host(flux, z, rng, chance=0.5, most=0.8), z, "Ic"


def superluminous(rng: RNG) -> Made:
    """A SLSN-I, hot with absorptions of O II, cooler with those of a SN Ic, or nebular; or a SLSN-II."""
    draw = rng.random()
    if draw < 0.42:
        z, flux = _oxygen_rich(rng)
    elif draw < 0.65:
        z, flux = _metallic(rng, (0.05, 0.7), (6000, 10000))
        blanketed = (rng.uniform(0.3, 0.8), rng.uniform(0.6, 1.0), 1.0, 1.0)
        flux = flux * np.interp(GRID_A / (1 + z), (2500, 3300, 4200, 9000), blanketed)
    elif draw < 0.75:
        z, flux = _nebular(rng, (0.04, 0.4), rng.uniform(0.3, 1.5))
    elif draw < 0.88:
        z, flux = _interacting(rng, (0.08, 0.5))
    else:
        z, flux = _hot(rng, (0.08, 0.5), (8000, 20000))
        flux = _with_p_cygni(flux, z, rng, speed=rng.uniform(5000, 11000), strength=rng.lognormal(-1.3, 0.7), dips=0.4)
    return _in_host(flux, z, rng, chance=0.4, most=0.6), z, "SLSN-I" if draw < 0.75 else "SLSN-II"


TRANSIENTS: Mapping[str, Callable[[RNG], Made]] = MappingProxyType(
    {"TDE": tde, "SN II": supernova, "SLSN": superluminous, "SN Ibc": stripped_supernova}
)
SHARES: Mapping[str, float] = MappingProxyType({"TDE": 1.0, "SN II": 0.5, "SLSN": 1.0, "SN Ibc": 0.4})
"""Of what `TrainConfig.simulated` gives to simulated spectra of a class: there are more real SNe II and Ibc."""


def transients(data: Dataset, each: int, seed: int) -> Dataset:
    """`each` simulated spectra of every class in `TRANSIENTS`, with masks of random rows of `data`."""
    return joined([_of_class(data, name, each, seed) for name in TRANSIENTS])


def shared(weights: Tensor, data: Dataset, made: Dataset, share: float) -> Tensor:
    """Weights of the rows of `data` and of those of `made` after them; every class is shown as often as before.

    Parameters
    ----------
    weights : Tensor, shape (n,)
        Of the rows of `data`.
    share : float
        Of the weight of a class that goes to its simulated spectra, times `SHARES`.
    """
    old, new = weights.clone(), torch.zeros(len(made), dtype=weights.dtype)
    for name, part in SHARES.items():
        real, other = (torch.from_numpy(d.label == FINE_CLASSES.index(name)) for d in (data, made))
        new[other] = share * part * weights[real].sum() / other.sum()
        old[real] *= 1 - share * part
    return torch.cat([old, new])


def _of_class(data: Dataset, name: str, n: int, seed: int) -> Dataset:
    rng = np.random.default_rng([seed, FINE_CLASSES.index(name), 77])
    rows = data.rows(rng.choice(len(data), n, replace=n > len(data)).astype(np.int64))
    made = [TRANSIENTS[name](rng) for _ in range(n)]
    seen = [_observed(flux, rng) for flux, _, _ in made]
    ends = np.array([np.percentile(s[m], (5.0, 95.0)) for s, m in zip(seen, rows.masks(), strict=True)])
    scaled = np.stack([percentile_scaled(s, m) for s, m in zip(seen, rows.masks(), strict=True)])
    names = tuple(f"{SOURCE}-{name}-{seed}-{i}" for i in range(n))
    changed = {
        "flux": np.clip(scaled, -6e4, 6e4).astype(np.float16),
        "floor": np.clip(ends[:, 0] / (ends[:, 1] - ends[:, 0]), 0.02, 3.0).astype(np.float32),
        "label": np.full(n, FINE_CLASSES.index(name), np.int64),
        "redshift": np.array([z for _, z, _ in made], np.float32),
        "phase_days": np.full(n, np.nan, np.float32),
        "spacing": np.full(n, PIXEL_A, np.float32),
        "semi_real": np.ones(n, bool),
        "disputed": np.zeros(n, bool),
        "ids": names,
        "groups": names,
        "sources": (SOURCE,) * n,
        "kinds": tuple(kind for _, _, kind in made),
    }
    return replace(rows, **changed)


def _hot(rng: RNG, redshifts: tuple[float, float], kelvin: tuple[float, float]) -> tuple[float, Floats]:
    """A redshift and a black body of some temperature, both drawn evenly in their logarithm, half of them reddened."""
    z = float(np.exp(rng.uniform(*np.log(redshifts))))
    flux = black_body(float(np.exp(rng.uniform(*np.log(kelvin)))), GRID_A / (1 + z))
    flux = reddened(flux, rng, 1.8) if rng.random() < 0.5 else flux
    return z, flux / np.median(flux)


def _interacting(rng: RNG, redshifts: tuple[float, float]) -> tuple[float, Floats]:
    """Narrow lines of hydrogen and helium with scattered wings on a black body."""
    z, flux = _hot(rng, redshifts, (5500, 16000))
    km_s, strength = rng.uniform(150, 1000), rng.lognormal(-0.3, 0.8)
    flux = _with_lines(flux, HYDROGEN, z, km_s, strength, rng)
    flux = _with_lines(
        flux, HYDROGEN, z, rng.uniform(1200, 6000), strength * rng.uniform(0.1, 0.6), rng, offset=rng.normal(0, 300),
        lorentzian=True,
    )  # fmt: skip
    if rng.random() < 0.6:
        flux = _with_lines(flux, HELIUM, z, 1.5 * km_s, strength * rng.uniform(0.05, 0.4), rng)
    return z, flux


def _oxygen_rich(rng: RNG) -> tuple[float, Floats]:
    """The O II of a hot SLSN-I, some with carbon, and the ultraviolet of the far ones."""
    z, flux = _hot(rng, (0.05, 1.2), (9500, 20000))
    speed, width, depth = rng.uniform(7000, 20000), rng.uniform(3000, 8000), rng.uniform(0.06, 0.4)
    for at, share in (*OXYGEN, *ULTRAVIOLET):
        flux = _absorbed(flux, at, z, speed, width, min(0.8, depth * share * rng.uniform(0.6, 1.3)))
    if rng.random() < 0.4:
        for at, _ in CARBON:
            flux = _absorbed(flux, at, z, 0.8 * speed, width, rng.uniform(0, 0.12))
    return z, flux * np.interp(GRID_A / (1 + z), (1900, 2900), (rng.uniform(0.3, 1.0), 1.0))


def _metallic(rng: RNG, redshifts: tuple[float, float], kelvin: tuple[float, float]) -> tuple[float, Floats]:
    """The absorptions of a SN Ic."""
    z, flux = _hot(rng, redshifts, kelvin)
    speed, width, depth = rng.uniform(7000, 20000), rng.uniform(3000, 8000), rng.uniform(0.06, 0.4)
    for at, share in METALS:
        cut = min(0.8, depth * share * rng.uniform(0.6, 1.3))
        flux = _absorbed(flux, at, z, speed, width, cut) * (1 + 0.3 * cut * _bump_at(at, z, 0.0, width))
    return z, flux


def _nebular(rng: RNG, redshifts: tuple[float, float], iron: float) -> tuple[float, Floats]:
    """Broad forbidden lines of oxygen, calcium and iron on what is left of a continuum or of the absorptions."""
    z, flux = (_hot if rng.random() < 0.5 else _metallic)(rng, redshifts, (4500, 12000))
    km_s, strength = rng.uniform(4000, 11000), rng.lognormal(0.2, 0.7)
    for lines, share in ((FORBIDDEN, 1.0), (IRON_II, iron)):
        flux = _with_lines(flux, lines, z, km_s, share * strength, rng, spread=0.5)
    return z, flux


def _with_p_cygni(flux: Floats, z: float, rng: RNG, *, speed: float, strength: float, dips: float) -> Floats:
    """Broad hydrogen, moved to the blue, with absorption by a chance."""
    flux = _with_lines(
        flux, HYDROGEN, z, speed * rng.uniform(0.9, 1.4), strength, rng, offset=-rng.uniform(0, 0.35) * speed
    )
    if rng.random() < dips:
        for at, share in (*HYDROGEN, (5876.0, 0.6)):
            depth = min(0.6, 0.8 * rng.uniform(0.2, 1.0) * strength * share + 0.03)
            flux = _absorbed(flux, at, z, speed, 0.5 * speed, depth)
    return flux


def _bump_at(rest_A: float, z: float, speed_km_s: float, km_s: float) -> Floats:
    """A Gaussian of a full width at half maximum in km/s, moved to the blue by a speed."""
    centre = rest_A * (1 + z) * (1 - speed_km_s / LIGHT_KM_S)
    return bump(centre, centre * km_s / LIGHT_KM_S / 2.355)


def _absorbed(flux: Floats, rest_A: float, z: float, speed_km_s: float, km_s: float, depth: float) -> Floats:
    return flux * (1 - depth * _bump_at(rest_A, z, speed_km_s, km_s))


def _with_lines(
    flux: Floats,
    lines: Lines,
    z: float,
    km_s: float,
    strength: float,
    rng: RNG,
    *,
    offset: float = 0.0,
    spread: float = 0.3,
    lorentzian: bool = False,
) -> Floats:
    """Emission lines whose heights are shares of the continuum below them, with a scatter."""
    continuum = flux
    for at, share in lines:
        shape = _bump_at(at, z, -offset, km_s)
        if lorentzian:  # the same half width
            shape = 1 / (1 - np.log2(np.maximum(shape, 1e-300)))
        level = np.interp(at * (1 + z), GRID_A, continuum)
        flux = flux + strength * share * rng.lognormal(0, spread) * level * shape
    return flux


def _in_host(flux: Floats, z: float, rng: RNG, *, chance: float, most: float) -> Floats:
    """With a galaxy of up to `most` times its own light in the slit."""
    flux = flux / np.median(flux)
    if rng.random() >= chance:
        return flux
    host = galaxy(rng, z)
    return flux + rng.uniform(0, most) * host / np.median(host)


def _observed(flux: Floats, rng: RNG) -> Floats:
    """Errors of calibration, a spectrograph's resolution, telluric bands and some noise; more comes in training."""
    flux = flux / np.median(flux) * np.interp(GRID_A, np.linspace(*WINDOW_A, 6), 1 + rng.normal(0, 0.06, 6))
    resolution = np.exp(rng.uniform(np.log(200), np.log(1800)))
    flux = gaussian_filter1d(flux, 6400 / resolution / 2.355 / PIXEL_A)
    if rng.random() < 0.5:
        flux = flux * (1 - rng.uniform(0, 0.4) * (bump(7620, 25) + 0.5 * bump(6880, 15)))
    noise = np.abs(flux).mean() / np.exp(rng.uniform(np.log(8), np.log(100)))
    return flux + noise * rng.normal(size=flux.size)
