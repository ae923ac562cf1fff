"""How something is measured on a machine that others use: by turns with a floor, several times, median and spread."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

SIZE: Final = 1024
"""Rows and columns of the matrices whose product is the floor."""
PRODUCTS: Final = 3
"""Of them in one turn of the floor; it is the time of one."""
FLOOR: Final = "floor"

Work = Callable[[], object]
Figure = dict[str, float]
"""Median and quartiles over the rounds: `median`, `low`, `high`."""


def figure(values: Sequence[float]) -> Figure:
    """Median and quartiles, four digits of each."""
    low, median, high = np.quantile(np.asarray(values, float), (0.25, 0.5, 0.75))
    return {"median": rounded(median), "low": rounded(low), "high": rounded(high)}


def rounded(value: float, digits: int = 4) -> float:
    """To so many significant digits."""
    return float(f"{float(value):.{digits}g}")


def product() -> Work:
    """Products of two matrices of single precision, each of 2 SIZE^3 operations."""
    a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    return lambda: [a @ b for _ in range(PRODUCTS)]


def spent(work: Work, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of processor time that a work takes."""
    started = clock()
    work()
    return clock() - started


def by_turns(
    works: Mapping[str, tuple[Work, int]], *, rounds: int, floor: Work | None = None
) -> dict[str, dict[str, Figure]]:
    """Processor time of each work for one of the things it does, and that in floors taken right before it.

    Parameters
    ----------
    works : mapping of str to (callable, int)
        What is measured, and how many things it does in one call. All take turns in every round; one round before
        the first is the warm-up.
    rounds : int
    floor : callable, optional
        What each is compared with; one product of two matrices by default.

    Returns
    -------
    dict
        By work, and `floor` itself: `ms`, and `floors`, its ratio to the floor of the same turn.
    """
    in_one = PRODUCTS if floor is None else 1
    floor = floor or product()
    times: dict[str, list[float]] = {name: [] for name in works}
    ratios: dict[str, list[float]] = {name: [] for name in works}
    floors: list[float] = []
    for number in range(rounds + 1):
        for name, (work, count) in works.items():
            unit = spent(floor) / in_one
            seconds = spent(work) / count
            if number:
                floors.append(1e3 * unit)
                times[name].append(1e3 * seconds)
                ratios[name].append(seconds / unit)
    found = {name: {"ms": figure(times[name]), "floors": figure(ratios[name])} for name in works}
    return {FLOOR: {"ms": figure(floors)}, **found}


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Of the straight line through the logarithms of both: 0 where nothing grows, 1 where all grows in proportion.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or something is not positive.
    """
    x, y = np.asarray(sizes, float), np.asarray(values, float)
    if len(x) < 2 or (x <= 0).any() or (y <= 0).any():
        raise ValueError("a slope needs two sizes or more, and positive values")
    return rounded(np.polyfit(np.log(x), np.log(y), 1)[0], 3)


def resident_MiB() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return rounded(pages * resource.getpagesize() / 2**20)


def machine() -> dict[str, Any]:
    """What it was measured on, in words that name no host."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    flags = next((line for line in _lines("/proc/cpuinfo") if line.startswith("flags")), "")
    widest = next((name for name in ("avx512f", "avx2") if f" {name}" in flags), "")
    load = float((_lines("/proc/loadavg") or ["0"])[0].split()[0])
    return {"processor": models[0] if models else "", "cores": len(models), "vectors": widest, "load_before": load}


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.is_file() else []
