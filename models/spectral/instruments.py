"""Spectrographs by name: the third piece of metadata the network can take (ASTRANet paper, App. A c)."""

FAMILIES = (
    "other", "SED", "LRIS", "DBSP", "NGPS", "SDSS", "DESI", "GMOS", "EFOSC", "ALFOSC", "SPRAT", "FLOYDS", "FAST",
    "KAST", "WiFeS", "SNIFS",
)  # fmt: skip
"""Number 0 is any other; the rest are matched as substrings of the instrument's name, ignoring case."""


def instrument_number(name: str | None) -> int | None:
    """Index into `FAMILIES`; None when there is no name."""
    if not name:
        return None
    upper = name.upper()
    return next((i for i, family in enumerate(FAMILIES) if i and family.upper() in upper), 0)
