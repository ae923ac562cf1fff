"""The files of a night's note: OUTPUT_DIR/notes/<night>/."""

import os
import tempfile
from pathlib import Path

from plugin.notes import render
from plugin.notes.draft import Draft
from plugin.notes.night import Night


def write_note(night: Night, draft: Draft | None, *, output_dir: Path) -> Path | None:
    """Write the draft of one night, or take an earlier one away when there is nothing to say any more.

    Each file is whole or not there, and the JSON comes last. Other files in the folder are left alone.

    Returns
    -------
    Path or None
        The folder with `astronote.html`, `.txt`, `.json` and `related_objects.csv`; None without a draft.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder = output_dir / "notes" / str(night)
    if draft is None:
        _remove(folder)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render.files(draft).items():
        replace_file(folder / name, text)
    return folder


def replace_file(path: Path, text: str) -> None:
    """Put `text` at `path` in one step, so that a reader never sees half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", newline="\n", delete=False) as handle:
        temporary = Path(handle.name)
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.chmod(0o644)
    temporary.replace(path)


def _remove(folder: Path) -> None:
    for name in render.FILE_NAMES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
