"""The folder of a run: what is asked, what is planned, and what is finished.

OUT/manifest.json            what is asked of the models, and of which input
OUT/plan.jsonl               a partition a line; written whole before the first is answered
OUT/input/part-*.parquet     of a marshal: the spectra as they were pulled
OUT/answers/part-*.parquet   a finished partition; it is there whole, or not at all
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Final

from plugin.backfill.plan import InputChanged, Partition

FORMAT: Final = 1
_TMP: Final = ".tmp"


class FolderError(Exception):
    """The folder holds something else than this run, or another one works in it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def answers(self) -> Path:
        """Where finished partitions lie."""
        return self.path / "answers"

    @property
    def input(self) -> Path:
        """Where the spectra that were pulled from a marshal lie."""
        return self.path / "input"

    def answer_of(self, name: str) -> Path:
        """The file of a partition's answers."""
        return self.answers / f"{name}.parquet"

    def input_of(self, name: str) -> Path:
        """The file of a partition's spectra, of a marshal."""
        return self.input / f"{name}.parquet"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work in it alone; the kernel lets go when the process dies, however it dies.

        Raises
        ------
        FolderError
            If another process works in it.
        """
        self.answers.mkdir(parents=True, exist_ok=True)
        self.input.mkdir(exist_ok=True)
        with (self.path / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(f"another backfill works in {self.path}") from None
            self._tidy()
            try:
                yield
            finally:
                self._tidy()

    def _tidy(self) -> None:
        """Take away what a process that was killed has left half written."""
        for half in (*self.path.glob(f".*{_TMP}"), *self.path.glob(f"*/.*{_TMP}")):
            half.unlink(missing_ok=True)

    @property
    def manifest(self) -> dict[str, Any] | None:
        """What the run was begun with; None where none was.

        Raises
        ------
        FolderError
            If the file is none of ours.
        """
        path = self.path / "manifest.json"
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise ValueError("another format")
        except ValueError as error:
            raise FolderError(f"{path} is no manifest of this version ({error})") from None
        return found

    def begin(self, manifest: Mapping[str, Any], plan: Iterable[Partition]) -> int:
        """Write down what is asked and planned; how many spectra. With the manifest, the last, the run has begun."""
        count = 0
        with atomically(self.path / "plan.jsonl") as temporary, temporary.open("w", encoding="utf-8") as file:
            for partition in plan:
                file.write(partition.to_json() + "\n")
                count += partition.spectra
        with atomically(self.path / "manifest.json") as temporary:
            plain = {"format": FORMAT, **manifest, "spectra": count}
            temporary.write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return count

    def check(self, manifest: Mapping[str, Any], plan: Iterable[Partition] | None) -> None:
        """Make sure that the run in this folder is the one that is asked for.

        Parameters
        ----------
        plan : iterable of Partition or None
            As it would be planned now; None where the plan is that of an earlier time by intent.

        Raises
        ------
        FolderError
            If something else was asked then.
        InputChanged
            If the input is another.
        """
        then = self.manifest or {}
        changed = _differences(then, {**manifest, "format": FORMAT, "spectra": then.get("spectra")})
        if changed:
            raise FolderError(
                f"{self.path} holds a run with other settings ({'; '.join(changed)}): choose another folder"
            )
        if plan is not None:
            for one, other in zip_longest(self.plan(), plan):
                if one is None or other is None or one != other:
                    raise InputChanged(_change(self.plan(), plan, one, other) + _REMEDY.format(self.path))

    def plan(self) -> Iterator[Partition]:
        """The partitions, in order."""
        with (self.path / "plan.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield Partition.from_json(line)

    def finished(self) -> set[str]:
        """The names of the partitions that are done."""
        return {path.stem for path in self.answers.glob("part-*.parquet")}


_REMEDY: Final = (
    ". The answers in {0} are of the input as it was: choose another folder for the input as it is, or bring it back"
)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> list[str]:
    """Setting by setting what was and what is asked."""
    found = []
    for key in sorted({*then, *now}):
        old, new = then.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{at}{key} ")
        elif old != new:
            found.append(f"{at}{key} was {old}, is {new}")
    return found


def _change(
    then: Iterable[Partition], rest: Iterable[Partition], one: Partition | None, other: Partition | None
) -> str:
    """What is new, gone or changed from the first partition on that is not the same."""
    old: dict[str, tuple[int, int]] = {}
    for partition in then:
        if one is not None and partition.name >= one.name:
            old |= {p.path: (p.size, p.mtime_ns) for p in partition.pieces}
    new = {p.path: (p.size, p.mtime_ns) for part in (other, *rest) if part is not None for p in part.pieces}
    told = {
        "new": sorted(set(new) - set(old)),
        "gone": sorted(set(old) - set(new)),
        "changed": sorted(path for path in set(old) & set(new) if old[path] != new[path]),
    }
    words = [f"{len(paths)} files {what} (such as {paths[0]})" for what, paths in told.items() if paths]
    return "the input is not what it was: " + (", ".join(words) or "the same files in other partitions")


@contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when all of it is written, and is gone otherwise."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_TMP}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            _to_disk(file)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _to_disk(file: IO[bytes]) -> None:
    """A rename that survives a loss of power with what was renamed."""
    os.fsync(file.fileno())
