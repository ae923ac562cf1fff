"""Hearing what a process of a benchmark says, within a limit."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

LONGEST_S: Final = 1800.0
ERROR: Final = "error"


@contextmanager
def telling(pipe: Connection) -> Iterator[None]:
    """Let an error be told to who listens, for nobody sees what a silent process writes."""
    try:
        yield
    except Exception:
        pipe.send({ERROR: traceback.format_exc()})
        raise


def told(pipe: Connection) -> dict[str, Any]:
    """What the process says next.

    Raises
    ------
    RuntimeError
        If it says nothing for half an hour, or has ended, or tells of an error.
    """
    try:
        if pipe.poll(LONGEST_S):
            found: dict[str, Any] = pipe.recv()
            if ERROR in found:
                raise RuntimeError(found[ERROR])
            return found
    except EOFError:
        pass
    raise RuntimeError("the process has ended, or is silent")
