"""Spectra from files: Parquet (many in one), JSON, CSV and other text tables, FITS images and tables.

What kind of file it is, its first bytes say, not its name. Whatever cannot be read comes back as one `RawSpectrum` with
`trouble`: a refusal with a reason, in its place in the order, and never an exception.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from iris_client.files.ascii import read_ascii
from iris_client.files.extra import pyarrow_needed
from iris_client.files.json_text import looks_like_json, read_json
from iris_client.files.kinds import not_a_spectrum
from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_MAX_BYTES: Final = 256 * 2**20
"""Largest FITS file: coadds of many spectra have some 200 MB. Parquet has no limit, it is streamed."""
_MAX_UNPACKED: Final = 64 * 2**20
"""Largest text, and largest content of a packed file: a few hundred kilobytes can unpack to anything."""
_MAX_JSON: Final = 16 * 2**20
"""In memory it takes some thirty times as much."""
_PACKED: Final[tuple[tuple[bytes, Any], ...]] = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
_ENDING_WORDS: Final = (
    ".txt .dat .ascii .asc .csv .tsv .tab .fits .fit .fts .flm .spec .spc .parquet .pq .json .ecsv .lnw .gz .bz2 .xz "
    ".out .cat .tbl .text .html .png .pdf .zip .npy .npz .xml .vot .hdf5 .h5"
)
_ENDINGS: Final = frozenset(_ENDING_WORDS.split())


def read_spectra(path: str | Path, rows: range | None = None) -> Iterator[RawSpectrum]:
    """Read every spectrum in a file, one at a time.

    Parameters
    ----------
    path : str or Path
        Parquet with list columns `wavelength` and `flux`, or with one row per pixel; text tables; JSON; FITS.
        `docs/formats.md` says what is read and how.
    rows : range, optional
        Only these rows of a Parquet file, counted from 0; of other files always all.

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
        yield from _read(path, rows)
    except Unreadable as problem:
        yield RawSpectrum(spectrum_id=stem(path), trouble=f"{path.name}: {problem}")
    except (MemoryError, RecursionError) as problem:  # no file is worth more than these
        yield RawSpectrum(spectrum_id=stem(path), trouble=f"{path.name}: too large to read ({type(problem).__name__})")


def _read(path: Path, rows: range | None) -> Iterator[RawSpectrum]:
    """Choose the reader. Those that need pyarrow or astropy are imported only then: that takes longer than reading."""
    start = _first_bytes(path)
    if start.startswith(b"PAR1"):
        with pyarrow_needed():
            from iris_client.files.parquet import read_parquet

        yield from read_parquet(path, stem(path), rows)
        return
    content = _content(path, start)
    if not content.strip():
        raise Unreadable("the file is empty")
    known = not_a_spectrum(content[:4096])
    if known is not None:
        raise Unreadable(known)
    if content.startswith(b"SIMPLE  ="):
        from iris_client.files.fits import read_fits

        yield from read_fits(content, stem(path))
    elif content.startswith(b"PAR1"):
        raise Unreadable("a Parquet file inside a packed one: unpack it first")
    elif len(content) > _MAX_UNPACKED:
        raise Unreadable(f"text larger than {_MAX_UNPACKED // 2**20} MB, which no single spectrum is")
    elif looks_like_json(content):
        if len(content) > _MAX_JSON:
            raise Unreadable(f"JSON larger than {_MAX_JSON // 2**20} MB; write many spectra as Parquet")
        yield from read_json(content, stem(path))
    else:
        yield read_ascii(content, stem(path))


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
    unpack = next((opener for magic, opener in _PACKED if start.startswith(magic)), None)
    limit = _MAX_BYTES if unpack is None else _MAX_UNPACKED
    try:
        with path.open("rb") as file:
            content = _up_to(file if unpack is None else unpack(file), limit)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as problem:
        raise Unreadable(f"cannot be read or unpacked ({type(problem).__name__})") from problem
    if len(content) > limit:
        what = "larger" if unpack is None else "packed, and unpacked larger"
        raise Unreadable(f"{what} than {limit // 2**20} MB, which no single spectrum is")
    return content


def _up_to(file: IO[bytes], limit: int) -> bytes:
    with file as plain:
        return plain.read(limit + 1)


def stem(path: Path) -> str:
    """The name without its ending; `sn_2455800.2` has none."""
    name = path.name
    for _ in range(2):
        suffix = Path(name).suffix
        if suffix.lower() in _ENDINGS and name != suffix:
            name = name[: -len(suffix)]
    return name or "?"
