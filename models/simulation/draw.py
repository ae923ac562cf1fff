"""Drawing simulated spectra: real shapes mixed anew, red-shifted, and seen through a small telescope."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.domain import RawSpectrum
from models.simulation.grid import FloatArray, rest_grid
from models.simulation.instrument import PIXELS_A, degrade, observe
from models.simulation.odd import ODD, galaxy
from models.simulation.summary import Population, Summary, load

SHARES: Mapping[str, float] = {
    "SN Ia/early": 0.10,
    "SN Ia/max": 0.20,
    "SN Ia/after": 0.12,
    "SN Ia/late": 0.05,
    "SN Ibc/Ib": 0.05,
    "SN Ibc/Ic": 0.05,
    "SLSN/I": 0.06,
    "SN II/early": 0.06,
    "SN II/plateau": 0.09,
    "SN II/IIn": 0.04,
    "SN II/IIb": 0.03,
    "AGN/broad-line": 0.05,
    "CV/quiescence": 0.03,
    "CV/outburst": 0.02,
    "TDE": 0.05,
}
"""How often each population comes up, somewhat like a bright-transient survey with its rare classes made frequent."""

SIGNAL_TO_NOISE = (7.0, 25.0)
_JITTER, _NEIGHBOURS = 0.15, 4
_UNIT = "erg/s/cm/cm/AA"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSpectrum:
    """A simulated spectrum and what is true of it.

    Parameters
    ----------
    raw : RawSpectrum
        As a marshal would give it; `origin` is "simulated".
    label : str
        The true class; for the odd ones what they are (`blazar`, `noise`, `M dwarf`, `galaxy`).
    kind : str
        Population or odd kind, such as `SN Ia/max` or `low coverage`.
    """

    raw: RawSpectrum
    label: str
    kind: str
    redshift: float | None = None
    phase_days: float | None = None
    seed_spectrum: int | None = None
    """Which of the population's kept coefficients it started from."""


def draw(
    n: int,
    seed: int,
    *,
    summary: Summary | None = None,
    shares: Mapping[str, float] = SHARES,
    odd: Sequence[str] = (),
) -> list[SimulatedSpectrum]:
    """Draw spectra of the populations, and the odd ones asked for, last.

    Parameters
    ----------
    n : int
        How many from the populations. Every population with a large enough share comes up: the shares are dealt out,
        not thrown.
    seed : int
        The same seed gives the same spectra.
    summary : Summary, optional
        The shipped one by default.
    odd : sequence of str
        Of `blazar`, `noise`, `M dwarf`, `galaxy` (type host), `low coverage`.

    Raises
    ------
    KeyError
        If a name in `shares` or `odd` is unknown.
    """
    known = load() if summary is None else summary
    rng = np.random.default_rng(seed)
    names = rng.permutation(_dealt(n, shares))
    drawn = [_one(known.populations[str(name)], i, rng) for i, name in enumerate(names)]
    return drawn + [_odd(name, n + i, rng, known) for i, name in enumerate(odd)]


def rest_spectrum(population: Population, index: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Noise-free rest-frame spectrum: a real one moved towards one of its neighbours, then slightly shaken.

    Parameters
    ----------
    population : Population
        What it belongs to.
    index : int
        Which of the kept coefficients to start from.

    Returns
    -------
    wavelength_A, flux : ndarray
        Rest frame, where the population is known; mean flux about 1.
    """
    real = population.coefficients
    away = np.linalg.norm(real - real[index], axis=1)
    neighbour = rng.choice(np.argsort(away)[1 : 1 + _NEIGHBOURS])
    weight = rng.uniform(0.0, 0.5)
    mixed = (1 - weight) * real[index] + weight * real[neighbour]
    mixed = mixed + _JITTER * real.std(axis=0) * rng.normal(size=real.shape[1])
    known = np.isfinite(population.mean)
    return rest_grid()[known], np.clip((population.mean + mixed @ population.vectors)[known], 0.01, None)


def draw_again(first: SimulatedSpectrum, seed: int, *, summary: Summary | None = None) -> SimulatedSpectrum:
    """Draw another spectrum of the same simulated object: same shape and redshift, other noise.

    Raises
    ------
    KeyError
        If `first` is an odd one.
    """
    population = (load() if summary is None else summary).populations[first.kind]
    number = int(first.raw.spectrum_id.rpartition("-")[2])
    index, redshift = first.seed_spectrum, first.redshift
    assert index is not None
    assert redshift is not None
    return _drawn(population, index, redshift, number, np.random.default_rng(seed))


def _one(population: Population, number: int, rng: np.random.Generator) -> SimulatedSpectrum:
    index = int(rng.integers(len(population.coefficients)))
    return _drawn(population, index, _redshift(population, index, rng), number, rng)


def _drawn(
    population: Population, index: int, redshift: float, number: int, rng: np.random.Generator
) -> SimulatedSpectrum:
    phase = population.phase_days[index]
    wavelength, flux = rest_spectrum(population, index, rng)
    seen = observe(wavelength * (1 + redshift), flux)
    return SimulatedSpectrum(
        raw=_raw(seen, number, rng, redshift=redshift),
        label=population.label,
        kind=population.name,
        redshift=redshift,
        phase_days=round(float(phase), 1) if np.isfinite(phase) else None,
        seed_spectrum=index,
    )


def _odd(name: str, number: int, rng: np.random.Generator, summary: Summary) -> SimulatedSpectrum:
    if name == "low coverage":
        base = _one(summary.populations["SN Ia/max"], number, rng)
        return SimulatedSpectrum(raw=_cut(base.raw), label=base.label, kind=name, redshift=base.redshift)
    if name == "galaxy":
        return SimulatedSpectrum(raw=_raw(galaxy(rng), number, rng, kind="host"), label=name, kind=name)
    raw = _raw(ODD[name](rng), number, rng, noisy=name != "noise")
    return SimulatedSpectrum(raw=raw, label=name, kind=name)


def _raw(
    flux: FloatArray,
    number: int,
    rng: np.random.Generator,
    *,
    redshift: float | None = None,
    kind: str = "source",
    noisy: bool = True,
) -> RawSpectrum:
    error = np.full(flux.size, 1.0)
    if noisy:
        flux, error = degrade(flux, float(np.exp(rng.uniform(*np.log(SIGNAL_TO_NOISE)))), rng)
    scale = 10 ** rng.uniform(-16.3, -15.0)
    keep = np.isfinite(flux)
    return RawSpectrum(
        spectrum_id=f"simulated-{number}",
        wavelengths=np.round(PIXELS_A[keep], 2).tolist(),
        fluxes=_rounded(flux[keep] * scale),
        errors=_rounded(error[keep] * scale),
        units=_UNIT if rng.random() < 0.5 else None,
        kind=kind,
        redshift=redshift,
        instrument="SEDM",
        origin="simulated",
    )


def _cut(raw: RawSpectrum) -> RawSpectrum:
    """The middle of a spectrum: too little of the window for an answer."""
    wavelengths, fluxes = np.asarray(raw.wavelengths, dtype=float), np.asarray(raw.fluxes, dtype=float)
    keep = (wavelengths > 5200) & (wavelengths < 7600)
    return RawSpectrum(
        spectrum_id=raw.spectrum_id,
        wavelengths=wavelengths[keep].tolist(),
        fluxes=fluxes[keep].tolist(),
        units=raw.units,
        redshift=raw.redshift,
        instrument=raw.instrument,
        origin=raw.origin,
    )


def _redshift(population: Population, index: int, rng: np.random.Generator) -> float:
    """The real redshift, shaken, such that the pixels are covered by what is known of the population."""
    grid = rest_grid()[np.isfinite(population.mean)]
    lowest, highest = max(0.0, PIXELS_A[-1] / grid[-1] - 1), PIXELS_A[0] / grid[0] - 1
    if population.label == "CV":
        return 0.0
    value = float(population.redshift[index]) * float(rng.uniform(0.85, 1.15))
    return round(float(np.clip(value, lowest, max(lowest, highest))), 4)


def _dealt(n: int, shares: Mapping[str, float]) -> list[str]:
    """Names in the given shares, by largest remainder."""
    total = sum(shares.values())
    exact = {name: n * share / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(shares, key=lambda k: counts[k] - exact[k])[: n - sum(counts.values())]:
        counts[name] += 1
    return [name for name, count in counts.items() for _ in range(count)]


def _rounded(values: FloatArray) -> list[float]:
    return [float(f"{v:.5g}") for v in values]
