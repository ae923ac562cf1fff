"""Where the card lies, and its figures read again: metrics ask for these, and need nothing of what makes them."""

import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = "report-card"
JSON_NAME: Final = "report-card.json"
SCHEMA: Final = 1
"""Of the figures; it grows when what an older reader would make of newer figures is wrong."""


def read_card(output_dir: Path) -> dict[str, Any] | None:
    """The figures of the card that was written last; None where there is none, or one of another version."""
    try:
        card = json.loads((output_dir / FOLDER / JSON_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and card.get("schema") == SCHEMA else None
