"""What is not followed though a filter let it through: the cuts of the NEEDLE paper's service, on what nobody saved.

Each says why, in a sentence that is kept beside the work. What is saved, or passed a filter on the marshal, is not cut.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from iris_client.brokers.streams import Surroundings
from iris_client.protocols import Alert
from models.domain import LightCurve

_ON_STAR_ARCSEC: Final = 2.0
_STAR_SCORE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """What is let go.

    Parameters
    ----------
    detections : int
        Fewer positive ones are too few.
    fading_days : float
        So long after the brightest detection it fades; what was brightest since is new again.
    classified : bool
        Whether what the TNS has a type for stays.
    stars : bool
        Whether what lies on a star stays.
    sherlock : tuple of str
        Sherlock's classes that do not stay.
    """

    detections: int = 2
    fading_days: float = 10.0
    classified: bool = False
    stars: bool = False
    sherlock: tuple[str, ...] = ("VS", "BS")

    def of_curve(self, curve: LightCurve | None) -> str | None:
        """Why a light curve speaks against it; None when nothing does."""
        if curve is None:
            return "no light curve"
        seen = np.flatnonzero((curve.is_limit == 0) & np.isfinite(curve.mag))
        if seen.size < self.detections:
            return f"{seen.size} detection(s), and at least {self.detections} are asked for"
        fading = float(curve.mjd[seen].max() - curve.mjd[seen][np.argmin(curve.mag[seen])])
        if fading > self.fading_days:
            return f"fading for {fading:.1f} d since its brightest detection, more than {self.fading_days:g} d"
        return None

    def of_place(self, around: Surroundings | None, tns_type: str | None) -> str | None:
        """Why what is known of its place, or of itself, speaks against it."""
        kind = None if around is None else around.sherlock
        if kind is not None and kind in self.sherlock:
            return f"Sherlock calls it {kind}"
        known = tns_type or (None if around is None else around.tns_type)
        if known is not None and not self.classified:
            return f"the TNS has it as {known}"
        return None

    def of_alert(self, alert: Alert | None) -> str | None:
        """Why the survey's nearest source speaks against it."""
        if self.stars or alert is None or alert.star_score is None or alert.host is None:
            return None
        away = alert.host.separation_arcsec
        if alert.star_score <= _STAR_SCORE or away is None or away > _ON_STAR_ARCSEC:
            return None
        return f"on a star: the nearest source is {away:.1f} arcsec away, star score {alert.star_score:.2f}"
