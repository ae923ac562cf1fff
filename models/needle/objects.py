"""One object, all that is known of it, one answer: light curve and host to a class, stamps to facts (NEEDLE, Fig. 1).

By default the model goes by light curve and host alone: what the images show (quality, whether one had to be restored)
is told beside the answer and does not change it. The network on images answers, or is heard too, where it is asked for.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from models.domain import (
    NEEDLE_CLASSES,
    Caveat,
    CaveatCode,
    Cutouts,
    Evidence,
    Host,
    HostVerdict,
    LightCurve,
    Report,
    Status,
    Target,
)
from models.needle.images.prepare import PreparedImages, prepare
from models.needle.images.quality import Checker
from models.needle.images.stamps import sky_offset
from models.needle.model import Answer, Needle
from models.needle.neighbours import of_host, of_neighbours

Fact = str | int | float
Reddening = Callable[[float, float], float | None]
_COLUMNS = ("mjd", "mag", "mag_error", "limit_mag", "is_limit")
_DIGITS = 4
EPOCHS = 30
"""How many rows a score history keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAnswer:
    """What is said about one object.

    Parameters
    ----------
    report : Report
        With a `host_verdict`; or refused, with the reason.
    facts : mapping of str to text or number
        `n_g`, `n_r`: detections used. Where known: `phase`, days since the brightest; what is known of the host and
        of what lies around (`models.needle.neighbours`); `quality`, the lower P(good) of the two images; `restored`,
        1 if one of them was repaired.
    """

    report: Report
    facts: Mapping[str, Fact]


class ImageNetwork(Protocol):
    """`models.needle.hybrid.model.Hybrid`, which needs torch, as it is used here."""

    @property
    def model_id(self) -> str:
        """Its name and fingerprint."""

    def answer(
        self,
        curve: LightCurve | None,
        host: Host | None,
        images: PreparedImages,
        *,
        ebv_mag: float | None = None,
        position_deg: tuple[float, float] | None = None,
        prefer: str = "purity",
    ) -> Answer:
        """Classify one object from its light curve, its host and its stamps."""


class ObjectAnalyst:
    """Answers about objects.

    Parameters
    ----------
    prefer : str
        `purity` or `completeness`.
    reddening : callable, optional
        E(B-V) in magnitudes by right ascension and declination in degrees, of a dust map; None where it has no number.
        Asked for targets that come without one.
    network : ImageNetwork, optional
        Hears the stamps too.
    decides : bool
        Whether its answer is the answer, wherever it can give one; else its scores stand beside the other's.
    """

    def __init__(
        self,
        needle: Needle,
        checker: Checker,
        *,
        prefer: str = "purity",
        reddening: Reddening | None = None,
        network: ImageNetwork | None = None,
        decides: bool = False,
    ) -> None:
        self._needle, self._checker, self._prefer, self._reddening = needle, checker, prefer, reddening
        self._network, self._decides = network, decides

    @property
    def model_id(self) -> str:
        """Which model answers, and which is heard."""
        names = [self._needle.model_id] + ([] if self._network is None else [self._network.model_id])
        return " + ".join(reversed(names) if self._decides else names)

    def images(self, evidence: Evidence) -> PreparedImages:
        """Choose, restore and mask the stamps; each step that failed is a caveat."""
        latest = max(evidence.cutouts, key=lambda c: c.mjd, default=None)
        offset = None
        if latest is not None and evidence.host is not None:
            offset = sky_offset(evidence.target, evidence.host, latest.pixel_arcsec)
        return prepare(evidence.cutouts, self._checker, host_offset_yx=offset)

    def run(self, evidence: Evidence, images: PreparedImages, caveats: Sequence[Caveat] = ()) -> ObjectAnswer:
        """Answer about one object; a refusal where light curve and host give nothing to go by.

        Parameters
        ----------
        images : PreparedImages
            What `images` made of the evidence.
        caveats : sequence of Caveat
            What went wrong before.
        """
        evidence = replace(evidence, target=self._reddened(evidence.target))
        target = evidence.target
        place = None if target.ra_deg is None or target.dec_deg is None else (target.ra_deg, target.dec_deg)
        answer = self._needle.answer(
            evidence.light_curve, evidence.host, ebv_mag=target.ebv_mag, position_deg=place, prefer=self._prefer
        )
        seen = self._seen(evidence, images, place)
        verdict = answer.verdict
        if verdict is not None:
            verdict = replace(verdict, details={**verdict.details, "history": self._history(evidence, place)})
        if seen is not None and self._decides and seen.verdict is not None:
            answer, verdict = seen, seen.verdict
        every = _once_each([*caveats, *answer.caveats, *(() if seen is None else _told(seen)), *images.caveats])
        around = of_host(evidence.host) | of_neighbours(evidence.neighbours)
        facts = _facts(answer, images) | around | _heard(None if self._decides else seen)
        return ObjectAnswer(report=self._report(evidence, verdict, answer.reason, every), facts=facts)

    def _seen(self, evidence: Evidence, images: PreparedImages, place: tuple[float, float] | None) -> Answer | None:
        """What the network on images says."""
        if self._network is None:
            return None
        ebv, prefer = evidence.target.ebv_mag, self._prefer
        return self._network.answer(
            evidence.light_curve, evidence.host, images, ebv_mag=ebv, position_deg=place, prefer=prefer
        )

    def _reddened(self, target: Target) -> Target:
        """With the map's reddening where the marshal told none."""
        if self._reddening is None or target.ebv_mag is not None or target.ra_deg is None or target.dec_deg is None:
            return target
        return replace(target, ebv_mag=self._reddening(target.ra_deg, target.dec_deg))

    def _history(self, evidence: Evidence, place: tuple[float, float] | None) -> list[list[float]]:
        """What would have been said after each night with a detection: MJD and the score of each class.

        The latest `EPOCHS` nights, each from what had been seen by then.
        """
        rows = []
        for seen in _nights(evidence.light_curve):
            answer = self._needle.answer(
                seen, evidence.host, ebv_mag=evidence.target.ebv_mag, position_deg=place, prefer=self._prefer
            )
            if answer.verdict is not None:
                p = answer.verdict.probabilities
                rows.append([round(float(v), _DIGITS) for v in (seen.mjd[-1], *(p[c] for c in NEEDLE_CLASSES))])
        return rows

    def _report(
        self, evidence: Evidence, verdict: HostVerdict | None, reason: str | None, caveats: tuple[Caveat, ...]
    ) -> Report:
        return Report(
            target_id=evidence.target.target_id,
            spectrum_id=None,
            status=Status.REFUSED if verdict is None else Status.OK,
            reason=reason,
            host_verdict=verdict,
            caveats=caveats,
            bundle=self.model_id if verdict is None else verdict.model,
            input_hash=input_hash(evidence),
        )


def input_hash(evidence: Evidence) -> str:
    """SHA-256 over photometry, host, position, reddening and stamps."""
    digest = hashlib.sha256()
    target, host = evidence.target, evidence.host
    about = (target.target_id, target.ra_deg, target.dec_deg, target.ebv_mag)
    digest.update(repr((about, None if host is None else _host_key(host))).encode())
    if evidence.light_curve is not None:
        _add_curve(digest, evidence.light_curve)
    for epoch in sorted(evidence.cutouts, key=lambda c: (c.mjd, c.candid)):
        _add_stamps(digest, epoch)
    return digest.hexdigest()


def _nights(curve: LightCurve | None) -> Iterator[LightCurve]:
    """The light curve as it was after each night with a detection."""
    if curve is None:
        return
    seen = np.flatnonzero((curve.is_limit == 0) & np.isfinite(curve.mag))
    ends = seen[np.append(np.diff(np.floor(curve.mjd[seen])) > 0, True)] if seen.size else seen
    for end in ends[-EPOCHS:]:
        columns = {name: getattr(curve, name)[: end + 1] for name in _COLUMNS}
        yield LightCurve(band=curve.band[: end + 1], **columns)


def _host_key(host: Host) -> tuple[object, ...]:
    place = host.separation_arcsec, host.ra_deg, host.dec_deg
    return sorted(host.mags.items()), *place, host.redshift, host.redshift_error


def _add_curve(digest: "hashlib._Hash", curve: LightCurve) -> None:
    digest.update("|".join(curve.band).encode())
    for name in _COLUMNS:
        digest.update(np.ascontiguousarray(getattr(curve, name)).tobytes())


def _add_stamps(digest: "hashlib._Hash", epoch: Cutouts) -> None:
    digest.update(f"{epoch.candid} {epoch.band} {epoch.mjd!r}".encode())
    for kind in ("science", "template"):
        stamp = getattr(epoch, kind)
        if stamp is not None:
            digest.update(np.ascontiguousarray(stamp).tobytes())


def _facts(answer: Answer, images: PreparedImages) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"n_g": answer.n_g, "n_r": answer.n_r}
    phase = None if answer.verdict is None else answer.verdict.details.get("phase_days")
    if isinstance(phase, int | float):
        facts["phase"] = round(float(phase), 2)
    if images.quality is not None:
        facts["quality"] = round(images.quality, _DIGITS)
        facts["restored"] = int(images.restored)
    return facts


def _told(seen: Answer) -> tuple[Caveat, ...]:
    """What is to be said of the network's answer: what it learned from, or why there is none."""
    if seen.verdict is not None:
        return tuple(c for c in seen.caveats if c.code is CaveatCode.NOT_AVAILABLE)
    text = f"no answer from the images: {seen.reason}"
    return (Caveat(code=CaveatCode.NO_CUTOUTS, text=text[:300]),)


def _heard(seen: Answer | None) -> dict[str, Fact]:
    """The network's scores, beside another answer."""
    if seen is None or seen.verdict is None:
        return {}
    p = {name.split("-")[0].lower(): round(v, _DIGITS) for name, v in seen.verdict.probabilities.items()}
    scores = {f"image_{name}": value for name, value in p.items()}
    return {"image_class": seen.verdict.label, **scores, "image_model": seen.verdict.model}


def _once_each(caveats: Sequence[Caveat]) -> tuple[Caveat, ...]:
    return tuple({(c.code, c.text): c for c in caveats}.values())
