"""How often each rule names the right host among an alert's three neighbours, and what another host does to NEEDLE."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from iris_client.brokers.kept import AvroFolder
from iris_client.errors import UpstreamError
from iris_client.protocols import Alert
from models.domain import NEEDLE_CLASSES, Host, Neighbour
from models.needle.model import Needle
from models.needle.neighbours import STAR_SCORE, likely_host, r_of, radius
from models.training.needle.examples import Labelled
from plugin.cycle.objects.gather import HOST_ARCSEC, host_of

FLEET: Final = "gmzsebastian/FLEET"
LEAST_ARCSEC: Final = 2.0
"""A source nearer to the known host than this, or than its radius, is it."""
RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An object with an alert whose host is known.

    Parameters
    ----------
    apart : mapping of int to float
        By the number of a neighbour, arcsec to the known host.
    """

    name: str
    alert: Alert
    by: str
    radius_arcsec: float
    apart: Mapping[int, float]

    def is_right(self, chosen: Neighbour | None) -> bool:
        """Whether a neighbour is the host, or part of it."""
        if chosen is None:
            return False
        away = self.apart[self.alert.neighbours.index(chosen)]
        return away <= max(LEAST_ARCSEC, self.radius_arcsec)


def nearest(neighbours: Sequence[Neighbour]) -> Neighbour | None:
    """The rule of the model's input: the nearest source, where it is near and no star."""
    first = neighbours[0] if neighbours else None
    if first is None or first.star_score is None or first.star_score > STAR_SCORE:
        return None
    return first if first.separation_arcsec <= HOST_ARCSEC else None


def nearest_galaxy(neighbours: Sequence[Neighbour]) -> Neighbour | None:
    """The nearest source that is no star."""
    return next((one for one in neighbours if one.star_score is not None and one.star_score <= STAR_SCORE), None)


def least_chance(neighbours: Sequence[Neighbour]) -> Neighbour | None:
    """The galaxy with the least probability of being there by chance."""
    found = likely_host(neighbours)
    return None if found is None else found[0]


def least_radii(neighbours: Sequence[Neighbour]) -> Neighbour | None:
    """The galaxy that is the fewest of its usual radii away: a round one's directional light radius."""
    galaxies = [one for one in neighbours if one.star_score is not None and one.star_score <= STAR_SCORE]
    told = [(one, one.separation_arcsec / radius(r)) for one in galaxies if (r := r_of(one)) is not None]
    return min(told, key=lambda pair: pair[1], default=(None, 0.0))[0]


Rule = Callable[[Sequence[Neighbour]], Neighbour | None]
RULES: Final[Mapping[str, Rule]] = {
    "nearest source, as in the model's input": nearest,
    "nearest that is no star": nearest_galaxy,
    "fewest usual radii away": least_radii,
    "least probably there by chance": least_chance,
}


def known_hosts(data: Path) -> list[Known]:
    """The objects of the packets whose host a catalogue has with its place, FLEET's or that of YSE."""
    places = dict(_places(data))
    found = []
    for name, alert in sorted(newest_alerts(data).items()):
        if (place := places.get(name)) is None or not alert.neighbours:
            continue
        by, ra, dec, size = place
        apart = {i: _apart(one, ra, dec) for i, one in enumerate(alert.neighbours)}
        found.append(Known(name=name, alert=alert, by=by, radius_arcsec=size, apart=apart))
    return found


def newest_alerts(data: Path) -> dict[str, Alert]:
    """The newest packet of each object, by the name that the tables use."""
    names: dict[str, str] = {}
    for row in _rows(data, "crossid"):
        names |= {one.strip(): row["object_id"] for one in str(row["ztf_ids"] or "").replace(";", ",").split(",")}
    folder, found = AvroFolder(data / "ztf" / "alerts"), {}
    for name in folder.target_ids():
        try:
            stubs = folder.alerts(name)
            newest = max(stubs, key=lambda stub: stub.mjd)
            found[names.get(name, name)] = folder.alert(name, newest.candid)
        except (UpstreamError, ValueError):
            continue
    return found


def size_law(data: Path, without: Collection[str]) -> dict[str, float]:
    """The usual radius of a galaxy by its brightness, from FLEET's hosts of other objects than these.

    Returns
    -------
    dict
        `at_18_mag` in arcsec; `slope` and `scatter` of the decimal logarithm, per magnitude; `galaxies`.
    """
    rows = [row for row in _rows(data, "hosts") if row["source"] == FLEET and row["object_id"] not in without]
    columns = np.array([[row[key] or np.nan for key in ("r", "radius_arcsec", "galaxy_score")] for row in rows])
    good = np.isfinite(columns).all(1) & (columns[:, 0] > 12) & (columns[:, 0] < 23) & (columns[:, 2] > STAR_SCORE)
    r, size = columns[good, 0] - 18.0, np.log10(columns[good, 1])
    slope, middle = np.polyfit(r, size, 1)
    scatter = np.std(size - slope * r - middle)
    return {
        "at_18_mag": float(10**middle), "slope": float(slope), "scatter": float(scatter), "galaxies": int(good.sum())
    }  # fmt: skip


def of_rules(objects: Sequence[Known], *, seed: int = 0) -> dict[str, Any]:
    """By rule the share of right hosts, and its difference from the nearest; 95 % intervals by resampling objects."""
    right = {
        name: np.array([one.is_right(rule(one.alert.neighbours)) for one in objects], float)
        for name, rule in RULES.items()
    }
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(objects), (RESAMPLES, len(objects)))
    first = right[next(iter(RULES))]
    return {
        name: {
            "right": int(values.sum()),
            "share": _estimate(values, draws),
            "difference": _estimate(values - first, draws),
            "gained": int((values > first).sum()),
            "lost": int((values < first).sum()),
        }
        for name, values in right.items()
    }


def of_needle(
    needle: Needle, objects: Sequence[Labelled], alerts: Mapping[str, Alert], *, seed: int = 0
) -> dict[str, Any]:
    """What the model says of the right class when it is told the nearest source, or the most probable galaxy.

    Parameters
    ----------
    objects : sequence of Labelled
        That it was not trained on.
    """
    rows = [_told(needle, one, alerts[one.object_id]) for one in objects if one.object_id in alerts]
    told = [row for row in rows if row is not None]
    apart = [row for row in told if row["other_host"]]
    gain = np.array([row["after"] - row["before"] for row in told])
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, max(len(told), 1), (RESAMPLES, len(told)))
    return {
        "objects": len(told),
        "classes": {name: sum(row["label"] == k for row in told) for k, name in enumerate(NEEDLE_CLASSES)},
        "other_host": len(apart),
        "other_class": sum(row["other_class"] for row in told),
        "largest": float(max((abs(row["after"] - row["before"]) for row in told), default=0.0)),
        "gain": _estimate(gain, draws) if told else None,
    }


def _told(needle: Needle, one: Labelled, alert: Alert) -> dict[str, Any] | None:
    likely = least_chance(alert.neighbours)
    place = None if one.ra_deg is None or one.dec_deg is None else (one.ra_deg, one.dec_deg)
    other = None if likely is None else Host(mags=likely.mags, separation_arcsec=likely.separation_arcsec)
    hosts = [host_of(alert), other]
    answers = [needle.answer(one.curve, host, ebv_mag=one.ebv_mag, position_deg=place).verdict for host in hosts]
    if answers[0] is None or answers[1] is None:
        return None
    label = NEEDLE_CLASSES[one.label]
    before, after = (answer.probabilities[label] for answer in answers if answer is not None)
    away = [None if host is None else host.separation_arcsec for host in hosts]
    return {
        "label": one.label,
        "before": before,
        "after": after,
        "other_host": away[0] != away[1],
        "other_class": answers[0].label != answers[1].label,
    }


def _places(data: Path) -> Iterator[tuple[str, tuple[str, float, float, float]]]:
    """By object who knows its host, where that is, and its radius; YSE's names where both know one."""
    sizes = {}
    for row in _rows(data, "hosts"):
        if row["source"] == FLEET and row["host_ra"] is not None and row["host_ra"] == row["host_ra"]:
            sizes[row["object_id"]] = float(row["radius_arcsec"] or 0.0)
            yield row["object_id"], ("FLEET", row["host_ra"], row["host_dec"], sizes[row["object_id"]])
    for row in _rows(data, "hosts_yse"):
        if row["host_ra"] is not None and row["host_ra"] == row["host_ra"]:
            yield row["object_id"], ("YSE", row["host_ra"], row["host_dec"], sizes.get(row["object_id"], 0.0))


def _rows(data: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(data / "ztf" / f"{name}.parquet").to_pylist())


def _apart(one: Neighbour, ra: float, dec: float) -> float:
    if one.ra_deg is None or one.dec_deg is None:
        return float("inf")
    east = ((one.ra_deg - ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec))
    return float(3600.0 * np.hypot(east, one.dec_deg - dec))


def _estimate(values: NDArray[np.float64], draws: NDArray[np.int64]) -> dict[str, float]:
    low, high = np.percentile(values[draws].mean(1), (2.5, 97.5))
    return {"value": round(float(values.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
