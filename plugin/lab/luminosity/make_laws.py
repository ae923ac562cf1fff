"""From light curves of training objects to the laws of luminosity in a bundle's card. Its files stay as they are."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import load, verify, write_card
from models.domain import FINE_CLASSES
from models.luminosity_law import ANYTHING, RANGE_MAG, LuminosityLaws
from models.training.dataset import SPLITS, Dataset
from plugin.lab.luminosity.curves import Curves, read_curves
from plugin.lab.luminosity.evaluation import Weighed, material
from plugin.ops.progress import Advance

SMALLEST: Final = 5
"""Training objects; a class with fewer has no law."""
LEAST_SPREAD: Final = 0.4
"""Magnitudes: dust of hosts and bands leave no class narrower than that."""
POWERS: Final = (1.0, 0.75, 0.5, 0.25)
"""To which the likelihood may count; one is chosen on `select`."""
_TO_SIGMA: Final = 1.4826


def add_luminosity(
    folder: Path, data_folder: Path, data: Dataset, *, today: date, advance: Advance
) -> Mapping[str, Any]:
    """Fit the laws on training objects, choose the power on `select`, write both into the card; returns the section.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ValueError
        If it was trained on other spectra or splits, or there are no light curves.
    """
    card: dict[str, Any] = dict(verify(folder))
    if card["training"]["data_hash"] != data.hash():
        raise ValueError(f"{folder}: trained on other spectra or splits")
    curves = read_curves(data_folder)
    laws = fit_laws(data, curves)
    found = material(load(folder, layer=False), data.part("select"), curves, progress=advance)
    power, losses = chosen_power(laws, found)
    section = {
        "laws": laws,
        "power": power,
        "powers": losses,
        "date": today.isoformat(),
        "floor": {"share": ANYTHING, "magnitudes": RANGE_MAG},
        "conditions": "brightest detection of ZTF light curves at the catalogue's redshift, no K-correction, dust of "
        "the host left in; laws: real training objects, each once; power: by log loss on select",
    }
    write_card(folder, {k: v for k, v in {**card, "luminosity": section}.items() if k not in ("files", "format")})
    verify(folder)
    return section


def fit_laws(data: Dataset, curves: Curves) -> dict[str, dict[str, float | int]]:
    """Median and robust spread of each class with enough real, undisputed training objects, each of them once."""
    mine = (data.split == SPLITS.index("train")) & (data.label >= 0) & ~data.semi_real & ~data.disputed
    taught = data.rows(mine & np.isfinite(data.redshift))
    _, first = np.unique(np.array(taught.groups), return_index=True)
    taught = taught.rows(first)
    magnitude = curves.magnitudes(taught)
    laws: dict[str, dict[str, float | int]] = {}
    for k, name in enumerate(FINE_CLASSES):
        own = magnitude[(taught.label == k) & np.isfinite(magnitude)]
        if len(own) >= SMALLEST:
            laws[name] = law_of(own)
    return laws


def law_of(magnitude: NDArray[np.float64]) -> dict[str, float | int]:
    """Median, spread by the median absolute deviation, and how many."""
    median = float(np.median(magnitude))
    spread = max(_TO_SIGMA * float(np.median(np.abs(magnitude - median))), LEAST_SPREAD)
    return {"median": round(median, 2), "spread": round(spread, 2), "objects": len(magnitude)}


def chosen_power(laws: Mapping[str, Any], found: Weighed) -> tuple[float, dict[str, float]]:
    """The power with the least log loss, and each one's."""
    losses = {}
    for power in POWERS:
        law = LuminosityLaws.of({"laws": dict(laws), "power": power})
        losses[f"{power:g}"] = round(found.log_loss(law.weighed(found.fine, found.whole), np.isfinite(found.whole)), 4)
    return min(POWERS, key=lambda p: losses[f"{p:g}"]), losses
