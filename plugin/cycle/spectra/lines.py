"""Lines that a person looks for in each class: ion and rest wavelength in air, Angstrom.

Those of supernovae are seen in absorption, blueward of where they stand at rest.
"""

from collections.abc import Mapping
from typing import Final

Lines = tuple[tuple[str, float], ...]

H_ALPHA, H_BETA, H_GAMMA = ("Hα", 6562.8), ("Hβ", 4861.3), ("Hγ", 4340.5)

LINES: Final[Mapping[str, Lines]] = {
    "SN Ia": (("Ca II", 3945.0), ("Fe II", 5018.4), ("S II", 5454.0), ("Si II", 6355.1), ("Ca II", 8579.0)),
    "SN Ibc": (("Fe II", 5169.0), ("He I", 5875.6), ("Si II", 6355.1), ("O I", 7774.0), ("Ca II", 8579.0)),
    "SLSN": (("O II", 4358.0), ("O II", 4651.0), ("Fe II", 5169.0)),
    "SN II": (H_GAMMA, H_BETA, ("Fe II", 5169.0), H_ALPHA, ("Ca II", 8579.0)),
    "AGN": (H_BETA, ("[O III]", 5006.8), H_ALPHA, ("[S II]", 6725.0), ("Mg II", 2798.0)),
    "CV": (H_GAMMA, ("He II", 4685.7), H_BETA, ("He I", 5875.6), H_ALPHA),
    "TDE": (H_GAMMA, ("N III", 4641.0), ("He II", 4685.7), H_BETA, H_ALPHA),
}
