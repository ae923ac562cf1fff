"""What one cycle did, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What one cycle did.

    Parameters
    ----------
    found : int
        New versions of spectra, by poll and sweep.
    objects_found : int
        Watched objects that became due.
    analysed, objects, requests, delivered : Counter of str
        By outcome; see `Analysing.run` and `Delivering.run`. `requests` are analyses that somebody asked for.
    trouble : tuple of str
        What could not be read from the marshal or the source of alerts.
    """

    found: int = 0
    objects_found: int = 0
    analysed: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    trouble: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing was left for later and nothing was parked."""
        every = (self.analysed, self.objects, self.requests, self.delivered)
        left = sum(c["later"] + c["parked"] + c["waiting"] for c in every)
        return not self.trouble and not left

    @property
    def outcomes(self) -> dict[str, int]:
        """Every count by one name, for the log."""
        parts = {"": self.analysed, "objects_": self.objects, "posts_": self.delivered, "requests_": self.requests}
        return {f"{kind}{name}": n for kind, counter in parts.items() for name, n in sorted(counter.items())}

    def __add__(self, other: "Cycle") -> "Cycle":
        return Cycle(
            found=self.found + other.found,
            objects_found=self.objects_found + other.objects_found,
            analysed=self.analysed + other.analysed,
            objects=self.objects + other.objects,
            requests=self.requests + other.requests,
            delivered=self.delivered + other.delivered,
            trouble=self.trouble + other.trouble,
        )
