"""One run: plan or take up again, answer what is not finished, and say what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from plugin.backfill.asked import Asked
from plugin.backfill.cluster import Connecting, flow
from plugin.backfill.folder import FolderError, RunFolder
from plugin.backfill.plan import SPECTRA, Partition, of_files, of_sources
from plugin.backfill.pulled import ArchiveSource, pull, sources_of
from plugin.backfill.work import Done, Job
from plugin.clock import stamp, utc_now

GIVES_UP: Final = 5
"""Partitions that fail one after the other before no more are handed out: then it is not they that are at fault."""


class Input(Protocol):
    """What is gone through."""

    def to_dict(self) -> Mapping[str, Any]:
        """What it is, for the manifest."""

    def plan(self, spectra: int, folder: RunFolder) -> Iterator[Partition]:
        """Its partitions now."""

    def again(self, spectra: int, folder: RunFolder) -> Iterator[Partition] | None:
        """Its partitions when a run is taken up again; None where the first plan counts."""

    def ready(self, partition: Partition, folder: RunFolder) -> str | None:
        """Make sure that a partition can be read; the file of its spectra, None where it names its own."""


@dataclass(frozen=True, slots=True)
class FileInput:
    """Files and folders of them."""

    paths: tuple[Path, ...]

    def to_dict(self) -> Mapping[str, Any]:
        """The paths, in full."""
        return {"files": [str(path.resolve()) for path in self.paths]}

    def plan(self, spectra: int, folder: RunFolder) -> Iterator[Partition]:
        """Every file by name."""
        return of_files(self.paths, spectra=spectra, without=folder.path.resolve())

    def again(self, spectra: int, folder: RunFolder) -> Iterator[Partition] | None:
        """The same, to be compared."""
        return self.plan(spectra, folder)

    def ready(self, partition: Partition, folder: RunFolder) -> str | None:
        """They are where they are."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarshalInput:
    """The spectra that some groups of a marshal see.

    Parameters
    ----------
    photometry : bool
        Whether light curves are pulled too.
    secrets : tuple of str
        Texts that must not be written.
    """

    marshal: ArchiveSource
    url: str
    group_ids: tuple[int, ...]
    photometry: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> Mapping[str, Any]:
        """Which marshal and groups."""
        return {"marshal": self.url, "groups": sorted(self.group_ids), "photometry": self.photometry}

    def plan(self, spectra: int, folder: RunFolder) -> Iterator[Partition]:
        """Every source by name, as the marshal lists them now."""
        return of_sources(sources_of(self.marshal, self.group_ids), spectra=spectra)

    def again(self, spectra: int, folder: RunFolder) -> Iterator[Partition] | None:
        """The first list counts: what came later is the service's work."""
        return None

    def ready(self, partition: Partition, folder: RunFolder) -> str | None:
        """Pull its spectra, unless they are there."""
        path = folder.input_of(partition.name)
        if not path.exists():
            pull(self.marshal, partition, path, photometry=self.photometry, secrets=self.secrets)
        return str(path)


@dataclass(slots=True)
class Outcome:
    """What a run did.

    Parameters
    ----------
    counts : Counter
        Rows by status, of the partitions that were answered now.
    finished, before, planned : int
        Partitions that were answered now, that were finished already, and all.
    failed : dict of str to str
        Partitions that are not finished, each with the reason.
    timings : list of Done
        Of each partition that was answered now.
    """

    planned: int = 0
    before: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    timings: list[Done] = field(default_factory=list)
    _in_a_row: int = 0

    @property
    def finished(self) -> int:
        """Partitions that were answered now."""
        return len(self.timings)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.before + self.finished == self.planned

    def done(self, one: Done) -> None:
        """Take note of a partition that was answered."""
        self._in_a_row = 0
        self.timings.append(one)
        self.counts.update(one.counts)

    def gone_wrong(self, name: str, error: BaseException) -> None:
        """Take note of a partition that was not."""
        self._in_a_row += 1
        self.failed[name] = f"{type(error).__name__}: {error}"

    def hopeless(self) -> bool:
        """Whether so many failed in a row that it is not the partitions."""
        return self._in_a_row >= GIVES_UP


def begin(folder: RunFolder, asked: Asked, of: Input, *, spectra: int = SPECTRA) -> None:
    """Plan the run, or make sure that the one in the folder is the same.

    Raises
    ------
    FolderError, InputChanged
        If the folder holds another run, or its input is another now.
    """
    manifest = {"asked": asked.to_dict(), "input": {**of.to_dict(), "partition": spectra}}
    if folder.manifest is not None:
        folder.check(_without_time(folder.manifest, manifest), of.again(spectra, folder))
        return
    if folder.finished():
        raise FolderError(f"{folder.path} holds answers and no manifest: choose another folder")
    folder.begin({**manifest, "planned_at": stamp(utc_now())}, of.plan(spectra, folder))


def _without_time(then: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**now, "planned_at": then.get("planned_at")}


def work(
    folder: RunFolder,
    asked: Asked,
    of: Input,
    client: Connecting,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Answer what is not finished; no cluster is started where everything is.

    Parameters
    ----------
    client : callable
        Connects to the scheduler.
    advance : callable
        Told how many more spectra are done.

    Raises
    ------
    NoCluster
        If there is nobody to do the work.
    UpstreamError
        If a marshal does not answer. What is finished is kept.
    """
    done = folder.finished()
    outcome = Outcome()
    expected: dict[str, int] = {}
    for partition in folder.plan():
        outcome.planned += 1
        outcome.before += partition.name in done
    if outcome.complete:
        return outcome

    def jobs() -> Iterator[Job]:
        for partition in folder.plan():
            if partition.name not in done:
                expected[partition.name] = partition.spectra
                output = str(folder.answer_of(partition.name).resolve())
                yield Job(partition=partition, asked=asked, input=_ready(of, partition, folder), output=output)

    def finished(one: Done) -> None:
        outcome.done(one)
        advance(expected.pop(one.name))

    with client() as connection:
        flow(connection, jobs(), done=finished, failed=outcome.gone_wrong, stop=outcome.hopeless)
    return outcome


def left(folder: RunFolder) -> int:
    """How many spectra are in partitions that are not finished."""
    done = folder.finished()
    return sum(partition.spectra for partition in folder.plan() if partition.name not in done)


def _ready(of: Input, partition: Partition, folder: RunFolder) -> str | None:
    path = of.ready(partition, folder)
    return None if path is None else str(Path(path).resolve())


def summary(outcome: Outcome, folder: RunFolder) -> Sequence[str]:
    """What became of it, in lines."""
    if not outcome.planned:
        return ("there is no spectrum to answer",)
    if outcome.complete and not outcome.finished:
        return (f"nothing to do: all {outcome.planned} partitions in {folder.path} are finished",)
    counts = ", ".join(f"{number} {status}" for status, number in sorted(outcome.counts.items()) if number)
    lines = [f"{counts or 'nothing'} in {outcome.finished} partitions -> {folder.answers}"]
    if outcome.before:
        lines.append(f"{outcome.before} of {outcome.planned} partitions were finished before")
    if not outcome.complete:
        missing = outcome.planned - outcome.before - outcome.finished
        lines.append(f"{missing} partitions are not finished; the same command goes on with them")
        lines += [f"  {name}: {reason}" for name, reason in list(outcome.failed.items())[:GIVES_UP]]
    return tuple(lines)
