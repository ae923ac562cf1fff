"""Spectra from files: Parquet (many in one), CSV and ASCII tables, FITS images and tables.

What kind of file it is, its first bytes say, not its name. Whatever cannot be read comes back as one `RawSpectrum` with
`trouble`: a refusal with a reason, in its place in the order, and never an exception.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from iris_client.files.ascii import read_ascii
from iris_client.files.extra import pyarrow_needed
from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_MAX_BYTES: Final = 256 * 2**20
"""Largest single-spectrum file: the longest echelle spectra have some 30 MB. Parquet has no limit, it is streamed."""
_HTML: Final = (b"<!doctype", b"<html", b"<head", b"<?xml")


def read_spectra(path: str | Path) -> Iterator[RawSpectrum]:
    """Read every spectrum in a file, one at a time.

    Parameters
    ----------
    path : str or Path
        Parquet with list columns `wavelength` and `flux` and, optionally, `spec_id`, `redshift`, `phase_days`,
        `instrument`, `error`, `units`; or a text table with two or three columns; or FITS.

    Yields
    ------
    RawSpectrum
        `spectrum_id` is the row's `spec_id`, or the file's name without ending (and `:row` if there are several).

    Raises
    ------
    MissingExtra
        If it is a Parquet file and pyarrow is not installed.
    """
    path = Path(path)
    try:
        yield from _read(path)
    except Unreadable as problem:
        yield RawSpectrum(spectrum_id=_stem(path), trouble=f"{path.name}: {problem}")


def _read(path: Path) -> Iterator[RawSpectrum]:
    """Choose the reader. Those that need pyarrow or astropy are imported only then: that takes longer than reading."""
    start = _first_bytes(path)
    if start.startswith(b"PAR1"):
        with pyarrow_needed():
            from iris_client.files.parquet import read_parquet

        yield from read_parquet(path, _stem(path))
        return
    content = _content(path, start)
    if not content.strip():
        raise Unreadable("the file is empty")
    if content[:512].lstrip().lower().startswith(_HTML):
        raise Unreadable("this is a web page, not a spectrum; was a login page downloaded?")
    if content.startswith(b"SIMPLE  ="):
        from iris_client.files.fits import read_fits

        yield read_fits(content, _stem(path))
    else:
        yield read_ascii(content, _stem(path))


def _first_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise Unreadable("this is a directory, not a file")
        with path.open("rb") as file:
            return file.read(16)
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except (OSError, ValueError) as problem:  # a name with a null byte is a ValueError
        raise Unreadable(f"cannot be opened ({type(problem).__name__})") from problem


def _content(path: Path, start: bytes) -> bytes:
    """The whole file, unpacked if it was packed, up to the limit."""
    try:
        with path.open("rb") as file, gzip.open(file) if start[:2] == b"\x1f\x8b" else file as plain:
            content = plain.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise Unreadable(f"cannot be read or unpacked ({type(problem).__name__})") from problem
    if len(content) > _MAX_BYTES:
        raise Unreadable(f"larger than {_MAX_BYTES // 2**20} MB, which no single spectrum is")
    return content


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return Path(name).stem or name or "?"
