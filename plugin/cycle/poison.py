"""What to do with an error that nobody expected: the piece of work is set aside with it, and the others go on."""

from collections.abc import Iterable
from typing import Final

import structlog

from iris_client.errors import redact
from plugin.store.engine import is_away

_LONGEST: Final = 400
_log = structlog.get_logger("astranet.cycle")


def why(step: str, error: Exception, secrets: Iterable[str] = (), **about: str) -> str:
    """Say in one line what broke at which step, and log it with its traceback.

    Parameters
    ----------
    step : str
        What was being done: "the models", "filing".
    secrets : iterable of str
        Texts that must not be filed.
    about : str
        Which piece of work, for the log.

    Raises
    ------
    Exception
        The error itself when it is the database that is away: nothing is wrong with the piece of work then.
    """
    if is_away(error):
        raise error
    _log.error(f"{step} failed", exc_info=error, **about)
    return redact(f"{step} failed: {type(error).__name__}: {error}", secrets)[:_LONGEST]
