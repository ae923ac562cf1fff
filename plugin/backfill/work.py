"""What a worker does with a partition: read it, answer in batches, and write all of it or nothing."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from iris_client.files.extra import MissingExtra
from iris_client.files.spectra import read_spectra
from iris_client.quality.rules import QualityRules
from models.domain import RawSpectrum, Report
from plugin.backfill import tables
from plugin.backfill.asked import Asked, analyst_of
from plugin.backfill.plan import Partition
from plugin.backfill.pulled import pulled
from plugin.backfill.row import failed_row, row_of
from plugin.batch.classify import BATCH, asked
from plugin.cycle.spectra.producer import Analyst, Item, known_spectrum

_LONGEST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A partition with what is to be done with it.

    Parameters
    ----------
    input : str or None
        The file of spectra that were pulled from a marshal; None where the partition names its files.
    output : str
        Where the answers belong.
    """

    partition: Partition
    asked: Asked
    input: str | None
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a partition.

    Parameters
    ----------
    counts : mapping of str to int
        Rows by status: ok, refused, failed.
    loading_s : float
        For how long the models were loaded before; 0 where they were there.
    seconds : float
        How long it took after that.
    ended_at : float
        When, seconds since 1970, by the worker's clock.
    memory_mb, peak_mb : float
        Resident memory of the worker at the end, and the most it ever had.
    """

    name: str
    counts: dict[str, int]
    loading_s: float
    seconds: float
    ended_at: float
    memory_mb: float
    peak_mb: float
    pid: int


@dataclass(frozen=True, slots=True)
class Read:
    """A spectrum that was read, and where it stood; `item` None with `trouble` where that failed."""

    raw: RawSpectrum
    file: str | None
    place: int
    item: Item | None = None
    trouble: str | None = None


def answer(job: Job) -> Done:
    """Answer a partition; its file is there afterwards, or nothing is.

    Whatever is wrong with one spectrum becomes a row with the reason.

    Raises
    ------
    InputChanged
        If a file is not the one that was planned.
    OtherModels, BundleError
        If this worker cannot answer for this run.
    """
    counts = {"ok": 0, "refused": 0, "failed": 0}
    begun = time.monotonic()
    if Path(job.output).exists():  # by a worker that was lost before it could say so: Dask asks once more
        for row in tables.rows(Path(job.output), ["status"]):
            counts[row["status"]] += 1
        return _done(job, counts, 0.0, begun)
    analyst, loading_s = analyst_of(job.asked)
    begun = time.monotonic()
    with tables.writing(Path(job.output), tables.ANSWERS) as out:
        spectra = _spectra(job)
        while batch := list(islice(spectra, BATCH)):
            found = _answered(batch, analyst, job.asked.alpha)
            for row in found:
                counts[row["status"]] += 1
            out.add(found)
    return _done(job, counts, loading_s, begun)


def _done(job: Job, counts: dict[str, int], loading_s: float, begun: float) -> Done:
    return Done(
        name=job.partition.name,
        counts=counts,
        loading_s=loading_s,
        seconds=time.monotonic() - begun,
        ended_at=time.time(),
        memory_mb=memory_mb("VmRSS"),
        peak_mb=memory_mb("VmHWM"),
        pid=os.getpid(),
    )


def _spectra(job: Job) -> Iterator[Read]:
    rules = job.asked.rules
    if job.input is None:
        yield from of_pieces(job.partition, rules)
    else:
        yield from of_pull(Path(job.input), rules)


def of_pieces(partition: Partition, rules: QualityRules) -> Iterator[Read]:
    """The spectra of a partition's files, each with what the models are asked.

    Raises
    ------
    InputChanged
        If a file is not the one that was planned.
    """
    for piece in partition.pieces:
        piece.check()
        place = piece.start or 0
        try:
            for raw in read_spectra(piece.path, piece.rows):
                yield _examined(raw, piece.path, place, rules)
                place += 1
        except MissingExtra:
            raise
        except Exception as error:  # a fault of the reader's: this file ends here, and the others go on
            raw = RawSpectrum(spectrum_id=Path(piece.path).name)
            yield Read(raw, piece.path, place, trouble=_why("reading", error))


def _examined(raw: RawSpectrum, path: str, place: int, rules: QualityRules) -> Read:
    try:
        return Read(raw, path, place, asked(raw, rules))
    except Exception as error:
        return Read(raw, path, place, trouble=_why("quality control", error))


def of_pull(path: Path, rules: QualityRules) -> Iterator[Read]:
    """The spectra that were pulled from a marshal, asked as the service asks."""
    for place, one in enumerate(pulled(path)):
        try:
            known = known_spectrum(one.raw, one.target, rules, light_curve=one.curve_of)
        except Exception as error:
            yield Read(one.raw, None, place, trouble=_why("quality control", error))
        else:
            yield Read(one.raw, None, place, known.item)


def _answered(batch: Sequence[Read], analyst: Analyst, alpha: float) -> list[dict[str, Any]]:
    reports = iter(_asked([one.item for one in batch if one.item is not None], analyst))
    return [_row(one, one.trouble if one.item is None else next(reports), analyst, alpha) for one in batch]


def _row(one: Read, found: Report | str | None, analyst: Analyst, alpha: float) -> dict[str, Any]:
    if isinstance(found, Report):
        spectrum = None if one.item is None else one.item[0].spectrum
        try:
            return row_of(one.raw, found, spectrum, alpha=alpha, file=one.file, place=one.place)
        except ValueError as error:  # an answer that holds no number where one belongs
            found = _why("writing", error)
    return failed_row(one.raw, str(found), file=one.file, place=one.place, bundle=analyst.bundle_id)


def _asked(items: Sequence[Item], analyst: Analyst) -> list[Report | str]:
    """Answers for a batch; when the models fail on it, one by one, so that a single spectrum stops no other."""
    if not items:
        return []
    try:
        return list(analyst.run_many(items))
    except Exception as error:
        if len(items) == 1:
            return [_why("the models", error)]
        return [answered for item in items for answered in _asked([item], analyst)]


def _why(step: str, error: Exception) -> str:
    return f"{step} failed: {type(error).__name__}: {error}"[:_LONGEST]


def memory_mb(what: str) -> float:
    """Resident memory of this process, now (`VmRSS`) or at most (`VmHWM`); 0 where the system does not tell.

    `ru_maxrss` of a process begins with what its parent had.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    found = next((line.split()[1] for line in lines if line.startswith(f"{what}:")), "0")
    return int(found) / 1024
