"""Training and evaluation samples of the hybrid network: real light curves with semi-real images (Sec. 4.3-5).

An object is shown as it was at some early epoch; its image has the transient at the magnitude it had then. New rare
objects are made by re-sampling one object's light curve at the redshift of another's galaxy. Every sample remembers the
folds of all that went into it: the object, the galaxy, the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.domain import Host
from models.needle.hybrid.inputs import NAMES, Images, Samples, masked_input, object_weights, plain_input
from models.needle.images.mask import mask_pair
from models.needle.images.stamps import CENTER, FloatImage
from models.needle.lightcurves.features import features, vector
from models.needle.lightcurves.lightcurve import EXTINCTION, CleanRules, Photometry, clean
from models.training.needle.augment import augment
from models.training.needle.examples import ExampleRules, Labelled, epochs, reddening, until
from models.training.needle.gp import GPFit
from models.training.needle.resample import ResampleRules, cross_match, hosts_within, resample
from models.training.needle.semireal import Field, Galaxy, draw_galaxy, render

Generator = np.random.Generator
UNKNOWN_REDSHIFT = 0.1
"""Stands in for a redshift that no catalogue has when a galaxy is lent."""
MAG_SCATTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridRules:
    """How many samples, and how they are roughened.

    Parameters
    ----------
    per_object : (int, int)
        Epochs of each SN Ia, and of every other object.
    up_samples : int
        Re-sampled light curves for each of SLSN-I and TDE, over all folds (Sec. 6.2: 200).
    max_thinning : float
        Largest share of detections that is dropped; the share is uniform from 0 to this.
    hide_offset, guess_ebv : float
        Shares of samples without an offset, and with the typical reddening in place of the known one.
    """

    per_object: tuple[int, int] = (1, 6)
    up_samples: int = 200
    max_thinning: float = 0.6
    hide_offset: float = 0.35
    guess_ebv: float = 0.3
    clean: CleanRules = field(default_factory=CleanRules)
    resample: ResampleRules = field(default_factory=ResampleRules)

    @property
    def early(self) -> ExampleRules:
        """What the metadata model's helpers need of them."""
        return ExampleRules(clean=self.clean, resample=self.resample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A galaxy with all that an image needs; `fold` is its owner's."""

    fold: int
    host: Host
    radius_arcsec: float
    redshift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object at one epoch, before its image is drawn."""

    index: int
    label: int
    points: Photometry
    host: Host | None
    galaxy: Lent | None
    ebv_mag: float


class Galaxies:
    """Real galaxies of each class.

    Parameters
    ----------
    objects : sequence of Labelled
        Of one split. What a catalogue does not say of a galaxy, size or offset, is taken from another of the class.
    folds : sequence of int
        Of each object.
    radius_arcsec : mapping of str to float
        Half-light radii by object, where known.
    """

    def __init__(self, objects: Sequence[Labelled], folds: Sequence[int], radius_arcsec: Mapping[str, float]) -> None:
        self._radius = radius_arcsec
        self._fold = {one.object_id: fold for one, fold in zip(objects, folds, strict=True)}
        self._sizes: dict[int, list[tuple[float, float]]] = {}
        self._offsets: dict[int, list[float]] = {}
        for one in objects:
            if one.host is None:
                continue
            if one.host.separation_arcsec is not None:
                self._offsets.setdefault(one.label, []).append(one.host.separation_arcsec)
            if one.object_id in radius_arcsec:
                self._sizes.setdefault(one.label, []).append((magnitude(one.host, "r"), radius_arcsec[one.object_id]))
        self._lenders: dict[int, list[Labelled]] = {}
        for one in objects:
            if one.host is not None and one.label in self._offsets and one.label in self._sizes:
                self._lenders.setdefault(one.label, []).append(one)

    def own(self, one: Labelled, rng: Generator) -> Lent | None:
        """The object's own galaxy; None if it has none, or its class has no known sizes and offsets."""
        if one.host is None or one.label not in self._offsets or one.label not in self._sizes:
            return None
        host = one.host
        if host.separation_arcsec is None:
            host = replace(host, separation_arcsec=float(rng.choice(self._offsets[one.label])))
        radius = self._radius.get(one.object_id) or self._size_like(one.label, magnitude(host, "r"))
        return Lent(fold=self._fold[one.object_id], host=host, radius_arcsec=radius, redshift=one.redshift)

    def redshifts(self, label: int) -> np.ndarray:
        """Of the lenders of a class; NaN where unknown."""
        return np.array([one.redshift or np.nan for one in self._lenders.get(label, [])], float)

    def lent(self, label: int, index: int, rng: Generator) -> Lent:
        """The galaxy of a lender."""
        found = self.own(self._lenders[label][index], rng)
        assert found is not None
        return found

    def own_or_near(self, one: Labelled, rng: Generator) -> Lent | None:
        """The own galaxy, or one of the class within 20 % of the redshift, or any of the class."""
        if (own := self.own(one, rng)) is not None:
            return own
        known = self.redshifts(one.label)
        if not len(known):
            return None
        near = hosts_within(one.redshift or UNKNOWN_REDSHIFT, known)
        return self.lent(one.label, int(rng.choice(near) if near else rng.integers(len(known))), rng)

    def _size_like(self, label: int, mag: float) -> float:
        """The size of the galaxy of the class that is nearest in magnitude."""
        return min(self._sizes[label], key=lambda pair: abs(pair[0] - mag))[1]


def magnitude(host: Host, band: str) -> float:
    """The host in a band, or in the nearest one known."""
    return next(host.mags[b] for b in (band, "r", "g") if b in host.mags)


def real(
    objects: Sequence[Labelled], index: Sequence[int], rules: HybridRules, galaxies: Galaxies | None, rng: Generator
) -> list[Seen]:
    """Training samples of real light curves: random early epochs, thinned, with the own galaxy or one lent.

    Parameters
    ----------
    index : sequence of int
        Which of the objects.
    galaxies : Galaxies or None
        None for hostless samples.
    """
    found = []
    for i in index:
        one = objects[i]
        dates = np.unique(epochs(one, rules.early))
        for _ in range(rules.per_object[one.kind != "SN Ia"] if len(dates) else 0):
            guess = rng.random() < rules.guess_ebv
            ebv = reddening(replace(one, ebv_mag=None) if guess else one)
            seen = as_seen(one, float(rng.choice(dates)), ebv, rules.clean)
            if len(seen):
                galaxy = galaxies.own_or_near(one, rng) if galaxies else None
                found.append(_seen(i, one.label, _thinned(seen, rules, rng), galaxy, ebv, rules, rng))
    return found


def up_sampled(
    objects: Sequence[Labelled], index: Sequence[int], label: int, count: int, rules: HybridRules,
    galaxies: Galaxies | None, rng: Generator, *, fits: Mapping[str, GPFit],
) -> list[Seen]:  # fmt: skip
    """Re-sampled, red-shifted and cross-matched samples of one class; fewer than `count` where nothing is seen."""
    usable = [i for i in index if objects[i].label == label and objects[i].object_id in fits and objects[i].redshift]
    rules_here, found = rules.resample, []
    for i in rng.choice(usable, count).tolist() if usable else ():
        curve, redshift = fits[objects[i].object_id], objects[i].redshift
        assert redshift is not None
        drawn, galaxy = None, None
        if galaxies is None:
            share = rules_here.redshift_share
            drawn = resample(curve, redshift, redshift * rng.uniform(1 - share, 1 + share), rng, rules_here)
        elif (pair := cross_match(curve, redshift, galaxies.redshifts(label), rng, rules_here)) is not None:
            drawn, galaxy = pair[0], galaxies.lent(label, pair[1], rng)
        if drawn is not None:
            found.append(_seen(i, label, drawn, galaxy, 0.0, rules, rng))
    return found


def as_it_was(
    objects: Sequence[Labelled], index: Sequence[int], count: int, rules: HybridRules, galaxies: Galaxies | None,
    rng: Generator,
) -> list[Seen]:  # fmt: skip
    """Evaluation samples: up to `count` random early epochs of each object, nothing thinned, hidden or lent."""
    found = []
    for i in index:
        one = objects[i]
        dates, ebv = np.unique(epochs(one, rules.early)), reddening(one)
        for mjd in rng.permutation(dates)[:count]:
            seen = as_seen(one, float(mjd), ebv, rules.clean)
            galaxy = galaxies.own(one, rng) if galaxies else None
            if len(seen) and (galaxies is None or galaxy is not None):
                host = one.host if galaxies else None
                found.append(Seen(index=i, label=one.label, points=seen, host=host, galaxy=galaxy, ebv_mag=ebv))
    return found


def as_seen(one: Labelled, mjd: float, ebv: float, rules: CleanRules) -> Photometry:
    """The cleaned light curve as it was at a date; what merges with it had been seen by the end of the half day."""
    return clean(until(one.curve, mjd + rules.merge_days), ebv, rules).until(mjd)


def drawn(
    seen: Sequence[Seen], folds: Sequence[int], fields: Mapping[str, Sequence[Field]], rng: Generator, *, turn: bool
) -> tuple[Samples, Images]:
    """Draw the images of samples.

    Parameters
    ----------
    folds : sequence of int
        Of each object.
    fields : mapping of str to sequence of Field
        Emptied ones, by band.
    turn : bool
        Whether to turn masked pairs by any angle (training).

    Returns
    -------
    Samples, and ndarray of shape (n, 2, 60, 60)
        With masked images; and the same images not masked.
    """
    masked, plain, touched = [], [], []
    for one in seen:
        hidden, shown, place = _images(one, fields, rng, turn=turn)
        masked.append(hidden)
        plain.append(shown)
        touched.append((folds[one.index], one.galaxy.fold if one.galaxy else folds[one.index], place.fold))
    shape = (0, 2, 2 * CENTER, 2 * CENTER)
    index = np.array([one.index for one in seen], int)
    rows = [vector(features(one.points, one.host, one.ebv_mag), NAMES) for one in seen]
    samples = Samples(
        images=np.stack(masked) if masked else np.zeros(shape, np.float16),
        x=np.array(rows).reshape(-1, len(NAMES)),
        label=np.array([one.label for one in seen], int),
        object_index=index,
        weight=object_weights(index),
        days=np.array([float(one.points.mjd[-1] - one.points.mjd[0]) for one in seen]),
        folds=np.array(touched, int).reshape(-1, 3),
    )
    return samples, np.stack(plain) if plain else np.zeros(shape, np.float16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A semi-real pair, counts, with the field and the galaxy in it."""

    science: FloatImage
    reference: FloatImage
    field: Field
    galaxy: Galaxy | None

    @property
    def host_yx(self) -> tuple[float, float] | None:
        """Where the galaxy is, pixels; None for hostless ones."""
        if self.galaxy is None:
            return None
        return CENTER + self.galaxy.offset_yx[0], CENTER + self.galaxy.offset_yx[1]


def pair_of(one: Seen, fields: Mapping[str, Sequence[Field]], rng: Generator) -> Drawn:
    """The image of one sample before masking: in r if it was seen in r, otherwise in g, as it was there last."""
    band = "r" if (one.points.band == "r").any() else "g"
    place = fields[band][int(rng.integers(len(fields[band])))]
    mag = float(one.points.of(band).mag[-1]) + EXTINCTION[band] * one.ebv_mag
    galaxy = None
    if one.galaxy is not None:
        host = one.galaxy.host
        assert host.separation_arcsec is not None
        galaxy = draw_galaxy(magnitude(host, band), one.galaxy.radius_arcsec, host.separation_arcsec, rng)
    science, reference = render(place, mag, galaxy, rng)
    return Drawn(science=science, reference=reference, field=place, galaxy=galaxy)


def _images(
    one: Seen, fields: Mapping[str, Sequence[Field]], rng: Generator, *, turn: bool
) -> tuple[Images, Images, Field]:
    pair = pair_of(one, fields, rng)
    masked = mask_pair(pair.science, pair.reference, rng, pair.host_yx)
    shown = masked_input(augment(masked, rng) if turn else masked)
    return shown, plain_input(pair.science, pair.reference), pair.field


def _seen(
    index: int, label: int, points: Photometry, galaxy: Lent | None, ebv: float, rules: HybridRules, rng: Generator
) -> Seen:
    """Every catalogue gets the same uncertainty: 0.1 mag, and for some no offset."""
    host = None
    if galaxy is not None:
        mags = {band: mag + float(rng.normal(0.0, MAG_SCATTER)) for band, mag in galaxy.host.mags.items()}
        hidden = rng.random() < rules.hide_offset
        separation = None if hidden else galaxy.host.separation_arcsec
        host = replace(galaxy.host, mags=mags, separation_arcsec=separation)
    return Seen(index=index, label=label, points=points, host=host, galaxy=galaxy, ebv_mag=ebv)


def _thinned(points: Photometry, rules: HybridRules, rng: Generator) -> Photometry:
    keep = rng.random(len(points)) >= rng.uniform(0.0, rules.max_thinning)
    keep[int(rng.integers(len(points)))] = True
    return points.where(keep)
