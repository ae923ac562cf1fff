"""Time of one object's images, part by part; ratios of one run only. `make benchmark` prints the table."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from models.domain import Cutouts, Host
from models.needle.hybrid.inputs import NAMES, masked_input
from models.needle.hybrid.model import load as load_hybrid
from models.needle.hybrid.net import PRESETS
from models.needle.images.mask import mask_pair
from models.needle.images.prepare import prepare
from models.needle.images.quality import load
from models.needle.images.restore import restore
from models.needle.images.stamps import central
from models.needle.lightcurves.features import features, vector
from models.needle.lightcurves.lightcurve import clean
from models.training.needle.augment import augment
from tests.models.needle.hybrids import curve, write_model
from tests.models.needle.stamps import field, sky, star

pytestmark = pytest.mark.benchmark
REPEATS = 7


def fastest(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest of some repeats: the one least disturbed."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1000 * min(times)


def test_parts_of_one_object_add_up_to_the_whole(capsys):
    science, reference = (sky(seed, 63) + star(31, 31, 600, size=63) for seed in (1, 2))
    damaged = field(1)
    damaged[:10] = np.nan
    epoch = Cutouts(candid="1", band="r", mjd=1.0, science=science, template=reference)
    checker = load()
    images = [central(stamp) for stamp in (science, reference)]
    pair = mask_pair(*images, np.random.default_rng(0))
    parts = {
        "cut": fastest(lambda: [central(stamp) for stamp in (science, reference)]),
        "quality": fastest(lambda: checker.judge(images)),
        "mask": fastest(lambda: mask_pair(*images, np.random.default_rng(0))),
    }
    whole = fastest(lambda: prepare([epoch], checker))
    extra = {
        "restore": fastest(lambda: restore(damaged, field(2), np.random.default_rng(0))),
        "augment": fastest(lambda: augment(pair, np.random.default_rng(0))),
    }
    with capsys.disabled():
        print(f"\nimages of one object {whole:8.2f} ms")
        for name, took in {**parts, **extra}.items():
            print(f"  {name:18} {took:8.2f} ms  {took / whole:5.2f} of the whole")
    assert sum(parts.values()) / whole < 3
    assert whole / sum(parts.values()) < 3


def test_parts_of_a_hybrid_answer(capsys, tmp_path):
    """The whole way of one object with stamps, with an untrained network of the shipped size."""
    write_model(tmp_path / "m", config=PRESETS["small"])
    model, checker = load_hybrid(tmp_path / "m"), load()
    science, reference = (sky(seed, 63) + star(31, 31, 600, size=63) for seed in (1, 2))
    epoch, light = Cutouts(candid="1", band="r", mjd=19.0, science=science, template=reference), curve()
    host = Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0)
    points = clean(light, 0.02)
    pair = mask_pair(central(science), central(reference), np.random.default_rng(0))
    row = vector(features(points, host, 0.02), NAMES)[None]
    parts = {
        "clean": fastest(lambda: clean(light, 0.02)),
        "images": fastest(lambda: prepare([epoch], checker)),
        "features": fastest(lambda: vector(features(points, host, 0.02))),
        "network": fastest(lambda: model.probabilities(masked_input(pair)[None], row, "TH", "purity")),
    }
    whole = fastest(lambda: model.answer(light, host, prepare([epoch], checker), ebv_mag=0.02))
    with capsys.disabled():
        print(f"\nhybrid answer for one object {whole:8.2f} ms")
        for name, took in parts.items():
            print(f"  {name:18} {took:8.2f} ms  {took / whole:5.2f} of the whole")
    assert sum(parts.values()) / whole < 3
    assert whole / sum(parts.values()) < 3
