"""The archive of a bundle as a shelf, read without the networks: a page need not load torch to look into it."""

import json
from pathlib import Path
from typing import NamedTuple

from models.card_fields import bundle_id
from models.cards import CARD, SHIPPED, BundleError, sha256
from models.sentinel.analogs import ANALOGS, Analogs
from models.similar.shelf import Shelf


class Archive(NamedTuple):
    """What a bundle holds of the archive.

    Parameters
    ----------
    bundle : str
        Whose networks the embeddings are of, such as `compact-1@3f2a9c1d`: others' are not to be compared with them.
    """

    shelf: Shelf
    analogs: Analogs
    bundle: str


def load_archive(folder: Path | None = None) -> Archive:
    """Read a bundle's archive spectra (the shipped one's by default), after a check of that one file against its card.

    Raises
    ------
    BundleError
        If the bundle has none, or the file is not the one that the card describes.
    """
    folder = folder or SHIPPED
    try:
        card = json.loads((folder / CARD).read_text())
        expected = card["files"][ANALOGS]
        bundle = bundle_id(card)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder}: no archive spectra to compare with") from error
    path = folder / ANALOGS
    if not path.is_file() or sha256(path) != expected:
        raise BundleError(f"{folder}: {ANALOGS} is not the file the card describes (SHA-256 differs)")
    analogs = Analogs.load(path)
    return Archive(Shelf.of_archive(analogs), analogs, bundle)
