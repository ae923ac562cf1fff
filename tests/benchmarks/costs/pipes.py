"""Hearing what a process of a benchmark says, within a limit."""

from multiprocessing.connection import Connection
from typing import Any, Final

LONGEST_S: Final = 1800.0


def told(pipe: Connection) -> dict[str, Any]:
    """What the process says next.

    Raises
    ------
    RuntimeError
        If it says nothing for half an hour, or has ended.
    """
    try:
        if pipe.poll(LONGEST_S):
            found: dict[str, Any] = pipe.recv()
            return found
    except EOFError:
        pass
    raise RuntimeError("the process has ended, or is silent")
