"""Measure everything, and write the pages: `make benchmark-page`. With `--pages`, only the pages, from the figures."""

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import torch

from tests.benchmarks.costs.alerts import ALERTS, alerts
from tests.benchmarks.costs.answer import answer
from tests.benchmarks.costs.cycle import cycles
from tests.benchmarks.costs.growth import BANKS, SIZES, matching, search
from tests.benchmarks.costs.measure import machine
from tests.benchmarks.costs.needle import needle
from tests.benchmarks.costs.render import page
from tests.benchmarks.costs.scaling import filled, tables
from tests.benchmarks.costs.store import TIMES, store

DOCS = Path(__file__).parents[3] / "docs"
CYCLES_S = 360.0
"""No further cycle begins after so long: on a busy machine there are fewer."""


STEPS = ("answer", "needle", "growth", "alerts", "service")


def measure(step: str, tell: Callable[[str], None], *, quick: bool) -> dict[str, Any]:
    """The figures of one step, by their names.

    Parameters
    ----------
    quick : bool
        True: hardly any of everything, to try whether it runs.
    """
    cycle, rounds = ({"spectra": 40, "times": 2}, {"rounds": 1}) if quick else ({}, {})
    curves = 2 if quick else 3
    if step == "answer":
        return {"answer": answer(**rounds)}
    if step == "needle":
        return {"needle": needle(**rounds)}
    if step == "growth":
        return {"growth": {"search": search(SIZES[:curves]), "matching": matching(BANKS[:curves])}}
    if step == "alerts":
        return {"alerts": alerts(count=40 if quick else ALERTS)}
    with tempfile.TemporaryDirectory(prefix="astranet-costs-") as name:
        first = Path(name) / "first.sqlite"
        found = cycles(first, longest_s=CYCLES_S, progress=tell, **cycle)
        return {"cycle": found, "store": store(first, Path(name), times=(1, 2, 4) if quick else TIMES, progress=tell)}


def run(folder: Path, steps: Sequence[str], *, quick: bool) -> None:
    """Take some steps, and keep the figures after each; those of other steps stay as they are."""
    file, begun = folder / "results" / "benchmarks.json", time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True)

    now = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    for step in steps:
        tell(step)
        started = time.monotonic()
        found = {**now, **measure(step, tell, quick=quick), "load_after": machine()["load_before"]}
        before: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        took = {**before.get("took_s", {}), step: round(time.monotonic() - started)}
        file.write_text(f"{json.dumps({**before, **found, 'took_s': took}, indent=1)}\n", encoding="utf-8")
    tell("done")


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The figures of the last run, and those of `astranet backfill` where there are any."""
    backfill = folder / "results" / "backfill.json"
    figures: dict[str, Any] = json.loads((folder / "results" / "benchmarks.json").read_text(encoding="utf-8"))
    return figures, json.loads(backfill.read_text(encoding="utf-8")) if backfill.is_file() else None


def write(folder: Path) -> None:
    """Make both pages from the figures, if they are complete."""
    figures, backfill = read(folder)
    missing = [name for name in ("answer", "needle", "growth", "alerts", "cycle", "store") if name not in figures]
    if missing:
        print(f"no page yet, not measured: {', '.join(missing)}", flush=True)
        return
    (folder / "results" / "benchmarks.md").write_text(page(figures, backfill), encoding="utf-8")
    scaling = folder / "scaling.md"
    scaling.write_text(filled(scaling.read_text(encoding="utf-8"), tables(figures, backfill)), encoding="utf-8")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="Folder of the documentation.")
    parser.add_argument("--pages", action="store_true", help="Measure nothing; write the pages from the figures.")
    parser.add_argument("--quick", action="store_true", help="Hardly any of everything, to try whether it runs.")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS, help="Measure only these anew.")
    given = parser.parse_args()
    if not given.pages:
        torch.set_num_threads(1)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        run(given.docs, given.only, quick=given.quick)
    write(given.docs)


if __name__ == "__main__":
    main()
