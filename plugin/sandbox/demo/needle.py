"""What NEEDLE said about each object, as a person looks at it: rare ones first."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from models.domain import NEEDLE_CLASSES, LightCurve
from plugin.cycle.posting import prediction_set
from plugin.store import Filed
from plugin.web.look.objects import history, light_curve

RARE = ("TDE", "SLSN-I")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLook:
    """One object and NEEDLE's answer.

    Parameters
    ----------
    said : mapping of str to value
        The annotation `ASTRANet` on the source, where there is one; with the joined summary.
    truth : str or None
        What the simulator drew it from: SN, SLSN-I or TDE. The service never sees it.
    """

    filed: Filed
    alpha: float
    curve: LightCurve | None = None
    said: Mapping[str, object] | None = None
    truth: str | None = None

    @property
    def name(self) -> str:
        """The object."""
        return self.filed.target_id

    @property
    def label(self) -> str | None:
        """The class; None for a refusal."""
        verdict = self.filed.report.host_verdict
        return None if verdict is None else verdict.label

    @property
    def probabilities(self) -> list[tuple[str, float]]:
        """By class, in a fixed order; empty for a refusal."""
        verdict = self.filed.report.host_verdict
        return [] if verdict is None else [(name, verdict.probabilities[name]) for name in NEEDLE_CLASSES]

    @property
    def members(self) -> tuple[str, ...]:
        """The prediction set; empty also for a refusal."""
        verdict = self.filed.report.host_verdict
        return () if verdict is None else prediction_set(verdict.prediction_sets, self.alpha)

    @property
    def joint(self) -> str:
        """How it goes with the spectrum: "agrees with SN Ia", or why there is nothing to compare."""
        said = self.said or {}
        spectral, word = said.get("an_class"), said.get("an_joint")
        if spectral is None:
            return "no spectrum"
        words = {"agree": f"agrees with {spectral}", "disagree": f"disagrees with {spectral}"}
        return words.get(str(word), f"spectrum says {spectral}")

    @property
    def picture(self) -> Markup:
        """The light curve as a small inline SVG, brighter upwards."""
        return light_curve(self.name, self.curve)

    @property
    def history(self) -> Markup:
        """The scores as they would have been after each night, as a small inline SVG."""
        verdict = self.filed.report.host_verdict
        return history(self.name, () if verdict is None else verdict.history)

    @property
    def facts(self) -> str:
        """Counts and images in one line."""
        f = self.filed.facts
        parts = [f"{f.get('n_g', 0)} g, {f.get('n_r', 0)} r"]
        parts += [f"{f['phase']:+.0f} d"] if isinstance(f.get("phase"), int | float) else []
        parts += [f'host at {f["host_sep"]}"'] if "host_sep" in f else []
        parts += [f"images {f['quality']:.2f}"] if isinstance(f.get("quality"), int | float) else []
        return " · ".join(parts) + (", one restored" if f.get("restored") else "")


def in_order(looks: list[ObjectLook]) -> list[ObjectLook]:
    """Rare classes first, surest first; refusals last."""
    return sorted(looks, key=_rank)


def _rank(look: ObjectLook) -> tuple[int, float, str]:
    place = 3 if look.label is None else RARE.index(look.label) if look.label in RARE else 2
    return place, -max((p for _, p in look.probabilities), default=0.0), look.name
