"""The files of a note: OUTPUT_DIR/notes/<period>/<kind>/."""

import os
import tempfile
from pathlib import Path
from typing import Final

from plugin.notes import render
from plugin.notes.draft import Draft
from plugin.notes.period import Period

FOLDER: Final = "notes"


def write_note(period: Period, kind: str, draft: Draft | None, *, output_dir: Path) -> Path | None:
    """Write the draft of one period and kind, or take an earlier one away when there is nothing to say any more.

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
    folder = folder_of(period, kind, output_dir=output_dir)
    if draft is None:
        _remove(folder)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render.files(draft).items():
        replace_file(folder / name, text)
    return folder


def folder_of(period: Period, kind: str, *, output_dir: Path) -> Path:
    """Where a note's files are."""
    return output_dir / FOLDER / str(period) / kind


def drafted(output_dir: Path) -> list[tuple[Period, str]]:
    """The periods and kinds of which there are drafts, the newest first."""
    found = []
    for path in (output_dir / FOLDER).glob(f"*/*/{render.HTML_NAME}"):
        try:
            found.append((Period.parse(path.parent.parent.name), path.parent.name))
        except ValueError:  # somebody's own folder
            continue
    return sorted(found, key=lambda one: (one[0].last, one[0].first, one[1]), reverse=True)


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
    for empty in (folder, folder.parent):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
