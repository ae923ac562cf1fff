"""Parquet needs pyarrow, and the service does not: it comes with the extra `files`."""

from collections.abc import Iterator
from contextlib import contextmanager


class MissingExtra(Exception):
    """Something is asked for that is not installed; the message says how to install it."""


@contextmanager
def pyarrow_needed() -> Iterator[None]:
    """Turn a failed import of pyarrow into a sentence for the user.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise MissingExtra(
            "Parquet files need the extra files: pip install 'astranet-annotator[files]'; "
            "spectra as text or FITS do not"
        ) from error
