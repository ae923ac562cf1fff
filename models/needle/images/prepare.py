"""From alerts' stamps to the two images the classifier sees: choose, restore, mask (Sec. 3, Fig. 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from models.domain import Caveat, CaveatCode, Cutouts
from models.needle.images.mask import MaskedPair, mask_pair
from models.needle.images.quality import Checker, Quality
from models.needle.images.restore import restore
from models.needle.images.stamps import CENTER, FloatImage, ImageError, central

EARLIER = 5
"""How many earlier epochs are looked at (Sec. 3.2, step 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One image of one epoch, with what the checker thinks of it."""

    image: FloatImage
    quality: Quality
    candid: str
    restored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImages:
    """The images of one object, or the reasons why there are none.

    Parameters
    ----------
    pair : MaskedPair or None
        None when the object has no usable images; `caveats` say why.
    science, reference : Choice or None
        What was chosen, before masking.
    caveats : tuple of Caveat
        NO_CUTOUTS, BAD_IMAGE, IMAGE_RESTORED.
    """

    pair: MaskedPair | None
    science: Choice | None
    reference: Choice | None
    caveats: tuple[Caveat, ...] = ()

    @property
    def quality(self) -> float | None:
        """The lower P(good) of the two images; None without images."""
        found = [choice.quality.p_good for choice in (self.science, self.reference) if choice]
        return min(found) if found else None

    @property
    def restored(self) -> bool:
        """Whether one of the images is a restored one."""
        return any(choice.restored for choice in (self.science, self.reference) if choice)


def prepare(
    epochs: Sequence[Cutouts], checker: Checker, *, host_offset_yx: tuple[float, float] | None = None
) -> PreparedImages:
    """Choose, restore and mask the images of one object.

    Parameters
    ----------
    epochs : sequence of Cutouts
        Of one object and one band, in any order. The latest is wanted; up to five before it may stand in.
    host_offset_yx : (rows, columns), optional
        From transient to host, pixels, north up: rows to the north, columns to the west.

    Returns
    -------
    PreparedImages
        Deterministic: the noise is drawn by the `candid` of the latest epoch.
    """
    latest = sorted(epochs, key=lambda e: e.mjd, reverse=True)[: EARLIER + 1]
    if not latest:
        return _nothing(CaveatCode.NO_CUTOUTS, ["no alert with stamps"])
    sciences, told_science = _judged(latest, "science", checker)
    references, told_reference = _judged(latest, "template", checker)
    told = told_science + told_reference
    if not sciences or not references:
        return _nothing(CaveatCode.NO_CUTOUTS, told or ["no readable stamps"])
    rng = np.random.default_rng(int(sha256(latest[0].candid.encode()).hexdigest()[:12], 16))
    science, reference = _first_good(sciences), _first_good(references)
    # When both are bad each is repaired from the other as it came: noise filled into one is nothing to copy.
    partners = science or sciences[0], reference or references[0]
    if science is None:
        science, why = _repair(sciences, partners[1], checker, rng)
        told += why
    if reference is None:
        reference, why = _repair(references, partners[0], checker, rng)
        told += why
    if science is None or reference is None:
        return _nothing(CaveatCode.BAD_IMAGE, told)
    host = None if host_offset_yx is None else (CENTER + host_offset_yx[0], CENTER + host_offset_yx[1])
    return PreparedImages(
        pair=mask_pair(science.image, reference.image, rng, host),
        science=science,
        reference=reference,
        caveats=_remarks(science, reference, latest[0].candid, told),
    )


def _judged(epochs: Sequence[Cutouts], kind: str, checker: Checker) -> tuple[list[Choice], list[str]]:
    """One kind of image of every epoch that has one, judged, latest first; and why others have none."""
    images, candids, told = [], [], []
    for epoch in epochs:
        stamp = getattr(epoch, kind)
        if stamp is None:
            told.append(f"{kind} image of alert {epoch.candid}: unreadable")
            continue
        try:
            images.append(central(stamp, epoch.center_yx))
            candids.append(epoch.candid)
        except ImageError as error:
            told.append(f"{kind} image of alert {epoch.candid}: {error}")
    qualities = checker.judge(images)
    choices = [Choice(image=i, quality=q, candid=c) for i, q, c in zip(images, qualities, candids, strict=True)]
    return choices, told


def _first_good(choices: Sequence[Choice]) -> Choice | None:
    return next((choice for choice in choices if choice.quality.good), None)


def _repair(
    bad: Sequence[Choice], good: Choice, checker: Checker, rng: np.random.Generator
) -> tuple[Choice | None, list[str]]:
    """Restore the first of the bad images that the checker then accepts; or say why none could be."""
    told = []
    for choice in bad:
        found = restore(choice.image, good.image, rng)
        if found.image is None:
            told.append(f"alert {choice.candid} is bad ({choice.quality.reason}) and not restored: {found.reason}")
            continue
        quality = checker.judge([found.image])[0]
        if quality.good:
            what = f"{int(found.replaced.sum())} pixels replaced, {int(found.noise.sum())} filled with noise"
            repaired = Choice(image=found.image, quality=quality, candid=choice.candid, restored=True)
            return repaired, [f"alert {choice.candid} restored: {what} ({choice.quality.reason})"]
        told.append(f"alert {choice.candid} is bad ({choice.quality.reason}), restored too: {quality.reason}")
    return None, told


def _nothing(code: CaveatCode, reasons: Sequence[str]) -> PreparedImages:
    caveats = (Caveat(code=code, text="; ".join(dict.fromkeys(reasons))),)
    return PreparedImages(pair=None, science=None, reference=None, caveats=caveats)


def _remarks(science: Choice, reference: Choice, wanted: str, told: Sequence[str]) -> tuple[Caveat, ...]:
    """What a reader must know of a pair that is used."""
    remarks = []
    for name, choice in (("science", science), ("reference", reference)):
        if choice.candid != wanted:
            text = f"{name} image taken from the earlier alert {choice.candid}: the latest one is bad"
            remarks.append(Caveat(code=CaveatCode.BAD_IMAGE, text=text))
    restored = [text for text in told if " restored: " in text]
    if science.restored or reference.restored:
        remarks.append(Caveat(code=CaveatCode.IMAGE_RESTORED, text="; ".join(restored)))
    return tuple(remarks)
