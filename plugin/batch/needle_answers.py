"""`astranet needle`: an answer for every object of a light-curve file, one JSON object per line."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from iris_client.brokers.kept import AvroFolder
from iris_client.errors import UpstreamError
from models.domain import Caveat, CaveatCode, Cutouts, Host, LightCurve, Target
from models.needle.hybrid.model import Hybrid
from models.needle.images.prepare import EARLIER, PreparedImages, prepare
from models.needle.images.quality import Checker
from models.needle.images.stamps import sky_offset
from models.needle.model import Answer, Needle
from models.needle.objects import Reddening
from plugin.batch.needle_files import Curve, read_curves
from plugin.ops.progress import Advance

SAME_EXPOSURE_DAYS = 1e-3
"""An alert this little after the last point of a light curve is that point's."""
NO_IMAGES = Caveat(code=CaveatCode.NO_CUTOUTS, text="light curve and host only: this model uses no images")


def answer_file(
    path: Path,
    out: TextIO,
    model: Needle,
    hosts: Mapping[str, Host],
    *,
    prefer: str = "purity",
    images: "ImageModel | None" = None,
    reddening: Reddening | None = None,
    advance: Advance = lambda _: None,
) -> Counter[str]:
    """Answer for each object, refused ones included; counts by status.

    Parameters
    ----------
    images : ImageModel, optional
        Asked first; the model without images answers where it cannot.
    reddening : callable, optional
        A dust map, for objects whose rows tell no E(B-V).

    Raises
    ------
    plugin.batch.needle_files.NeedleInputError
        If the file as a whole cannot be used.
    """
    counts: Counter[str] = Counter()
    for one in _curves(path, reddening):
        host = hosts.get(one.object_id)
        answered = None if images is None else images.answer(one, host, prefer)
        if answered is None or answered.verdict is None:
            why = NO_IMAGES if answered is None else replace(NO_IMAGES, text=f"{NO_IMAGES.text}: {answered.reason}")
            found = answer(one, model, host, prefer)
            answered = replace(found, caveats=(*found.caveats, why))
        row = line(one, answered, f"{model.model_id} {prefer}")
        out.write(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n")
        counts[row["status"]] += 1
        advance(1)
    return counts


def _curves(path: Path, reddening: Reddening | None) -> Iterator[Curve]:
    for one in read_curves(path):
        place = _place(one)
        if one.ebv_mag is None and reddening is not None and place is not None:
            one = replace(one, ebv_mag=reddening(*place))
        yield one


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModel:
    """The hybrid network, and the folder of alert packets its stamps come from."""

    model: Hybrid
    checker: Checker
    alerts: AvroFolder

    def answer(self, one: Curve, host: Host | None, prefer: str) -> Answer | None:
        """What it says about one object of a file; None where there is no light curve to go with the stamps."""
        if one.curve is None:
            return None
        try:
            found = self._prepared(one, host, float(one.curve.mjd.max()))
        except UpstreamError as error:  # a packet that could be listed and not be read
            return Answer(verdict=None, reason=f"no usable images: {error}", n_g=0, n_r=0)
        return self.model.answer(one.curve, host, found, ebv_mag=one.ebv_mag, position_deg=_place(one), prefer=prefer)

    def _prepared(self, one: Curve, host: Host | None, end_mjd: float) -> PreparedImages:
        stamps = self._stamps(one.object_id, end_mjd)
        offset = None
        if stamps and host is not None:
            target = Target(target_id=one.object_id, ra_deg=one.ra_deg, dec_deg=one.dec_deg)
            offset = sky_offset(target, host, stamps[-1].pixel_arcsec)
        return prepare(stamps, self.checker, host_offset_yx=offset)

    def _stamps(self, object_id: str, end_mjd: float) -> list[Cutouts]:
        """Of the latest alert within the light curve, and of those before it in the same band, oldest first."""
        seen = [stub for stub in self.alerts.alerts(object_id) if stub.mjd <= end_mjd + SAME_EXPOSURE_DAYS]
        same = [stub for stub in seen if stub.band == seen[-1].band][-1 - EARLIER :]
        return [self.alerts.alert(object_id, stub.candid).cutouts for stub in same]


def answer(one: Curve, model: Needle, host: Host | None, prefer: str) -> Answer:
    """What the model says about one object of a file."""
    if one.curve is None:
        return Answer(verdict=None, reason=one.trouble, n_g=0, n_r=0)
    found = model.answer(one.curve, host, ebv_mag=one.ebv_mag, position_deg=_place(one), prefer=prefer)
    return found if found.verdict is not None else replace(found, reason=f"{found.reason}: {_account(one.curve)}")


def _account(curve: LightCurve) -> str:
    """What the rows are that give no detection: a refusal that names its cause."""
    limits = int((curve.is_limit > 0).sum())
    bands = Counter(curve.band)
    seen = curve.mag[(curve.is_limit == 0) & np.isfinite(curve.mag)]
    brightest = f", the brightest of the others is {seen.min():.2f} mag" if seen.size else ""
    listed = ", ".join(f"{n} in {name}" for name, n in bands.most_common(6))
    return f"of {len(curve.band)} rows ({listed}) {limits} are limits{brightest}"


def draw_histories(
    path: Path, folder: Path, model: Needle, hosts: Mapping[str, Host], *, reddening: Reddening | None = None
) -> int:
    """Draw the answers of every object with a usable light curve, as they would have been given then; how many.

    A file is named after its object, with what no file name can hold replaced.
    """
    from models.needle.metadata import PREFERENCES
    from plugin.batch.history import draw_history

    folder.mkdir(parents=True, exist_ok=True)
    drawn = 0
    taken: set[str] = set()
    for one in _curves(path, reddening):
        if one.curve is None:
            continue
        place = _place(one)
        found = {
            p: model.history(one.curve, hosts.get(one.object_id), ebv_mag=one.ebv_mag, position_deg=place, prefer=p)
            for p in PREFERENCES
        }
        if len(found["purity"].mjd):
            draw_history(found, one.object_id, folder / f"{_file_name(one.object_id, taken)}.png")
            drawn += 1
    return drawn


def _file_name(object_id: str, taken: set[str]) -> str:
    """A name for a file that no other object of the run has; `a.b` and `a_b` are two objects."""
    plain = "".join(c if c.isalnum() or c in "-_+" else "_" for c in object_id)[:100]
    name, n = plain, 1
    while name.lower() in taken:
        n += 1
        name = f"{plain}__{n}"
    taken.add(name.lower())
    return name


def _place(one: Curve) -> tuple[float, float] | None:
    return (one.ra_deg, one.dec_deg) if one.ra_deg is not None and one.dec_deg is not None else None


def line(one: Curve, answered: Answer, model_id: str) -> dict[str, Any]:
    """One answer as the flat object that other programs read; its keys never go away.

    `status` is `ok` or `refused`; a refusal has a `reason` and no probabilities.
    """
    verdict = answered.verdict
    caveats = [*answered.caveats]
    if one.dropped_rows:
        text = f"{one.dropped_rows} rows without date, band, or magnitude left out"
        caveats.append(Caveat(code=CaveatCode.REPAIRED, text=text))
    caveats += [Caveat(code=CaveatCode.GUESSED, text=note) for note in one.notes]
    return {
        "object_id": one.object_id,
        "status": "refused" if verdict is None else "ok",
        "reason": answered.reason,
        "model": model_id if verdict is None else verdict.model,
        "probabilities": None if verdict is None else dict(verdict.probabilities),
        "p_mondrian": None if verdict is None else verdict.p_mondrian,
        "prediction_sets": None if verdict is None else {k: list(v) for k, v in verdict.prediction_sets.items()},
        "n_g": answered.n_g,
        "n_r": answered.n_r,
        "caveats": [{"code": str(c.code), "text": c.text} for c in caveats],
    }
