"""Object-level splits: every spectrum of one object stands on the same side, and an object never moves.

ASTRANet paper, Sec. III: training, validation and test sets share no object. The validation part is itself cut in
two, because a set that chose the network cannot also calibrate its conformal sets: `select` picks the checkpoint,
`calibrate` sets the thresholds.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

DEFAULT_FRACTIONS: Final[Mapping[str, float]] = MappingProxyType(
    {"train": 0.70, "select": 0.07, "calibrate": 0.08, "test": 0.15}
)
"""Share of the objects of each class in each split."""


def assign_splits(
    groups: Sequence[str],
    classes: Sequence[str],
    *,
    fractions: Mapping[str, float] = DEFAULT_FRACTIONS,
    seed: int = 42,
    existing: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give every object one split, class by class, in the shares asked for.

    Parameters
    ----------
    groups : sequence of str, length n
        Object key of each spectrum; repeats are the spectra of one object.
    classes : sequence of str, length n
        Class of each spectrum. An object with several counts under its most frequent one (ties: alphabetical).
    fractions : mapping of str to float
        Positive shares that sum to 1.
    seed : int
        Decides the order in which objects are dealt out.
    existing : mapping of str to str, optional
        Earlier assignment. Its objects keep their split, also when they are not in `groups` any more.

    Returns
    -------
    dict of str to str
        Object key to split name, for `groups` and `existing`, sorted by key.

    Raises
    ------
    ValueError
        If the lengths differ, the fractions are no shares, or `existing` names an unknown split.
    """
    earlier = dict(existing or {})
    _check(groups, classes, fractions, earlier)
    assignment = dict(earlier)
    for members in _groups_by_class(groups, classes).values():
        _deal(members, fractions, seed, assignment)
    return dict(sorted(assignment.items()))


def splits_hash(assignment: Mapping[str, str]) -> str:
    """SHA-256 of an assignment, independent of its order: the name of a split in a model card."""
    digest = hashlib.sha256()
    for group, split in sorted(assignment.items()):
        digest.update(f"{group}\t{split}\n".encode())
    return digest.hexdigest()


def _check(
    groups: Sequence[str], classes: Sequence[str], fractions: Mapping[str, float], earlier: Mapping[str, str]
) -> None:
    if len(groups) != len(classes):
        raise ValueError(f"one class per spectrum: {len(groups)} groups, {len(classes)} classes")
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-9:
        raise ValueError(f"fractions must be positive and sum to 1: {dict(fractions)}")
    unknown = set(earlier.values()) - set(fractions)
    if unknown:
        raise ValueError(f"existing assignment uses unknown splits {sorted(unknown)}, known: {list(fractions)}")


def _groups_by_class(groups: Sequence[str], classes: Sequence[str]) -> dict[str, list[str]]:
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for group, name in zip(groups, classes, strict=True):
        votes[group][name] += 1
    members: defaultdict[str, list[str]] = defaultdict(list)
    for group, counts in votes.items():
        members[min(counts, key=lambda name: (-counts[name], name))].append(group)
    return dict(sorted(members.items()))


def _deal(members: Sequence[str], fractions: Mapping[str, float], seed: int, assignment: dict[str, str]) -> None:
    """Place the unassigned members of one class, always into the split that is furthest behind its share."""
    filled = Counter(assignment[group] for group in members if group in assignment)
    todo = sorted((group for group in members if group not in assignment), key=lambda group: _order(seed, group))
    for group in todo:
        split = max(fractions, key=lambda name: fractions[name] * (filled.total() + 1) - filled[name])
        assignment[group] = split
        filled[split] += 1


def _order(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
