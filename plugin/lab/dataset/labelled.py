"""Labelled spectra of a data folder as a training set: quality control, splits, the network's grid."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iris_client.quality.control import QualityRules
from models.training.dataset import Dataset, build
from plugin.lab.dataset.assemble import Assembled, Kept, assemble, rules_broken
from plugin.lab.dataset.contested import contested, second_opinions
from plugin.lab.dataset.identity.splits import splits_hash
from plugin.lab.dataset.noise_curves import noise_curves
from plugin.lab.dataset.records import Record, read_catalogue, usable
from plugin.lab.dataset.tensors import rows

SPLITS_FILE = Path(__file__).parent / "splits.json"
"""Objects of each split when `compact-9` was trained: wherever a label was corrected since, they stay there."""
TAUGHT_BEFORE = frozenset({"LSQ14an", "SN2006oz", "SN2018bsz"})
"""Objects of the test split that taught the bundles up to `compact-9` all the same, because their class was contested
then and is not any more."""
TRAINING_COVERAGE = 0.6
"""Narrower spectra than the service accepts still teach; they stay out of every figure."""
AS_LEARNED = QualityRules(min_coverage=TRAINING_COVERAGE, max_range=float("inf"), take_out_fills=False)
"""How spectra are read to train and to measure. Some that the shipped networks learned from are full of fill values.
Without them the splits would be others, and objects of the test among those that were learned from.
"""
DISPUTED_CLASSES = ("SLSN", "TDE")
"""So few objects that those of which some source says otherwise may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The training set, how it was split, and what was left out and why.

    Parameters
    ----------
    noise_curves : ndarray of float32, shape (curves, 4096), or None
        Of training spectra that came with errors; see `plugin.lab.dataset.noise_curves`.
    """

    data: Dataset
    splits_hash: str
    rejected: Counter[str]
    noise_curves: NDArray[np.float32] | None = None


def load_labelled(folder: Path, *, seed: int = 42, progress: Callable[[str], None] = lambda _: None) -> Labelled:
    """Read `FOLDER/spectra/*.parquet` with labels and objects.

    An object never moves: those that the bundles up to `compact-9` were trained with stand where they stood then
    (`placed_before`), and new ones are dealt out, those of the SED Machine apart. So where a near copy shows two
    objects of different splits to be one, the one with fewer spectra is left out. Spectra of a rare class whose class
    is disputed are in the training split, marked; their objects stand nowhere else. So are those of objects that
    another source contradicts (`plugin.lab.dataset.contested`), wherever they stood before.

    Raises
    ------
    FileNotFoundError
        If none of the files is there.
    """
    records = list(read_catalogue(folder / "spectra"))
    earlier = placed_before()
    existing = {r.group: earlier[r.group] for r in records if r.group in earlier}

    def assembled(chosen: Iterable[Record], *, copies: bool) -> Assembled:
        return assemble(
            chosen,
            rules=AS_LEARNED,
            seed=seed,
            existing=existing,
            copies=copies,
            link=False,
            progress=lambda _: progress(""),
        )

    found = assembled(usable(records), copies=True)
    doubles = set(_doubles(found))
    doubtful = contested((k.record for k in found.kept), second_opinions(folder))
    doubted = assembled(_disputed(records, found.splits.assignment), copies=False)
    kept = [k for k in found.kept if found.group_of(k.record) not in doubles]
    clear = [k for k in kept if k.record.group not in doubtful]
    marked = [
        *rows(doubted, doubted.kept),
        *rows(found, [_learned_as(k, doubtful[k.record.group]) for k in kept if k.record.group in doubtful]),
    ]
    taught = {k.spectrum.spectrum_id: k.spectrum.wavelength_A for k in clear if found.split_of(k.record) == "train"}
    return Labelled(
        noise_curves=noise_curves(folder, taught),
        data=build([*rows(found, clear), *(replace(r, split="train", disputed=True) for r in marked)]),
        splits_hash=splits_hash(found.splits.assignment),
        rejected=rules_broken(found) + Counter({"one object under two names": len(doubles)}),
    )


def placed_before() -> dict[str, str]:
    """Split of every object that was dealt out before, by name."""
    listed = json.loads(SPLITS_FILE.read_text(encoding="utf-8"))
    return {name: split for split, names in listed.items() for name in names}


def _learned_as(kept: Kept, fine: str) -> Kept:
    return replace(kept, record=replace(kept.record, label=replace(kept.record.label, fine=fine)))


def _doubles(found: Assembled) -> Iterator[str]:
    """Of each two objects that are one but stand in different splits, the group with fewer spectra."""
    size = Counter(found.group_of(k.record) for k in found.kept)
    split = {found.group_of(k.record): found.split_of(k.record) for k in found.kept}
    for link in found.links:
        one, other = (found.splits.groups.get(name, name) for name in (link.first, link.second))
        if split[one] != split[other]:
            yield min(one, other, key=lambda group: (size[group], group))


def _disputed(records: Iterable[Record], known: Mapping[str, str]) -> Iterator[Record]:
    """Disputed spectra of classes with few objects, as if nobody doubted them."""
    for record in records:
        label = record.label
        if label.fine in DISPUTED_CLASSES and label.ambiguous and record.group not in known:
            yield replace(record, label=replace(label, ambiguous=False))
