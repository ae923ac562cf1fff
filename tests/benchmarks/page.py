"""The page of what an answer costs: `python -m tests.benchmarks.page FILE`, on one core (`make benchmark-page`)."""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.analyst import Analyst
from models.bundle import Bundle, load
from models.domain import Spectrum
from models.spectral.prepare import prepare
from tests.models.reference import asked, plain

MANY, ROUNDS, SIZE = 64, 5, 1024


def operations(bundle: Bundle) -> int:
    """Floating-point operations of one spectrum through every member; what is the same for all is counted once."""
    nothing, total = torch.zeros(1, 3), 0
    for i, member in enumerate(bundle.ensemble.members):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            member.net(torch.zeros(1, 4096), torch.ones(1, 4096), nothing, nothing)
        total += counter.get_total_flops()
        if i and member.net.rebin is not None:
            with FlopCounterMode(display=False) as shared, torch.inference_mode():
                member.net.rebin(torch.zeros(1, 2, 4096), torch.ones(1, 4096))
            total -= shared.get_total_flops()
    return total


def measured(works: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Milliseconds of CPU for one spectrum: the least disturbed of some rounds, all works by turns in each."""
    found = dict.fromkeys(works, np.inf)
    for number in range(ROUNDS + 1):
        for name, (work, spectra) in works.items():
            started = time.process_time()
            work()
            if number:  # the first round is the warm-up
                found[name] = min(found[name], 1e3 * (time.process_time() - started) / spectra)
    return found


def page() -> str:
    """Measure, and say it as Markdown."""
    bundle = load()
    assert bundle.sentinel is not None
    slow = plain(bundle)
    fast_way, slow_way = Analyst(bundle), Analyst(slow)
    rng, wave = np.random.default_rng(0), np.arange(3700.0, 9300.0, 8.0)
    flux = 2 + rng.normal(size=(MANY, wave.size)).cumsum(1) / 50
    spectra = [Spectrum(spectrum_id=str(i), wavelength_A=wave, flux=f) for i, f in enumerate(flux)]
    items, prepared = asked(spectra), [prepare(s) for s in spectra]
    many = bundle.ensemble.predict(prepared)
    one = many.rows(np.arange(MANY) == 0)
    a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    ms = measured(
        {
            "floor": (lambda: a @ b, 1),
            "prepare": (lambda: [prepare(s) for s in spectra], MANY),
            "plain networks": (lambda: slow.ensemble.predict(prepared), MANY),
            "plain networks alone": (lambda: slow.ensemble.predict(prepared[:1]), 1),
            "networks": (lambda: bundle.ensemble.predict(prepared), MANY),
            "networks alone": (lambda: bundle.ensemble.predict(prepared[:1]), 1),
            "scores": (lambda: bundle.sentinel.judge(many), MANY),
            "scores alone": (lambda: bundle.sentinel.judge(one), 1),
            "neighbours alone": (lambda: bundle.sentinel.analogs.nearest(one.embedding[0]), 1),
            "whole": (lambda: fast_way.run_many(items), MANY),
            "whole alone": (lambda: fast_way.run(items[0][0]), 1),
            "plain whole alone": (lambda: slow_way.run(items[0][0]), 1),
        }
    )
    work, speed = operations(bundle), 2e-6 * SIZE**3 / ms["floor"]
    floor = 1e-6 * work / speed
    rest = {s: ms[f"whole{s}"] - ms[f"networks{s}"] - ms[f"scores{s}"] - ms["prepare"] for s in ("", " alone")}
    lines = [
        (f"Networks, {len(bundle.ensemble.members)} members", ms["networks alone"], ms["networks"], True),
        ("One network after the other, in padded sixteens", ms["plain networks alone"], ms["plain networks"], True),
        ("Preparing", ms["prepare"], ms["prepare"], False),
        ("Anomaly scores and their combination", ms["scores alone"], ms["scores"], False),
        ("Neighbours in the archive", ms["neighbours alone"], ms["neighbours alone"], False),
        ("Matching, conformal layer, neighbours and report", rest[" alone"], rest[""], False),
        ("Whole answer", ms["whole alone"], ms["whole"], False),
        ("Whole answer, one network after the other", ms["plain whole alone"], None, False),
    ]
    table = "\n".join(
        f"| {name} | {alone:.1f} | {'-' if bulk is None else f'{bulk:.1f}'} | "
        + (f"{alone / floor:.1f} and {bulk / floor:.2f}" if ratio and bulk is not None else "-")
        + " |"
        for name, alone, bulk, ratio in lines
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"""# What an answer costs

Milliseconds of CPU time for one spectrum on one core, warm: alone, and as one of {MANY} that are asked together. Made
by `make benchmark-page`; all rows are measured by turns in one run, and the least disturbed of {ROUNDS} rounds counts.
Machines differ, so compare ratios. The floor is a plain matrix product of {SIZE} x {SIZE} single-precision numbers: it
did {speed:.0f} GFLOP/s; {work / 1e6:.0f} MFLOP of the networks for one spectrum
take it {floor:.1f} ms.

| Part | Alone, ms | Together, ms | Times the floor, alone and together |
|---|---|---|---|
{table}

The spectra are made up (`{bundle.bundle_id}`, {MANY} random walks). Highest memory of the process, with both ways of
answering loaded: {memory:.0f} MB. Not measured here: cards, a cycle of many spectra, requests and bytes of a marshal,
NEEDLE, archives, and growth with size; `make benchmark` prints those of them that have a benchmark.
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
