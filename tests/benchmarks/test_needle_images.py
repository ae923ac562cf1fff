"""Time of one object's images, part by part; ratios of one run only. `make benchmark` prints the table."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from models.domain import Cutouts
from models.needle.augment import augment
from models.needle.images import central
from models.needle.mask import mask_pair
from models.needle.prepare import prepare
from models.needle.quality import load
from models.needle.restore import restore
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
