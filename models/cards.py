"""The card of a folder of weights: what they are, and the SHA-256 of every file, checked before anything is served."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CARD = "card.json"


class BundleError(Exception):
    """A bundle is missing, damaged, or not for this version: nothing may be served from it."""


def read_card(folder: Path, *, version: int, what: str, classes: Iterable[str] | None = None) -> dict[str, Any]:
    """Read the card and check its format and classes, and every file it names; its fields `card_fields` checks.

    Parameters
    ----------
    version : int
        The only format that is read.
    what : str
        For the sentence, such as `NEEDLE model`.
    classes : iterable of str, optional
        What the model must tell apart, in this order; left out for one that tells no classes apart.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    try:
        card = json.loads((folder / CARD).read_text())
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: no readable {CARD}: {error}") from error
    if not isinstance(card, dict) or card.get("format") != version:
        raise BundleError(f"{folder}: not a {what} of format {version}")
    if classes is not None and tuple(card.get("classes", ())) != tuple(classes):
        raise BundleError(f"{folder}: made for other classes: {card.get('classes')}")
    for name, expected in card.get("files", {}).items():
        path = folder / name
        if path.parent != folder or not path.is_file():
            raise BundleError(f"{folder}: {name} is missing")
        if sha256(path) != expected:
            raise BundleError(f"{folder}: {name} is not the file the card describes (SHA-256 differs)")
    return card


def require_hashes(folder: Path, card: Mapping[str, Any], needed: Iterable[str | None]) -> None:
    """Check that the card gives a SHA-256 for every file that is going to be read.

    Raises
    ------
    BundleError
        With the names it gives none for.
    """
    missing = {str(name) for name in needed} - set(card.get("files", {}))
    if missing:
        raise BundleError(f"{folder}: the card names files it gives no SHA-256 for: {', '.join(sorted(missing))}")


def store_card(folder: Path, card: Mapping[str, Any], *, version: int) -> dict[str, Any]:
    """Write the card with its format and the hash of every other file in the folder; return the card written."""
    files = {p.name: sha256(p) for p in sorted(folder.iterdir()) if p.name != CARD and p.is_file()}
    full = {**card, "format": version, "files": files}
    (folder / CARD).write_text(json.dumps(full, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return full


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(card: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Compute the SHA-256 over some parts of a card: those that decide an answer."""
    return hashlib.sha256(json.dumps([card[k] for k in keys], sort_keys=True).encode()).hexdigest()
