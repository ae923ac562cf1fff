"""What an answer costs, against the time of as many floating-point operations in one plain matrix product.

`make benchmark` prints the table. Ratios of one run only: machines differ, and the same machine from minute to minute.
"""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.bundle import load
from models.domain import Spectrum
from models.spectral.ensemble import Ensemble
from models.spectral.net import PAPER, ASTRANet
from models.spectral.prepare import prepare

pytestmark = pytest.mark.benchmark
REPEATS = 5
PAPER_BATCH = 16


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of some repeats: the one least disturbed."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def operations(net: ASTRANet) -> int:
    """Floating-point operations of one spectrum through one member."""
    nothing = torch.zeros(1, 3)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.zeros(1, 4096), torch.ones(1, 4096), nothing, nothing)
    return counter.get_total_flops()


def seconds_per_operation(n: int = 1024) -> float:
    """Of a plain single-precision matrix product on this machine: the floor."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    return fastest(lambda: a @ b) / (2 * n**3)


def test_inference_against_the_floor(capsys: pytest.CaptureFixture[str]) -> None:
    bundle = load()
    rng = np.random.default_rng(0)
    wavelength = np.arange(3700.0, 9300.0, 8.0)
    spectra = [
        Spectrum(spectrum_id=str(i), wavelength_A=wavelength, flux=2 + rng.normal(size=wavelength.size).cumsum() / 50)
        for i in range(64)
    ]
    prepared = [prepare(s) for s in spectra]
    floor = seconds_per_operation()
    everyone = bundle.ensemble
    one, six = (Ensemble(everyone.members[:n], readout=everyone.readout) for n in (1, 6))
    flop = operations(everyone.members[0].net)
    rows = [("preparing one spectrum", fastest(lambda: prepare(spectra[0])), 0, 1)]
    for name, ensemble in (
        ("one member", one),
        ("six members", six),
        (f"all {len(everyone.members)} members", everyone),
    ):
        for n in (1, 64):
            seconds = fastest(lambda e=ensemble, k=n: e.predict(prepared[:k])) / n
            rows.append((f"{name}, {n} at once", seconds, sum(operations(m.net) for m in ensemble.members), n))
    paper = ASTRANet(PAPER).eval()
    flux, nothing = torch.randn(PAPER_BATCH, 4096), torch.zeros(PAPER_BATCH, 3)
    with torch.inference_mode():
        full = fastest(lambda: paper(flux, torch.ones_like(flux), nothing, nothing)) / PAPER_BATCH
    rows.append((f"paper preset, one member, {PAPER_BATCH} at once", full, operations(paper), PAPER_BATCH))
    with capsys.disabled():
        print(f"\nfloor: {1e-9 / floor:.0f} GFLOP/s in a matrix product; one member: {flop / 1e9:.3f} GFLOP a spectrum")
        print(f"{'':44s} {'ms a spectrum':>14s} {'times the floor':>16s}")
        for name, seconds, work, _ in rows:
            ratio = f"{seconds / (work * floor):16.1f}" if work else f"{'-':>16s}"
            print(f"{name:44s} {1e3 * seconds:14.2f} {ratio}")
    many, alone = rows[-2][1], rows[-3][1]
    assert many < alone, (
        "a batch must be cheaper for each spectrum than a single one, which reads every weight for itself"
    )
