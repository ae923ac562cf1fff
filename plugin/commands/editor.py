"""A text in the editor of whoever runs a command."""

import os
import shlex
import subprocess  # nosec B404 - the editor is the user's own
import tempfile
from pathlib import Path


def edited(text: str) -> str | None:
    """What the person made of a text in $VISUAL or $EDITOR; None when it stays the same.

    Raises
    ------
    OSError
        If the editor cannot be run, or ends with an error.
    """
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note.txt"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run([*words, str(path)], check=False)  # noqa: S603  # nosec B603 - nobody else's words
        if done.returncode:
            raise OSError(f"the editor {words[0]} ended with {done.returncode}")
        found = path.read_text(encoding="utf-8", errors="replace")
    return None if found == text else found
