"""Training and evaluation examples: objects as they looked at early epochs, new ones by re-sampling.

NEEDLE paper, Sec. 4.3-5. An example is one row of inputs. Its weight is set so that every object counts once, however
many examples it gave.

Against source shortcuts (alerts, forced photometry, literature): every curve goes through `clean`, a third of the
examples of every class lose a random share of their nights and are moved out in distance a little, and no input counts
detections.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.domain import Host, LightCurve
from models.needle.inputs import galaxy, light_curve_inputs
from models.needle.lightcurves.distance import distance_modulus
from models.needle.lightcurves.lightcurve import CleanRules, Floats, Photometry, as_of, clean, peak_mjd, typical_ebv
from models.needle.lightcurves.lightcurve import until as until
from models.needle.lightcurves.templates import Bank
from models.training.needle.gp import GPFit, fit
from models.training.needle.resample import ResampleRules, early, observe, resample


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
    survey : bool
        Whether ZTF took it; others teach, and no figure counts them.
    subclass, phot_type : str
        The type as the catalogue has it, and how the photometry was made; for tables and to choose among curves.
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
    subclass: str = ""
    phot_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRules:
    """How many examples, and how they are roughened.

    Parameters
    ----------
    per_object : int
        Roughened examples of each object but SN Ia.
    common_epochs, rare_epochs : int
        At most so many random epochs of each SN Ia, and of each other object, as they were. The many SN Ia have as many
        roughened ones for each of these as the others.
    max_thinning : float
        Largest share of detections that is dropped; the share is uniform from 0 to this.
    hide_offset : float
        Share of examples without an offset, where a network learns from it.
    guess_ebv : float
        Share of roughened examples with the typical reddening in place of the known one.
    """

    per_object: int = 6
    common_epochs: int = 4
    rare_epochs: int = 12
    max_thinning: float = 0.6
    hide_offset: float = 0.35
    guess_ebv: float = 0.3
    clean: CleanRules = field(default_factory=CleanRules)
    resample: ResampleRules = field(default_factory=ResampleRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows of inputs.

    Parameters
    ----------
    x : ndarray, shape (n, inputs)
        In the order of `inputs.NAMES`; NaN where missing.
    galaxies : ndarray, shape (n, 5)
        `hosts.Galaxy` columns of the object's own host; NaN where it has none.
    label, object_index : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
        Sums to one for each object.
    days : ndarray, shape (n,)
        Time since the first usable detection.
    as_it_was : ndarray of bool, shape (n,)
        Whether the row is an epoch as it would have been seen, not thinned, moved or re-sampled.
    """

    x: Floats
    galaxies: Floats
    label: np.ndarray
    object_index: np.ndarray
    weight: Floats
    days: Floats
    as_it_was: np.ndarray

    def rows(self, keep: np.ndarray) -> "Examples":
        """Some of the rows."""
        return Examples(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})


def owners(objects: Sequence[Labelled]) -> list[int]:
    """For each curve the index of the first one of the same object: the object that its rows belong to."""
    first: dict[str, int] = {}
    return [first.setdefault(one.object_id, i) for i, one in enumerate(objects)]


def reddening(one: Labelled) -> float:
    """E(B-V) as given, or the typical one at this place."""
    if one.ebv_mag is not None:
        return one.ebv_mag
    return typical_ebv(one.ra_deg or 0.0, one.dec_deg if one.dec_deg is not None else 27.0)


def epochs(one: Labelled, rules: ExampleRules) -> Floats:
    """The dates of usable detections up to the latest early epoch."""
    whole = clean(one.curve, reddening(one), rules.clean)
    return early(whole, rules.resample).mjd if len(whole) else np.zeros(0)


def histories(
    objects: Sequence[Labelled], rules: ExampleRules, bank: Bank, *, most: int | None = None, seed: int = 0,
    own: bool = False,
) -> Examples:  # fmt: skip
    """Early epochs of many objects, exactly as the service would have seen them then: nothing thinned or hidden.

    Parameters
    ----------
    most : int or None
        At most so many random epochs of each object; all when None.
    own : bool
        Whether the bank was made from these very objects: then none meets its own draws.
    """
    parts, owner = [], owners(objects)
    for i, one in enumerate(objects):
        rng = np.random.default_rng([seed, i])
        dates = _drawn(np.unique(epochs(one, rules)), most, rng)
        found = [row for mjd in dates if (row := _row_at(one, mjd, rules, bank, owner[i] if own else -2)) is not None]
        parts += [_part(owner[i], one, found, as_it_was=True)] if found else []
    return _stack(parts)


def training(objects: Sequence[Labelled], rules: ExampleRules, bank: Bank, *, seed: int) -> Examples:
    """Random early epochs of real light curves, two thirds as they were and one third roughened, for every class alike.

    The bank is one made from these objects; none meets its own draws.
    """
    parts, owner = [], owners(objects)
    for i, one in enumerate(objects):
        rng = np.random.default_rng([seed, i])
        dates, mine = np.unique(epochs(one, rules)), owner[i]
        most, roughened = rules.rare_epochs, rules.per_object
        if one.kind == "SN Ia":
            most, roughened = rules.common_epochs, round(roughened * rules.common_epochs / rules.rare_epochs)
        chosen = _drawn(dates, most, rng)
        found = [row for mjd in chosen if (row := _row_at(one, mjd, rules, bank, mine)) is not None]
        parts += [_part(mine, one, found, as_it_was=True)] if found else []
        rough = [_roughened_row(one, dates, rules, bank, mine, rng) for _ in range(roughened)] if len(dates) else []
        known = [row for row in rough if row is not None]
        parts += [_part(mine, one, known, as_it_was=False)] if known else []
    return _stack(parts)


def up_sampled(
    objects: Sequence[Labelled], count: int, rules: ExampleRules, bank: Bank, *, fits: Mapping[str, GPFit], seed: int
) -> Examples | None:
    """Re-sampled and red-shifted light curves of SLSNe-I, TDEs and core-collapse SNe (Sec. 4.3-4.4), without hosts.

    Parameters
    ----------
    count : int
        How many of each class to draw; those without a detection above the limit are lost.
    fits : mapping of str to GPFit
        Good fits by object (`fit_all`).

    Returns
    -------
    Examples or None
        None when no object is fitted, or nothing was detected.
    """
    rng, owner = np.random.default_rng([seed, 1]), owners(objects)
    rows: dict[int, list[Row]] = {}
    for label in range(3):
        usable = [i for i, o in enumerate(objects) if o.label == label and o.object_id in fits and o.redshift]
        for i in rng.choice(usable, count) if usable else ():
            one = objects[int(i)]
            assert one.redshift is not None
            target = one.redshift * rng.uniform(1 - rules.resample.redshift_share, 1 + rules.resample.redshift_share)
            drawn = resample(fits[one.object_id], one.redshift, target, rng, rules.resample)
            if drawn is not None:
                rows.setdefault(owner[i], []).append(_row(drawn, bank, owner[i]))
    return _stack([_part(i, objects[i], found, as_it_was=False) for i, found in rows.items()]) if rows else None


def fit_all(objects: Sequence[Labelled], rules: ExampleRules = ExampleRules()) -> Iterator[tuple[str, GPFit]]:
    """A Gaussian process for each object that has a good one (Sec. 4.2: two detections or more before the peak)."""
    for one in objects:
        points = clean(one.curve, reddening(one), rules.clean)
        if len(points) and (points.mjd < peak_mjd(points)).sum() >= 2:
            found = fit(points.until(peak_mjd(points) + 60.0))
            if found is not None and found.good:
                yield one.object_id, found


Row = tuple[Floats, float]


def _drawn(dates: Floats, most: int | None, rng: np.random.Generator) -> Floats:
    return dates if most is None or len(dates) <= most else np.sort(rng.choice(dates, most, replace=False))


def _row_at(one: Labelled, mjd: float, rules: ExampleRules, bank: Bank, own: int) -> Row | None:
    seen = as_of(one.curve, mjd, reddening(one), rules.clean)
    return _row(seen, bank, own) if len(seen) else None


def _row(points: Photometry, bank: Bank, own: int) -> Row:
    return light_curve_inputs(points, bank, own=own), float(points.mjd[-1] - points.mjd[0])


def _roughened_row(
    one: Labelled, dates: Floats, rules: ExampleRules, bank: Bank, own: int, rng: np.random.Generator
) -> Row | None:
    guess = rng.random() < rules.guess_ebv
    ebv = reddening(replace(one, ebv_mag=None) if guess else one)
    seen = as_of(one.curve, float(rng.choice(dates)), ebv, rules.clean)
    thinned = _roughen(seen, one, rules, rng) if len(seen) else None
    return None if thinned is None else _row(thinned, bank, own)


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


def concatenate(parts: Sequence[Examples]) -> Examples:
    """All rows of several sets; an object's weights are made to sum to one again."""
    joined = {n: np.concatenate([getattr(p, n) for p in parts]) for n in Examples.__dataclass_fields__}
    return Examples(**{**joined, "weight": object_weights(joined["object_index"])})


def object_weights(object_index: np.ndarray) -> Floats:
    """One over the number of rows of each row's object."""
    _, inverse, counts = np.unique(object_index, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[inverse])


def _part(i: int, one: Labelled, rows: Sequence[Row], *, as_it_was: bool) -> Examples:
    n = len(rows)
    return Examples(
        x=np.array([x for x, _ in rows]),
        galaxies=np.tile(galaxy(one.host, reddening(one)), (n, 1)),
        label=np.full(n, one.label),
        object_index=np.full(n, i),
        weight=np.full(n, 1.0 / n),
        days=np.array([d for _, d in rows]),
        as_it_was=np.full(n, as_it_was),
    )


def _stack(parts: Sequence[Examples]) -> Examples:
    if not parts:
        raise ValueError("no object gave an example")
    return concatenate(parts)
