"""Which objects a bundle was trained, chosen, calibrated or measured on, by every name they go by.

Of the shipped bundle that is kept as hashes of names (`objects.json`), so that a marshal can tell without the training
data whether an object of its own is among them. With the data folder the names are read from there.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from models.training.dataset import SPLITS, Dataset
from plugin.lab.dataset.contested import bare
from plugin.lab.dataset.labelled import placed_before
from plugin.lab.dataset.records import catalogue_files

LISTED: Final = Path(__file__).parent / "objects.json"


def digest(name: str) -> str:
    """What stands in the list for a name, 8 hex digits: one object in 300,000 is taken for another, and left out."""
    return hashlib.sha256(bare(name).encode()).hexdigest()[:8]


class KnownObjects:
    """Objects by split.

    Parameters
    ----------
    splits : mapping of str to str
        Digest of each name to its split.
    complete : bool
        Whether all objects of the bundle are among them.
    """

    def __init__(self, splits: Mapping[str, str], *, complete: bool) -> None:
        self._splits, self.complete = dict(splits), complete

    def __len__(self) -> int:
        return len(self._splits)

    def split_of(self, names: Iterable[str]) -> str | None:
        """Where an object of these names stands; of several sides the one that is held back, None if it is new."""
        found = {self._splits[key] for key in map(digest, names) if key in self._splits}
        held = sorted(found - {"train"})
        return held[0] if held else next(iter(found), None)

    def by_split(self) -> dict[str, list[str]]:
        """Digests of each split, sorted."""
        return {split: sorted(k for k, s in self._splits.items() if s == split) for split in SPLITS}


def of_card(card: Mapping[str, Any]) -> KnownObjects:
    """Objects of a bundle, as far as they are listed; always those that the bundles up to `compact-9` were split by."""
    splits = {digest(name): split for name, split in placed_before().items()}
    listed = json.loads(LISTED.read_text(encoding="utf-8")).get(card["training"]["split_hash"], {})
    splits |= {key: split for split, keys in listed.items() for key in keys}
    return KnownObjects(splits, complete=bool(listed))


def of_data(folder: Path, data: Dataset) -> KnownObjects:
    """Objects of the training data, by group, name and alias; the other names of an object stand where it stands."""
    placed = {digest(name): split for name, split in placed_before().items()}
    placed |= {digest(group): SPLITS[split] for group, split in zip(data.groups, data.split.tolist(), strict=True)}
    splits = dict(placed)
    for path in catalogue_files(folder / "spectra"):
        have = pq.ParquetFile(path).schema_arrow.names
        columns = [c for c in ("object_id", "split_group", "aliases") if c in have]
        for row in pq.read_table(path, columns=columns).to_pylist():
            group = digest(str(row.get("split_group") or row["object_id"]))
            if group in placed:
                names = (row["object_id"], *(row.get("aliases") or "").split("|"))
                splits |= {digest(n): placed[group] for n in names if n and digest(n) not in placed}
    return KnownObjects(splits, complete=True)
