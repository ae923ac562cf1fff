"""Whether the map of where the networks looked is worth a glance: on real spectra with lines that everybody knows.

Two questions (Adebayo et al. 2018, NeurIPS; arXiv:1810.03292): does its maximum lie at such a line more often than
chance has it, and is the map of networks with random weights another one? Neither says that a single map is right.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, spearmanr

from models.bundle import Bundle
from models.domain import FINE_CLASSES
from models.domain.looked import Looked
from models.spectral.ensemble import Ensemble, Member
from models.spectral.net import ASTRANet
from models.spectral.occlusion import STEP_A, where_looked
from models.spectral.prepare import WINDOW_A, prepare
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from plugin.lab.matching.frames import read_spectra

Bands = Mapping[str, tuple[float, float]]
BANDS: Final[Mapping[str, Bands]] = {
    "SN Ia": {"Si II 6355": (5950.0, 6350.0), "S II": (5250.0, 5650.0)},
    "SN II": {"H\u03b1": (6350.0, 6700.0), "H\u03b2": (4700.0, 4950.0)},
}
"""Where the lines that make the class are seen, absorption and emission together; rest wavelength, Angstrom."""
EACH: Final = 50
"""Spectra of a class, each of another object."""
_SEED: Final = 0


def evaluate_looked(
    bundle: Bundle, folder: Path, data: Dataset, split: str, *, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Every figure of `looked.md`, as plain JSON."""
    ensemble = bundle.ensemble
    networks = {
        "trained": ensemble,
        "one half": Ensemble(ensemble.members[::2], readout=ensemble.readout),
        "other half": Ensemble(ensemble.members[1::2] or ensemble.members, readout=ensemble.readout),
        "random": random_weights(ensemble),
    }
    classes = {}
    for name, bands in BANDS.items():
        part = chosen(bundle, data.part(split), name)
        maps: dict[str, list[Looked]] = {key: [] for key in networks}
        for spectrum in read_spectra(folder, part):
            prepared = prepare(spectrum)
            for key, asked in networks.items():
                maps[key].append(where_looked(asked, prepared, FINE_CLASSES.index(name)))
            progress(1)
        classes[name] = figures(maps, part.redshift.astype(np.float64), bands)
    return {"split": split, "bands": {name: dict(bands) for name, bands in BANDS.items()}, "classes": classes}


def random_weights(ensemble: Ensemble) -> Ensemble:
    """The same networks before any training."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        members = [Member(net=ASTRANet(m.net.config), seed=m.seed, kind=m.kind) for m in ensemble.members]
    return Ensemble(members, readout=ensemble.readout)


def chosen(bundle: Bundle, part: Dataset, name: str) -> Dataset:
    """Some spectra of a class that the networks call so, one of an object, whose redshift has all bands inside."""
    rng = np.random.default_rng(_SEED)
    low, high = (f(edge for band in BANDS[name].values() for edge in band) for f in (min, max))
    z = part.redshift
    inside = (low * (1 + z) > WINDOW_A[0]) & (high * (1 + z) < WINDOW_A[1]) & np.isfinite(z)
    rows = rng.permutation(np.flatnonzero((part.label == FINE_CLASSES.index(name)) & inside))
    first = {part.groups[i]: int(i) for i in rows[::-1]}
    drawn = part.rows(np.array(sorted(first.values(), key=list(rows).index)[: 2 * EACH], int))
    right = predict_dataset(bundle.ensemble, drawn).fine.argmax(axis=1) == drawn.label
    return drawn.rows(np.flatnonzero(right)[:EACH])


def figures(maps: Mapping[str, list[Looked]], redshift: NDArray[np.float64], bands: Bands) -> dict[str, Any]:
    """How often the maximum lies in a band, how often it would by chance, and how alike the maps of networks are."""
    trained, random = maps["trained"], maps["random"]
    chance = float(np.mean([_inside(m.wavelength_A, z, bands).mean() for m, z in zip(trained, redshift, strict=True)]))
    return {
        "spectra": len(trained),
        "chance": round(chance, 4),
        "trained": _hits(trained, redshift, bands, chance),
        "random": _hits(random, redshift, bands, chance),
        "each": {
            name: round(float(np.mean(_at_maximum(trained, redshift, {name: band}))), 4) for name, band in bands.items()
        },
        "halves_alike": _alike(maps["one half"], maps["other half"]),
        "random_alike": _alike(trained, random),
    }


def _inside(wavelength_A: NDArray[np.float64], redshift: float, bands: Bands) -> NDArray[np.bool_]:
    """Windows whose middle lies in a band, or within a step of it."""
    rest = wavelength_A / (1 + redshift)
    near = [(rest > low - STEP_A) & (rest < high + STEP_A) for low, high in bands.values()]
    return np.asarray(np.any(near, axis=0))


def _at_maximum(maps: list[Looked], redshift: NDArray[np.float64], bands: Bands) -> list[bool]:
    return [
        bool(_inside(m.wavelength_A[[int(np.argmax(m.change))]], z, bands)[0])
        for m, z in zip(maps, redshift, strict=True)
    ]


def _hits(maps: list[Looked], redshift: NDArray[np.float64], bands: Bands, chance: float) -> dict[str, float]:
    hits = _at_maximum(maps, redshift, bands)
    test = binomtest(sum(hits), len(hits), chance, alternative="greater")
    low, high = binomtest(sum(hits), len(hits)).proportion_ci()
    return {
        "rate": round(sum(hits) / len(hits), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "p": float(f"{test.pvalue:.2g}"),
    }


def _alike(first: list[Looked], second: list[Looked]) -> dict[str, float]:
    """Rank correlation of maps of the same spectra: median and quartiles."""
    found = [float(spearmanr(a.change, b.change).statistic) for a, b in zip(first, second, strict=True)]
    low, middle, high = np.nanpercentile(found, (25, 50, 75))
    return {"median": round(float(middle), 3), "low": round(float(low), 3), "high": round(float(high), 3)}
