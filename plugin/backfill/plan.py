"""How an archive is cut into partitions: small pieces of work, each with an input that can be told to be the same."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from iris_client.files.parquet import spectra_in

SPECTRA: Final = 512
"""Of a partition: what a lost worker costs, some half minute of one core; eight batches."""
_PARQUET: Final = (".parquet", ".pq")


class InputChanged(Exception):
    """What is there is not what the run was planned on; the message says what."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or some rows of a Parquet file.

    Parameters
    ----------
    size, mtime_ns : int
        Of the file when it was planned: by these it is told to be the same.
    start, stop : int or None
        Rows, counted from 0; None for all.
    """

    path: str
    size: int
    mtime_ns: int
    start: int | None = None
    stop: int | None = None

    @property
    def rows(self) -> range | None:
        """The rows that are meant; None for all."""
        return None if self.start is None or self.stop is None else range(self.start, self.stop)

    def check(self) -> None:
        """Make sure that the file is the one that was planned.

        Raises
        ------
        InputChanged
            If it is not, or is gone.
        """
        try:
            found = Path(self.path).stat()
        except OSError as error:
            raise InputChanged(f"{self.path} cannot be read any more ({type(error).__name__})") from None
        if (found.st_size, found.st_mtime_ns) != (self.size, self.mtime_ns):
            raise InputChanged(f"{self.path} has changed since the run was planned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Pieces of a folder, or sources of a marshal, that are answered together and written as one file.

    Parameters
    ----------
    spectra : int
        How many are expected; a file may hold more than one.
    sources : tuple of (str, tuple of str)
        Of a marshal: each source with its spectra.
    """

    name: str
    spectra: int
    pieces: tuple[Piece, ...] = ()
    sources: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def to_json(self) -> str:
        """One line, always the same for the same partition."""
        pieces = [[p.path, p.size, p.mtime_ns, p.start, p.stop] for p in self.pieces]
        plain = {"name": self.name, "spectra": self.spectra, "pieces": pieces, "sources": self.sources}
        return json.dumps(plain, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what `to_json` wrote."""
        plain: dict[str, Any] = json.loads(line)
        return cls(
            name=plain["name"],
            spectra=plain["spectra"],
            pieces=tuple(Piece(*piece) for piece in plain["pieces"]),
            sources=tuple((name, tuple(spectra)) for name, spectra in plain["sources"]),
        )


def of_files(inputs: Sequence[Path], *, spectra: int = SPECTRA, without: Path | None = None) -> Iterator[Partition]:
    """Partitions of files and folders, by name; a large Parquet file is cut by rows.

    Parameters
    ----------
    without : Path, optional
        A folder that is no input though it may lie in one: that of the output.

    Raises
    ------
    FileNotFoundError
        If an input is not there.
    """
    return _numbered(_gathered(_pieces(inputs, spectra, without), spectra))


def of_sources(sources: Iterable[tuple[str, tuple[str, ...]]], *, spectra: int = SPECTRA) -> Iterator[Partition]:
    """Partitions of a marshal's sources, each with all of its spectra."""
    held: list[tuple[str, tuple[str, ...]]] = []
    number = 0
    for source in sources:
        if held and sum(len(names) for _, names in held) + len(source[1]) > spectra:
            yield _of_held(number, held)
            held, number = [], number + 1
        held.append(source)
    if held:
        yield _of_held(number, held)


def _of_held(number: int, held: list[tuple[str, tuple[str, ...]]]) -> Partition:
    return Partition(name=_name(number), spectra=sum(len(names) for _, names in held), sources=tuple(held))


def _name(number: int) -> str:
    return f"part-{number:06d}"


def _numbered(gathered: Iterable[tuple[int, tuple[Piece, ...]]]) -> Iterator[Partition]:
    for number, (count, pieces) in enumerate(gathered):
        yield Partition(name=_name(number), spectra=count, pieces=pieces)


def _gathered(pieces: Iterable[tuple[int, Piece]], spectra: int) -> Iterator[tuple[int, tuple[Piece, ...]]]:
    held: list[Piece] = []
    total = 0
    for count, piece in pieces:
        if held and total + count > spectra:
            yield total, tuple(held)
            held, total = [], 0
        held.append(piece)
        total += count
    if held:
        yield total, tuple(held)


def _pieces(inputs: Sequence[Path], spectra: int, without: Path | None) -> Iterator[tuple[int, Piece]]:
    """Each with how many spectra it is expected to hold."""
    for path in _files(inputs, without):
        found = path.stat()
        known = str(path), found.st_size, found.st_mtime_ns
        rows = spectra_in(path) if path.suffix.lower() in _PARQUET else None
        if rows is None:
            yield 1, Piece(*known)
            continue
        for start in range(0, rows, spectra):
            stop = min(start + spectra, rows)
            yield stop - start, Piece(*known, start, stop)


def _files(inputs: Sequence[Path], without: Path | None) -> Iterator[Path]:
    for one in inputs:
        path = one.resolve()
        if not path.exists():
            raise FileNotFoundError(f"there is no {one}")
        if path.is_file():
            yield path
            continue
        for folder, below, names in os.walk(path):
            here = Path(folder)
            below[:] = sorted(n for n in below if not n.startswith(".") and here / n != without)
            yield from (here / n for n in sorted(names) if not n.startswith(".") and (here / n).is_file())
