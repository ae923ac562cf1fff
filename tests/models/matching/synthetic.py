"""Invented spectra with lines at known places, and a bank of them."""

import numpy as np

from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.fitted import DOMAINS, Fitted
from models.matching.grid import RECIPES, REDSHIFTS, binned
from models.matching.matcher import Asked, Matcher
from models.matching.posterior import Weights

WAVES = np.arange(2500.0, 10000.0, 4.0)
OBSERVED = np.arange(3700.0, 9300.0, 5.0)
LINES = (
    (5018.0, 5640.0, 6355.0, 8579.0, 4481.0, 4000.0),
    (5876.0, 7774.0, 4471.0, 6150.0, 8500.0, 3900.0),
    (4358.0, 4651.0, 3900.0, 3000.0, 2800.0, 5200.0),
    (6563.0, 4861.0, 4340.0, 8600.0, 5169.0, 4102.0),
    (6563.0, 5007.0, 4959.0, 4861.0, 3727.0, 2798.0),
    (6563.0, 4861.0, 4686.0, 5876.0, 4340.0, 6678.0),
    (4686.0, 6563.0, 4861.0, 4641.0, 4100.0, 3500.0),
)
"""Of each class, rest frame, Angstrom."""


def spectrum_at_rest(label: int, seed: int) -> np.ndarray:
    """Flux over `WAVES`: a slope with the class's lines, each object's a little different."""
    rng = np.random.default_rng([label, seed])
    flux = (WAVES / 6000.0) ** rng.uniform(-2.0, 0.5)
    for k, line in enumerate(LINES[label]):
        depth = (-0.5 if k % 2 else 0.4) * rng.uniform(0.8, 1.2)
        flux *= 1 + depth * np.exp(-0.5 * ((WAVES - line) / (line * 0.012)) ** 2)
    return flux


def observed(label: int, seed: int, redshift: float, noise: float = 0.02) -> np.ndarray:
    """Flux over `OBSERVED`."""
    flux = np.interp(OBSERVED / (1 + redshift), WAVES, spectrum_at_rest(label, seed))
    return flux * (1 + noise * np.random.default_rng(seed + 1000).normal(size=flux.size))


def bank(each: int = 6) -> MatchBank:
    """`each` objects of every class, at redshift 0.03."""
    values, masks, label = [], [], []
    for k in range(len(FINE_CLASSES)):
        for seed in range(each):
            found, mask = binned(OBSERVED, observed(k, seed, 0.03), 0.03)
            values.append(found)
            masks.append(mask)
            label.append(k)
    names = tuple(f"{FINE_CLASSES[k]}-{i % each}" for i, k in enumerate(label))
    return MatchBank(
        values=np.array(values, np.float16),
        mask=np.packbits(np.array(masks), axis=1),
        label=np.array(label, np.int64),
        subtype=np.array([i % 2 if k in (0, 3) else -1 for i, k in enumerate(label)], np.int64),
        redshift=np.full(len(label), 0.03, np.float32),
        phase_days=np.array([float(i % each) if k == 0 else np.nan for i, k in enumerate(label)], np.float32),
        ids=tuple(f"{name}__0" for name in names),
        objects=names,
        sources=("made",) * len(label),
    )


def fitted(size: int = 60) -> Fitted:
    """A flat prior, and residuals of up to 0.01."""
    weights = Weights(
        recipes=np.full(len(RECIPES), 15.0), prior=1.0, log_prior=np.zeros((len(FINE_CLASSES), len(REDSHIFTS)))
    )
    return Fitted(
        weights=dict.fromkeys(DOMAINS, weights),
        residual=np.tile(np.linspace(0.0, 0.01, size), 2),
        share=np.full(2 * size, 0.99),
        domain=np.repeat([0, 1], size),
        objects=np.arange(2 * size),
        phase_score=np.linspace(0.0, 2.0, size),
        phase_label=np.zeros(size, np.int64),
        phase_domain=np.arange(size) % 2,
        phase_objects=np.arange(size),
        subtypes={},
    )


def asked(flux: np.ndarray, label: int, wave: np.ndarray = OBSERVED, **more: object) -> Asked:
    """A question of a sure network."""
    p = np.full(len(FINE_CLASSES), 0.01)
    p[label] = 1 - 0.01 * (len(FINE_CLASSES) - 1)
    values = {"probabilities": p, "classes": [label], "label": label} | more
    return Asked(wavelength_A=wave, flux=flux, spacing_A=5.0, embedding=np.zeros(4), **values)  # type: ignore[arg-type]


def matcher(each: int = 6) -> Matcher:
    return Matcher(bank(each), fitted())
