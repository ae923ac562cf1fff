"""A way of joining spectrum and source with laws made up for tests."""

from typing import Any

import numpy as np

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.joined.evidence import EVIDENCE
from models.joined.laws import Laws
from models.joined.product import Product
from models.joined.stored import Joiner
from models.luminosity_law import LuminosityLaws

CV = FINE_CLASSES.index("CV")
POWERS = {"spectrum": 1.0, "latitude": 1.0, "counterpart": 0.5, "luminosity": 0.3, "rise": 0.5}


def laws() -> Laws:
    """CVs lie in the plane on stars; AGN and CV have no law of light curves."""
    latitude = np.tile([0.02, 0.12, 0.13, 0.28, 0.26, 0.19], (7, 1))
    latitude[CV] = [0.26, 0.43, 0.17, 0.1, 0.02, 0.02]
    counterpart = np.tile([0.02, 0.05, 0.33, 0.6], (7, 1))
    counterpart[CV] = [0.45, 0.07, 0.05, 0.43]
    median = np.array([-19.0, -17.5, -21.5, -17.5, np.nan, np.nan, -19.5])
    mean = np.arange(28.0).reshape(7, 4) / 10
    mean[[4, 5]] = np.nan
    return Laws(
        latitude=latitude,
        counterpart=counterpart,
        luminosity=LuminosityLaws(median=median, spread=np.where(np.isnan(median), np.nan, 0.8)),
        rise_mean=mean,
        rise_covariance=np.eye(4) * 0.3,
    )


def card(*, better: bool = True, bundle: str = "fake-1@00000000") -> dict[str, Any]:
    """A card; both domains are better, or none is."""
    domains = {name: {"better": better, "objects": 60} for name in (LOW, HIGH)}
    given = {"name": "joined-0", "bundle": bundle, "powers": POWERS, "alphas": [0.05, 0.1], "domains": domains}
    return {**given, "classes": list(FINE_CLASSES), "evidence": list(EVIDENCE), "files": {}}


def joiner(*, better: bool = True, everywhere: bool = False, objects: int = 60) -> Joiner:
    """Calibrated for low resolution on so many objects, and for high resolution on none."""
    return Joiner(
        card=card(better=better),
        laws=laws(),
        product=Product(POWERS),
        scores={LOW: np.linspace(0.0, 0.99, objects)},
        objects={LOW: np.arange(objects)},
        everywhere=everywhere,
    )
