"""What the anomaly and conformal layers cost beside the networks, in batches of 16 (`make benchmark`)."""

import numpy as np
import pytest

from models.anomaly_layer import AnomalyLayer
from models.bundle import load
from models.domain import FINE_CLASSES, Spectrum, Verdict
from models.spectral.prepare import prepare
from tests.benchmarks.test_inference import fastest

pytestmark = pytest.mark.benchmark
BATCH = 16
LIMIT_MS = 50.0


def test_scoring_costs_less_than_fifty_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    bundle = load()
    assert bundle.sentinel is not None
    layer = AnomalyLayer(bundle.sentinel)
    rng = np.random.default_rng(0)
    wavelength = np.arange(3700.0, 9300.0, 8.0)
    prepared = [
        prepare(Spectrum(spectrum_id=str(i), wavelength_A=wavelength, flux=2 + rng.normal(size=700).cumsum() / 50))
        for i in range(BATCH)
    ]
    prediction = bundle.ensemble.predict(prepared)
    verdict = Verdict(
        label=FINE_CLASSES[0], probabilities=dict.fromkeys(FINE_CLASSES, 1 / 7), coarse={}, spread={}, members=1
    )

    def scored() -> None:
        judged = layer.judge(prediction, [8.0] * BATCH)
        for i in range(BATCH):
            judged.findings(i, verdict, FINE_CLASSES[:1])

    networks = 1e3 * fastest(lambda: bundle.ensemble.predict(prepared)) / BATCH
    scoring = 1e3 * fastest(scored) / BATCH
    with capsys.disabled():
        print(
            f"\n{len(bundle.ensemble.members)} networks {networks:.1f} ms a spectrum, scores, p-values, policy and "
            f"analogs {scoring:.1f} ms: {100 * scoring / (scoring + networks):.0f} % of the whole"
        )
    assert scoring < LIMIT_MS
