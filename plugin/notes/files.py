"""The files of a night's note: OUTPUT_DIR/notes/<night>/."""

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from plugin.notes import render
from plugin.notes.draft import Byline, Draft, compose
from plugin.notes.entries import Entry, Figures
from plugin.notes.night import Night
from plugin.notes.rules import NoteRules


def write_note(
    night: Night,
    entries: Sequence[Entry],
    *,
    output_dir: Path,
    as_of: datetime,
    figures: Figures,
    rules: NoteRules | None = None,
    byline: Byline | None = None,
) -> Path | None:
    """Draft the note of one night and write it, or take an earlier draft away when there is nothing to say any more.

    Returns
    -------
    Path or None
        The folder with `astronote.html`, `.txt`, `.json` and `related_objects.csv`; None when no object passed.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    draft = compose(night, entries, as_of=as_of, figures=figures, rules=rules, byline=byline)
    folder = output_dir / "notes" / str(night)
    if draft is None:
        _remove(folder)
        return None
    write_draft(draft, folder)
    return folder


def write_draft(draft: Draft, folder: Path) -> None:
    """Write every file of a draft; each is whole or not there, and the JSON comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render.files(draft).items():
        replace_file(folder / name, text)


def replace_file(path: Path, text: str) -> None:
    """Put `text` at `path` in one step, so that a reader never sees half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", newline="\n", delete=False) as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary = Path(handle.name)
    temporary.chmod(0o644)
    temporary.replace(path)


def _remove(folder: Path) -> None:
    for name in render.FILE_NAMES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
