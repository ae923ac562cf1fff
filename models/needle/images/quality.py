"""Is this stamp good? (Sec. 3.1)

Two things decide. **Facts** that need no network: missing pixels (NaN, padding, filling), saturation, pixels far below
the sky, a blank image. A stamp with such a fact is bad whatever the network says. Of the others the **network** gives
P(good): bad below 0.75.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.bundle import read_member
from models.card_fields import QualityCard, checked
from models.cards import ModelFolder
from models.needle.images.quality_net import network
from models.needle.images.stamps import FloatImage, background, missing, stretch

SHIPPED = Path(__file__).parents[2] / "data" / "needle-quality"
WEIGHTS = "network.safetensors"
FORMAT = 1
THRESHOLD = 0.75
SATURATION = 30_000.0
"""Counts; ZTF's linear range ends near here."""
DARK_SIGMAS = 8.0
"""No source takes light away: pixels this far below the sky are damage."""
BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What is thought of one stamp.

    Parameters
    ----------
    p_good : float
        The network's probability, 0 to 1.
    facts : tuple of str
        What is wrong with it for certain.
    """

    p_good: float
    facts: tuple[str, ...] = ()
    threshold: float = THRESHOLD

    @property
    def good(self) -> bool:
        """No fact against it, and the network at or above the threshold."""
        return not self.facts and self.p_good >= self.threshold

    @property
    def reason(self) -> str:
        """Why it is bad; empty when it is good."""
        if self.facts:
            return "; ".join(self.facts)
        return "" if self.good else f"P(good) {self.p_good:.2f}, {self.threshold:.2f} needed"


def facts(image: FloatImage) -> tuple[str, ...]:
    """What is wrong with an image for certain, in words: missing, saturated or impossibly dark pixels, all alike."""
    gone = missing(image)
    found = []
    if count := int(gone.sum()):
        found.append(f"{count} of {image.size} pixels missing")
    if saturated := int((image[~gone] > SATURATION).sum()):
        found.append(f"{saturated} pixels above {SATURATION:.0f} counts")
    sky = background(image)
    if dark := int((np.where(gone, sky.level, image) < sky.level - DARK_SIGMAS * sky.sigma).sum()):
        found.append(f"{dark} pixels more than {DARK_SIGMAS:.0f} sigma below the sky")
    if not gone.all() and np.ptp(image[~gone]) == 0:
        found.append("all pixels have the same value")
    return tuple(found)


class Checker:
    """The quality checker: facts and a network.

    Parameters
    ----------
    net : torch module
        Takes stretched images (batch, 60, 60), gives logits of "good".
    """

    def __init__(self, net: nn.Module, *, threshold: float = THRESHOLD, name: str = "") -> None:
        self._net, self.threshold, self.name = net.eval(), threshold, name

    def p_good(self, images: Sequence[FloatImage] | NDArray[np.float64]) -> NDArray[np.float64]:
        """The network's P(good) of 60x60 images in counts; facts play no part here."""
        stretched = [stretch(image) for image in images]
        if not stretched:
            return np.zeros(0)
        with torch.inference_mode():
            batches = torch.from_numpy(np.stack(stretched)).split(BATCH)
            logits = torch.cat([self._net(batch) for batch in batches])
        return torch.sigmoid(logits.double()).numpy()

    def judge(self, images: Sequence[FloatImage]) -> list[Quality]:
        """Judge 60x60 images in counts."""
        return [
            Quality(p_good=float(p), facts=facts(image), threshold=self.threshold)
            for image, p in zip(images, self.p_good(images), strict=True)
        ]


def load(folder: Path | None = None) -> Checker:
    """Verify the weights against their card and load them; the shipped ones by default.

    Raises
    ------
    BundleError
        With the file and what is wrong with it.
    """
    return _FOLDER.load(folder or SHIPPED)


def _build(folder: Path, card: Mapping[str, Any]) -> Checker:
    net = network(card["net"]["kind"], card["net"]["width"])
    net.load_state_dict(read_member(folder / WEIGHTS))
    return Checker(net, threshold=card["threshold"], name=f"{card['name']}@{card['files'][WEIGHTS][:8]}")


_FOLDER: Final = ModelFolder(
    what="quality network",
    version=FORMAT,
    fixed={},
    checked=partial(checked, kind=QualityCard),
    needed=lambda _card: [WEIGHTS],
    build=_build,
)
