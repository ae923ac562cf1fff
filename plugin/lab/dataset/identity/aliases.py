"""Objects under several names: what belongs together stays together, and nothing that was placed moves.

Links come from names that two objects share, and from spectra that are the same under two names.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plugin.lab.dataset.identity.splits import DEFAULT_FRACTIONS, assign_splits
from plugin.lab.dataset.identity.unions import Unions


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSplits:
    """Where every object stands.

    Parameters
    ----------
    assignment : mapping of str to str
        Object to split; holds those of the earlier assignment too.
    groups : mapping of str to str
        Object to the name of its alias group: the alphabetically first member.
    conflicts : tuple of tuple of str
        Alias groups whose members were placed on different sides before the link was known. They stay where they are,
        because an object never moves; a person has to decide.
    """

    assignment: Mapping[str, str]
    groups: Mapping[str, str]
    conflicts: tuple[tuple[str, ...], ...]


def alias_groups(names: Mapping[str, Iterable[str]], pairs: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Each object's alias group.

    Parameters
    ----------
    names : mapping of str to iterable of str
        Object to the other names it goes by; names are compared without regard to case.
    pairs : iterable of (str, str)
        Objects found to be one.
    """
    objects = sorted(names)
    number = {name: i for i, name in enumerate(objects)}
    unions = Unions(len(objects))
    first: dict[str, int] = {}
    for name, i in number.items():
        for alias in {name, *names[name]}:
            unions.join(i, first.setdefault(alias.strip().lower(), i))
    for one, other in pairs:
        unions.join(number[one], number[other])
    return {name: objects[unions.root(i)] for name, i in number.items()}


def assign_linked(
    objects: Sequence[str],
    classes: Sequence[str],
    groups: Mapping[str, str],
    *,
    fractions: Mapping[str, float] = DEFAULT_FRACTIONS,
    seed: int = 42,
    existing: Mapping[str, str] | None = None,
) -> LinkedSplits:
    """Deal out alias groups as `assign_splits` deals out objects.

    Parameters
    ----------
    objects, classes : sequence of str, length n
        Object and class of each spectrum.
    groups : mapping of str to str
        From `alias_groups`.
    existing : mapping of str to str, optional
        Earlier assignment by object. A new name of an object that is in it goes where that stands.
    """
    earlier = dict(existing or {})
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted({*objects, *(groups.keys() & earlier.keys())}):
        members[groups.get(name, name)].append(name)
    sides = {key: [earlier[name] for name in found if name in earlier] for key, found in members.items()}
    placed = {key: found[0] for key, found in sides.items() if found}
    keys = [groups.get(name, name) for name in objects]
    dealt = assign_splits(keys, classes, fractions=fractions, seed=seed, existing=placed)
    assignment = earlier | {name: earlier.get(name, dealt[key]) for key, found in members.items() for name in found}
    conflicts = tuple(tuple(members[key]) for key, found in sorted(sides.items()) if len(set(found)) > 1)
    return LinkedSplits(assignment=dict(sorted(assignment.items())), groups=dict(groups), conflicts=conflicts)
