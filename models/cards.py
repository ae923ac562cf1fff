"""The card of a folder of weights: what they are, and the SHA-256 of every file, checked before anything is served."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from safetensors import SafetensorError

CARD = "card.json"
SHIPPED = Path(__file__).parent / "data" / "bundle"
"""The bundle of the classifier that comes with the program."""
Model = TypeVar("Model")
_UNFIT: Final = (KeyError, TypeError, ValueError, OSError, EOFError, RuntimeError, SafetensorError)


class BundleError(Exception):
    """A bundle is missing, damaged, or not for this version: nothing may be served from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder(Generic[Model]):
    """What a folder of weights must hold, and how it becomes a model: nothing is read that was not verified.

    Parameters
    ----------
    what : str
        For the sentence, such as `NEEDLE model`.
    version : int
        The only format that is read.
    fixed : mapping of str to value
        What the card must say, in the words of this program: classes, inputs, features.
    checked : callable
        From the folder and the card to the same card, its fields checked (`models.card_fields.checked`).
    needed : callable
        From the card to the names of the files that are going to be read; raises `ValueError` where the card says too
        little.
    build : callable
        From the folder and its verified card to the model.
    errors : tuple of exception types
        What `build` raises where card and files do not fit together, besides Python's own and those of safetensors.
    """

    what: str
    version: int
    fixed: Mapping[str, Any]
    checked: Callable[[Path, Mapping[str, Any]], Any]
    needed: Callable[[Mapping[str, Any]], Iterable[str]]
    build: Callable[[Path, Mapping[str, Any]], Model]
    errors: tuple[type[Exception], ...] = ()

    def load(self, folder: Path) -> Model:
        """Verify a folder and load the model.

        Raises
        ------
        BundleError
            With the file and what is wrong with it.
        """
        card = self.verify(folder)
        unfit: tuple[type[Exception], ...] = (*_UNFIT, *self.errors)
        try:
            return self.build(folder, card)
        except unfit as error:
            raise BundleError(f"{folder}: the card and the files do not fit together: {error}") from error

    def verify(self, folder: Path) -> dict[str, Any]:
        """Check the card, its format and what it was made for, and the SHA-256 of every file; return the card.

        Raises
        ------
        BundleError
            With the file and what is wrong with it.
        """
        card = self._card(folder)
        self.checked(folder, card)
        for key, value in self.fixed.items():
            if card.get(key) != _plain(value):
                raise BundleError(f"{folder}: made for other {key.replace('_', ' ')}: {card.get(key)}")
        files = card.get("files", {})
        for name, expected in files.items():
            path = folder / name
            if path.parent != folder or not path.is_file():
                raise BundleError(f"{folder}: {name} is missing")
            if sha256(path) != expected:
                raise BundleError(f"{folder}: {name} is not the file the card describes (SHA-256 differs)")
        if missing := sorted(set(self._needed(folder, card)) - set(files)):
            raise BundleError(f"{folder}: the card names files it gives no SHA-256 for: {', '.join(missing)}")
        return card

    def write(self, folder: Path, card: Mapping[str, Any]) -> dict[str, Any]:
        """Write the card with its format, what the model is for, and the hash of every other file in the folder."""
        return store_card(folder, {**card, **_plain(self.fixed)}, version=self.version)

    def _card(self, folder: Path) -> dict[str, Any]:
        try:
            card = json.loads((folder / CARD).read_text())
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder}: no readable {CARD}: {error}") from error
        if not isinstance(card, dict) or card.get("format") != self.version:
            raise BundleError(f"{folder}: not a {self.what} of format {self.version}")
        return card

    def _needed(self, folder: Path, card: Mapping[str, Any]) -> list[str]:
        try:
            return [str(name) for name in self.needed(card)]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BundleError(f"{folder}: the card says too little: {error}") from error


def store_card(folder: Path, card: Mapping[str, Any], *, version: int) -> dict[str, Any]:
    """Write the card with its format and the hash of every other file in the folder; returns the card written."""
    files = {p.name: sha256(p) for p in sorted(folder.iterdir()) if p.name != CARD and p.is_file()}
    full = {**card, "format": version, "files": files}
    (folder / CARD).write_text(json.dumps(full, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return full


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(card: Mapping[str, Any], keys: Iterable[str]) -> str:
    """SHA-256 over some parts of a card: those that decide an answer."""
    return hashlib.sha256(json.dumps([card[k] for k in keys], sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """As JSON reads it back: tuples become lists."""
    return json.loads(json.dumps(value))
