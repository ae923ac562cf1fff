"""A share of objects with its interval: the unit of chance is the object, not the spectrum."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

LEAST: Final = 10
"""Objects below which no figure is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of some objects, the share of which something holds.

    An object of several spectra counts once, with the share of its own spectra of which it holds.

    Parameters
    ----------
    hits : float
        Sum of the objects' shares.
    objects, spectra : int
        Behind it.
    """

    hits: float
    objects: int
    spectra: int

    @property
    def value(self) -> float | None:
        """The share; None where the objects are too few for one."""
        return self.hits / self.objects if self.objects >= LEAST else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Clopper-Pearson, 95 %; for an object's share between 0 and 1 it is, if anything, too wide."""
        return interval(self.hits, self.objects) if self.objects >= LEAST else None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        low, high = self.interval or (None, None)
        value = {"value": self.value, "low": low, "high": high}
        return {**value, "objects": self.objects, "spectra": self.spectra}


def share(held: Iterable[tuple[str, bool]]) -> Share:
    """From object and whether it holds, spectrum by spectrum."""
    by_object: dict[str, list[bool]] = defaultdict(list)
    for name, holds in held:
        by_object[name].append(holds)
    hits = sum(sum(some) / len(some) for some in by_object.values())
    return Share(hits=hits, objects=len(by_object), spectra=sum(map(len, by_object.values())))


def interval(hits: float, n: int) -> tuple[float, float]:
    """Clopper-Pearson 95 % interval of a share of n; (0, 1) for none."""
    from scipy.stats import beta  # a second of loading, which a service that writes no card is spared

    if not n:
        return 0.0, 1.0
    low = 0.0 if hits <= 0 else float(beta.ppf(0.025, hits, n - hits + 1))
    high = 1.0 if hits >= n else float(beta.ppf(0.975, hits + 1, n - hits))
    return low, high


def band(level: float, n: int) -> tuple[float, float]:
    """Where a share of n lies in 95 % of cases if each holds with the probability `level`."""
    from scipy.stats import binom

    low, high = (float(binom.ppf(q, n, level)) / n for q in (0.025, 0.975))
    return low, high
