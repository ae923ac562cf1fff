"""Which objects are one and the same under several names, and on which side of the split each stands.

Objects of the first table keep their side. A new one goes where another name of it stands already, else where the hash
of its name says: the same for ever, whatever files are added.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

TEST_SHARE: Final = 0.25
SAME_PLACE_ARCSEC: Final = 1.5
ALIASES: Final = {"ZTF20aavbvjr": "SN2020jvj", "ZTF21abeoaio": "SN2021sto", "ZTF19acmezdo": "SN2019vme"}
"""Names that no catalogue links: their exposures and magnitudes are the same."""


def same_objects(
    ids: Sequence[str], names: Iterable[Sequence[str]], places: Mapping[str, tuple[float, float]]
) -> dict[str, str]:
    """For every name the first in `ids` of its object.

    Parameters
    ----------
    names : iterable of sequences of str
        Names that a catalogue gives to one object.
    places : mapping of str to (float, float)
        Right ascension and declination, degrees, where known. Names closer than 1.5 arcsec are one object.
    """
    parent = {name: name for name in ids}
    for row in [*names, *ALIASES.items()]:
        known = [name for name in row if name]
        for name in known[1:]:
            _join(parent, known[0], name)
    for first, second in _close(places):
        _join(parent, first, second)
    roots: dict[str, str] = {}
    for name in ids:
        roots.setdefault(_root(parent, name), name)
    return {name: roots[_root(parent, name)] for name in ids}


def sides(objects: Mapping[str, str], earlier: Mapping[str, str], *, seed: int = 42) -> dict[str, str]:
    """`develop` or `test` for every name.

    Parameters
    ----------
    objects : mapping of str to str
        From `same_objects`.
    earlier : mapping of str to str
        Sides that stay as they are. Where two names of one object stand on both, its other names are of the test.
    """
    taken: dict[str, str] = {}
    for name, side in earlier.items():
        first = objects.get(name, name)
        taken[first] = "test" if "test" in (side, taken.get(first)) else side
    return {name: earlier.get(name) or taken.get(first) or by_hash(first, seed) for name, first in objects.items()}


def by_hash(name: str, seed: int = 42) -> str:
    """The side of a new object."""
    drawn = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big") / 2**64
    return "test" if drawn < TEST_SHARE else "develop"


def _root(parent: dict[str, str], name: str) -> str:
    while parent.setdefault(name, name) != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name


def _join(parent: dict[str, str], first: str, second: str) -> None:
    parent[_root(parent, first)] = _root(parent, second)


def _close(places: Mapping[str, tuple[float, float]]) -> list[tuple[str, str]]:
    if not places:
        return []
    names = list(places)
    ra, dec = np.radians(np.array([places[n] for n in names])).T
    unit = np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    pairs = cKDTree(unit).query_pairs(np.radians(SAME_PLACE_ARCSEC / 3600))
    return [(names[i], names[j]) for i, j in pairs]
