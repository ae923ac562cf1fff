"""What a backfill does, measured in one run: workers, growth and memory.

    BACKFILL_DATA=spectra.parquet BACKFILL_MINUTES=14 python -m tests.benchmarks.backfill docs/results

writes `backfill.md` and `backfill.json` there (`make benchmark-backfill` does). By the environment:

    BACKFILL_DATA        Parquet file whose spectra are copied with noise; without it simulated ones are
    BACKFILL_SIZES       1000,3000,10000: how many spectra the runs with two workers have
    BACKFILL_ROUNDS      2: how often one and two workers are compared, by turns, on the smallest size
    BACKFILL_MINUTES     0: go on after that with as many spectra as the rest of so many minutes allows
    BACKFILL_PARTITION   128: spectra of a partition
    BACKFILL_BUNDLE      folder of another bundle

The steady rate counts from when the last worker has its models to when the first one has nothing left to do; starting
the workers and loading the models stand beside it. Figures are ratios within one run; the machine must be quiet.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from plugin.backfill.asked import Asked
from plugin.backfill.cluster import connected
from plugin.backfill.folder import RunFolder
from plugin.backfill.run import FileInput, begin, work
from plugin.backfill.work import Done, memory_mb
from plugin.settings import Settings
from tests.benchmarks.copies import write


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is measured."""

    sizes: tuple[int, ...] = (1000, 3000, 10_000)
    rounds: int = 2
    minutes: float = 0.0
    partition: int = 128
    data: Path | None = None
    bundle: Path | None = None

    @classmethod
    def of_environment(cls) -> "Wanted":
        """By the variables above."""
        env = {k.removeprefix("BACKFILL_").lower(): v for k, v in os.environ.items() if k.startswith("BACKFILL_") and v}
        kinds: dict[str, Any] = {
            "sizes": lambda text: tuple(int(n) for n in text.split(",")),
            "rounds": int,
            "minutes": float,
            "partition": int,
            "data": Path,
            "bundle": Path,
        }
        return cls(**{name: kinds[name](text) for name, text in env.items()})

    @property
    def command(self) -> str:
        """How the same is asked for."""
        sizes = f"BACKFILL_SIZES={','.join(map(str, self.sizes))} BACKFILL_ROUNDS={self.rounds} "
        more = f"BACKFILL_MINUTES={self.minutes:g} " if self.minutes else ""
        return f"{sizes}{more}make benchmark-backfill" + ("" if self.data is None else f" DATA={self.data.name}")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: seconds since its first worker began, and what each partition told."""

    workers: int
    spectra: int
    start_s: float
    loading_s: float
    seconds: float
    rate: float
    whole_s: float
    memory: list[dict[str, float]] = field(repr=False)
    peak_mb: float
    client_mb: float
    counts: dict[str, int]


def measured(archive: Path, count: int, workers: int, wanted: Wanted, asked: Asked, place: Path) -> Run:
    """One run over the first spectra of an archive."""
    folder, of = RunFolder(place), FileInput((archive,))
    told = [time.monotonic()]
    say = said(f"{count} spectra, {workers} worker{'s' * (workers > 1)}", count)
    with folder.held():
        begin(folder, asked, of, spectra=wanted.partition)
        outcome = work(folder, asked, of, lambda: connected(None, workers), advance=say)
    whole = time.monotonic() - told[0]
    assert outcome.complete, outcome.failed
    assert sum(outcome.counts.values()) == count
    done = sorted(outcome.timings, key=lambda one: one.ended_at)
    first, last = min(one.ended_at - one.seconds for one in done), done[-1].ended_at
    loading = [one.loading_s for one in done if one.loading_s]
    return Run(
        workers=workers,
        spectra=count,
        start_s=whole - (last - first) - max(loading, default=0.0),
        loading_s=max(loading, default=0.0),
        seconds=last - first,
        rate=steady(done),
        whole_s=whole,
        memory=[{"at_s": one.ended_at - first, "pid": one.pid, "mb": one.memory_mb} for one in done],
        peak_mb=max(one.peak_mb for one in done),
        client_mb=memory_mb("VmRSS"),
        counts=dict(outcome.counts),
    )


def steady(done: Sequence[Done]) -> float:
    """Spectra in a second while every worker had its models and none was without work."""
    own = {pid: [one for one in done if one.pid == pid] for pid in {one.pid for one in done}}
    begun = max(min(one.ended_at - one.seconds for one in some) for some in own.values())
    ended = min(max(one.ended_at for one in some) for some in own.values())
    count = 0.0
    for one in done:
        inside = min(one.ended_at, ended) - max(one.ended_at - one.seconds, begun)
        count += sum(one.counts.values()) * max(inside, 0.0) / one.seconds
    return count / (ended - begun)


def slope(runs: Sequence[Run]) -> float | None:
    """Of the logarithm of time by that of number; 1 is linear."""
    x, y = (np.log([getattr(run, name) for run in runs]) for name in ("spectra", "seconds"))
    return float(np.polyfit(x, y, 1)[0]) if len(runs) > 1 else None


def growth(run: Run) -> float | None:
    """Megabytes that a worker's memory grows by in a thousand spectra of its own, over the second half of the run."""
    fits = []
    for pid in {point["pid"] for point in run.memory}:
        every = [point["mb"] for point in run.memory if point["pid"] == pid]
        own, each = every[len(every) // 2 :], run.spectra / len(run.memory)  # memory fills up at first
        if len(own) > 2:
            fits.append(1000 / each * float(np.polyfit(np.arange(len(own)), own, 1)[0]))
    return float(np.mean(fits)) if fits else None


def said(what: str, total: int) -> Any:
    """Tells of progress now and then."""
    count, last, begun = 0, time.monotonic(), time.monotonic()

    def advance(n: int) -> None:
        nonlocal count, last
        count += n
        if time.monotonic() - last > 10 or count >= total:
            last = time.monotonic()
            print(f"{what}: {count} of {total}, {last - begun:.0f} s", flush=True)

    return advance


def benchmark(wanted: Wanted) -> dict[str, Any]:
    """Everything; the figures as plain JSON types."""
    begun = time.monotonic()
    asked = Asked.of(Settings(**({} if wanted.bundle is None else {"bundle": wanted.bundle})))
    pairs: list[tuple[Run, Run]] = []
    runs: list[Run] = []
    with TemporaryDirectory() as name:
        place = Path(name)

        def one(count: int, workers: int) -> Run:
            archive = place / f"copies-{count}"
            if not archive.exists():
                write(archive, count, data=wanted.data, seed=count)
            run = measured(archive, count, workers, wanted, asked, place / f"out-{time.monotonic_ns()}")
            print(f"  {run.rate:.2f} spectra/s steady, {run.seconds:.1f} s, {run.peak_mb:.0f} MB at most", flush=True)
            return run

        smallest, *more = sorted(wanted.sizes)
        for _ in range(wanted.rounds):
            pairs.append((one(smallest, 1), one(smallest, 2)))
        runs.append(pairs[-1][1])
        runs += [one(count, 2) for count in more]
        left = 60 * wanted.minutes - (time.monotonic() - begun) - runs[-1].start_s - runs[-1].loading_s
        further = int(0.95 * left * runs[-1].rate) if left > 0 else 0
        if further > smallest:
            runs.append(one(further, 2))
    efficiency = [two.rate / (2 * one.rate) for one, two in pairs]
    return {
        "asked": wanted.command,
        "bundle": asked.bundle_id,
        "data": "simulated" if wanted.data is None else wanted.data.name,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
        "partition": wanted.partition,
        "efficiency": efficiency,
        "slope": slope(runs),
        "growth_mb_per_1000": growth(runs[-1]),
        "pairs": [[asdict(run) for run in pair] for pair in pairs],
        "runs": [asdict(run) for run in runs],
    }


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """What other pages take from a run."""
    last = figures["runs"][-1]
    ones = [one["rate"] for one, _ in figures["pairs"]]
    return {
        "bundle": figures["bundle"],
        "spectra_of_the_last_run": last["spectra"],
        "spectra_a_second_with_one_worker": ones,
        "spectra_a_second_with_two_workers": [two["rate"] for _, two in figures["pairs"]],
        "efficiency_of_two_workers": figures["efficiency"],
        "slope": figures["slope"],
        "growth_mb_per_1000": figures["growth_mb_per_1000"],
        "most_mb_of_a_worker": last["peak_mb"],
        "core_seconds_per_spectrum": 1.0 / float(np.median(ones)),
    }


def fragment(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [run for pair in figures["pairs"] for run in pair] + figures["runs"][1:]
    table = "\n".join(
        f"| {r['spectra']} | {r['workers']} | {r['start_s']:.1f} | {r['loading_s']:.1f} | {r['seconds']:.1f} | "
        f"{r['rate']:.2f} | {r['peak_mb']:.0f} | {r['client_mb']:.0f} |"
        for r in rows
    )
    last = figures["runs"][-1]
    memory = [point["mb"] for point in last["memory"]]
    parts = [np.median(part) for part in np.array_split(memory, min(8, len(memory)))]
    efficiency = ", ".join(f"{e:.3f}" for e in figures["efficiency"])
    kind = "simulated spectra" if figures["data"] == "simulated" else f"real spectra (`{figures['data']}`)"
    linear, more = (
        "not measured" if figures[name] is None else f"{figures[name]:.3f}" for name in ("slope", "growth_mb_per_1000")
    )
    medians = ", ".join(f"{p:.0f}" for p in parts)
    return f"""# What a backfill does

Noise copies of {kind}, answered by `{figures["bundle"]}` in partitions of {figures["partition"]}, on {figures["cores"]}
cores with a load of {figures["load"]:.1f} while it ran. Machines differ: compare ratios. "Start" is the cluster,
"models" what the slowest worker took to load them; "answering" begins with the first partition, and the steady rate
counts while every worker has its models and work to do.

| spectra | workers | start, s | models, s | answering, s | steady, a second | most MB of a worker | client, MB |
|---|---|---|---|---|---|---|---|
{table}

- Efficiency of two workers, their steady rate over twice that of one, by turns: {efficiency}.
- Time grows as the number of spectra to the power {linear} (1 is linear), over the runs with two workers.
- Memory of the workers in each part of the last run, medians in MB: {medians}; over the second half
  it grows by {more} MB in a thousand spectra of one worker.

Made by `{figures["asked"]}`; the first lines of `tests/benchmarks/backfill.py` tell how it is asked for more.
MB are 2^20 bytes.
"""


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    result = benchmark(Wanted.of_environment())
    (out / "backfill.json").write_text(json.dumps(summary(result), indent=1) + "\n", encoding="utf-8")
    (out / "backfill.md").write_text(fragment(result), encoding="utf-8")
