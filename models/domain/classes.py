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

NEEDLE_CLASSES: Final = ("SN", "SLSN-I", "TDE")
"""The three classes of the image and light-curve model."""
