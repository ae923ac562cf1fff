"""Training and evaluation examples: objects as they looked at early epochs, new ones by re-sampling.

NEEDLE paper, Sec. 4.3-5. An example is one row of features. Its weight is set so that every object counts once, however
many examples it gave.

Against source shortcuts (alerts, forced photometry, literature): every curve goes through `clean`, then loses a random
share of its nights and is moved out in distance a little; offsets, hosts and reddening are hidden or replaced at
the same rate in every class.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.domain import Host, LightCurve
from models.needle.features import features, vector
from models.needle.gp import GPFit, fit
from models.needle.lightcurve import CleanRules, Floats, Photometry, clean, typical_ebv
from models.needle.resample import (
    ResampleRules,
    distance_modulus,
    early,
    hosts_within,
    observe,
    peak_mjd,
    resample,
)

OffsetLaws = Mapping[int, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One object of known class.

    Parameters
    ----------
    label : int
        Index in `NEEDLE_CLASSES`.
    kind : str
        The finer class, such as `SN II`.
    source : str
        Where the photometry is from; for the probe alone.
    """

    object_id: str
    label: int
    kind: str
    curve: LightCurve
    ebv_mag: float | None
    ra_deg: float | None
    dec_deg: float | None
    redshift: float | None
    host: Host | None
    source: str = ""
    survey: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRules:
    """How many examples, and how they are roughened.

    Parameters
    ----------
    per_object : int
        Truncations of each real light curve.
    max_thinning : float
        Largest share of detections that is dropped; the share is uniform from 0 to this.
    hide_offset, guess_ebv : float
        Shares of examples without an offset, and with the typical reddening in place of the known one.
    """

    per_object: int = 6
    max_thinning: float = 0.6
    hide_offset: float = 0.35
    guess_ebv: float = 0.3
    clean: CleanRules = field(default_factory=CleanRules)
    resample: ResampleRules = field(default_factory=ResampleRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows of features.

    Parameters
    ----------
    x : ndarray, shape (n, features)
        In the order of `features.NAMES`; NaN where missing.
    label, object_index : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
        Sums to one for each object.
    days : ndarray, shape (n,)
        Time since the first usable detection.
    """

    x: Floats
    label: np.ndarray
    object_index: np.ndarray
    weight: Floats
    days: Floats

    def rows(self, keep: np.ndarray) -> "Examples":
        """Some of the rows."""
        return Examples(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})


def reddening(one: Labelled) -> float:
    """E(B-V) as given, or the typical one at this place."""
    if one.ebv_mag is not None:
        return one.ebv_mag
    return typical_ebv(one.ra_deg or 0.0, one.dec_deg if one.dec_deg is not None else 27.0)


def until(curve: LightCurve, mjd: float) -> LightCurve:
    """The light curve as it was known at a date."""
    n = int(np.searchsorted(curve.mjd, mjd + 1e-9, side="right"))
    return LightCurve(
        mjd=curve.mjd[:n],
        band=curve.band[:n],
        mag=curve.mag[:n],
        mag_error=curve.mag_error[:n],
        limit_mag=curve.limit_mag[:n],
        is_limit=curve.is_limit[:n],
    )


def epochs(one: Labelled, rules: ExampleRules) -> Floats:
    """The dates of usable detections up to the latest early epoch."""
    whole = clean(one.curve, reddening(one), rules.clean)
    return early(whole, rules.resample).mjd if len(whole) else np.zeros(0)


def history(one: Labelled, rules: ExampleRules = ExampleRules()) -> tuple[Floats, Floats]:
    """Features at every early epoch, exactly as the service would have seen them then: nothing thinned or hidden.

    Returns
    -------
    ndarray, shape (epochs, features), and ndarray, shape (epochs,)
        Features, and days since the first usable detection.
    """
    ebv, rows, when = reddening(one), [], []
    for mjd in np.unique(epochs(one, rules)):
        # A merged detection carries the mean date of its half day: what went into it had been seen by the end of it.
        seen = clean(until(one.curve, mjd + rules.clean.merge_days), ebv, rules.clean).until(mjd)
        if len(seen):
            rows.append(vector(features(seen, one.host, ebv)))
            when.append(float(seen.mjd[-1] - seen.mjd[0]))
    return np.array(rows), np.array(when)


def histories(objects: Sequence[Labelled], rules: ExampleRules = ExampleRules()) -> Examples:
    """`history` of many objects, every epoch one row."""
    parts = [(i, *history(one, rules)) for i, one in enumerate(objects)]
    return _stack([(i, objects[i].label, x, days) for i, x, days in parts if len(x)])


def training(
    objects: Sequence[Labelled], rules: ExampleRules, rng: np.random.Generator, *, offsets: OffsetLaws
) -> Examples:
    """Truncated and roughened examples of real light curves, each with a host of its class."""
    lender = HostLender(objects, offsets)
    parts = []
    for i, one in enumerate(objects):
        dates = np.unique(epochs(one, rules))
        rows = [_example(one, dates, lender, rules, rng) for _ in range(rules.per_object)] if len(dates) else []
        found = [row for row in rows if row is not None]
        if found:
            parts.append((i, one.label, np.array([x for x, _ in found]), np.array([d for _, d in found])))
    return _stack(parts)


def up_sampled(
    objects: Sequence[Labelled],
    label: int,
    count: int,
    rules: ExampleRules,
    rng: np.random.Generator,
    *,
    fits: Mapping[str, GPFit],
    offsets: OffsetLaws,
) -> Examples | None:
    """Re-sampled, red-shifted and cross-matched examples of one class (Sec. 5).

    Parameters
    ----------
    count : int
        How many to draw; those without a detection above the limit are lost.
    fits : mapping of str to GPFit
        Good fits by object (`fit_all`).

    Returns
    -------
    Examples or None
        None when the class has no fitted object, or nothing was detected.
    """
    lender = HostLender(objects, offsets)
    usable = [i for i, one in enumerate(objects) if one.label == label and one.object_id in fits and one.redshift]
    rows: dict[int, list[tuple[Floats, float]]] = {}
    for i in rng.choice(usable, count) if usable else ():
        one = objects[i]
        assert one.redshift is not None
        low, high = 1 - rules.resample.redshift_share, 1 + rules.resample.redshift_share
        target = one.redshift * rng.uniform(low, high)
        host, host_redshift = lender.near(one, target, rng)
        drawn = resample(fits[one.object_id], one.redshift, host_redshift or target, rng, rules.resample)
        if drawn is not None:
            rows.setdefault(int(i), []).append(_row(drawn, _roughened(host, rules, rng), 0.0))
    parts = [(i, label, np.array([x for x, _ in found]), np.array([d for _, d in found])) for i, found in rows.items()]
    return _stack(parts) if parts else None


def fit_all(objects: Sequence[Labelled], rules: ExampleRules = ExampleRules()) -> Iterator[tuple[str, GPFit]]:
    """A Gaussian process for each object that has a good one (Sec. 4.2: two detections or more before the peak)."""
    for one in objects:
        points = clean(one.curve, reddening(one), rules.clean)
        if len(points) and (points.mjd < peak_mjd(points)).sum() >= 2:
            found = fit(points.until(peak_mjd(points) + 60.0))
            if found is not None and found.good:
                yield one.object_id, found


class HostLender:
    """Hosts of each class, to lend to objects of the class that come without (cross-matching, Sec. 5).

    Parameters
    ----------
    objects : sequence of Labelled
        Who lends. Folds must not lend to each other, or a held-out object's galaxy would be known.
    offsets : mapping of int to (float, float)
        `offset_laws`: some catalogues of hosts give no offset.
    """

    def __init__(self, objects: Sequence[Labelled], offsets: OffsetLaws) -> None:
        self._hosts: dict[int, list[tuple[Host, float]]] = {}
        self._offsets = offsets
        for one in objects:
            if one.host is not None:
                self._hosts.setdefault(one.label, []).append((one.host, one.redshift or np.nan))

    def own_or_near(self, one: Labelled, rng: np.random.Generator) -> Host | None:
        """The object's own host, with an offset of its class when it has none; or one lent."""
        if one.host is not None:
            return self._with_offset(one.host, one.label, rng)
        return self.near(one, one.redshift or 0.1, rng)[0]

    def near(self, one: Labelled, redshift: float, rng: np.random.Generator) -> tuple[Host | None, float | None]:
        """A host of the class within 20 % of a redshift and that redshift, or any of the class and None."""
        pool = self._hosts.get(one.label, [])
        if not pool:
            return None, None
        near = hosts_within(redshift, np.array([z for _, z in pool]))
        host, found = pool[int(rng.choice(near) if near else rng.integers(len(pool)))]
        return self._with_offset(host, one.label, rng), found if near else None

    def _with_offset(self, host: Host, label: int, rng: np.random.Generator) -> Host:
        if host.separation_arcsec is not None or label not in self._offsets:
            return host
        median, spread = self._offsets[label]
        return replace(host, separation_arcsec=median * float(rng.lognormal(0.0, spread)))


def offset_laws(objects: Sequence[Labelled]) -> OffsetLaws:
    """Log-normal law of the offsets of each class: median in arcsec, and spread in log."""
    laws = {}
    for label in sorted({one.label for one in objects}):
        hosts = [one.host for one in objects if one.label == label and one.host is not None]
        known = np.log([h.separation_arcsec for h in hosts if h.separation_arcsec])
        if len(known) >= 3:
            laws[label] = (float(np.exp(np.median(known))), float(known.std()))
    return laws


def _example(
    one: Labelled, dates: Floats, lender: HostLender, rules: ExampleRules, rng: np.random.Generator
) -> tuple[Floats, float] | None:
    mjd = float(rng.choice(dates))
    guess = rng.random() < rules.guess_ebv
    ebv = reddening(replace(one, ebv_mag=None) if guess else one)
    seen = clean(until(one.curve, mjd + rules.clean.merge_days), ebv, rules.clean).until(mjd)
    if not len(seen):
        return None
    thinned = _roughen(seen, one, rules, rng)
    if thinned is None:
        return None
    return _row(thinned, _roughened(lender.own_or_near(one, rng), rules, rng), ebv)


def _roughen(points: Photometry, one: Labelled, rules: ExampleRules, rng: np.random.Generator) -> Photometry | None:
    """Drop a share of the detections and, for half the examples, move the object out a little and observe it anew."""
    keep = rng.random(len(points)) >= rng.uniform(0.0, rules.max_thinning)
    keep[int(rng.integers(len(points)))] = True
    thinned = points.where(keep)
    if rng.random() < 0.5:
        return thinned
    z = one.redshift or 0.06
    fainter = distance_modulus(z * (1 + rng.uniform(0, rules.resample.redshift_share))) - distance_modulus(z)
    moved = replace(thinned, mag=thinned.mag + fainter)
    return observe(moved, rng, rules.resample)


def _roughened(host: Host | None, rules: ExampleRules, rng: np.random.Generator) -> Host | None:
    """The same uncertainty for every catalogue: 0.1 mag, and for some no offset."""
    if host is None:
        return None
    mags = {band: mag + float(rng.normal(0.0, 0.1)) for band, mag in host.mags.items()}
    hidden = rng.random() < rules.hide_offset
    return replace(host, mags=mags, separation_arcsec=None if hidden else host.separation_arcsec)


def _row(points: Photometry, host: Host | None, ebv_mag: float) -> tuple[Floats, float]:
    return vector(features(points, host, ebv_mag)), float(points.mjd[-1] - points.mjd[0])


def concatenate(parts: Sequence[Examples]) -> Examples:
    """All rows of several sets."""
    return Examples(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in Examples.__dataclass_fields__})


def _stack(parts: Sequence[tuple[int, int, Floats, Floats]]) -> Examples:
    counts = [len(x) for _, _, x, _ in parts]
    if not counts:
        raise ValueError("no object gave an example")
    return Examples(
        x=np.concatenate([x for _, _, x, _ in parts]),
        label=np.repeat([label for _, label, _, _ in parts], counts),
        object_index=np.repeat([i for i, _, _, _ in parts], counts),
        weight=np.repeat(1.0 / np.array(counts), counts),
        days=np.concatenate([days for *_, days in parts]),
    )
