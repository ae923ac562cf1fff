"""What lies around a transient: which source is probably its host, and whether a star is at its place.

A catalogue of point sources has no shapes, so there is no directional light radius. In its place stands the
probability that a galaxy as bright lies as near by chance (Bloom, Kulkarni & Djorgovski 2002, with the counts of Hogg
et al. 1997): the galaxy of the least is told, beside the host that the model was told of and never in its place.
"""

import math
from collections.abc import Sequence
from typing import Final

from models.domain import Host, Neighbour

Fact = str | int | float
STAR_SCORE: Final = 0.5
"""Above it a source looks like a star rather than a galaxy."""
MOST_CHANCE: Final = 0.1
"""With more, a galaxy is as well a chance neighbour (Bloom et al. 2002)."""
STAR_ARCSEC: Final = 2.0
"""A star that is nearer is at the place."""
SIZE: Final = (0.320, -0.1147)
"""Decimal logarithm of a galaxy's radius in arcsec at r = 18 mag, and its change by magnitude: 3,047 host galaxies of
supernovae (Gomez et al. 2020), scatter 0.18."""
_SIZE_MAG: Final = 18.0
_TO_R: Final = {"r": 0.0, "g": -0.6, "i": 0.3, "z": 0.5}
"""What is added to a galaxy's magnitude for that in r, in the order in which they are taken."""


def chance(separation_arcsec: float, r_mag: float) -> float:
    """The probability of a galaxy at least as bright at least as near, by chance: `1 - exp(-pi R^2 sigma)`.

    Parameters
    ----------
    separation_arcsec : float
        From the transient. R also holds twice the galaxy's radius, as is usual of its brightness.
    """
    square = separation_arcsec**2 + 4.0 * radius(r_mag) ** 2
    density = 10.0 ** (0.33 * (r_mag - 24.0) - 2.44) / (0.33 * math.log(10.0))
    return -math.expm1(-math.pi * square * density)


def radius(r_mag: float) -> float:
    """The usual radius of a galaxy of this brightness, arcsec."""
    return float(10.0 ** (SIZE[0] + SIZE[1] * (r_mag - _SIZE_MAG)))


def r_of(one: Neighbour) -> float | None:
    """Its magnitude in r, or what another band lets expect; None without any."""
    return next((one.mags[band] + step for band, step in _TO_R.items() if band in one.mags), None)


def likely_host(neighbours: Sequence[Neighbour]) -> tuple[Neighbour, float] | None:
    """The galaxy that is there by chance with the least probability, and that; None where each may be, or is a star."""
    galaxies = [one for one in neighbours if one.star_score is not None and one.star_score <= STAR_SCORE]
    told = [(one, chance(one.separation_arcsec, r)) for one in galaxies if (r := r_of(one)) is not None]
    best = min(told, key=lambda pair: (pair[1], pair[0].separation_arcsec), default=None)
    return best if best is not None and best[1] <= MOST_CHANCE else None


def star_at(neighbours: Sequence[Neighbour]) -> Neighbour | None:
    """The nearest source, where that is a star at the place."""
    nearest = min(neighbours, key=lambda one: one.separation_arcsec, default=None)
    if nearest is None or nearest.star_score is None or nearest.star_score <= STAR_SCORE:
        return None
    return nearest if nearest.separation_arcsec <= STAR_ARCSEC else None


def of_neighbours(neighbours: Sequence[Neighbour]) -> dict[str, Fact]:
    """What is told of them: `galaxy_sep`, `galaxy_chance`, `star_sep`, `star_score`."""
    facts: dict[str, Fact] = {}
    if (likely := likely_host(neighbours)) is not None:
        facts |= {"galaxy_sep": round(likely[0].separation_arcsec, 2), "galaxy_chance": round(likely[1], 4)}
    if (star := star_at(neighbours)) is not None and star.star_score is not None:
        facts |= {"star_sep": round(star.separation_arcsec, 2), "star_score": round(star.star_score, 2)}
    return facts


def of_host(host: Host | None) -> dict[str, Fact]:
    """What is told of the model's host: `host_sep`, `host_from`, `host_z`, `host_z_kind`, `host_dlr`."""
    if host is None:
        return {}
    facts: dict[str, Fact] = {}
    if host.separation_arcsec is not None:
        facts["host_sep"] = round(host.separation_arcsec, 2)
    if host.source:
        facts["host_from"] = host.source[:120]
    if host.redshift is not None:
        facts |= {"host_z": round(host.redshift, 5), "host_z_kind": host.redshift_kind or "kind not told"}
    if host.dlr is not None:
        facts["host_dlr"] = round(host.dlr, 2)
    return facts
