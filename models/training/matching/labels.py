"""Which subtype a catalogue's type string means."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.matching.subtypes import SUBTYPES
from models.training.dataset import Dataset

_WORDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "SN Ia": {
        "Ia-norm": ("ia-norm",),
        "Ia-91T": ("91t", "99aa"),
        "Ia-91bg": ("91bg",),
        "Ia-02cx": ("02cx", "iax"),
        "Ia-SC": ("ia-sc", "ia-03fg", "super-chandra"),
    },
    "SN Ibc": {"Ibn": ("ibn", "icn"), "Ic-BL": ("bl",), "Ic": ("ic",), "Ib": ("ib",)},
    "SLSN": {
        "SLSN-II": ("slsn-ii", "slsn ii"),
        "SLSN-I": ("slsn-i", "slsn-r", "slsn i", "superluminous ic", "super-luminous ic"),
    },
    "SN II": {"IIn": ("iin", "ia-csm", "02ic"), "IIb": ("iib",), "II": ("iip", "iil", "ii p", "ii l", "ii-p", "ii-l")},
    "TDE": {"TDE-H+He": ("h+he",), "TDE-He": ("tde-he",), "TDE-H": ("tde-h",)},
}


def subtype_of(fine: str, kind: str) -> str | None:
    """The subtype that a catalogue's type of a spectrum of class `fine` means; None where it says none, or several.

    A plain "SN Ia" says none, for archives call peculiar ones so too; a plain "SN II" is taken for the ordinary one.
    """
    named = kind.split(":")[-1].strip()
    parts = [part.strip().lower() for part in named.split("|") if part.strip()]
    if any("?" in part or "b/c" in part or "pec" in part for part in parts):
        return None
    found = {name for part in parts for name in (_first(fine, part),) if name is not None}
    return found.pop() if len(found) == 1 else None


def _first(fine: str, part: str) -> str | None:
    for name, words in _WORDS.get(fine, {}).items():
        if any(word in part for word in words):
            return name
    plain = part.removeprefix("sn").strip()
    return "II" if fine == "SN II" and plain == "ii" else None


def subtypes(data: Dataset) -> NDArray[np.int64]:
    """Index into the subtypes of each row's class; -1 where the catalogue names none, or several."""
    found = []
    for k, kind in zip(data.label, data.kinds, strict=True):
        name = subtype_of(FINE_CLASSES[k], kind) if k >= 0 else None
        found.append(-1 if name is None else SUBTYPES[FINE_CLASSES[k]].index(name))
    return np.array(found, np.int64)
