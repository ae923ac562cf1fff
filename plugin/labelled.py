"""Labelled spectra of a data folder as a training set: quality control, splits, the network's grid."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iris_client.quality import QualityRules
from iris_client.splits import splits_hash
from models.training.dataset import Dataset, build
from plugin.iris.assemble import assemble, rules_broken
from plugin.iris.records import POOL_FILES, read_catalogue, usable
from plugin.iris.tensors import rows

TRAINED_FILES = POOL_FILES
TRAINING_COVERAGE = 0.6
"""Narrower spectra than the service accepts still teach; they stay out of every figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The training set, how it was split, and what was left out and why."""

    data: Dataset
    splits_hash: str
    rejected: Counter[str]


def load_labelled(folder: Path, *, seed: int = 42, progress: Callable[[str], None] = lambda _: None) -> Labelled:
    """Read `FOLDER/spectra/*.parquet` with labels and objects.

    Copies are left in: these files are free of them but for four, and the splits of released bundles were made so.

    Raises
    ------
    FileNotFoundError
        If none of the files is there.
    """
    found = assemble(
        usable(read_catalogue(folder / "spectra", TRAINED_FILES)),
        rules=QualityRules(min_coverage=TRAINING_COVERAGE),
        seed=seed,
        copies=False,
        progress=lambda _: progress(""),
    )
    return Labelled(
        data=build(rows(found, found.kept)),
        splits_hash=splits_hash(found.splits.assignment),
        rejected=rules_broken(found),
    )
