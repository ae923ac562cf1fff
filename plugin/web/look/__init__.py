"""How answers look: pictures and parts that the pages and the demo's page share.

Colours are in `plugin/web/static/look.css`, by class (`slug`), so that they follow light and dark.
"""

from pathlib import Path
from typing import Final

from models.domain import FINE_CLASSES, NEEDLE_CLASSES

_WEB = Path(__file__).parents[1]
SHARED: Final = _WEB / "templates"
"""The folder of the parts in `parts.html`."""

COLOURS: Final = {
    "SN Ia": "#0072b2",
    "SN Ibc": "#d55e00",
    "SLSN": "#b0568c",
    "SN II": "#3a9bd5",
    "AGN": "#b87d00",
    "CV": "#4d4d4d",
    "TDE": "#00805c",
}
"""On white, for pictures that no style sheet reaches. After Okabe and Ito: told apart by colour-blind eyes, darkened a
little for thin lines."""

_SLUGS: Final = {label: label.lower().replace(" ", "-") for label in (*FINE_CLASSES, *NEEDLE_CLASSES)}


def slug(label: str | None) -> str:
    """The part of a CSS class that stands for a class of objects: `sn-ia`; `none` for none of ours."""
    return _SLUGS.get(label or "", "none")


def percent(p: float) -> int:
    """A share as a whole percent from 0 to 100: the width of a bar."""
    return round(100 * min(max(p, 0.0), 1.0))


def look_css() -> str:
    """The style that belongs to the parts, for a page that stands alone."""
    return (_WEB / "static" / "look.css").read_text(encoding="utf-8")
