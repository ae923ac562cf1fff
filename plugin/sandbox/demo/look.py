"""One spectrum as a person looks at it: what came, what the service said, and how soon it deserves a look."""

from dataclasses import dataclass

from models.domain import FINE_CLASSES, Target
from plugin.web.look.answer import RARE, Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Answer):
    """One spectrum, its object and its report.

    Parameters
    ----------
    wavelength_A, flux : sequence of float
        As uploaded; may be empty or unequal, for what was refused.
    truth : str or None
        The class the simulator drew it from, or what odd thing it was made to be. The service never sees it.
    kind : str or None
        The same in more detail: `SN Ia/max`, `low coverage`.
    """

    target: Target
    wavelength_A: tuple[float, ...] = ()
    flux: tuple[float, ...] = ()
    instrument: str | None = None
    observed_at: str | None = None
    truth: str | None = None
    kind: str | None = None

    @property
    def made_as(self) -> str:
        """What it was simulated as, with the detail where that says more."""
        if self.truth is None or self.kind is None or self.kind == self.truth:
            return self.truth or ""
        return f"{self.truth} ({self.kind.removeprefix(self.truth + '/')})"

    @property
    def agreement(self) -> str:
        """How the answer compares with the simulated truth: agrees, in set, missed, odd, refused, or unknown."""
        if self.truth is None:
            return "unknown"
        if self.report.verdict is None:
            return "refused"
        if self.truth not in FINE_CLASSES:
            return "odd"
        if self.report.verdict.label == self.truth:
            return "agrees"
        return "in set" if self.truth in self.members else "missed"


def in_order(looks: list[Look]) -> list[Look]:
    """Most interesting first; within a kind the rarer class, then the surer answer."""
    return sorted(looks, key=_rank)


def _rank(look: Look) -> tuple[int, int, float, str]:
    verdict = look.report.verdict
    label, p = (verdict.label, verdict.probability) if verdict else ("", 0.0)
    return look.interest, RARE.index(label) if label in RARE else len(RARE), -p, look.report.spectrum_id or ""
