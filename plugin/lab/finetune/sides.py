"""Which of a marshal's objects teach, choose, calibrate and judge: by object, whatever names and positions it has."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from models.domain import Target
from models.training.dataset import Dataset, build
from plugin.lab.dataset.assemble import Assembled
from plugin.lab.dataset.contested import bare
from plugin.lab.dataset.identity.aliases import alias_groups
from plugin.lab.dataset.tensors import rows
from plugin.lab.finetune.known import KnownObjects

SAME_PLACE_ARCSEC: Final = 3.0
"""Two names nearer to each other are one object's: no two supernovae of one galaxy may teach and judge either."""
SHARES: Final = (("train", 0.55), ("select", 0.05), ("calibrate", 0.18), ("test", 0.22))
"""Of objects that the bundle does not know: what teaches, shows the training's progress, calibrates and judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A marshal's labelled spectra on their sides.

    Parameters
    ----------
    data : Dataset
        Its groups are objects, all names and positions joined.
    left_out : Counter of str
        Spectra that have no part, by reason.
    known_train : int
        Objects that taught the bundle already; they may teach again and do nothing else.
    """

    data: Dataset
    left_out: Counter[str]
    known_train: int


def split_own(found: Assembled, targets: Mapping[str, Target], known: KnownObjects) -> Own:
    """Put every spectrum of the seven classes on the side of its object.

    The side is a hash of the object's name, so that it depends on nothing else. An object that taught the bundle can
    only teach; one that chose, calibrated or measured it has no part at all.

    Parameters
    ----------
    found : Assembled
        After quality control, with copies linked.
    targets : mapping of str to Target
        For names and positions.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    kept = [k for k in found.kept if k.record.label.fine]
    names: defaultdict[str, set[str]] = defaultdict(set)
    for k in kept:
        names[found.group_of(k.record)] |= {k.record.group, *k.record.names}
    placed = [(found.group_of(k.record), targets[k.record.group]) for k in kept if k.record.group in targets]
    objects = alias_groups({group: map(bare, called) for group, called in names.items()}, same_place(placed))
    called: defaultdict[str, set[str]] = defaultdict(set)
    for group, object_name in objects.items():
        called[object_name] |= names[group]
    before = {name: known.split_of(others) for name, others in called.items()}
    chosen, left_out = [], Counter(r.rule for r in found.rejected)
    left_out["no class of ours"] += len(found.kept) - len(kept)
    for k, row in zip(kept, rows(found, kept), strict=True):
        group = objects[found.group_of(k.record)]
        split = before[group]
        if split not in (None, "train"):
            left_out[f"held back by the bundle ({split})"] += 1
        else:
            chosen.append(replace(row, group=group, split=split or side_of(group)))
    if not chosen:
        raise ValueError("no classified spectrum is left: nothing can be learned")
    taught = sum(split == "train" for split in before.values())
    return Own(data=build(chosen), left_out=+left_out, known_train=taught)


def side_of(name: str) -> str:
    """The side of an object that the bundle does not know."""
    at = int(hashlib.sha256(f"fine-tuning:{bare(name)}".encode()).hexdigest()[:8], 16) / 2**32
    for side, share in SHARES:
        if at < share:
            return side
        at -= share
    return SHARES[-1][0]


def same_place(placed: Iterable[tuple[str, Target]]) -> list[tuple[str, str]]:
    """Pairs of groups that stand within `SAME_PLACE_ARCSEC` of each other."""
    known = [(g, t.ra_deg, t.dec_deg) for g, t in placed if t.ra_deg is not None and t.dec_deg is not None]
    if not known:
        return []
    groups = [g for g, *_ in known]
    ra, dec = np.radians(np.array([[a, d] for _, a, d in known], float)).T
    unit = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    # The chord of a small angle is the angle.
    pairs = cKDTree(unit).query_pairs(np.radians(SAME_PLACE_ARCSEC / 3600))
    return sorted({(min(groups[i], groups[j]), max(groups[i], groups[j])) for i, j in pairs if groups[i] != groups[j]})
