"""The language of the project: frozen values that every part passes and none changes.

    Evidence(target, spectrum?, light_curve?, cutouts?, host?)
        -> Verdict, Anomaly, Confidence, HostVerdict -> Report

Arrays are read-only, units stand in the names, and what is missing is `None` plus a `Caveat`, never an exception.
"""

from models.domain.answers import Anomaly, Basis, Confidence, HostVerdict, Verdict
from models.domain.caveats import Caveat, CaveatCode
from models.domain.classes import (
    CATEGORY_OF,
    COARSE_CLASSES,
    COARSE_OF,
    FINE_CLASSES,
    FINE_OF_TEN,
    NEEDLE_CLASSES,
    SIX_CATEGORIES,
    TEN_CLASSES,
)
from models.domain.evidence import (
    PHOTO_Z_ERROR,
    Cutouts,
    Evidence,
    GivenLabel,
    Host,
    HumanLabel,
    LightCurve,
    Neighbour,
    RawSpectrum,
    Spectrum,
    Target,
)
from models.domain.matching import Luminosity, PhaseEstimate, RedshiftEstimate, Subtype, WhatIf, WithLuminosity
from models.domain.report import Report, Status

__all__ = [
    "CATEGORY_OF",
    "COARSE_CLASSES",
    "COARSE_OF",
    "FINE_CLASSES",
    "FINE_OF_TEN",
    "NEEDLE_CLASSES",
    "PHOTO_Z_ERROR",
    "SIX_CATEGORIES",
    "TEN_CLASSES",
    "Anomaly",
    "Basis",
    "Caveat",
    "CaveatCode",
    "Confidence",
    "Cutouts",
    "Evidence",
    "GivenLabel",
    "Host",
    "HostVerdict",
    "HumanLabel",
    "LightCurve",
    "Luminosity",
    "Neighbour",
    "PhaseEstimate",
    "RawSpectrum",
    "RedshiftEstimate",
    "Report",
    "Spectrum",
    "Status",
    "Subtype",
    "Target",
    "Verdict",
    "WhatIf",
    "WithLuminosity",
]
