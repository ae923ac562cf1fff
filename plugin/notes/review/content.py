"""A draft as the plain JSON that the database keeps, and back."""

import json
from collections.abc import Mapping
from typing import Any

from plugin.notes.draft import Draft
from plugin.notes.render import draft_from_json, to_json


def content_of(draft: Draft) -> dict[str, Any]:
    """As plain JSON types."""
    found: dict[str, Any] = json.loads(to_json(draft))
    return found


def draft_of(content: Mapping[str, Any]) -> Draft:
    """Read what `content_of` gave.

    Raises
    ------
    ValueError
        If it is no draft, or one of another version of this program.
    """
    return draft_from_json(json.dumps(content))
