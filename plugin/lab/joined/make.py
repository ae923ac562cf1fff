"""From labelled spectra and their sources to the folder that joins them: laws, powers, calibration, figures."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.bundle import Bundle
from models.conformal.domains import HIGH, LOW
from models.conformal.sets import nonconformity
from models.joined.stored import load, write
from models.training.dataset import Dataset, joined
from plugin.lab.joined.figures import compared, covered, is_better
from plugin.lab.joined.fitting import HELD, chosen, crossed, fitted
from plugin.lab.joined.laws import described, fit_laws
from plugin.lab.joined.material import KNOWN, Asked, ask
from plugin.lab.joined.sources import Sources

NAME: Final = "joined-1"
ALPHAS: Final = (0.05, 0.1, 0.2)
FITTED_ON: Final = ("select", "calibrate")
LAWS: Final = "training objects, and for the counterpart objects without a spectrum here, each once"
POWERS: Final = "objects of select and calibrate, with and without their redshift; figures cross-fitted by object"


def make_joined(
    out: Path,
    bundle: Bundle,
    data: Dataset,
    sources: Sources,
    *,
    today: date,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit and write; returns the card.

    Raises
    ------
    ValueError
        If the bundle was trained on other spectra or splits.
    """
    if bundle.card["training"]["data_hash"] != data.hash():
        raise ValueError("the bundle was trained on other spectra or splits")
    laws, counts = fit_laws(data, sources)
    asked = ask(bundle, joined([data.part(name) for name in FITTED_ON]), sources, laws, progress=progress)
    both = asked.both
    held, losses = chosen(both, seed)
    product = fitted(both, held)
    n, found = len(asked.data), crossed(both, seed)
    parts = {KNOWN[0]: found[:n], KNOWN[1]: found[n:]}
    figures = compared(asked, parts, seed)
    scores, objects = {}, {}
    for domain in (LOW, HIGH):
        mine = np.tile(asked.domain == domain, 2)
        scores[domain], objects[domain] = nonconformity(found, both.label)[mine], both.group[mine]
    card = {
        "name": NAME,
        "bundle": bundle.bundle_id,
        "powers": dict(product.powers),
        "alphas": list(ALPHAS),
        "domains": {
            domain: {
                "better": all(is_better(figures[k].get(domain, {})) for k in KNOWN),
                "objects": _objects(asked, domain),
            }
            for domain in (LOW, HIGH)
        },
        "training": {
            "date": today.isoformat(),
            "data_hash": data.hash(),
            "seed": seed,
            "laws_of": LAWS,
            "powers_of": POWERS,
            "law_objects": counts,
            "laws": described(laws),
            "held": held,
            "held_losses": losses,
            "tried": list(HELD),
        },
        "metrics": {"cross-fitted": figures, "evidence": _evidence(asked)},
    }
    write(out, card, laws, scores, objects)
    load(out)
    return card


def evaluated(
    folder: Path,
    bundle: Bundle,
    data: Dataset,
    sources: Sources,
    split: str,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Every figure of `joined.md`, as plain JSON.

    Raises
    ------
    ValueError
        If what joins was fitted for another bundle.
    """
    joiner = load(folder)
    if joiner.card["bundle"] != bundle.bundle_id:
        raise ValueError(f"fitted for {joiner.card['bundle']}, not for {bundle.bundle_id}")
    asked = ask(bundle, data.part(split), sources, joiner.laws, progress=progress)
    parts = {name: joiner.product(asked.by[name].fine, asked.by[name].likely) for name in KNOWN}
    coverage: dict[str, Any] = {}
    for domain in (LOW, HIGH):
        mine = asked.domain == domain
        for name in KNOWN if mine.any() and joiner.is_calibrated(domain) else ():
            one, p = asked.by[name].rows(mine), parts[name][mine]
            told = (joiner.scores[domain], joiner.objects[domain])
            coverage.setdefault(name, {})[domain] = {f"{a:g}": covered(*told, one, p, a) for a in joiner.card["alphas"]}
    return {
        "split": split,
        "model": joiner.model_id,
        "bundle": bundle.bundle_id,
        "figures": compared(asked, parts),
        "coverage": coverage,
        "evidence": _evidence(asked),
    }


def _objects(asked: Asked, domain: str) -> int:
    return len(set(np.array(asked.data.groups)[asked.domain == domain].tolist()))


def _evidence(asked: Asked) -> dict[str, dict[str, dict[str, int]]]:
    """Objects of each class with each evidence, by domain."""
    out: dict[str, dict[str, dict[str, int]]] = {}
    for domain in (LOW, HIGH):
        for name, known in asked.known.items():
            part = asked.data.rows(known & (asked.domain == domain))
            out.setdefault(domain, {})[name] = {c: n["objects"] for c, n in part.counts().items()}
    return out
