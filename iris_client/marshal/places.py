"""Paths of the things that answers hang on. Ids come from outside, so nothing odd may get into a path."""

import re
from typing import Final

from iris_client.errors import NotFound
from iris_client.protocols import Place

_OBJECT: Final = re.compile(r"[A-Za-z0-9_\-;:+.]*[A-Za-z0-9_\-;:+][A-Za-z0-9_\-;:+.]*")
"""SkyPortal's own pattern for object ids, and not only dots."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


def place_path(place: Place) -> str:
    """Where a place lives in the API.

    Raises
    ------
    NotFound
        If it is none of the API's, or no such place can have that id.
    """
    if place.kind == "analysis":
        raise NotFound("nothing hangs on an analysis: it is answered at its web hook")
    return spectrum_path(place.id) if place.kind == "spectrum" else source_path(place.id)


def source_path(target_id: str) -> str:
    """`/api/sources/<id>`.

    Raises
    ------
    NotFound
        If no source can have that id.
    """
    if not _OBJECT.fullmatch(target_id):
        raise NotFound(f"{target_id[:60]!r} cannot be the id of a source")
    return "/api/sources/" + target_id.replace("+", "%2B").replace(";", "%3B")


def spectrum_path(spectrum_id: str) -> str:
    """`/api/spectra/<id>`.

    Raises
    ------
    NotFound
        If no spectrum can have that id.
    """
    if not _NUMBER.fullmatch(spectrum_id):
        raise NotFound(f"{spectrum_id[:60]!r} cannot be the id of a spectrum")
    return f"/api/spectra/{spectrum_id}"
