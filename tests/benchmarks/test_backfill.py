"""The benchmark of a backfill, small; `tests/benchmarks/backfill.py` tells how it is made large."""

import pytest

from tests.benchmarks.backfill import Wanted, benchmark, fragment


@pytest.mark.benchmark
def test_two_workers_and_one(capsys: pytest.CaptureFixture[str]) -> None:
    figures = benchmark(Wanted(sizes=(192, 384), rounds=1, partition=32))
    with capsys.disabled():
        print("\n" + fragment(figures))
    assert [run["spectra"] for run in figures["runs"]] == [192, 384]
    assert all(run["counts"]["ok"] > 0.9 * run["spectra"] for run in figures["runs"])
