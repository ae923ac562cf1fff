"""The subtypes of each class."""

from collections.abc import Mapping
from typing import Final

SUBTYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "SN Ia": ("Ia-norm", "Ia-91T", "Ia-91bg", "Ia-02cx", "Ia-SC"),
    "SN Ibc": ("Ib", "Ic", "Ic-BL", "Ibn"),
    "SLSN": ("SLSN-I", "SLSN-II"),
    "SN II": ("II", "IIn", "IIb"),
    "TDE": ("TDE-H", "TDE-H+He", "TDE-He"),
}
"""What can be told apart within a class; "II" are types IIP and IIL. AGN and CV are not divided."""
