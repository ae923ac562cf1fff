"""Truth values and filters in the tables and packets of surveys, however they are spelt.

What is not understood is None, and never guessed: a flag that says neither yes nor no must not decide anything.
"""

import math
import re
from typing import Any, Final

import numpy as np

_TRUE: Final = frozenset({"t", "true", "y", "yes", "1", "1.0", "+", "+1", "pos", "positive", "on"})
_FALSE: Final = frozenset({"f", "false", "n", "no", "0", "0.0", "-", "-1", "-1.0", "neg", "negative", "off"})
_NUMBERS: Final = {"0": "u", "1": "g", "2": "r", "3": "i"}
"""ZTF's filter numbers; LSST's are the same where both have one."""
_OF_ZTF: Final = re.compile(
    r"(?:ztf|p48|palomar)?[\s_:.-]*(?P<a>[gri])(?:[\s_-]*band)?|z(?P<b>[gri])|(?P<c>[gri])[\s_-]*(?:ztf|p48)|"
    r"ztf[\s_:-]*z(?P<d>[gri])"
)


def truth(value: Any) -> bool | None:
    """Whether a flag says yes; None where it says nothing that is understood (NaN, nothing, other words)."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value) if -1e300 < value < 1e300 else math.nan
        return {1.0: True, 0.0: False, -1.0: False}.get(number)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def band(name: object) -> str:
    """The short name of a filter: `g` for `ztfg`, `ZTF_g` and `zg` (as the ZTF archive has it); others as they are.

    Those of other surveys keep their own names, so that they are not mixed up with ZTF's.
    """
    word = str(name).strip().lower()
    found = _OF_ZTF.fullmatch(word)
    return next(letter for letter in found.groups() if letter) if found is not None else word


def numbered_band(name: str) -> str | None:
    """The filter behind a number of ZTF's, written as text: 1, 2, 3 for g, r, i; None for what is no such number."""
    return _NUMBERS.get(re.sub(r"\.0$", "", str(name).strip()))
