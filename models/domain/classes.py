"""The classes the classifiers know (ASTRANet paper, Sec. III a and Table XIV; NEEDLE paper, Table 5)."""

from types import MappingProxyType
from typing import Final

FINE_CLASSES: Final = ("SN Ia", "SN Ibc", "SLSN", "SN II", "AGN", "CV", "TDE")
"""The seven classes of the fine head, in the order of every probability vector."""

COARSE_CLASSES: Final = ("SN-Thermonuclear", "SN-CC", "Non-SN")
"""The three superclasses of the coarse head."""

COARSE_OF: Final = MappingProxyType(
    {
        "SN Ia": "SN-Thermonuclear",
        "SN Ibc": "SN-CC",
        "SLSN": "SN-CC",
        "SN II": "SN-CC",
        "AGN": "Non-SN",
        "CV": "Non-SN",
        "TDE": "Non-SN",
    }
)
"""The superclass of each fine class."""

TEN_CLASSES: Final = ("SN Ia", "SN II", "SN IIn", "SN IIb", "SN Ibc", "SN Ibn", "SLSN", "AGN", "TDE", "CV")
"""The ten classes of Table XIV (FINE_10), of which the fine head merges some; kept for analysis."""

SIX_CATEGORIES: Final = ("SN Thermo", "SN CC (H)", "SN CC (SE)", "SN Lumin", "Non-SN", "Uncertain")
"""The physical categories of Table XIV (COARSE_6); the last is of rare classes alone."""

FINE_OF_TEN: Final = MappingProxyType(
    {c: c for c in FINE_CLASSES} | {"SN IIn": "SN II", "SN IIb": "SN II", "SN Ibn": "SN Ibc"}
)
"""The class of the fine head that each of the ten belongs to."""

CATEGORY_OF: Final = MappingProxyType(
    {
        "SN Ia": "SN Thermo",
        "SN II": "SN CC (H)",
        "SN Ibc": "SN CC (SE)",
        "SLSN": "SN Lumin",
        "AGN": "Non-SN",
        "CV": "Non-SN",
        "TDE": "Non-SN",
    }
)
"""The category of each fine class."""

NEEDLE_CLASSES: Final = ("SN", "SLSN-I", "TDE")
"""The three classes of the image and light-curve model."""
