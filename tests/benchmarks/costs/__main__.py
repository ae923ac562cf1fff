"""Measure everything, and write the pages: `make benchmark-page`. With `--pages`, only the pages, from the figures."""

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import torch

from tests.benchmarks.costs.alerts import alerts
from tests.benchmarks.costs.answer import answer
from tests.benchmarks.costs.cycle import cycles
from tests.benchmarks.costs.growth import matching, search
from tests.benchmarks.costs.measure import machine
from tests.benchmarks.costs.needle import needle
from tests.benchmarks.costs.render import page
from tests.benchmarks.costs.scaling import filled, tables
from tests.benchmarks.costs.store import store

DOCS = Path(__file__).parents[3] / "docs"
CYCLES_S = 330.0
"""No further cycle begins after so long: on a busy machine there are fewer."""


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Every figure; some ten minutes on two quiet cores."""
    begun = time.monotonic()
    figures: dict[str, Any] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    with tempfile.TemporaryDirectory(prefix="astranet-costs-") as name:
        first, folder = Path(name) / "first.sqlite", Path(name)
        steps: dict[str, Callable[[], Any]] = {
            "answer": answer,
            "needle": needle,
            "growth": lambda: {"search": search(), "matching": matching()},
            "alerts": alerts,
            "cycle": lambda: cycles(first, longest_s=CYCLES_S, progress=tell),
            "store": lambda: store(first, folder, progress=tell),
        }
        for step, work in steps.items():
            tell(step)
            figures[step] = work()
    figures["load_after"] = machine()["load_before"]
    figures["took_s"] = round(time.monotonic() - begun)
    return figures


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The figures of the last run, and those of `astranet backfill` where there are any."""
    backfill = folder / "results" / "backfill.json"
    figures: dict[str, Any] = json.loads((folder / "results" / "benchmarks.json").read_text(encoding="utf-8"))
    return figures, json.loads(backfill.read_text(encoding="utf-8")) if backfill.is_file() else None


def write(folder: Path) -> None:
    """Make both pages from the figures."""
    figures, backfill = read(folder)
    (folder / "results" / "benchmarks.md").write_text(page(figures, backfill), encoding="utf-8")
    scaling = folder / "scaling.md"
    scaling.write_text(filled(scaling.read_text(encoding="utf-8"), tables(figures, backfill)), encoding="utf-8")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="Folder of the documentation.")
    parser.add_argument("--pages", action="store_true", help="Measure nothing; write the pages from the figures.")
    given = parser.parse_args()
    if not given.pages:
        torch.set_num_threads(1)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        begun = time.monotonic()
        figures = measure(lambda what: print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True))
        text = json.dumps(figures, indent=1)
        (given.docs / "results" / "benchmarks.json").write_text(f"{text}\n", encoding="utf-8")
    write(given.docs)


if __name__ == "__main__":
    main()
