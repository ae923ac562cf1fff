"""What one thread saves beside busy neighbours, and what it costs on a free machine.

`make benchmark` prints the table. Every figure is a ratio to the free machine, as shipped, in one run.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.benchmark

CLASSIFY = """
import json, time
import plugin
import numpy as np
from models.bundle import load
from models.domain import Spectrum
from models.spectral.prepare import prepare

rng = np.random.default_rng(0)
wavelength = np.arange(3700.0, 9300.0, 8.0)
fluxes = 2 + rng.normal(size=(16, wavelength.size)).cumsum(1) / 50
spectra = [prepare(Spectrum(spectrum_id=str(i), wavelength_A=wavelength, flux=f)) for i, f in enumerate(fluxes)]
ensemble = load().ensemble
ensemble.predict(spectra[:1])
times = []
for _ in range(3):
    started = time.perf_counter()
    answer = ensemble.predict(spectra)
    times.append(time.perf_counter() - started)
print(json.dumps({"seconds": sorted(times)[1], "probabilities": answer.fine.tolist()}))
"""
NEIGHBOUR = "import torch; torch.set_num_threads(1); a = torch.randn(512, 512)\nwhile True: a = (a @ a).tanh()"
CORES = os.cpu_count() or 1
WAYS = {
    "as shipped": {},
    "all cores": {"OMP_NUM_THREADS": str(CORES)},
    "all, not spinning": {"OMP_NUM_THREADS": str(CORES), "OMP_WAIT_POLICY": "passive"},
}


@contextmanager
def neighbours(n: int) -> Iterator[None]:
    """Other processes that keep a core busy each."""
    children = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in range(n)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def classified(settings: dict[str, str]) -> dict[str, Any]:
    """Median time and answers of a process of its own: OpenMP reads its settings once."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", CLASSIFY], env=clean | settings, capture_output=True, text=True, check=True, timeout=900
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_beside_busy_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    counts = (0, max(1, CORES // 2), CORES)
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for n in counts:
        with neighbours(n):
            for way, settings in WAYS.items():
                rows[way, n] = classified(settings)
    unit = rows["as shipped", 0]["seconds"]
    with capsys.disabled():
        print(f"\n16 spectra at once on {CORES} cores, times the free machine as shipped")
        print(f"{'busy neighbours':16s}" + "".join(f"{way:>19s}" for way in WAYS))
        for n in counts:
            print(f"{n:<16d}" + "".join(f"{rows[way, n]['seconds'] / unit:19.2f}" for way in WAYS))
    expected = np.array(rows["as shipped", 0]["probabilities"])
    for row in rows.values():
        np.testing.assert_allclose(np.array(row["probabilities"]), expected, atol=1e-4)
