"""Every figure of `astranet evaluate members`, as plain JSON; spectra of the SED Machine and the archive's apart."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from models.bundle import Bundle
from models.conformal.domains import HIGH, LOW
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset, joined
from models.training.evaluate import predict_dataset
from models.training.sentinel.protocol import domain_names
from plugin.lab.members.agreement import agreement, spread_on_errors
from plugin.lab.members.kinds import recalls_by_kind
from plugin.lab.members.neighbours import beside_the_head, in_archive, in_folds
from plugin.ops.progress import Advance

Started = Callable[[str, int], AbstractContextManager[Advance]]
OTHERS = ("select", "calibrate")


def evaluate_members(bundle: Bundle, data: Dataset, split: str, *, started: Started) -> dict[str, Any]:
    """Ask the ensemble about real spectra that no network learned from, without redshift and phase.

    Parameters
    ----------
    split : str
        What the figures are of. Neighbours are looked for within it and, apart, within `select` and `calibrate`.
    """
    parts = {name: data.part(name) for name in (split, *OTHERS)}
    asked: dict[str, EnsemblePrediction] = {}
    for name, part in parts.items():
        with started(name, len(part)) as advance:
            asked[name] = predict_dataset(bundle.ensemble, part, progress=advance)
    part, prediction = parts[split], asked[split]
    names = domain_names(part.spacing)
    return {
        "split": split,
        "members": [f"{m.seed} {m.kind}" for m in bundle.ensemble.members],
        "domains": {
            name: _of_domain(prediction.rows(names == name), part.rows(names == name))
            for name in (LOW, HIGH)
            if (names == name).any()
        },
        "neighbours": _neighbours(bundle, parts, asked, split),
    }


def _of_domain(prediction: EnsemblePrediction, data: Dataset) -> dict[str, Any]:
    predicted = prediction.fine.argmax(1)
    return {
        "spectra": len(data),
        "objects": len(set(data.groups)),
        "class_mix": data.counts(),
        "errors": int((predicted != data.label).sum()),
        "agreement": agreement(prediction, data),
        "spread": spread_on_errors(prediction, data),
        "kinds": recalls_by_kind(predicted, data),
    }


def _neighbours(
    bundle: Bundle, parts: dict[str, Dataset], asked: dict[str, EnsemblePrediction], split: str
) -> list[dict[str, Any]]:
    apart = [name for name in OTHERS if name != split]
    whole = joined([parts[name] for name in apart])
    told = EnsemblePrediction.joined([asked[name] for name in apart])
    rows = [
        {"among": "five folds by object of " + " and ".join(f"`{name}`" for name in apart), "of": row}
        for row in beside_the_head(in_folds(told.embedding, whole), told, whole)
    ]
    one, other = asked[split], parts[split]
    rows += [
        {"among": f"five folds by object of `{split}`", "of": row}
        for row in beside_the_head(in_folds(one.embedding, other), one, other)
    ]
    if bundle.sentinel is not None:
        answered = in_archive(one.embedding, bundle.sentinel.analogs)
        rows += [
            {"among": f"the bundle's training spectra, asked about `{split}`", "of": row}
            for row in beside_the_head(np.asarray(answered), one, other)
        ]
    return rows
