"""The anomaly layer inside a bundle folder: safetensors and LightGBM's text, nothing that can run.

sentinel-SEED.safetensors       bank, rank pool and, if it was tuned, adapter of a seed
sentinel-SEED.txt               its combiner
sentinel-calibration.safetensors
analogs.safetensors
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.card_fields import SentinelFields
from models.sentinel.adapter import Adapter
from models.sentinel.analogs import ANALOGS, Analogs
from models.sentinel.bank import Bank
from models.sentinel.combine import Combiner
from models.sentinel.detector import Calibration, SeedDetector, Sentinel
from models.sentinel.ranks import Ranks
from models.sentinel.scores import BEYOND, SCORES, unknown

CALIBRATION = "sentinel-calibration.safetensors"


def save_sentinel(sentinel: Sentinel, folder: Path) -> dict[str, Any]:
    """Write the files and return what `load_sentinel` needs from the card."""
    for detector in sentinel.detectors:
        arrays = detector.bank.arrays() | {"pool": detector.ranks.pool.astype(np.float32)}
        arrays |= {} if detector.adapter is None else detector.adapter.arrays()
        save_file(
            {k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / f"sentinel-{detector.seed}.safetensors"
        )
        (folder / f"sentinel-{detector.seed}.txt").write_text(detector.combiner.text)
    columns = {f.name: getattr(sentinel.calibration, f.name) for f in fields(Calibration)}
    calibration = {k: v for k, v in columns.items() if v is not None}
    _save(calibration, folder / CALIBRATION)
    sentinel.analogs.save(folder / ANALOGS)
    return {"seeds": [d.seed for d in sentinel.detectors], "scores": list(sentinel.scores)}


def load_sentinel(folder: Path, section: SentinelFields) -> Sentinel:
    """Read what `save_sentinel` wrote. It computes the scores that the card names, whatever else is registered.

    Parameters
    ----------
    section : mapping
        The card's `sentinel` section.

    Raises
    ------
    ValueError
        If the card names a score that this version does not know, a combiner is of other scores, or none at all.
    KeyError
        If an array is missing.
    """
    if missing := unknown(section["scores"]):
        raise ValueError(f"the anomaly layer needs scores that this version does not know: {', '.join(missing)}")
    detectors = tuple(_detector(folder, seed) for seed in section["seeds"])
    for detector in detectors:
        if not _are(detector.combiner.scores, section["scores"]):
            own = ", ".join(detector.combiner.scores)
            raise ValueError(f"the anomaly layer of seed {detector.seed} is of other scores than the card names: {own}")
    return Sentinel(detectors, Calibration(**load_file(folder / CALIBRATION)), Analogs.load(folder / ANALOGS))


def files_of(section: SentinelFields) -> set[str]:
    """Names of the files a card with this section must list."""
    own = {f"sentinel-{seed}.{end}" for seed in section["seeds"] for end in ("safetensors", "txt")}
    return own | {CALIBRATION, ANALOGS}


def _are(own: Sequence[str], named: Sequence[str]) -> bool:
    """Whether these are the scores a card names; cards of earlier versions leave out those beyond the paper."""
    paper = [s for s in own if SCORES[s].family != BEYOND]
    return list(named) in (list(own), paper)


def _save(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path)


def _detector(folder: Path, seed: int) -> SeedDetector:
    arrays = load_file(folder / f"sentinel-{seed}.safetensors")
    return SeedDetector(
        seed=seed,
        bank=Bank.from_arrays(arrays),
        ranks=Ranks(arrays["pool"].astype(np.float64)),
        combiner=Combiner((folder / f"sentinel-{seed}.txt").read_text()),
        adapter=Adapter.from_arrays(arrays) if "adapter.centre" in arrays else None,
    )
