"""What one object costs NEEDLE: light curve and host, and the network on images."""

from typing import Any, Final

import numpy as np

from models.domain import Cutouts, Evidence, Host, Target
from models.needle import model
from models.needle.hybrid import model as hybrid
from models.needle.images import quality
from models.needle.images.prepare import prepare
from models.needle.objects import ObjectAnalyst
from tests.benchmarks.costs.measure import by_turns
from tests.models.needle.hybrids import curve
from tests.models.needle.stamps import sky, star

OBJECTS: Final = 8
"""Answers in one round."""


def needle(*, rounds: int = 7) -> dict[str, Any]:
    """Measure the shipped models on one made-up object, with a stamp of 63 pixels and detections in two bands."""
    checker, metadata, network = quality.load(), model.load(), hybrid.load()
    science, reference = (sky(seed, 63) + star(31, 31, 600, size=63) for seed in (1, 2))
    epoch, light = Cutouts(candid="1", band="r", mjd=19.0, science=science, template=reference), curve()
    host = Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0)
    target = Target(target_id="ZTF26aaaaaaa", ra_deg=150.0, dec_deg=20.0, ebv_mag=0.02)
    evidence = Evidence(target=target, light_curve=light, host=host, cutouts=(epoch,))
    images = prepare([epoch], checker)
    analyst = ObjectAnalyst(metadata, checker)
    each = range(OBJECTS)
    works = {
        "images": (lambda: [analyst.images(evidence) for _ in each], OBJECTS),
        "metadata": (lambda: [metadata.answer(light, host, ebv_mag=0.02) for _ in each], OBJECTS),
        "object": (lambda: [analyst.run(evidence, images) for _ in each], OBJECTS),
        "network": (lambda: [network.answer(light, host, images, ebv_mag=0.02) for _ in each], OBJECTS),
    }
    if network.answer(light, host, images, ebv_mag=0.02).verdict is None:
        raise ValueError("the network on images has no answer about the made-up object")
    return {
        "metadata_model": metadata.model_id,
        "image_model": network.model_id,
        "detections": int(np.sum(~light.is_limit.astype(bool))),
        "rounds": rounds,
        "parts": by_turns(works, rounds=rounds),
    }
